"""Times two ways of doing the same thing in turn, so that other work on the machine slows both alike."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from bench.common.machine import wait_for

if TYPE_CHECKING:
    import torch


class Timing(NamedTuple):
    """name: what was measured. seconds: that it took. peer: what it is compared with. ratio: how many times faster it is."""

    name: str
    seconds: float
    peer: str
    ratio: float


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
