"""What other programs take of the processor: how busy the cores are, and how much of them a container may use."""

from __future__ import annotations

import os
import time
from collections.abc import Collection, Iterator
from pathlib import Path

SLACK = 0.3  # of a core: neighbours that take no more than this do not count
WINDOW = 0.3  # seconds of looking; the kernel counts hundredths
IDLE = (3, 4)  # columns of a core's line in /proc/stat: idle, and waiting for a disk
GUEST = 8  # from this column on, times are already counted in earlier columns
CGROUPS = Path("/sys/fs/cgroup")


def busy_cores(own_processes: Collection[int] = (), seconds: float = WINDOW) -> float:
    """How many of the cores that this process may use are busy with others' work, over the next fraction of a second.

    The load average would not do: it still counts processes that ended a minute ago. Work at low priority counts as well,
    because threads that wait for each other lose time to it. 0 where the system does not tell.

    own_processes: ids of processes whose work does not count.
    """
    ticks_before, own_ticks, start = _busy_ticks(), _ticks(own_processes), time.monotonic()
    if ticks_before is None:
        return 0.0
    time.sleep(seconds)
    ticks_after = _busy_ticks()
    elapsed_ticks = (time.monotonic() - start) * os.sysconf("SC_CLK_TCK")
    return max(0.0, ((ticks_after or ticks_before) - ticks_before - (_ticks(own_processes) - own_ticks)) / elapsed_ticks)


def quota(root: Path = CGROUPS, listing: Path = Path("/proc/self/cgroup")) -> float | None:
    """How many cores' worth of time the control groups of this process grant it (`docker --cpus`); None without a limit."""
    try:
        lines = [line.split(":", 2) for line in listing.read_text().splitlines()]
    except OSError:
        return None
    limits = []
    for _, controllers, name in (line for line in lines if len(line) == 3):
        if controllers == "" or "cpu" in controllers.split(","):
            limits += list(_quotas(root if controllers == "" else root / "cpu", name))
    return min(limits, default=None)


def _quotas(root: Path, name: str) -> Iterator[float]:
    """The limits of a control group and of all its parents. In a container the name is often the one used outside of it."""
    folder = root / name.strip("/")
    for path in (folder, *folder.parents):
        try:
            if (path / "cpu.max").exists():
                limit, period = (path / "cpu.max").read_text().split()
            else:
                limit, period = ((path / f"cpu.cfs_{field}_us").read_text().strip() for field in ("quota", "period"))
            if limit.isdigit() and int(period) > 0:  # "max", or -1: no limit
                yield int(limit) / int(period)
        except (OSError, ValueError):
            pass
        if path == root:
            return


def _busy_ticks() -> int | None:
    """Hundredths of a second that the cores that this process may use have worked since the system started."""
    try:
        lines = [line.split() for line in Path("/proc/stat").read_text().splitlines() if line.startswith("cpu")]
    except OSError:
        return None
    allowed = {f"cpu{core}" for core in os.sched_getaffinity(0)}
    counts = [list(map(int, words[1 : 1 + GUEST])) for words in lines if words[0] in allowed]
    return sum(sum(values) - sum(values[column] for column in IDLE) for values in counts)


def _ticks(processes: Collection[int]) -> int:
    """The same for some processes, including those of their children that have ended."""
    total = 0
    for process in processes:
        try:
            fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue  # it has ended
        total += sum(map(int, fields[11:15]))  # user and system time, and both of its children
    return total
