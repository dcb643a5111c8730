"""Timing two ways of doing the same thing, in turn, so that what else the machine is busy with hits both."""

import time
from collections.abc import Callable
from typing import NamedTuple


class Timing(NamedTuple):
    """name: what was measured. seconds: that it took. peer: what it is compared with. ratio: how many times faster it is."""

    name: str
    seconds: float
    peer: str
    ratio: float


def fastest(
    own: Callable[[], object],
    peer: Callable[[], object],
    rounds: int,
    clock: Callable[[], float] = time.perf_counter,
) -> tuple[float, float]:
    """Seconds that each takes when nothing else is in its way: the best of some rounds, after one to warm up.

    clock: `time.process_time` where one core does all the work: on a busy machine the longer work seldom runs through.
    """
    own(), peer()
    seconds: tuple[list[float], list[float]] = ([], [])
    for _ in range(rounds):
        for work, taken in zip((own, peer), seconds, strict=True):
            began = clock()
            work()
            taken.append(clock() - began)
    return min(seconds[0]), min(seconds[1])
