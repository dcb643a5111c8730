"""Timing two ways of doing the same thing, in turn, so that what else the machine is busy with hits both."""

import time
from collections.abc import Callable
from typing import NamedTuple


class Row(NamedTuple):
    """name: what was measured. seconds: that it took. peer: what it is compared with. ratio: how many times faster it is."""

    name: str
    seconds: float
    peer: str
    ratio: float


def fastest(own: Callable[[], object], peer: Callable[[], object], rounds: int) -> tuple[float, float]:
    """Seconds that each takes when nothing else is in its way: the best of some rounds, after one to warm up."""
    own(), peer()
    seconds: tuple[list[float], list[float]] = ([], [])
    for _ in range(rounds):
        for work, taken in zip((own, peer), seconds, strict=True):
            began = time.perf_counter()
            work()
            taken.append(time.perf_counter() - began)
    return min(seconds[0]), min(seconds[1])
