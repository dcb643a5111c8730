"""A faithful copy of the store in MLflow: any time, any number of times, with the same result.

One process writes at a time, in batches, with the time stamps of the store, so that sending something twice changes
nothing. Each run directory notes what has been sent (`mlflow.json`); only steps that a checkpoint covers are sent, since
later ones may be cut back. Training never waits for MLflow: a server that is down costs nothing but a later `bench sync`.
"""

from __future__ import annotations

import logging
import queue
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench import connection
from bench.connection import alone, connect, slug, tracking_uri
from bench.experiment import Experiment
from bench.files import read_json, write_json
from bench.plan import Item
from bench.scores import Scores, load
from bench.store import DIVERGED, FAILED, FINISHED, INTERRUPTED, RUNNING, Store

if TYPE_CHECKING:
    from mlflow.entities import Metric
    from mlflow.tracking import MlflowClient

ENDED = {FINISHED: "FINISHED", FAILED: "FAILED", DIVERGED: "FAILED", INTERRUPTED: "KILLED", RUNNING: "RUNNING"}
LONGEST_PARAMETER = 6000  # characters; MLflow cuts longer ones without a word
BATCH = 1000  # metrics that MLflow takes in one call
log = logging.getLogger(__name__)


def experiment_name(experiment: Experiment) -> str:
    """What an experiment is called in MLflow."""
    return f"{experiment.name}-{experiment.scale}"


def sync(store: Store, experiment: str, items: list[Item], among: list[Item] | None = None) -> int:
    """Copy what is new of these runs into the MLflow experiment of that name; how many runs had anything new.

    among: all planned runs, in the declared order that a tag keeps; `items` themselves if not given.
    """
    order = {(item.label, item.seed): number for number, item in enumerate(among or items)}
    fresh = [item for item in items if item.run.path.exists() and _news(item, experiment, store)]
    if not fresh:
        return 0
    with alone(store):
        client = connect(store)
        experiment_id = connection.experiment_id(client, experiment, store)
        for item in fresh:
            _copy(client, experiment_id, experiment, item, order[item.label, item.seed], store)
    return len(fresh)


class Tracker:
    """Syncs in a thread of its own while a scheduler works; a watcher of the scheduler."""

    def __init__(self, store: Store, experiment: str, items: list[Item]):
        self.store, self.experiment, self.items = store, experiment, items
        self.trouble = ""
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
        """Send what is left; what went wrong, in words."""
        self._queue.put(None)
        self._thread.join()
        return self.trouble

    def _work(self) -> None:
        while (item := self._queue.get()) is not None:
            self._try([other for other in self.items if other.run.name == item.run.name])
        self._try(self.items)

    def _try(self, items: list[Item]) -> None:
        try:
            sync(self.store, self.experiment, items, among=self.items)
            self.trouble = ""
        except Exception as error:  # whatever MLflow raises: the store has everything, and `bench sync` sends it later
            self.trouble = f"{type(error).__name__}: {str(error).splitlines()[0]}"
            log.debug("sync failed", exc_info=True)


def _copy(client: MlflowClient, experiment_id: str, experiment: str, item: Item, order: int, store: Store) -> None:
    note = _note(item, experiment, store)
    run_id = note.get("run_id") or _run_id(client, experiment_id, item, order)
    metrics, step = _training(item, int(note.get("step", -1)))
    scores = _scores(item)
    status = item.run.status()
    stamp = _scores_stamp(item)
    if scores and stamp is not None and note.get("scored") != stamp:
        metrics += _score_metrics(scores, stamp)
    for first in range(0, len(metrics), BATCH):
        client.log_batch(run_id, metrics=metrics[first : first + BATCH])
    _artifacts(client, run_id, item)
    client.set_tag(run_id, "bench.state", status.state)
    if status.reason:
        client.set_tag(run_id, "bench.reason", status.reason)
    client.set_terminated(run_id, ENDED.get(status.state, "RUNNING"), end_time=int(status.updated * 1000))
    sent = {"run_id": run_id, "step": step, "scored": stamp, "updated": status.updated, "uri": tracking_uri(store)}
    write_json(_note_path(item, experiment), sent)


def _run_id(client: MlflowClient, experiment_id: str, item: Item, order: int) -> str:
    """The MLflow run of a planned run: found by its tag, or made with its parameters."""
    from mlflow.entities import Param

    tags = {
        "bench.run": item.run.identity(),
        "bench.variant": item.label,
        "bench.seed": str(item.seed),
        "bench.order": f"{order:03}",
    }
    found = client.search_runs(
        [experiment_id], f"tags.`bench.run` = '{item.run.identity()}' and tags.`bench.variant` = '{_quoted(item.label)}'"
    )
    if found:
        run_id = str(found[0].info.run_id)
    else:  # with its tags in the same call: killed right after it, we find the run again
        began = next(iter(item.run.metrics()), {}).get("time", item.run.status().updated)
        name = f"{item.label} · seed {item.seed}"
        run_id = str(client.create_run(experiment_id, start_time=int(began * 1000), run_name=name, tags=tags).info.run_id)
    settings = {"variant": item.label, **item.spec.flat()}
    client.log_batch(run_id, params=[Param(key, str(value)[:LONGEST_PARAMETER]) for key, value in settings.items()])
    return run_id


def _training(item: Item, after: int) -> tuple[list[Metric], int]:
    """Losses and validation scores of the steps after `after` that a checkpoint covers, and the last of those steps."""
    from mlflow.entities import Metric

    covered = item.run.status().step
    metrics = [
        Metric(name, value, int(line["time"] * 1000), int(line["step"]))
        for line in item.run.metrics()
        if after < line["step"] <= covered
        for name, value in line.items()
        if name not in ("step", "time")
    ]
    return metrics, max(after, covered)


def _score_metrics(scores: Scores, stamp: int) -> list[Metric]:
    """Per-frame means, whose step is the frame (1 is the first predicted), and under `mean/` those over the horizon."""
    from mlflow.entities import Metric

    metrics = [Metric(f"mean/{name}", value, stamp, 0) for name, value in scores.means().items()]
    for name in scores.means():
        frames = scores[name].mean(0, dtype="float64")
        metrics += [Metric(f"frame/{name}", float(value), stamp, frame) for frame, value in enumerate(frames, 1)]
    return metrics


def _artifacts(client: MlflowClient, run_id: str, item: Item) -> None:
    for name in ("spec.json", "provenance.json", "log.txt"):
        if (item.run.path / name).exists():
            client.log_artifact(run_id, str(item.run.path / name))
    for evaluation in item.evaluations:
        if (path := item.run.scores_file(evaluation.key)).exists():
            client.log_artifact(run_id, str(path), "scores")
        for picture in sorted((item.run.path / "predictions").glob(f"{evaluation.key}-*.png")):
            client.log_artifact(run_id, str(picture), "predictions")


def _scores(item: Item) -> Scores | None:
    path = item.run.scores_file(item.evaluations[0].key) if item.evaluations else None
    return load(path) if path and path.exists() else None


def _news(item: Item, experiment: str, store: Store) -> bool:
    note, status = _note(item, experiment, store), item.run.status()
    return note.get("updated") != status.updated or note.get("scored") != _scores_stamp(item)


def _scores_stamp(item: Item) -> int | None:
    """When the scores were last made, in milliseconds; None where there are none."""
    path = item.run.scores_file(item.evaluations[0].key) if item.evaluations else None
    return path.stat().st_mtime_ns // 1_000_000 if path and path.exists() else None


def _note(item: Item, experiment: str, store: Store) -> dict[str, Any]:
    """What was sent to this MLflow before; nothing if it was another one."""
    note = read_json(_note_path(item, experiment)) or {}
    return note if note.get("uri") == tracking_uri(store) else {}


def _note_path(item: Item, experiment: str) -> Path:
    return item.run.path / "mlflow" / f"{experiment}-{slug(item.label)}.json".replace("/", "-")


def _quoted(label: str) -> str:
    return label.replace("'", "\\'")
