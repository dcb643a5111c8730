"""Runs that wait in a cluster's queue: a ticket (`queue.json`) in the run directory, and what SLURM says of it.

The ticket outlives the process that submitted, so that nobody submits a run twice. Whether a ticket still holds is asked of
SLURM: one `squeue` for all jobs of a user, at most every few seconds.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import threading
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from typing import NamedTuple

from bench.common.files import read_json, write_json
from bench.store.store import Run

FRESH = 4.0  # seconds that an answer of squeue is good for
YOUNG = 60.0  # seconds after its submission in which a job that an older answer does not list is asked for again
PATIENCE = 30.0  # seconds that SLURM's controller gets to answer
ENDED = frozenset(
    {"BOOT_FAIL", "CANCELLED", "COMPLETED", "DEADLINE", "FAILED", "NODE_FAIL", "OUT_OF_MEMORY", "TIMEOUT", "GONE"}
)
"""States after which a job does not run again. All others are alive, PREEMPTED, REQUEUED and COMPLETING among them."""


@dataclass(frozen=True)
class Ticket:
    """Where a run is queued.

    job: as squeue calls it, `123_4` for an element of an array. user: number of whoever submitted it.
    submitted: seconds since 1970. idle: how often in a row SLURM has stopped the run before it got any further.
    """

    job: str
    user: int
    submitted: float
    idle: int = 0


class Job(NamedTuple):
    """What squeue says: a state, and why the job waits in it ('None' if it does not)."""

    state: str
    nodes: str
    reason: str


def ticket(run: Run) -> Ticket | None:
    """Where the run was queued last; None if it never was, or has left the queue."""
    values = read_json(run.path / "queue.json")
    return Ticket(**{f.name: values[f.name] for f in fields(Ticket) if f.name in values}) if values else None


def put(run: Run, job: str, idle: int = 0) -> None:
    """Write down that the run is queued."""
    write_json(run.path / "queue.json", asdict(Ticket(job, os.getuid(), time.time(), idle)))


def forget(run: Run, job: str) -> None:
    """The run has left the queue, unless another job has meanwhile taken it over."""
    held = ticket(run)
    if held is not None and held.job == job:
        (run.path / "queue.json").unlink(missing_ok=True)


def place(run: Run) -> str:
    """Where the run is queued, in words; empty if it is not, or not any more."""
    held = ticket(run)
    if held is None:
        return ""
    job = look(held)
    if job is None:
        return f"SLURM job {held.job}, as far as is known: there is no answer from squeue here"
    if job.state in ENDED:
        return ""
    why = f" ({job.reason})" if job.reason not in ("None", "") else ""
    return f"SLURM job {held.job}: {job.state.lower()}{f' on {job.nodes}' if job.nodes else why}"


def waits(run: Run) -> bool:
    """Whether the run is in the queue and no node has been given to it yet."""
    held = ticket(run)
    job = look(held) if held else None
    return job is not None and job.state not in (*ENDED, "RUNNING", "COMPLETING")


def look(held: Ticket) -> Job | None:
    """How its job is now; state GONE if SLURM does not know it (any more), None where SLURM cannot be asked."""
    with _lock:
        asked, jobs = _answers.get(held.user, (0.0, None))
        unheard = jobs is not None and held.job not in jobs and held.submitted > asked - YOUNG
        if unheard or time.time() - asked > FRESH:
            asked, jobs = time.time(), _ask(held.user)
            _answers[held.user] = (asked, jobs)
    return None if jobs is None else jobs.get(held.job, Job("GONE", "", ""))


def cancel(runs: Sequence[Run], waiting_only: bool = False) -> None:
    """Take runs back out of the queue: those that run get SIGTERM first; with `waiting_only` they are left alone."""
    jobs = [held.job for run in runs if (held := ticket(run))]
    for start in range(0, len(jobs), 500):
        only = ["--state=PENDING"] if waiting_only else []
        tell("scancel", *only, *jobs[start : start + 500])
    with _lock:
        _answers.clear()
    for run in runs:
        held = ticket(run)
        if held is not None and look(held) is None:  # nobody here can ask: its job will find that it was asked to stop
            forget(run, held.job)


def tell(*command: str) -> str | None:
    """What one of SLURM's tools answers; None if it is missing, refuses, or does not answer in time."""
    if shutil.which(command[0]) is None:
        return None
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE)
    except (subprocess.TimeoutExpired, OSError):
        return None
    return done.stdout if done.returncode == 0 else None


_lock = threading.RLock()  # a signal handler may come in between, and cancel
_answers: dict[int, tuple[float, dict[str, Job] | None]] = {}  # user -> (when asked, job -> how it is)


def _ask(user: int) -> dict[str, Job] | None:
    """All jobs of a user that SLURM remembers, ended ones for some minutes."""
    columns = ["--noheader", "--array", "--states=all", "--format=%i|%T|%N|%r"]
    answer = tell("squeue", f"--user={user}", *columns)
    if answer is None:
        return None
    rows = (line.strip().split("|", 3) for line in answer.splitlines())
    return {row[0]: Job(*row[1:]) for row in rows if len(row) == 4}
