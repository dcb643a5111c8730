"""One step of training: a batch, and for every phase of the learner a loss followed by one optimizer step.

A batch can be cut: into shares, one for each process of a group, and each share into micro-batches, one after another, so that
it fits into memory. Losses and gradients are those of the whole batch up to rounding, and what the learner draws is drawn for
the whole batch, so the same weights come out. Two things differ: batch norm (SimVP, TAU) uses the
statistics of each micro-batch, and stochastic layers (`baselines.layers.drop_path`, dropout) draw other numbers.
"""

from __future__ import annotations

import hashlib
from itertools import pairwise

import torch
from torch import Tensor, nn

from baselines.layers.drop_path import DropPath
from bench.spec.runspec import RunSpec
from bench.training.graphs import RecordedPhases
from bench.training.learner import Learner, backward, draw_of
from bench.training.process_group import SINGLE, ProcessGroup, running_statistics

DROPOUTS = (nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d, nn.AlphaDropout, nn.FeatureAlphaDropout)


def take_step(
    spec: RunSpec,
    model: nn.Module,
    learner: Learner,
    optimizer: torch.optim.Optimizer,
    clips: Tensor,
    step: int,
    micro_batches: int = 1,
    group: ProcessGroup = SINGLE,
    recorded: RecordedPhases | None = None,
) -> dict[str, Tensor]:
    """One optimizer step per phase; the loss of each, over the whole batch. Nothing here makes the host wait for the device.

    clips: those of the batch that are this process's share, all of them where it trains alone.
    recorded: replays whole batches on a GPU; None computes them as the learner is written.
    """
    model.train()
    losses = {}
    for phase in learner.phases:
        optimizer.zero_grad()
        if recorded and micro_batches == 1 and group.size == 1:
            losses[phase] = recorded(phase, clips, step)
        elif micro_batches == 1 and group.size == 1:
            losses[phase] = backward(learner, phase, clips, step, spec.precision)
        else:
            losses[phase] = _in_parts(spec, model, learner, phase, clips, step, micro_batches, group)
        if spec.clip_norm is not None:
            nn.utils.clip_grad_norm_(model.parameters(), spec.clip_norm)
        optimizer.step()
    return losses


def _in_parts(
    spec: RunSpec,
    model: nn.Module,
    learner: Learner,
    phase: str,
    clips: Tensor,
    step: int,
    micro_batches: int,
    group: ProcessGroup,
) -> Tensor:
    """The gradients of a phase and its loss, gathered over the parts of a batch, each part counting by its clips."""
    draw = draw_of(learner, phase)
    drawn = draw(spec.batch, step) if draw else None
    share = group.share(spec.batch)
    losses = []
    with torch.random.fork_rng([clips.device] if clips.device.type == "cuda" else []):
        for part in cut(share, micro_batches):
            torch.manual_seed(_seed(spec.seed, step, phase, part.start))  # for random layers of the model
            rows = None if drawn is None else drawn[part.start : part.stop]
            part_clips = clips[part.start - share.start : part.stop - share.start]
            losses.append(backward(learner, phase, part_clips, step, spec.precision, rows, len(part) / spec.batch))
    total = torch.stack(losses).sum()
    if group.size > 1:
        statistics = running_statistics(model)
        for statistic in statistics:
            statistic *= len(share) / spec.batch
        group.all_reduce([*(weight.grad for weight in model.parameters() if weight.grad is not None), *statistics, total])
    return total


def cut(clips: range, parts: int) -> list[range]:
    """Clips split into parts of nearly equal size; none is empty."""
    parts = min(parts, len(clips))
    bounds = [clips.start + len(clips) * part // parts for part in range(parts + 1)]
    return [range(first, last) for first, last in pairwise(bounds)]


def spec_deviation(model: nn.Module, batch: int, micro_batches: int, group: ProcessGroup = SINGLE) -> str:
    """How training in parts departs from the spec, in words; empty if it does not."""
    largest = max(
        len(part) for rank in range(group.size) for part in cut(ProcessGroup(rank, group.size).share(batch), micro_batches)
    )
    differs = []
    if running_statistics(model):
        differs.append("batch norms saw one part at a time")
    if any(map(_draws, model.modules())):
        differs.append("what the model draws by itself was drawn otherwise")
    if micro_batches == 1 and (group.size == 1 or not differs):
        return ""
    parts = f"{micro_batches} micro-batches" if micro_batches > 1 else "shares"
    clips = f"{'at most ' if batch % largest else ''}{largest} clip{'s' if largest > 1 else ''}"
    on_devices = f" on each of {group.size} devices" if group.size > 1 else ""
    return f"trained in {parts} of {clips}{on_devices}: {' and '.join(differs) or 'the same up to rounding'}"


def _draws(layer: nn.Module) -> bool:
    dropping = (isinstance(layer, DropPath) and layer.rate > 0) or (isinstance(layer, DROPOUTS) and layer.p > 0)
    return dropping or bool(getattr(layer, "shuffled", False))  # LMC-Memory's control with shuffled addresses


def _seed(*words: object) -> int:
    """A seed computed from the arguments, the same on every machine."""
    return int.from_bytes(hashlib.sha256(repr(words).encode()).digest()[:7], "big")
