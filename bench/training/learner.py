"""What a learner is: how a model learns from a batch of clips."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol, runtime_checkable

from torch import Tensor, nn

from bench.evaluation.evaluate import autocast
from bench.spec.runspec import Precision, RunSpec

Phase = Callable[..., Tensor]
"""phase(clips, step) -> loss: clips [B, frames, C, H, W] in [0, 1], step from 0, loss a scalar; one optimizer step follows."""

Draw = Callable[[int, int], Tensor]
"""draw(count, step): what a phase draws for a whole batch of `count` clips, one row for each."""


@runtime_checkable
class Learner(Protocol):
    """Built with model, context, horizon and steps, as far as its constructor declares them, and its own options.

    It holds no state: the clips, the step and torch's global generator are all it needs, so a resumed run is the same run.
    A learner may also have

    draws: `Mapping[str, Draw]`, phase -> what it draws. Where a batch is cut into parts, its rows are drawn once and handed to
        the phase as a third argument.
    variant(step): a hashable value. Steps of one variant do the same work on clips and on what was drawn for them, so that a
        GPU may record it once and replay it.
    """

    frames: int
    """How many frames of a clip it takes, context and horizon mostly."""

    phases: Mapping[str, Phase]
    """In the order in which they are taken; none for a model without parameters."""


def build_learner(spec: RunSpec, model: nn.Module) -> Learner:
    """The learner of a spec for its model."""
    learner: Learner = spec.learner.build(model=model, context=spec.context, horizon=spec.horizon, steps=spec.steps)
    return learner


def draw_of(learner: Learner, phase: str) -> Draw | None:
    """What a phase of a learner draws with, if it draws."""
    draws: Mapping[str, Draw] = getattr(learner, "draws", {})
    return draws.get(phase)


def backward(
    learner: Learner,
    phase: str,
    clips: Tensor,
    step: int,
    precision: Precision,
    drawn: Tensor | None = None,
    share: float = 1.0,
) -> Tensor:
    """The loss of a phase on clips [B, frames, C, H, W], whose gradients are added to those of the parameters.

    drawn: the rows of these clips; None lets the phase draw by itself. share: of the batch, what these clips are; both the loss
    and the gradients are multiplied by it.
    """
    with autocast(precision, clips.device):
        loss: Tensor = learner.phases[phase](clips, step, *(() if drawn is None else (drawn,)))
    if share != 1:
        loss = loss * share
    loss.backward()
    return loss.detach()
