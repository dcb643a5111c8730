"""What a learning-rate schedule is."""

from __future__ import annotations

from typing import Any, Protocol, runtime_checkable


@runtime_checkable
class Schedule(Protocol):
    """Built with steps, the length of the run, if its constructor declares it, and its own options. It holds no state."""

    def __call__(self, step: int, lr: float) -> dict[str, Any]:
        """The optimizer's settings at a step, counted from 0: `lr`, and `beta1` where it changes. lr: the rate of the spec."""
