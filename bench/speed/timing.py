"""Times two ways of doing the same thing in turn, so that other work on the machine slows both alike.

What cannot be measured, such as a model that does not fit on the GPU, is a row that says why: the rows after it are measured
all the same.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from bench.common.errors import BenchError
from bench.common.machine import wait_for

if TYPE_CHECKING:
    import torch

Measured = TypeVar("Measured")


class Timing(NamedTuple):
    """name: what was measured. seconds: that it took. peer: what it is compared with. ratio: how many times faster it is."""

    name: str
    seconds: float
    peer: str
    ratio: float


class NotMeasured(NamedTuple):
    """A row without figures. name: as far as it is known, what would have been measured. remark: why it was not."""

    name: str
    remark: str

    def format_row(self) -> str:
        """One line."""
        return f"{self.name}: not measured: {self.remark}"


def measure_or_explain(name: str, measure: Callable[[], Measured]) -> Measured | NotMeasured:
    """What is measured, or why it cannot be: something is missing, or the memory is too small."""
    try:
        return measure()
    except BenchError as error:
        return NotMeasured(name, str(error))
    except (RuntimeError, MemoryError) as error:  # of PyTorch, running out of a GPU's memory among them
        return NotMeasured(name, f"{type(error).__name__}: {str(error).partition(chr(10))[0]}")


def clock_of(device: torch.device) -> Callable[[], float]:
    """Seconds: of processor time on a processor, where others may be busy beside us; by the clock on a GPU, once it is done."""
    if device.type == "cpu":
        return time.process_time

    def now() -> float:
        wait_for(device)
        return time.perf_counter()

    return now


def fastest(
    work: Callable[[], object],
    peer: Callable[[], object],
    rounds: int,
    clock: Callable[[], float] = time.perf_counter,
) -> tuple[float, float]:
    """Seconds of the work and of its peer, each the least of some rounds, after one to warm up.

    clock: `time.process_time` if one core does all the work, since on a busy machine long work is often interrupted.
    """
    work(), peer()
    seconds: tuple[list[float], list[float]] = ([], [])
    for _ in range(rounds):
        for call, durations in zip((work, peer), seconds, strict=True):
            began = clock()
            call()
            durations.append(clock() - began)
    return min(seconds[0]), min(seconds[1])
