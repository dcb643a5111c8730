"""Sentences about how many processor threads runs get."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.sweep.executor import Executor
    from bench.sweep.plan import PlannedRun


def at_once(slots: int, threads: int, exactly: bool, to_do: Sequence[PlannedRun]) -> str:
    """`2 at once, 1 thread each`, and what runs keep that have begun with another number.

    threads: offered to each that has not begun. exactly: whether every run takes that many.
    """
    from bench.store.provenance import threads_of

    together, several = min(slots, len(to_do)), len(to_do) > 1
    order = f"{together} at once, " if together > 1 else "one after another, " if several else ""
    limit = f"{'' if exactly or threads == 1 else 'up to '}{_threads(threads)}{' each' if several else ''}"
    sentence = f"{order}{limit}" if exactly or threads == 1 else f"{order}{limit}, as many as pay"
    begun = Counter(threads_of(planned.run.provenance()) for planned in to_do if planned.run.path.is_dir())
    exceptions = [
        f"{runs} that began with {_threads(number)} keep{'s' * (runs == 1)} them" for number, runs in begun.items() if number
    ]
    return sentence if exactly or set(begun) <= {None, threads} else f"{sentence}; {', '.join(exceptions)}"


def before(executor: Executor, planned_runs: Sequence[PlannedRun]) -> str:
    """The same of what an executor is about to do; empty where it is not this machine's processor that computes."""
    from bench.common.machine import cores
    from bench.executors.local import Local
    from bench.executors.threads import limit, share
    from bench.sweep.plan import TO_DO, unique

    to_do = [planned for planned in unique(planned_runs) if planned.state in TO_DO]
    if not isinstance(executor, Local) or executor.gpus or not to_do:
        return ""
    most = min(share(cores(), 0.0, 0, min(executor.slots, len(to_do))), limit() or cores())
    return at_once(executor.slots, executor.exactly or most, bool(executor.exactly), to_do)


def used(planned_runs: Sequence[PlannedRun]) -> str:
    """`trained with 1 thread each`, by what the runs have on record; empty where none was trained on a processor."""
    from bench.store.provenance import threads_of

    runs_by_threads: dict[int, int] = Counter()
    for planned in planned_runs:
        provenance = planned.run.provenance()
        if planned.spec.steps and provenance.get("device") == "cpu" and (number := threads_of(provenance)):
            runs_by_threads[number] += 1
    if not runs_by_threads:
        return ""
    if len(runs_by_threads) == 1:
        return f"trained with {_threads(*runs_by_threads)}{' each' if sum(runs_by_threads.values()) > 1 else ''}"
    shares = (f"{_threads(number)} ({runs} run{'' if runs == 1 else 's'})" for number, runs in sorted(runs_by_threads.items()))
    return f"trained with {', '.join(shares)}"


def _threads(number: int) -> str:
    return f"{number} thread{'' if number == 1 else 's'}"
