"""What an executor is, and what the queue is that some of them put runs into.

An executor only starts `bench.worker.main` on a run directory; how a run ended is read from the store. One of your own is a
class derived from `Executor` and a line in `bench/spec/catalog.py`, or is named in full: `--executor package.module:Class`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import ClassVar, Protocol

from bench.spec.experiment import Evaluation
from bench.store.store import Run
from bench.store.tickets import Ticket


@dataclass(frozen=True)
class Job:
    """How a job is.

    state: in the queue's own word. ended: it does not run again. waiting: it has no machine yet. detail: where it runs, or why
    it waits; may be empty.
    """

    state: str
    ended: bool = False
    waiting: bool = False
    detail: str = ""


class Queue(Protocol):
    """A system that keeps jobs until there is room for them, and whose jobs outlive the process that submitted them.

    It may also have is_of(ticket, store): whether a job was submitted for the store in that folder. A ticket is a file that may
    name anybody's job, and `bench stop` leaves alone what is not of its store.
    """

    name: str
    """As it stands in messages: SLURM."""

    def find_job(self, ticket: Ticket) -> Job | None:
        """How a job is now; None where the system cannot be asked, which is not the same as a job that has ended."""

    def cancel(self, tickets: Sequence[Ticket], waiting_only: bool) -> None:
        """Take jobs out of the queue. What runs may save its work first; with `waiting_only` it is left alone."""


class Executor(ABC):
    """Where runs run.

    slots: how many runs it holds at once. waiting: runs that are still to be started when one is submitted, which the scheduler
    tells. queue: where its runs wait, of executors that have one.
    """

    slots: int
    waiting: int = 0
    queue: ClassVar[Queue | None] = None

    @abstractmethod
    def submit(self, run: Run, evaluations: Sequence[Evaluation]) -> Future[str]:
        """Start a run, or queue it and leave a ticket (`bench.store.tickets`).

        The future's result says in words how the process ended, and is empty if it ended by itself.
        """

    def has_room(self, run: Run) -> bool:
        """Whether this run may start now, though fewer runs than slots go on."""
        return True

    @abstractmethod
    def stop(self) -> None:
        """Ask every run to save its work and end."""

    @abstractmethod
    def kill(self) -> None:
        """End all runs at once; the next scheduler resumes them."""

    def detach(self) -> list[Ticket]:
        """Leave the submitted runs to the queue, and return their tickets. Without a queue there is nothing to leave."""
        return []
