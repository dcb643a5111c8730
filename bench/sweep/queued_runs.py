"""The state of queued runs: asks the queue that the ticket in a run's directory names."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from bench.common.errors import BenchError
from bench.spec import catalog
from bench.store.failures import Interruption
from bench.store.run import INTERRUPTED, Run
from bench.store.tickets import Ticket, forget, ticket
from bench.sweep.executor import Job, Queue


def location(run: Run) -> str:
    """Where the run is queued, in words; empty if it is not queued."""
    stored_ticket = ticket(run)
    if stored_ticket is None:
        return ""
    queue = _queue_of(stored_ticket.executor)
    job = queue.find_job(stored_ticket) if queue else None
    name = queue.name if queue else f"'{stored_ticket.executor}'"
    if job is None:
        return f"{name} job {stored_ticket.job}, as far as is known: there is no answer from its queue here"
    return "" if job.ended else f"{name} job {stored_ticket.job}: {job.state}{job.detail and f' {job.detail}'}"


def waits(run: Run) -> bool:
    """Whether the run is in a queue and has no machine yet."""
    stored_ticket = ticket(run)
    job = _find_job(stored_ticket) if stored_ticket else None
    return job is not None and job.waiting


def note_end(run: Run, stored_ticket: Ticket, job: Job) -> None:
    """Record in a run's directory that its job has ended; one that somebody cancelled is not to be queued again at once."""
    forget(run, stored_ticket.job)
    if job.state == "cancelled" and run.status().state == INTERRUPTED:
        queue = _queue_of(stored_ticket.executor)
        name = queue.name if queue else stored_ticket.executor
        run.set_status(INTERRUPTED, kind=Interruption.BY_USER, reason=f"its {name} job {stored_ticket.job} was cancelled")


def note_if_cancelled(run: Run) -> None:
    """Record that somebody has cancelled a run's job, if so."""
    stored_ticket = ticket(run)
    job = _find_job(stored_ticket) if stored_ticket else None
    if stored_ticket and job is not None and job.ended and job.state == "cancelled" and run.status().state == INTERRUPTED:
        note_end(run, stored_ticket, job)


def cancel(runs: Sequence[Run], waiting_only: bool = False) -> list[Ticket]:
    """Take runs out of their queues. Running ones may save their work first; with `waiting_only` they are left alone.

    Returns tickets that name jobs of another store; these jobs are not touched.
    """
    by_executor: dict[str, list[Ticket]] = defaultdict(list)
    tickets_of_others: list[Ticket] = []
    for run in runs:
        if stored_ticket := ticket(run):
            (by_executor[stored_ticket.executor] if _is_own(stored_ticket, run) else tickets_of_others).append(stored_ticket)
    for executor, tickets in by_executor.items():
        if queue := _queue_of(executor):
            queue.cancel(tickets, waiting_only)
    for run in runs:
        remaining = ticket(run)
        if remaining is not None and _find_job(remaining) is None:  # no queue to ask: the job will find the request to stop
            forget(run, remaining.job)
    return tickets_of_others


def _is_own(stored_ticket: Ticket, run: Run) -> bool:
    """Whether a job was submitted for the run's store, or has ended anyway."""
    queue = _queue_of(stored_ticket.executor)
    job = queue.find_job(stored_ticket) if queue else None
    if job is None or job.ended or not hasattr(queue, "is_of"):
        return True
    return bool(queue.is_of(stored_ticket, run.path.parent))  # type: ignore[union-attr]


def _find_job(stored_ticket: Ticket) -> Job | None:
    queue = _queue_of(stored_ticket.executor)
    return queue.find_job(stored_ticket) if queue else None


def _queue_of(executor: str) -> Queue | None:
    """The queue of an executor; None if the executor is not installed here, so that its queue cannot be asked."""
    try:
        queue: Queue | None = catalog.load("executors", catalog.canonical("executors", executor)).queue
    except (BenchError, ImportError, AttributeError):
        return None
    return queue
