"""The interfaces of executors, and of the queues that some of them use.

An executor only starts `bench.worker.main` on a run directory; the outcome of a run is read from the store. To add one, derive
a class from `Executor` and add a line to `bench/spec/catalog.py`, or name it in full: `--executor package.module:Class`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import ClassVar, Protocol

from bench.spec.experiment import Evaluation
from bench.store.run import Run
from bench.store.tickets import Ticket


@dataclass(frozen=True)
class Job:
    """The state of a job.

    state: in the queue's own term. ended: it does not run again. waiting: it has no machine yet. detail: where it runs, or why
    it waits; may be empty.
    """

    state: str
    ended: bool = False
    waiting: bool = False
    detail: str = ""


class Queue(Protocol):
    """A system that holds jobs until there is room for them; jobs outlive the process that submitted them.

    It may also have is_of(ticket, store): whether a job was submitted for the store in that folder. A ticket is a file that may
    name anybody's job, and `bench stop` does not touch jobs of other stores.
    """

    name: str
    """The name for messages: SLURM."""

    def find_job(self, ticket: Ticket) -> Job | None:
        """The present state of a job; None if the system cannot be asked, which does not mean that the job has ended."""

    def cancel(self, tickets: Sequence[Ticket], waiting_only: bool) -> None:
        """Take jobs out of the queue. Running jobs may save their work first; with `waiting_only` they are left alone."""


class Executor(ABC):
    """Starts runs somewhere.

    slots: how many runs it holds at once. waiting: how many runs are still to be started, set by the scheduler before each
    submission. queue: where its runs wait, if it has one.
    """

    slots: int
    waiting: int = 0
    queue: ClassVar[Queue | None] = None

    @abstractmethod
    def submit(self, run: Run, evaluations: Sequence[Evaluation]) -> Future[str]:
        """Start a run, or queue it and leave a ticket (`bench.store.tickets`).

        The future's result says how the process was ended, in words; it is empty if the process ended by itself.
        """

    def has_room(self, run: Run) -> bool:
        """Whether this run may start now, given that a slot is free."""
        return True

    @abstractmethod
    def stop(self) -> None:
        """Ask every run to save its work and end."""

    @abstractmethod
    def kill(self) -> None:
        """End all runs at once; the next scheduler resumes them."""

    def detach(self) -> list[Ticket]:
        """Leave the submitted runs to the queue and return their tickets; none without a queue."""
        return []
