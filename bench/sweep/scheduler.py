"""Executes a plan: keeps an executor's slots full, whatever happens to single runs.

Every state is read from the store, never remembered. So a scheduler can be killed and restarted at any moment, and two
schedulers on one store share the work.
"""

from __future__ import annotations

import contextlib
import time
from collections import defaultdict, deque
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import replace
from typing import Protocol

from bench.common import lease
from bench.common.errors import BenchError
from bench.common.files import appending
from bench.store import failures
from bench.store.failures import Failure, Interruption
from bench.store.run import FAILED, FINISHED, INTERRUPTED, Run, Status
from bench.store.store import Store
from bench.store.tickets import ticket
from bench.sweep import queued_runs
from bench.sweep.executor import Executor
from bench.sweep.plan import ACTIVE, RESUMABLE, TO_DO, PlannedRun, plan_run, unique
from bench.sweep.retry import Deaths, double_micro_batches

TICK_S = 0.5  # seconds between two checks
SAVE_TIMEOUT_S = 20.0  # seconds that runs get to save their work before they are killed; they resume all the same
MOST_EQUAL_ERRORS = 3  # runs in a row that fail with the same error in the code before no more are started


class Watcher(Protocol):
    """Is notified of events: the progress display, the tracker, a search that adds runs."""

    def started(self, planned: PlannedRun) -> None: ...
    def ended(self, planned: PlannedRun) -> None: ...
    def tick(self) -> None: ...


class Scheduler:
    """Runs what is to be done of a plan.

    A watcher may `add()` runs at any time; `stop()`, from a signal handler or because `stop_requested()` says why, ends it.
    prepare: called with every run right before it is started.
    halted: why no more runs are started, in words; empty if they are.
    """

    def __init__(
        self,
        planned_runs: Sequence[PlannedRun],
        store: Store,
        executor: Executor,
        watchers: Sequence[Watcher] = (),
        stop_requested: Callable[[], str] = lambda: "",
        prepare: Callable[[Run], None] = lambda run: None,
    ):
        self.store, self.executor, self.watchers = store, executor, watchers
        self.stop_requested, self.prepare = stop_requested, prepare
        self.waiting: deque[PlannedRun] = deque()
        self.running_elsewhere: list[PlannedRun] = []
        self.active: dict[Future[str], PlannedRun] = {}
        self.stopped_at: float | None = None
        self.halted = ""
        self._queued_elsewhere = 0
        self._refusal: BenchError | None = None  # why the executor took no more runs
        self._followed = False  # whether any run has ended here or elsewhere
        self._deaths: defaultdict[str, Deaths] = defaultdict(Deaths)  # by the names of runs
        self._equal_errors: tuple[str, int] = ("", 0)  # the last error in the code, and how often it came in a row
        for planned in unique(planned_runs):
            self.add(planned)

    def add(self, planned: PlannedRun) -> None:
        """Add a run at the end of the plan, unless it has no work left."""
        if planned.state in TO_DO:
            self.waiting.append(planned)
        elif planned.state in ACTIVE:
            self.running_elsewhere.append(planned)

    def has(self, planned: PlannedRun) -> bool:
        """Whether its run waits, or is active here or elsewhere."""
        return any(
            other.run.name == planned.run.name for other in (*self.waiting, *self.running_elsewhere, *self.active.values())
        )

    def run(self) -> None:
        """Run until every run has ended, here or elsewhere, or until stopped."""
        while True:
            self._check_elsewhere()
            while self._may_start() and not self.stopped_at:
                self._start_or_watch(self.waiting.popleft())
            self._wait()
            for watcher in self.watchers:
                watcher.tick()
            if not self.stopped_at and self.stop_requested():
                self.stop()
            if self.stopped_at and time.monotonic() - self.stopped_at > SAVE_TIMEOUT_S:
                self.executor.kill()
            if not self.active and not self._goes_on():
                break
        if self._refusal and not self._followed:
            raise self._refusal

    def _goes_on(self) -> bool:
        """Whether there is something to do without any active run: to start some, or to follow those of other processes."""
        if self.stopped_at:
            return False
        follows = self.running_elsewhere and (self._refusal or not self.halted)
        return bool(follows or (self.waiting and not self.halted))

    def hand_over(self) -> None:
        """Start what fits into the executor and return: for executors whose runs outlive this process."""
        self._count_queue()
        while self._may_start():
            self._start(self.waiting.popleft())

    def _may_start(self) -> bool:
        room = self.waiting and len(self.active) + self._queued_elsewhere < self.executor.slots and not self.halted
        return bool(room) and self.executor.has_room(self.waiting[0].run)

    def _count_queue(self) -> None:
        """How many runs of the plan another process has put into the executor's queue, which takes so many and no more."""
        has_queue = self.executor.queue is not None
        self._queued_elsewhere = sum(ticket(other.run) is not None for other in self.running_elsewhere) if has_queue else 0

    def stop(self) -> None:
        """Ask every run to save its work and end; on a second call, kill them."""
        if self.stopped_at:
            self.executor.kill()
        else:
            self.stopped_at = time.monotonic()
            self.executor.stop()

    def _wait(self) -> None:
        if self.active:
            done, _ = wait(self.active, timeout=TICK_S, return_when=FIRST_COMPLETED)
            for future in done:
                planned = self.active.pop(future)
                error = future.exception()
                if isinstance(error, BenchError):
                    self._put_back(planned, error)
                elif isinstance(error, OSError):  # its directory is gone, or the disk is full
                    self._fail_by(planned, error)
                else:
                    self._handle_end(planned, future.result())
        elif self.running_elsewhere and not self.stopped_at:
            time.sleep(TICK_S)

    def _put_back(self, planned: PlannedRun, refusal: BenchError) -> None:
        """The executor does not take a run: start no more, but follow those that go on. It is an error if none did."""
        self.waiting.appendleft(planned)
        self.halted, self._refusal = str(refusal), refusal

    def _start_or_watch(self, planned: PlannedRun) -> None:
        """Start a run, unless its owner on another host may be alive though its clock says otherwise: watch that first."""
        if lease.is_undecided(planned.run.path):
            self.running_elsewhere.append(planned)
        else:
            self._start(planned)

    def _start(self, planned: PlannedRun) -> None:
        planned = self._refresh(planned)
        if planned.state not in TO_DO:
            self._settle(planned)
            return
        try:
            planned.run.create(planned.spec)
            planned.run.forget_stop()
            self.prepare(planned.run)
            self.executor.waiting = len(self.waiting)
            future = self.executor.submit(planned.run, planned.evaluations)
        except OSError as error:
            self._fail_by(planned, error)
            return
        except BenchError as error:  # of the user's module, which is gone or half edited
            self._fail(planned, Failure.CHANGED, str(error))
            return
        for watcher in self.watchers:
            watcher.started(planned)
        self.active[future] = planned

    def _handle_end(self, planned: PlannedRun, how_it_died: str) -> None:
        self._followed = True
        status = planned.run.status()
        if not planned.run.path.exists():
            self._settle(
                replace(planned, state=FAILED, why="its directory was deleted while it ran; `bench run` starts it afresh")
            )
        elif status.kind == Failure.MEMORY or (self._lacked_memory(how_it_died) and status.state == INTERRUPTED):
            self._go_on_with_micro_batches(planned, status, how_it_died)
        elif status.state == INTERRUPTED and status.kind != Interruption.BY_USER and not self.stopped_at:
            self._resume(planned, status, how_it_died)
        else:
            self._note_error(status)
            current = self._refresh(planned)
            self._settle(replace(current, state=FAILED, why=status.reason) if status.state == FAILED else current)

    def _lacked_memory(self, how_it_died: str) -> bool:
        """Whether the kernel has killed it for want of memory; what dies after a stop, this scheduler may have killed."""
        return how_it_died == failures.OUT_OF_MEMORY and not self.stopped_at

    def _resume(self, planned: PlannedRun, status: Status, how_it_died: str) -> None:
        """Restart it, unless it has died several times without progress."""
        deaths, ending = self._deaths[planned.run.name], how_it_died or "without a word"
        if deaths.may_restart(status.step):
            with contextlib.suppress(OSError), appending(planned.run.path / "log.txt") as log:
                log.write(f"its process died at step {status.step} ({ending}); it is started again\n".encode())
            self.waiting.appendleft(planned)
        else:
            self._fail(planned, Failure.DIED, deaths.reason(ending))

    def _go_on_with_micro_batches(self, planned: PlannedRun, status: Status, how_it_died: str) -> None:
        """Out of memory: go on with smaller micro-batches, where that can help."""
        try:
            smaller = double_micro_batches(planned.run)
        except OSError as error:
            self._fail_by(planned, error)
            return
        if smaller:
            self.waiting.appendleft(planned)
        else:
            doing = "while scoring" if status.trained else "even with one clip at a time"
            self._fail(planned, Failure.MEMORY, f"out of memory {doing} ({how_it_died or status.reason})")

    def _note_error(self, status: Status) -> None:
        """Halt if several runs in a row have failed with the same error in the code."""
        if status.kind == Failure.CODE:
            reason, times = self._equal_errors
            self._equal_errors = (status.reason, times + 1 if status.reason == reason else 1)
            if self._equal_errors[1] == MOST_EQUAL_ERRORS:
                self.halted = f"{MOST_EQUAL_ERRORS} runs in a row failed with the same error: {status.reason}"
        elif status.state == FINISHED:
            self._equal_errors = ("", 0)

    def _fail(self, planned: PlannedRun, kind: str, reason: str) -> None:
        """Mark a run as failed, in its directory too if that can still be written."""
        with contextlib.suppress(OSError):
            planned.run.set_status(FAILED, kind=kind, reason=reason)
        self._settle(replace(planned, state=FAILED, why=reason))

    def _fail_by(self, planned: PlannedRun, error: OSError) -> None:
        """Mark a run as failed by an error of the system."""
        self._fail(planned, failures.kind_of(error), f"{error.strerror or error}: {error.filename or planned.run.path}")

    def _settle(self, planned: PlannedRun) -> None:
        """Follow a run that another process works on now; otherwise tell the watchers that it has ended."""
        if planned.state in ACTIVE:
            self.running_elsewhere.append(planned)
        else:
            for watcher in self.watchers:
                watcher.ended(planned)

    def _check_elsewhere(self) -> None:
        for planned in self.running_elsewhere[:]:
            with contextlib.suppress(OSError):  # on a full disk, or in a directory of somebody else
                queued_runs.note_if_cancelled(planned.run)
            current = self._refresh(planned)
            if current.state not in ACTIVE and not lease.is_undecided(current.run.path):
                self.running_elsewhere.remove(planned)
                self._followed = True
                stopped_by_user = current.state == RESUMABLE and current.run.status().kind == Interruption.BY_USER
                if current.state in TO_DO and not stopped_by_user:
                    self.waiting.append(current)
                else:
                    self._settle(current)
        self._count_queue()

    def _refresh(self, planned: PlannedRun) -> PlannedRun:
        return plan_run(planned.label, planned.spec, self.store, planned.evaluations)


def all_finished(planned_runs: Sequence[PlannedRun]) -> bool:
    """Whether every planned run is trained and scored."""
    return all(planned.state == FINISHED for planned in planned_runs)
