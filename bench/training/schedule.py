"""What a learning-rate schedule is, and those that a spec may name."""

from __future__ import annotations

import math
from typing import Any, Protocol, runtime_checkable


@runtime_checkable
class Schedule(Protocol):
    """Built with steps, the length of the run, if its constructor declares it, and its own options. It holds no state."""

    def __call__(self, step: int, lr: float) -> dict[str, Any]:
        """The optimizer's settings at a step, counted from 0: `lr`, and `beta1` where it changes. lr: the rate of the spec."""


class Constant:
    """The optimizer's own rate throughout."""

    def __call__(self, step: int, lr: float) -> dict[str, Any]:
        """What the optimizer's settings are at a step (from 0), given its base rate."""
        return {"lr": lr}


class Cosine:
    """Linear warm-up, then half a cosine down to `floor` times the rate (Loshchilov and Hutter, ICLR 2017, without restarts).

    warmup: steps until the full rate.
    """

    def __init__(self, steps: int, warmup: int = 0, floor: float = 0.0):
        self.steps, self.warmup, self.floor = steps, warmup, floor

    def __call__(self, step: int, lr: float) -> dict[str, Any]:
        if step < self.warmup:
            return {"lr": lr * (step + 1) / self.warmup}
        fraction = (step - self.warmup) / max(1, self.steps - self.warmup)
        return {"lr": lr * (self.floor + (1 - self.floor) * (1 + math.cos(math.pi * fraction)) / 2)}


class OneCycle:
    """The one-cycle schedule (Smith and Topin, 2019) as the OpenSTL recipes use it: the optimizer's rate is the peak.

    It rises by half a cosine over the first 30% of the steps from peak / 25, then falls to peak / 250,000; Adam's first
    beta goes from 0.95 down to 0.85 and back.
    """

    RISING, START, END, BETA = 0.3, 25.0, 1e4, (0.95, 0.85)  # PyTorch's defaults, which OpenSTL keeps

    def __init__(self, steps: int):
        self.steps = steps

    def __call__(self, step: int, lr: float) -> dict[str, Any]:
        summit = self.RISING * self.steps - 1
        if step <= summit:
            fraction, low, beta = step / max(summit, 1), lr / self.START, self.BETA
        else:
            fraction, low, beta = 1 - (step - summit) / max(1, self.steps - 1 - summit), lr / self.START / self.END, self.BETA
        height = (1 - math.cos(math.pi * fraction)) / 2  # 0 at the foot, 1 at the summit
        return {"lr": low + (lr - low) * height, "beta1": beta[0] + (beta[1] - beta[0]) * height}
