"""Runs that wait in a queue: a ticket (`queue.json`) in the run directory says in whose.

The ticket outlives the process that submitted, so that nobody submits a run twice.
"""

from __future__ import annotations

import os
import time
from dataclasses import asdict, dataclass, fields

from bench.common.files import read_json, write_json
from bench.store.store import Run


@dataclass(frozen=True)
class Ticket:
    """Where a run is queued.

    job: as the queue calls it. user: number of whoever submitted it. submitted: seconds since 1970. idle: how often in a row
    the queue has stopped the run before it got any further. executor: whose queue it is, by its name in the catalogue.
    """

    job: str
    user: int
    submitted: float
    idle: int = 0
    executor: str = "slurm"


def ticket(run: Run) -> Ticket | None:
    """Where the run was queued last; None if it never was, or has left the queue."""
    values = read_json(run.path / "queue.json")
    return Ticket(**{f.name: values[f.name] for f in fields(Ticket) if f.name in values}) if values else None


def put(run: Run, executor: str, job: str, idle: int = 0) -> None:
    """Write down that the run is queued."""
    write_json(run.path / "queue.json", asdict(Ticket(job, os.getuid(), time.time(), idle, executor)))


def forget(run: Run, job: str) -> None:
    """The run has left the queue, unless another job has meanwhile taken it over."""
    held = ticket(run)
    if held is not None and held.job == job:
        (run.path / "queue.json").unlink(missing_ok=True)
