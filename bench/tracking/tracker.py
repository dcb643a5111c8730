"""A faithful copy of the store in MLflow: any time, any number of times, with the same result.

One process writes at a time, in batches, with the time stamps of the store, so that sending something twice changes nothing
(bench.tracking.mirror). Training never waits for MLflow: a server that is down costs nothing but a later `bench sync`.
"""

from __future__ import annotations

import logging
import math
import queue
import threading
import time
from collections.abc import Callable

from bench.spec.experiment import Experiment
from bench.store.store import Store
from bench.sweep.plan import Item
from bench.tracking import connection
from bench.tracking.connection import alone, connect, shown_uri
from bench.tracking.mirror import Copy, has_news

AGAIN = 30.0  # seconds after a failure in which single runs are not tried
TRIES = 2  # of sending everything at the end
PATIENCE = 15.0  # seconds without any progress after which the end of a sweep no longer waits for a server
PATIENCE_HERE = 120.0  # the same for the embedded database, which another process may be writing to
log = logging.getLogger(__name__)


def experiment_name(experiment: Experiment) -> str:
    """What an experiment is called in MLflow."""
    return f"{experiment.name}-{experiment.scale}"


def sync(
    store: Store,
    experiment: str,
    items: list[Item],
    among: list[Item] | None = None,
    tell: Callable[[], None] = lambda: None,
) -> int:
    """Copy what is new of these runs into the MLflow experiment of that name; how many runs had anything new.

    among: all planned runs, in the declared order that a tag keeps; `items` themselves if not given. tell: called whenever it
    has got a bit further.
    """
    order = {(item.label, item.seed): number for number, item in enumerate(among or items)}
    fresh = [item for item in items if item.run.path.exists() and has_news(item, experiment, store)]
    if not fresh:
        return 0
    with alone(store):
        client = connect(store)
        tell()
        experiment_id = connection.experiment_id(client, experiment, store)
        for item in fresh:
            Copy(client, experiment_id, experiment, item, order[item.label, item.seed], store).send()
            tell()
    return len(fresh)


class Tracker:
    """Syncs in a thread of its own while a scheduler works; a watcher of the scheduler. No trouble with MLflow holds it up."""

    def __init__(self, store: Store, experiment: str, items: list[Item]):
        self.store, self.experiment, self.items = store, experiment, items
        self.trouble = ""
        self._failed, self._moved, self._closing = -math.inf, 0.0, False
        self._queue: queue.Queue[Item | None] = queue.Queue()
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._thread.start()

    def started(self, item: Item) -> None:
        pass

    def ended(self, item: Item) -> None:
        self._queue.put(item)

    def tick(self) -> None:
        pass

    def close(self) -> str:
        """Send what is left, for as long as that gets on; what went wrong, in words."""
        self._closing = True
        self._queue.put(None)
        self._moved = time.monotonic()
        patience = PATIENCE if connection.remote(self.store) else PATIENCE_HERE
        while self._thread.is_alive():
            self._thread.join(0.1)
            if time.monotonic() - self._moved > patience:
                return self.trouble or f"{shown_uri(self.store)} has not got on for {patience:.0f} seconds"
        return self.trouble

    def _work(self) -> None:
        while (item := self._queue.get()) is not None and not self._closing:
            if time.monotonic() - self._failed > AGAIN:
                self._try([other for other in self.items if other.run.name == item.run.name])
        for _ in range(TRIES):
            self._try(self.items)
            if not self.trouble:
                return
            time.sleep(1.0)

    def _try(self, items: list[Item]) -> None:
        try:
            sync(self.store, self.experiment, items, self.items, self._further)
            self.trouble = ""
        except Exception as error:  # whatever MLflow raises: the store has everything, and `bench sync` sends it later
            self.trouble, self._failed = connection.in_words(error, self.store), time.monotonic()
            log.debug("sync failed", exc_info=True)

    def _further(self) -> None:
        self._moved = time.monotonic()
