"""The connection to MLflow: one process writes at a time, and a server that is down is given up soon."""

from __future__ import annotations

import contextlib
import logging
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from filelock import FileLock, Timeout

from bench.common.errors import BenchError
from bench.common.files import slug
from bench.common.urls import shown, without_secrets
from bench.store.store import Store
from bench.tracking import database, views

if TYPE_CHECKING:
    from mlflow.tracking import MlflowClient

FOLDER = "/mlflow-artifacts/"
KIND, MODEL_TRAINING = "mlflow.experimentKind", "custom_model_development"  # opens the runs, not the traces
REPORTS = "lmc-bench reports"  # the MLflow experiment that has a run for the report of each other one
ENVIRONMENT = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "true",
    "MLFLOW_LOGGING_LEVEL": "WARNING",  # not a line for each migration of a new database
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0",  # the default blocks minutes per call on a dead server; and a second request
    # for a new run, after the first answer was lost, makes two runs
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "5",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",  # two lines a run, in the middle of the progress display
}


def tracking_uri(store: Store) -> str:
    """MLFLOW_TRACKING_URI where it is set, else a SQLite file in the store. It may hold secrets: `shown_uri` is for people."""
    return os.environ.get("MLFLOW_TRACKING_URI") or database.uri(store.root / database.NAME)


def shown_uri(store: Store) -> str:
    """Where MLflow is, without user, password and tokens."""
    return shown(os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{store.root / database.NAME}")


def is_embedded(store: Store) -> bool:
    """Whether MLflow is the store's own database, whose contents are part of the store."""
    return os.environ.get("MLFLOW_TRACKING_URI", "") in ("", f"sqlite:///{store.root / database.NAME}")


def artifact_root(store: Store) -> Path:
    """Where the embedded MLflow keeps its artifacts."""
    return store.root / FOLDER.strip("/")


def connect(store: Store) -> MlflowClient:
    """A client that soon gives up on a server that does not answer, and sends no telemetry."""
    for name, value in ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    logging.getLogger("alembic").setLevel(logging.WARNING)
    from mlflow.tracking import MlflowClient

    if not is_embedded(store):
        return MlflowClient(tracking_uri(store))
    path = store.root / database.NAME
    if database.ready(path) and not database.is_usable(path):
        database.set_aside(path)
    if not database.ready(path):
        database.make(path)
    settle(store)
    return MlflowClient(tracking_uri(store))


def settle(store: Store) -> None:
    """After a store was moved or copied, set the embedded MLflow's artifact paths to the store's present folder.

    MLflow stores absolute paths: with the old ones, a copy would write to the original store, and delete there.
    """
    path, current = store.root / database.NAME, f"{artifact_root(store)}/"
    if not is_embedded(store) or not database.ready(path):
        return
    with contextlib.suppress(sqlite3.Error), contextlib.closing(sqlite3.connect(path, timeout=5)) as tables, tables:
        location_rows = tables.execute("SELECT DISTINCT artifact_location FROM experiments").fetchall()
        texts = [location for (location,) in location_rows if isinstance(location, str)]
        folders = {f"{location.partition(FOLDER)[0]}{FOLDER}" for location in texts if FOLDER in location}
        for former in folders - {current}:
            for table, column in (("experiments", "artifact_location"), ("runs", "artifact_uri")):
                moved = f"UPDATE {table} SET {column} = ? || substr({column}, ?) WHERE substr({column}, 1, ?) = ?"
                tables.execute(moved, (current, len(former) + 1, len(former), former))


def experiment_id(client: MlflowClient, name: str, store: Store, question: str = "") -> str:
    """The MLflow experiment of that name, made if there is none, with its kind, its saved views and its question."""
    mlflow_experiment = client.get_experiment_by_name(name)
    if not mlflow_experiment:
        local = tracking_uri(store).startswith("sqlite:")
        folder = str(artifact_root(store) / slug(name)) if local else None
        about = {views.DESCRIPTION: "The newest report of each experiment: `index.html` among its artifacts."}
        tags = {KIND: MODEL_TRAINING, **(about if name == REPORTS else {})}
        new_id = client.create_experiment(name, artifact_location=folder, tags=tags)
        mlflow_experiment = client.get_experiment(new_id)
    if mlflow_experiment.lifecycle_stage == "deleted":  # by hand, in the UI
        client.restore_experiment(mlflow_experiment.experiment_id)
    if KIND not in mlflow_experiment.tags:  # made by a version before
        client.set_experiment_tag(mlflow_experiment.experiment_id, KIND, MODEL_TRAINING)
    if name != REPORTS:
        views.save(client, mlflow_experiment)
        views.describe(client, mlflow_experiment, question)
    return str(mlflow_experiment.experiment_id)


def remote(store: Store) -> bool:
    """Whether MLflow is on a server, of its own or of a database, which may not answer."""
    return not tracking_uri(store).startswith(("sqlite:", "file:"))


def has_pages(store: Store) -> bool:
    """Whether what runs are copied to shows them itself; a database does not, whoever serves it."""
    return tracking_uri(store).startswith(("http:", "https:", "databricks"))


def is_unreachable(error: BaseException, store: Store) -> bool:
    """Whether MLflow does not answer at all, rather than refuse what was sent: then nothing else would arrive either."""
    if isinstance(error, (ConnectionError, TimeoutError)):
        return True
    message = str(error)  # MLflow wraps what its HTTP client raises; a 500 may be about the one request
    return remote(store) and "API request to" in message and "failed with" in message and "too many 500" not in message


def format_error(error: BaseException, store: Store) -> str:
    """What went wrong with MLflow, in one line."""
    message, uri = str(error), shown_uri(store)
    if isinstance(error, BenchError):
        return message
    if remote(store):
        if "timed out" in message:
            return f"{uri} does not answer"
        if "NewConnectionError" in message or "NameResolutionError" in message:
            return f"there is no server at {uri}"
        if "error responses" in message:  # its database may be down
            return f"{uri} answers with errors"
    return without_secrets(f"{type(error).__name__}: {(message.splitlines() or [''])[0]}")


@contextlib.contextmanager
def exclusive(store: Store, wait: float | None = None) -> Iterator[None]:
    """One writer at a time: several at once break a fresh MLflow database for good.

    wait: seconds to wait for another one, after which a BenchError is raised; without end if None.
    """
    lock = FileLock(store.root / ".mlflow.lock", timeout=-1 if wait is None else wait, fallback_to_soft=False)
    try:
        lock.acquire()
    except Timeout:
        raise BenchError(f"another process has been writing to MLflow for {wait:.0f} seconds") from None
    try:
        yield
    finally:
        lock.release()
