"""From a plan to finished runs: keeps an executor's slots full, whatever happens to single runs.

Nothing is decided from memory: every state is read from the store, so a scheduler can be killed and started again at any
moment, and two of them on one store share the work between them.
"""

from __future__ import annotations

import contextlib
import signal
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import replace
from typing import Protocol

from bench.common.files import appending
from bench.store import failures
from bench.store.store import FAILED, FINISHED, INTERRUPTED, Run, Status, Store
from bench.sweep.executor import Executor
from bench.sweep.plan import GOING_ON, RESUMABLE, TO_DO, Item, look, unique

TICK = 0.5  # seconds between two looks
PATIENCE = 20.0  # seconds that runs get to save their work before they are killed; they resume all the same
DEATHS = 2  # times that a run's process may die without getting any further before the run counts as failed
ALIKE = 3  # runs that fail in a row with the same error in the code before the rest of the plan is left alone


class Watcher(Protocol):
    """Whoever is told what happens: the progress display, the tracker, a search that adds runs."""

    def started(self, item: Item) -> None: ...
    def ended(self, item: Item) -> None: ...
    def tick(self) -> None: ...


class Scheduler:
    """Runs what is to be done of a plan.

    A watcher may `add()` runs at any time; `stop()`, from a signal handler or because `asked()` has words, ends it cleanly.
    prepare: called with every run right before it is started.
    halted: why nothing more is started, in words; empty as long as all is well.
    """

    def __init__(
        self,
        items: Sequence[Item],
        store: Store,
        executor: Executor,
        watchers: Sequence[Watcher] = (),
        asked: Callable[[], str] = lambda: "",
        prepare: Callable[[Run], None] = lambda run: None,
    ):
        self.store, self.executor, self.watchers, self.asked, self.prepare = store, executor, watchers, asked, prepare
        self.waiting: deque[Item] = deque()
        self.elsewhere: list[Item] = []
        self.active: dict[Future[str], Item] = {}
        self.stopped_at: float | None = None
        self.halted = ""
        self._deaths: dict[str, tuple[int, int]] = {}  # run -> (step, deaths at that step)
        self._alike: tuple[str, int] = ("", 0)  # the last error in the code, and how often it came in a row
        for item in unique(items):
            self.add(item)

    def add(self, item: Item) -> None:
        """Put one more run at the end of the plan, unless there is nothing to be done for it."""
        if item.state in TO_DO:
            self.waiting.append(item)
        elif item.state in GOING_ON:
            self.elsewhere.append(item)

    def has(self, item: Item) -> bool:
        """Whether its run waits, or goes on here or elsewhere."""
        return any(other.run.name == item.run.name for other in (*self.waiting, *self.elsewhere, *self.active.values()))

    def run(self) -> None:
        """Until every run has ended, here or elsewhere, or until stopped."""
        while True:
            self._look_elsewhere()
            while self.waiting and len(self.active) < self.executor.slots and not (self.stopped_at or self.halted):
                self._start(self.waiting.popleft())
            self._wait()
            for watcher in self.watchers:
                watcher.tick()
            if not self.stopped_at and self.asked():
                self.stop()
            if self.stopped_at and time.monotonic() - self.stopped_at > PATIENCE:
                self.executor.kill()
            over = self.stopped_at or self.halted
            if not self.active and (over or not (self.waiting or self.elsewhere)):
                return

    def hand_over(self) -> None:
        """Start what fits into the executor and wait for nothing: for one whose runs outlive this process."""
        while self.waiting and len(self.active) < self.executor.slots and not self.halted:
            self._start(self.waiting.popleft())

    def stop(self) -> None:
        """Ask every run to save its work and end; asked again, kill them."""
        if self.stopped_at:
            self.executor.kill()
        else:
            self.stopped_at = time.monotonic()
            self.executor.stop()

    def _wait(self) -> None:
        if self.active:
            done, _ = wait(self.active, timeout=TICK, return_when=FIRST_COMPLETED)
            for future in done:
                self._ended(self.active.pop(future), future.result())
        elif self.elsewhere and not self.stopped_at:
            time.sleep(TICK)

    def _start(self, item: Item) -> None:
        item = self._again(item)
        if item.state not in TO_DO:
            self._file(item)
            return
        try:
            item.run.create(item.spec)
            item.run.forget_stop()
            self.prepare(item.run)
            future = self.executor.submit(item.run, item.evaluations)
        except OSError as error:
            self._fail(item, failures.of(error), f"{error.strerror or error}: {error.filename or item.run.path}")
            return
        for watcher in self.watchers:
            watcher.started(item)
        self.active[future] = item

    def _ended(self, item: Item, death: str) -> None:
        status = item.run.status()
        if not item.run.path.exists():
            self._file(replace(item, state=FAILED, why="its directory was deleted while it ran; `bench run` starts it afresh"))
        elif status.kind == "memory" or (death == failures.OUT_OF_MEMORY and status.state == INTERRUPTED):
            self._in_smaller_parts(item, status, death)
        elif status.state == INTERRUPTED and status.kind != "asked" and not self.stopped_at:
            self._resume(item, status, death)
        else:
            self._note_error(status)
            now = self._again(item)
            self._file(replace(now, state=FAILED, why=status.reason) if status.state == FAILED else now)

    def _resume(self, item: Item, status: Status, death: str) -> None:
        """Start it again, unless it dies again and again without getting any further."""
        step, deaths = self._deaths.get(item.run.name, (-1, 0))
        deaths = deaths + 1 if status.step == step else 1
        self._deaths[item.run.name] = (status.step, deaths)
        how = death or "without a word"
        if deaths <= DEATHS:
            with contextlib.suppress(OSError), appending(item.run.path / "log.txt") as log:
                log.write(f"its process died at step {status.step} ({how}); it is started again\n".encode())
            self.waiting.appendleft(item)
        else:
            self._fail(item, "died", f"its process died {deaths} times at step {status.step} ({how}); see log.txt")

    def _in_smaller_parts(self, item: Item, status: Status, death: str) -> None:
        """Out of memory: train with each batch in twice as many parts, which changes rounding alone."""
        parts = 2 * item.run.micro_batches()
        if status.trained:
            self._fail(item, "memory", f"out of memory while scoring ({death or status.reason})")
        elif parts > item.spec.batch:
            self._fail(item, "memory", f"out of memory even with one clip at a time ({death or status.reason})")
        else:
            item.run.set_micro_batches(parts)
            item.run.set_status(INTERRUPTED, reason=f"out of memory; goes on with each batch in {parts} parts")
            self.waiting.appendleft(item)

    def _note_error(self, status: Status) -> None:
        """The same error in the code several times in a row is not about single runs."""
        if status.kind == "code":
            reason, times = self._alike
            self._alike = (status.reason, times + 1 if status.reason == reason else 1)
            if self._alike[1] == ALIKE:
                self.halted = f"{ALIKE} runs in a row failed with the same error: {status.reason}"
        elif status.state == FINISHED:
            self._alike = ("", 0)

    def _fail(self, item: Item, kind: str, reason: str) -> None:
        """Write down why it failed, if anything can still be written."""
        with contextlib.suppress(OSError):
            item.run.set_status(FAILED, kind=kind, reason=reason)
        self._file(replace(item, state=FAILED, why=reason))

    def _file(self, item: Item) -> None:
        """Put a run where its state belongs: it may meanwhile be somebody else's."""
        if item.state in GOING_ON:
            self.elsewhere.append(item)
        else:
            for watcher in self.watchers:
                watcher.ended(item)

    def _look_elsewhere(self) -> None:
        for item in self.elsewhere[:]:
            now = self._again(item)
            if now.state not in GOING_ON:
                self.elsewhere.remove(item)
                asked = now.state == RESUMABLE and now.run.status().kind == "asked"
                if now.state in TO_DO and not asked:
                    self.waiting.append(now)
                else:
                    self._file(now)

    def _again(self, item: Item) -> Item:
        return look(item.label, item.spec, self.store, item.evaluations)


def finished(items: Sequence[Item]) -> bool:
    """Whether every planned run is trained and scored."""
    return all(item.state == FINISHED for item in items)


@contextlib.contextmanager
def interruptible(scheduler: Scheduler, say: Callable[[str], None]) -> Iterator[None]:
    """While the block goes on, Ctrl-C and SIGTERM let runs save their work and end; a second one ends them at once."""

    def stop(number: int, frame: object) -> None:
        again = scheduler.stopped_at is not None
        say("stopping at once" if again else "stopping: runs are saving their work (Ctrl-C again ends them at once)")
        scheduler.stop()

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
