"""Building the model of a spec."""

from __future__ import annotations

from torch import nn

from bench.common.errors import BenchError
from bench.data.base import Dataset
from bench.spec.runspec import RunSpec


def build_model(spec: RunSpec, data: Dataset) -> nn.Module:
    """The model of a spec for the frames of its data, with the context checked against what the model needs."""
    model: nn.Module = spec.model.build(shape=data.shape, context=spec.context, horizon=spec.horizon)
    least = int(getattr(model, "min_context", 1))
    if spec.context < least:
        raise BenchError(f"model '{spec.model.name}' needs at least {least} context frames, got {spec.context}")
    return model
