"""Losses on their way from the device that trains to the metrics."""

import math

import torch
from torch import Tensor


class Diverged(Exception):
    """The loss is not finite any more. A result, not a crash."""


class Losses:
    """Collects the losses of steps on their device and reads them seldom, because reading a number makes a GPU wait."""

    def __init__(self) -> None:
        self._pending: list[tuple[int, dict[str, Tensor]]] = []

    def add(self, step: int, losses: dict[str, Tensor]) -> None:
        """The loss of every phase of a step, counted from 1."""
        self._pending.append((step, losses))

    def read(self) -> list[dict[str, float]]:
        """The losses of every step since the last reading, in order; Diverged at the first that is not finite."""
        pending, self._pending = self._pending, []
        if not pending:
            return []
        values = torch.stack([torch.stack(list(losses.values())) for _, losses in pending]).tolist()
        for (step, losses), row in zip(pending, values, strict=True):
            for phase, value in zip(losses, row, strict=True):
                if not math.isfinite(value):
                    raise Diverged(f"the loss of phase '{phase}' is {value} at step {step}")
        return [dict(zip(losses, row, strict=True)) for (_, losses), row in zip(pending, values, strict=True)]
