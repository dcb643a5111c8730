"""The newest report of each experiment in MLflow: a run in an MLflow experiment of its own, which holds the files.

In the experiment itself it would be drawn as one more curve. As the parent of the runs it would hide them: MLflow collapses
nested runs, in its table and in all charts, until each is expanded by hand.
"""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from bench.common.files import slug
from bench.common.urls import without_secrets
from bench.store.store import Store
from bench.tracking import database, views
from bench.tracking.connection import REPORTS, artifact_root, connect, exclusive, experiment_id, format_error, is_embedded

if TYPE_CHECKING:
    from mlflow.tracking import MlflowClient

KIND, NAME = "bench.kind", "report"  # the tag of a report's run
PAGE = "index.html"
LOCK_TIMEOUT_S = 10.0  # seconds that a report waits for another process that writes to MLflow
log = logging.getLogger(__name__)


def attach(store: Store, experiment: str, files: Sequence[Path], question: str, command: str, part: str = "") -> str:
    """Put the files of a report into its run among the reports; "" if all went well, else the error as text.

    The newest report replaces the one before. part: what of the experiment it shows, where not all: a folder of its own.
    Never raises: a report is complete without MLflow. Does nothing if MLflow was never used on this store.
    """
    if is_embedded(store) and not os.path.lexists(store.root / database.NAME):
        return ""
    try:
        with exclusive(store, LOCK_TIMEOUT_S):
            client = connect(store)
            reported, reports = (experiment_id(client, name, store, question) for name in (experiment, REPORTS))
            run_id = _run_id(client, reports, experiment, question)
            if is_embedded(store):
                database.refuse_other_artifacts(client, run_id, artifact_root(store))
            _clear(client, run_id, part)
            for file in files:
                client.log_artifact(run_id, str(file), slug(part) or None)
            client.set_tag(run_id, "bench.command", without_secrets(command))
            client.set_terminated(run_id)
            page = f"{reports}/runs/{run_id}/artifacts/{_page(client, run_id, files, part)}"
            views.describe(client, client.get_experiment(reported), question, page)
            for former in client.search_runs([reported], f"tags.`{KIND}` = '{NAME}'"):  # of a version before
                client.delete_run(former.info.run_id)
    except Exception as error:  # whatever MLflow raises
        log.debug("attaching failed", exc_info=True)
        return format_error(error, store)
    return ""


def _run_id(client: MlflowClient, reports: str, experiment: str, question: str) -> str:
    report_runs = [
        run
        for run in client.search_runs([reports], f"tags.`{KIND}` = '{NAME}'")
        if run.data.tags.get("bench.experiment") == experiment
    ]
    if report_runs:
        return str(report_runs[0].info.run_id)
    about = f"{question}\n\nOpen `index.html` among the artifacts."
    tags = {KIND: NAME, "bench.experiment": experiment, views.DESCRIPTION: about}
    return str(client.create_run(reports, run_name=experiment, tags=tags).info.run_id)


def _page(client: MlflowClient, run_id: str, files: Sequence[Path], part: str) -> str:
    """The artifact to link to: the page of the whole report where there is one, else that of this part."""
    whole = {file.path for file in client.list_artifacts(run_id) if not file.is_dir}
    names = [file.name for file in files]
    name = PAGE if PAGE in names else next(iter(names), "")
    return name if name in whole else "/".join(filter(None, [slug(part), name]))


def _clear(client: MlflowClient, run_id: str, part: str) -> None:
    """Remove the files of the former report, if the artifact store can: no old figure may stay."""
    from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

    with contextlib.suppress(Exception):
        repository = get_artifact_repository(client.get_run(run_id).info.artifact_uri)
        for file in client.list_artifacts(run_id, slug(part) or None):
            if not file.is_dir:
                repository.delete_artifacts(file.path)
