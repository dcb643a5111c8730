"""The state of SLURM jobs: one call of `squeue` for all jobs of a user, at most every few seconds."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from bench.store.tickets import Ticket
from bench.sweep.executor import Job

FRESH = 4.0  # seconds for which an answer of squeue is used
LISTING_DELAY_S = 60.0  # a job that was submitted so recently may be missing in an older answer, so squeue is asked again
CONTROLLER_TIMEOUT_S = 30.0  # seconds that SLURM's controller gets to answer
ENDED = frozenset(
    {"BOOT_FAIL", "CANCELLED", "COMPLETED", "DEADLINE", "FAILED", "NODE_FAIL", "OUT_OF_MEMORY", "TIMEOUT", "GONE"}
)
"""States after which a job does not run again. All others are alive, PREEMPTED, REQUEUED and COMPLETING among them."""


class _Listed(NamedTuple):
    """A job as squeue lists it. command: the script that it executes."""

    job: Job
    command: str = ""


class SlurmQueue:
    """The jobs of every user whose runs are in the store.

    A ticket's job is as squeue calls it, `123_4` for an element of an array.
    """

    name = "SLURM"

    def __init__(self) -> None:
        # user -> (when asked, job -> how it is). Without a lock: a signal handler that cancels may come in anywhere.
        self._answers: dict[int, tuple[float, dict[str, _Listed] | None]] = {}

    def find_job(self, ticket: Ticket) -> Job | None:
        """The present state of the job; GONE if SLURM does not know it, None if SLURM cannot be asked."""
        entry = self._listed(ticket)
        return entry.job if entry else None

    def is_of(self, ticket: Ticket, store: Path) -> bool:
        """Whether SLURM says that the job was submitted for this store: it executes a script in the store's folder."""
        entry = self._listed(ticket)
        return entry is not None and Path(entry.command).parent.resolve() == (store / "slurm").resolve()

    def _listed(self, ticket: Ticket) -> _Listed | None:
        asked_at, jobs = self._answers.get(ticket.user, (0.0, None))
        is_unlisted = jobs is not None and ticket.job not in jobs and ticket.submitted > asked_at - LISTING_DELAY_S
        if is_unlisted or time.time() - asked_at > FRESH:
            jobs = _jobs_of(ticket.user)
            asked_at = time.time()  # afterwards: a controller that does not answer is not asked again for every run
            self._answers[ticket.user] = (asked_at, jobs)
        return None if jobs is None else jobs.get(ticket.job, _Listed(Job("gone", ended=True)))

    def cancel(self, tickets: Sequence[Ticket], waiting_only: bool) -> None:
        """Cancel jobs with scancel; running ones get SIGTERM first."""
        jobs = [ticket.job for ticket in tickets]
        for start in range(0, len(jobs), 500):
            slurm_output("scancel", *(["--state=PENDING"] if waiting_only else []), "--", *jobs[start : start + 500])
        self.refresh()

    def refresh(self) -> None:
        """Discard the answers, so that squeue is asked again."""
        self._answers.clear()


QUEUE = SlurmQueue()
"""One object per process, so that all callers share the answers of squeue."""


def slurm_output(*command: str) -> str | None:
    """The output of one of SLURM's tools; None if the tool is missing, fails, or does not answer in time.

    What the user has set for his own views of the queue (SQUEUE_STATES, SQUEUE_PARTITION, ...) is left out: it hides jobs.
    """
    if shutil.which(command[0]) is None:
        return None
    variables = {name: value for name, value in os.environ.items() if not name.startswith("SQUEUE_")}
    try:
        process = subprocess.run(command, capture_output=True, text=True, timeout=CONTROLLER_TIMEOUT_S, env=variables)
    except (subprocess.TimeoutExpired, OSError):
        return None
    return process.stdout if process.returncode == 0 else None


def _jobs_of(user: int) -> dict[str, _Listed] | None:
    """All jobs of a user that SLURM knows; ended jobs are known for some minutes."""
    columns = ["--noheader", "--array", "--all", "--states=all", "--format=%i|%T|%N|%r|%o"]
    answer = slurm_output("squeue", f"--user={user}", *columns)
    if answer is None:
        return None
    rows = (line.strip().split("|", 4) for line in answer.splitlines())
    return {row[0]: _Listed(_job(*row[1:4]), row[4]) for row in rows if len(row) == 5}


def _job(state: str, nodes: str, reason: str) -> Job:
    """nodes: empty while it waits. reason: why it waits; 'None' if it does not."""
    has_ended = state in ENDED
    why = f"({reason})" if reason not in ("None", "") else ""
    return Job(
        state.lower(), has_ended, not has_ended and state not in ("RUNNING", "COMPLETING"), f"on {nodes}" if nodes else why
    )
