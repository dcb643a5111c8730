"""The interface of models, and building the model of a spec."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from torch import Tensor, nn

from bench.common.errors import BenchError
from bench.data.base import Dataset
from bench.spec.runspec import RunSpec


@runtime_checkable
class Model(Protocol):
    """An `nn.Module` that predicts frames.

    Built with shape (C, H, W), context and horizon, as far as its constructor declares them, and its own options; a size that
    cannot work is a ValueError in words. A model may also have

    step(frame, state): one frame further, of recurrent models (`baselines.rollout.Recurrent`); learners that feed true frames
        need it.
    min_context: the fewest context frames that it can do with.
    loss(outputs, target, state): its own training loss, a scalar, instead of the mean squared error.
    compile_targets: names of the methods that torch.compile works on, such as "step"; never the whole unrolled rollout.
    """

    def forward(self, context: Tensor, horizon: int) -> Tensor:
        """[B, T, C, H, W] in [0, 1] -> the next frames [B, horizon, C, H, W], not clamped."""


def build_model(spec: RunSpec, data: Dataset) -> nn.Module:
    """The model of a spec for the frames of its data, with the context checked against what the model needs."""
    model: nn.Module = spec.model.build(shape=data.shape, context=spec.context, horizon=spec.horizon)
    least = min_context(model)
    if spec.context < least:
        raise BenchError(f"model '{spec.model.name}' needs at least {least} context frames, got {spec.context}")
    return model


def min_context(model: nn.Module) -> int:
    """The fewest context frames that a model can do with."""
    return int(getattr(model, "min_context", 1))


def compile_targets(model: nn.Module) -> tuple[str, ...]:
    """The methods worth compiling: those that the model names, else the step that it repeats, else the whole."""
    default = ("step",) if hasattr(model, "step") else ("forward",)
    return tuple(getattr(model, "compile_targets", default))
