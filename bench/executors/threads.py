"""How many threads of the processor a run is offered: decided once, at its first start.

What is free is shared out among the runs that are about to start. A run that has begun keeps its number, since another number
adds up in another order and so rounds otherwise. Whether a model gains from what it is offered, its worker measures
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


def offered(at_once: int, in_use: int = 0, own: Collection[int] = ()) -> int:
    """The same on this machine as it is now, and no more than OMP_NUM_THREADS, where the user has set it.

    own: processes whose work does not count. Looking at that of others takes a moment; it is left out where it changes nothing.
    """
    most = min(share(cores(), 0.0, in_use, at_once), limit() or cores())
    return most if most == 1 else min(most, share(cores(), busy_cores(own), in_use, at_once))


def limit() -> int | None:
    """The most threads that the user lets any run have, by OMP_NUM_THREADS; None without a limit."""
    text = os.environ.get("OMP_NUM_THREADS", "").partition(",")[0].strip()
    return int(text) if text.isdecimal() and int(text) > 0 else None
