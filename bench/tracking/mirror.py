"""Copies one run of the store to MLflow: parameters, curves, per-frame scores, artifacts, and how it ended.

The run directory notes what has been sent (`mlflow/`); only steps that a checkpoint covers are sent, since later ones may be
cut back.
"""

from __future__ import annotations

import logging
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.common.errors import BenchError
from bench.common.files import slug, write_json
from bench.common.json_schemas import known_fields
from bench.common.reading import LARGE, inside, is_folder, is_regular, json_in
from bench.common.urls import digest
from bench.evaluation.scores import Scores, load
from bench.spec.runspec import RunSpec
from bench.store import schemas
from bench.store.run import DIVERGED, FAILED, FINISHED, INTERRUPTED, RUNNING, Run
from bench.store.store import Store
from bench.sweep.plan import PlannedRun
from bench.tracking import database, origin, views
from bench.tracking.connection import artifact_root, is_embedded, tracking_uri

if TYPE_CHECKING:
    from mlflow.entities import Metric
    from mlflow.tracking import MlflowClient

ENDED: dict[str, str] = {FINISHED: "FINISHED", FAILED: "FAILED", DIVERGED: "FAILED", INTERRUPTED: "KILLED", RUNNING: "RUNNING"}
LONGEST_PARAMETER = 6000  # characters; MLflow truncates longer ones silently
REASON = "bench.reason"  # the tag that says why a run ended otherwise than well
CUT = 5000  # characters of a tag that MLflow keeps
BATCH = 1000  # metrics that MLflow takes in one call
LONGEST_NAME = 250  # letters of a metric's name
log = logging.getLogger(__name__)


class Copy:
    """Copies one run to MLflow.

    The run's directory notes every request for a new MLflow run beforehand: if the answer is lost, two may have been made, and
    all but one of them are removed once MLflow answers again.
    """

    def __init__(
        self, client: MlflowClient, experiment_id: str, experiment: str, planned: PlannedRun, order: int, store: Store
    ):
        self.client, self.experiment_id, self.planned, self.order = client, experiment_id, planned, order
        self.path, self.store = _note_path(planned, experiment), store
        self.identity = {"target": digest(tracking_uri(store)), "experiment": experiment, "variant": planned.label}
        self.note = _note(planned, experiment, store)

    def send(self) -> None:
        """Send everything that is new; everything again if the run was deleted in MLflow."""
        try:
            self._send()
        except Exception:
            if not self._removed():
                raise
            self.note = {}
            self._send()

    def _send(self) -> None:
        client, planned, note = self.client, self.planned, self.note
        run_id = note["run_id"] if "run_id" in note and self._is_ours(note["run_id"]) else self._find_or_create()
        scores = _scores(planned)
        status = planned.run.status()
        stamp = _scores_stamp(planned)
        if scores and note.get("scored") != stamp and _replaces(scores, self._sent_metrics(run_id)):
            client.delete_run(run_id)  # MLflow keeps every point: its curves would have two a frame, and lost means would stay
            note, run_id = {}, self._find_or_create()
        metrics, step = _training(planned, int(note.get("step", -1)))
        if scores and stamp is not None and note.get("scored") != stamp:
            metrics += _score_metrics(scores, stamp, self._sent_metrics(run_id))
            metrics += _cost_metrics(planned, stamp, self._sent_metrics(run_id))
        for first in range(0, len(metrics), BATCH):
            client.log_batch(run_id, metrics=metrics[first : first + BATCH])
        if is_embedded(self.store):
            database.refuse_other_artifacts(client, run_id, artifact_root(self.store))
        _artifacts(client, run_id, planned)
        if "run_id" not in note:
            client.log_inputs(run_id, datasets=origin.dataset(planned))
        client.log_batch(run_id, tags=origin.tags(planned, self.identity["experiment"]))
        client.set_tag(run_id, "bench.state", status.state)
        client.set_tag(run_id, views.SETTINGS, self._settings_key())  # which runs of a version before lack
        self._mark_replaced()
        if status.reason:
            client.set_tag(run_id, REASON, status.reason)
        elif REASON in client.get_run(run_id).data.tags:  # of an earlier end
            client.delete_tag(run_id, REASON)
        client.set_terminated(run_id, ENDED.get(status.state, "RUNNING"), end_time=int(status.updated * 1000))
        if note.get("asked"):
            for twin in self._all():
                if twin != run_id:
                    client.delete_run(twin)
        sent = {"run_id": run_id, "step": step, "scored": stamp, "updated": status.updated, "state": status.state}
        made_at = database.made_at(self.store.root / database.NAME) if is_embedded(self.store) else None
        write_json(self.path, {**sent, **({"made_at": made_at} if made_at else {}), **self.identity}, planned.run.path)

    def _find_or_create(self) -> str:
        """The MLflow run of a planned run: found by its tags, or made with them; and its parameters."""
        from mlflow.entities import Param

        planned = self.planned
        run_ids = self._all()
        if run_ids:
            run_id = run_ids[0]
        else:
            write_json(self.path, {"asked": True, **self.identity}, planned.run.path)
            tags = {
                "bench.run": planned.run.identity(),
                views.SETTINGS: self._settings_key(),
                "bench.variant": planned.label,
                "bench.seed": str(planned.seed),
                "bench.order": f"{self.order:03}",
            }
            began = int(next(iter(planned.run.metrics.lines()), {}).get("time", planned.run.status().updated) * 1000)
            name = f"{planned.label} · seed {planned.seed}"
            run_id = str(self.client.create_run(self.experiment_id, start_time=began, run_name=name, tags=tags).info.run_id)
        settings = {"variant": planned.label, **_settings(planned.spec)}
        self.client.log_batch(run_id, params=[Param(key, str(value)[:LONGEST_PARAMETER]) for key, value in settings.items()])
        return run_id

    def _settings_key(self) -> str:
        """Equal for all seeds of the same settings: runs of a variant that `--set` has changed are no seeds of the others."""
        fingerprint = self.planned.run.provenance().get("fingerprint") or self.planned.spec.fingerprint
        return self.planned.spec.but(seed=0).key_with(fingerprint)

    def _mark_replaced(self) -> None:
        """Take the copies of runs that were set aside for this one out of the means of their variant."""
        for path in inside(self.store.root / "set-aside"):
            identity = Run(path).identity() if path.name.startswith(f"{self.planned.run.name}-") else path.name
            if identity != path.name:  # else no copy bears it
                for copied in self.client.search_runs([self.experiment_id], f"tags.`bench.run` = '{identity}'"):
                    self.client.set_tag(copied.info.run_id, views.SETTINGS, views.REPLACED)

    def _sent_metrics(self, run_id: str) -> dict[str, float]:
        """The means that MLflow has; sending an equal value again would add a second point."""
        return dict(self.client.get_run(run_id).data.metrics)

    def _all(self) -> list[str]:
        """The MLflow runs that are copies of the run; more than one after an answer was lost."""
        copies = self.client.search_runs([self.experiment_id], f"tags.`bench.run` = '{self.planned.run.identity()}'")
        label = self.planned.label
        older = label.partition(": ")[0] if label.startswith("trial ") else label  # trials bore their numbers alone
        names = (label, label[:CUT], older)
        return sorted(str(run.info.run_id) for run in copies if run.data.tags.get("bench.variant") in names)

    def _is_ours(self, run_id: str) -> bool:
        """Whether an MLflow run that a note names is a copy of this run: a note from elsewhere could name any run."""
        return self.client.get_run(run_id).data.tags.get("bench.run") == self.planned.run.identity()

    def _removed(self) -> bool:
        """Whether the noted MLflow run is gone: deleted by hand, or with its database."""
        from mlflow.exceptions import MlflowException

        if not self.note.get("run_id"):
            return False
        try:
            return bool(self.client.get_run(self.note["run_id"]).info.lifecycle_stage != "active")
        except MlflowException as error:
            return bool(error.error_code == "RESOURCE_DOES_NOT_EXIST")


def _settings(spec: RunSpec) -> dict[str, Any]:
    """All settings, defaults included, so that all runs have the same parameters; fewer if a plug-in is missing."""
    try:
        return spec.settings()
    except BenchError:
        return spec.flat()


def _training(planned: PlannedRun, after: int) -> tuple[list[Metric], int]:
    """Losses and validation scores of the steps after `after` that a checkpoint covers, and the last of those steps."""
    from mlflow.entities import Metric

    covered = planned.run.status().step
    metrics = [
        Metric(_metric_name(name), value, int(line["time"] * 1000), int(line["step"]))
        for line in planned.run.metrics.lines()
        if after < line["step"] <= covered
        for name, value in line.items()
        if name not in ("step", "time")
    ]
    return metrics, max(after, covered)


def _metric_name(name: str) -> str:
    """A name that MLflow takes, which refuses most signs, and what a path would leave out; learners name their own losses."""
    parts = (re.sub(r"[^\w.\- :]", "-", part) for part in name.split("/"))
    return "/".join(part for part in parts if part not in ("", ".", ".."))[:LONGEST_NAME] or "-"


def _score_metrics(scores: Scores, stamp: int, sent: dict[str, float]) -> list[Metric]:
    """Per-frame means, whose step is the frame (1 is the first predicted), and under `mean/` those over the horizon.

    Scores of the whole set of clips stand under `mean/` alone. Only values that MLflow does not have yet.
    """
    from mlflow.entities import Metric

    means = {name: value for name, value in scores.means().items() if sent.get(f"mean/{name}") != value}
    metrics = []
    for name, mean in means.items():
        frames = scores[name].mean(0, dtype="float64")
        metrics += [Metric(f"frame/{name}", float(value), stamp, frame) for frame, value in enumerate(frames, 1)]
        metrics.append(Metric(f"mean/{name}", mean, stamp, 0))  # last: it tells that the frames are there
    of_sets = {name: value for name, value in scores.set_scores().items() if sent.get(f"mean/{name}") != value}
    metrics += [Metric(f"mean/{name}", value, stamp, 0) for name, value in of_sets.items()]
    return metrics


def _replaces(scores: Scores, sent: dict[str, float]) -> bool:
    """Whether MLflow has another value of a mean, or one of what has no value now; what it lacks can be added."""
    present = {f"mean/{name}": value for name, value in (scores.means() | scores.set_scores()).items()}
    return any(present.get(name) != value for name, value in sent.items() if name.startswith("mean/"))


def _cost_metrics(planned: PlannedRun, stamp: int, sent: dict[str, float]) -> list[Metric]:
    from mlflow.entities import Metric

    return [Metric(name, value, stamp, 0) for name, value in origin.costs(planned).items() if sent.get(name) != value]


def _artifacts(client: MlflowClient, run_id: str, planned: PlannedRun) -> None:
    for name in ("spec.json", "provenance.json", "log.txt"):
        _send_file(client, run_id, planned.run.path / name)
    for evaluation in planned.evaluations:
        _send_file(client, run_id, planned.run.scores_file(evaluation.key), "scores")
        for picture in inside(planned.run.path / "predictions"):
            if picture.name.startswith(f"{evaluation.key}-") and picture.suffix == ".png":
                _send_file(client, run_id, picture, "predictions")


def _send_file(client: MlflowClient, run_id: str, path: Path, folder: str | None = None) -> None:
    """Send a regular file of the run; links are not followed, since they could publish any file."""
    if is_regular(path) and is_folder(path.parent) and path.stat().st_size <= LARGE:
        client.log_artifact(run_id, str(path), folder)


def _scores(planned: PlannedRun) -> Scores | None:
    """None where there are none, or none that can be read."""
    path = planned.run.scores_file(planned.evaluations[0].key) if planned.evaluations else None
    try:
        return load(path) if path and is_regular(path) else None
    except BenchError as error:
        log.warning("%s", error)
        return None


def has_news(planned: PlannedRun, experiment: str, store: Store) -> bool:
    """Whether the run has something that MLflow does not have yet."""
    note, status = _note(planned, experiment, store), planned.run.status()
    same = note.get("updated") == status.updated and note.get("state", status.state) == status.state
    return not same or note.get("scored") != _scores_stamp(planned)


def _scores_stamp(planned: PlannedRun) -> int | None:
    """When the scores were last made, in milliseconds; None where there are none."""
    path = planned.run.scores_file(planned.evaluations[0].key) if planned.evaluations else None
    return path.stat().st_mtime_ns // 1_000_000 if path and is_regular(path) else None


def _note(planned: PlannedRun, experiment: str, store: Store) -> dict[str, Any]:
    """What was sent to this MLflow before; empty if it was another MLflow, or if that is gone."""
    path = _note_path(planned, experiment)
    try:
        note = known_fields(json_in(path, planned.run.path) or {}, schemas.COPIED, path)
    except OSError:  # damaged: what was sent is found again by its tags
        return {}
    gone = is_embedded(store) and not _is_noted(note, store.root / database.NAME)
    return {} if gone or note.get("target") != digest(tracking_uri(store)) else note


def _is_noted(note: dict[str, Any], path: Path) -> bool:
    """Whether the database is there that a note is about; older notes do not say when theirs was made."""
    return is_regular(path) and ("made_at" not in note or note["made_at"] == database.made_at(path))


def _note_path(planned: PlannedRun, experiment: str) -> Path:
    """A path of its own for every experiment and variant, whatever the length and the signs of their names."""
    return planned.run.path / "mlflow" / f"{slug(planned.label, 40)}-{digest(f'{experiment}/{planned.label}')}.json"
