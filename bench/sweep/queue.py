"""How queued runs are: asks whichever queue the ticket in a run's directory names."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from bench.common.errors import BenchError
from bench.spec import catalog
from bench.store.store import Run
from bench.store.tickets import Ticket, forget, ticket
from bench.sweep.executor import Job, Queue


def place(run: Run) -> str:
    """Where the run is queued, in words; empty if it is not, or not any more."""
    held = ticket(run)
    if held is None:
        return ""
    queue = _queue_of(held.executor)
    job = queue.find_job(held) if queue else None
    name = queue.name if queue else f"'{held.executor}'"
    if job is None:
        return f"{name} job {held.job}, as far as is known: there is no answer from its queue here"
    return "" if job.ended else f"{name} job {held.job}: {job.state}{job.detail and f' {job.detail}'}"


def waits(run: Run) -> bool:
    """Whether the run is in a queue and no machine has been given to it yet."""
    held = ticket(run)
    job = _find_job(held) if held else None
    return job is not None and job.waiting


def cancel(runs: Sequence[Run], waiting_only: bool = False) -> list[Ticket]:
    """Take runs back out of their queues: those that run may save their work first; with `waiting_only` they are left alone.

    Returns the tickets that name jobs of something else than the run's store: these are not touched.
    """
    by_executor: dict[str, list[Ticket]] = defaultdict(list)
    strange: list[Ticket] = []
    for run in runs:
        if held := ticket(run):
            (by_executor[held.executor] if _is_own(held, run) else strange).append(held)
    for executor, tickets in by_executor.items():
        if queue := _queue_of(executor):
            queue.cancel(tickets, waiting_only)
    for run in runs:
        left = ticket(run)
        if left is not None and _find_job(left) is None:  # nobody here can ask: its job will find that it was asked to stop
            forget(run, left.job)
    return strange


def _is_own(held: Ticket, run: Run) -> bool:
    """Whether a job was submitted for the run's store, or has ended anyway."""
    queue = _queue_of(held.executor)
    job = queue.find_job(held) if queue else None
    if job is None or job.ended or not hasattr(queue, "is_of"):
        return True
    return bool(queue.is_of(held, run.path.parent))  # type: ignore[union-attr]


def _find_job(held: Ticket) -> Job | None:
    queue = _queue_of(held.executor)
    return queue.find_job(held) if queue else None


def _queue_of(executor: str) -> Queue | None:
    """The queue of an executor of that name; None where it cannot be asked, since the executor is not installed here."""
    try:
        queue: Queue | None = catalog.load("executors", catalog.canonical("executors", executor)).queue
    except (BenchError, ImportError, AttributeError):
        return None
    return queue
