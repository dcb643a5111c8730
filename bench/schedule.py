"""From a plan to finished runs: keeps an executor's slots full, whatever happens to single runs.

Nothing is decided from memory: every state is read from the store, so a scheduler can be killed and started again at any
moment, and two of them on one store share the work between them.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from typing import Protocol

from bench.experiment import Evaluation
from bench.plan import TO_DO, Item, look, unique
from bench.store import FAILED, FINISHED, INTERRUPTED, RUNNING, Run, Store

TICK = 0.5  # seconds between two looks
PATIENCE = 20.0  # seconds that runs get to save their work before they are killed; they resume all the same
DEATHS = 2  # times that a run's process may die without getting any further before the run counts as failed


class Executor(Protocol):
    """See bench.executors."""

    slots: int

    def submit(self, run: Run, evaluations: Sequence[Evaluation]) -> Future[str]: ...
    def stop(self) -> None: ...
    def kill(self) -> None: ...


class Watcher(Protocol):
    """Whoever is told what happens: the progress display, the tracker."""

    def started(self, item: Item) -> None: ...
    def ended(self, item: Item) -> None: ...
    def tick(self) -> None: ...


class Scheduler:
    """Runs what is to be done of a plan; `stop()` from a signal handler ends it cleanly."""

    def __init__(self, items: Sequence[Item], store: Store, executor: Executor, watchers: Sequence[Watcher] = ()):
        self.store, self.executor, self.watchers = store, executor, watchers
        self.waiting = [item for item in unique(items) if item.state in TO_DO]
        self.elsewhere = [item for item in unique(items) if item.state == RUNNING]
        self.active: dict[Future[str], Item] = {}
        self.stopped_at: float | None = None
        self._deaths: dict[str, tuple[int, int]] = {}  # run -> (step, deaths at that step)

    def run(self) -> None:
        """Until every run has ended, here or elsewhere, or until stopped."""
        while self.active or (not self.stopped_at and (self.waiting or self.elsewhere)):
            self._look_elsewhere()
            while self.waiting and len(self.active) < self.executor.slots and not self.stopped_at:
                self._start(self.waiting.pop(0))
            if self.active:
                done, _ = wait(self.active, timeout=TICK, return_when=FIRST_COMPLETED)
                for future in done:
                    self._ended(self.active.pop(future), future.result())
            elif self.elsewhere:
                time.sleep(TICK)
            for watcher in self.watchers:
                watcher.tick()
            if self.stopped_at and time.monotonic() - self.stopped_at > PATIENCE:
                self.executor.kill()

    def stop(self) -> None:
        """Ask every run to save its work and end; asked again, kill them."""
        if self.stopped_at:
            self.executor.kill()
        else:
            self.stopped_at = time.monotonic()
            self.executor.stop()

    def _start(self, item: Item) -> None:
        item = self._again(item)
        if item.state not in TO_DO:
            self._file(item)
            return
        item.run.create(item.spec)
        for watcher in self.watchers:
            watcher.started(item)
        self.active[self.executor.submit(item.run, item.evaluations)] = item

    def _ended(self, item: Item, death: str) -> None:
        status = item.run.status()
        if status.state == INTERRUPTED and not self.stopped_at:
            step, deaths = self._deaths.get(item.run.name, (-1, 0))
            deaths = deaths + 1 if status.step == step else 1
            self._deaths[item.run.name] = (status.step, deaths)
            if deaths > DEATHS:
                reason = f"its process died {deaths} times at step {status.step} ({death or 'without a word'}); see log.txt"
                item.run.set_status(FAILED, kind="died", reason=reason)
            else:
                self.waiting.insert(0, item)
                return
        self._file(self._again(item))

    def _file(self, item: Item) -> None:
        """Put a run where its state belongs: it may meanwhile be somebody else's."""
        if item.state == RUNNING:
            self.elsewhere.append(item)
        else:
            for watcher in self.watchers:
                watcher.ended(item)

    def _look_elsewhere(self) -> None:
        for item in self.elsewhere[:]:
            now = self._again(item)
            if now.state != RUNNING:
                self.elsewhere.remove(item)
                if now.state in TO_DO and now.state != FAILED:
                    self.waiting.append(now)
                else:
                    self._file(now)

    def _again(self, item: Item) -> Item:
        return look(item.label, item.spec, self.store, item.evaluations)


def finished(items: Sequence[Item]) -> bool:
    """Whether every planned run is trained and scored."""
    return all(item.state == FINISHED for item in items)
