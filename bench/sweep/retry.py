"""Lets runs that failed be tried again: as they were, or with smaller micro-batches."""

from collections.abc import Collection, Sequence

from bench.store.run import DIVERGED, FAILED, INTERRUPTED, Run
from bench.sweep.plan import PlannedRun, unique


def retry_failed(planned_runs: Sequence[PlannedRun], kinds: Collection[str]) -> int:
    """Let runs that failed by these kinds go on from their last checkpoint, with whole batches; how many there are."""
    failed_runs = [
        planned
        for planned in unique(planned_runs)
        if planned.state in (FAILED, DIVERGED) and planned.run.status().kind in kinds
    ]
    for planned in failed_runs:
        if planned.run.micro_batches() > 1:
            planned.run.set_micro_batches(1)
        planned.run.set_status(INTERRUPTED, reason=f"tried again ({planned.why})")
    return len(failed_runs)


def double_micro_batches(run: Run) -> bool:
    """Out of memory: let the run continue with twice as many micro-batches, which changes only rounding.

    False if that cannot help: it was scoring, or each part is already a single clip.
    """
    parts = min(2 * run.micro_batches(), run.spec.batch)
    if run.status().trained or parts == run.micro_batches():
        return False
    run.set_micro_batches(parts)
    run.set_status(INTERRUPTED, reason=f"out of memory; resumes with {parts} micro-batches per batch")
    return True
