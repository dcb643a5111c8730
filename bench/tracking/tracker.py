"""Keeps a copy of the store in MLflow; copying again changes nothing.

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

from bench.common.errors import BenchError
from bench.spec.experiment import Experiment
from bench.store.store import Store
from bench.sweep.plan import PlannedRun
from bench.tracking import connection
from bench.tracking.connection import connect, exclusive, shown_uri
from bench.tracking.mirror import Copy, has_news

RETRY_S = 30.0  # seconds after a failure in which single runs are not tried
TRIES = 2  # of sending everything at the end
SERVER_TIMEOUT_S = 15.0  # seconds without any progress after which the end of a sweep no longer waits for a server
LOCAL_TIMEOUT_S = 120.0  # the same for the embedded database, which another process may be writing to
NAMED = 3  # refused runs that a message names
log = logging.getLogger(__name__)


class Refused(BenchError):
    """MLflow refuses some runs for what they hold; all others were sent."""


def experiment_name(experiment: Experiment) -> str:
    """What an experiment is called in MLflow."""
    return f"{experiment.name}-{experiment.scale}"


def sync(
    store: Store,
    experiment: str,
    planned_runs: list[PlannedRun],
    among: list[PlannedRun] | None = None,
    tell: Callable[[], None] = lambda: None,
    question: str = "",
) -> int:
    """Copy what is new of these runs into the MLflow experiment of that name; how many runs had anything new.

    A run that MLflow refuses holds up no other: Refused names it at the end. Without an answer nothing more is tried.
    among: all planned runs, in the declared order that a tag keeps; `planned_runs` if not given. tell: called after each
    step forward. question: of the experiment, for its description.
    """
    order = {(planned.label, planned.seed): number for number, planned in enumerate(among or planned_runs)}
    fresh = [planned for planned in planned_runs if planned.run.path.exists() and has_news(planned, experiment, store)]
    if not fresh:
        return 0
    with exclusive(store):
        client = connect(store)
        tell()
        experiment_id = connection.experiment_id(client, experiment, store, question)
        refusals = []
        for planned in fresh:
            try:
                Copy(client, experiment_id, experiment, planned, order[planned.label, planned.seed], store).send()
            except Exception as error:  # whatever MLflow raises
                if connection.is_unreachable(error, store):
                    raise
                log.debug("a run was refused", exc_info=True)
                refusals.append(f"{planned.label}, seed {planned.seed} ({connection.format_error(error, store)})")
            tell()
    if refusals:
        more = f"; and {len(refusals) - NAMED} more" if len(refusals) > NAMED else ""
        raise Refused(f"it refused {len(refusals)} of {len(fresh)} runs: {'; '.join(refusals[:NAMED])}{more}")
    return len(fresh)


class Tracker:
    """A watcher of the scheduler that syncs in a thread of its own. Errors of MLflow do not stop the scheduler."""

    def __init__(self, store: Store, experiment: str, planned_runs: list[PlannedRun], question: str = ""):
        self.store, self.experiment, self.planned_runs, self.question = store, experiment, planned_runs, question
        self.trouble = ""
        self._failed, self._moved, self._closing = -math.inf, 0.0, False
        self._queue: queue.Queue[PlannedRun | None] = queue.Queue()
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._thread.start()

    def started(self, planned: PlannedRun) -> None:
        pass

    def ended(self, planned: PlannedRun) -> None:
        self._queue.put(planned)

    def tick(self) -> None:
        pass

    def close(self) -> str:
        """Send what is left, as long as there is progress; returns what went wrong, empty if nothing did."""
        self._closing = True
        self._queue.put(None)
        self._moved = time.monotonic()
        timeout = SERVER_TIMEOUT_S if connection.remote(self.store) else LOCAL_TIMEOUT_S
        while self._thread.is_alive():
            self._thread.join(0.1)
            if time.monotonic() - self._moved > timeout:
                return self.trouble or f"{shown_uri(self.store)} has made no progress for {timeout:.0f} seconds"
        return self.trouble

    def _work(self) -> None:
        while (planned := self._queue.get()) is not None and not self._closing:
            if time.monotonic() - self._failed > RETRY_S:
                self._try([other for other in self.planned_runs if other.run.name == planned.run.name])
        for _ in range(TRIES):
            self._try(self.planned_runs)
            if not self.trouble:
                return
            time.sleep(1.0)

    def _try(self, planned_runs: list[PlannedRun]) -> None:
        try:
            sync(self.store, self.experiment, planned_runs, self.planned_runs, self._further, self.question)
            self.trouble = ""
        except Exception as error:  # whatever MLflow raises: the store has everything, and `bench sync` sends it later
            self.trouble, self._failed = connection.format_error(error, self.store), time.monotonic()
            log.debug("sync failed", exc_info=True)

    def _further(self) -> None:
        self._moved = time.monotonic()
