"""When runs are tried again: those that failed, ran out of memory, or whose process died."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from bench.store.run import DIVERGED, FAILED, INTERRUPTED, Run
from bench.sweep.plan import PlannedRun, unique

MOST_DEATHS = 2  # times that a run's process may die at the same step before the run counts as failed


@dataclass
class Deaths:
    """How often the process of a run has died without progress: `count` times in a row at `step`."""

    step: int = -1
    count: int = 0

    def may_restart(self, step: int) -> bool:
        """Count a death at a step. Whether the run is to be started again."""
        self.step, self.count = step, self.count + 1 if step == self.step else 1
        return self.count <= MOST_DEATHS

    def reason(self, ending: str) -> str:
        """Why the run counts as failed. ending: how its process died the last time, in words."""
        return f"its process died {self.count} times at step {self.step} ({ending}); see log.txt"


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
