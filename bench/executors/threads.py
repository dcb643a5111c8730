"""How many threads of the processor a run is offered: decided once, at its first start.

Free cores are divided among the runs that are about to start. A run that has begun keeps its number of threads, since another
number sums in another order and so rounds differently. Its worker measures whether the model gains from the offered threads
(`bench.training.threads`).
"""

from __future__ import annotations

import os
from collections.abc import Collection

from bench.common.load import SLACK, busy_cores
from bench.common.machine import cores


def share(cores: int, busy: float, in_use: int, at_once: int) -> int:
    """Threads for each of the runs that are about to start; at least one.

    cores: that may be used. busy: how many of them other programs keep busy, such as 0.7. in_use: threads of the runs that go
    on already. at_once: how many runs are about to start, this one included.
    """
    free = int(cores - in_use - busy + SLACK)
    return max(1, free // max(1, at_once))


def offered(at_once: int, in_use: int = 0, own_processes: Collection[int] = ()) -> int:
    """The same for the present load of this machine, and at most OMP_NUM_THREADS if the user has set it.

    own_processes: ids of processes whose work does not count. Measuring the load of others takes a moment; it is skipped
    where it changes nothing.
    """
    ceiling = min(share(cores(), 0.0, in_use, at_once), limit() or cores())
    return ceiling if ceiling == 1 else min(ceiling, share(cores(), busy_cores(own_processes), in_use, at_once))


def limit() -> int | None:
    """The most threads that the user lets any run have, by OMP_NUM_THREADS; None without a limit."""
    text = os.environ.get("OMP_NUM_THREADS", "").partition(",")[0].strip()
    return int(text) if text.isdecimal() and int(text) > 0 else None
