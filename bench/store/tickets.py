"""Runs that wait in a queue: a ticket (`queue.json`) in the run directory says in whose.

The ticket outlives the process that submitted, so that nobody submits a run twice.
"""

from __future__ import annotations

import os
import re
import time
from dataclasses import asdict, dataclass

from bench.common import trust
from bench.common.json_schemas import known_fields
from bench.common.reading import json_in
from bench.spec import catalog
from bench.store import schemas
from bench.store.run import Run

JOB = re.compile(r"\w[\w.+@:-]{0,63}(\[\d+\][\w.+@:-]{0,63})?")
"""A job as its queue calls it: 123_4, or 123[4].host for an element of an array. Nothing else becomes an
argument of a queue's tools: an option begins with a hyphen."""


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
    """Where the run was queued last; None if it never was, has left the queue, or if what says so is no ticket."""
    path = run.path / "queue.json"
    try:
        stored = Ticket(**known_fields(json_in(path, run.path) or {}, schemas.QUEUE, path))
    except (OSError, TypeError):  # damaged, or without a job; the lease keeps a run from going on twice all the same
        return None
    known_executor = stored.executor in catalog.CATALOG["executors"] or trust.is_trusted(stored.executor.partition(":")[0])
    return stored if known_executor and JOB.fullmatch(stored.job) and stored.user >= 0 else None


def put(run: Run, executor: str, job: str, idle: int = 0) -> None:
    """Write down that the run is queued."""
    run.write("queue.json", asdict(Ticket(job, os.getuid(), time.time(), idle, executor)))


def forget(run: Run, job: str) -> None:
    """The run has left the queue, unless another job has meanwhile taken it over."""
    stored = ticket(run)
    if stored is not None and stored.job == job:
        (run.path / "queue.json").unlink(missing_ok=True)
