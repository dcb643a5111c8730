"""Saved views of an MLflow experiment: the charts that matter first, in an order that MLflow's own page does not know.

MLflow draws its charts in the alphabetical order of their names. A saved view is a tag of the experiment; MLflow lists it under
"Views", and opens it by the key in the page's address. Its form is that of the page of MLflow 3.16 and 3.17.
"""

from __future__ import annotations

import contextlib
import json
import sqlite3
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mlflow.entities import Experiment
    from mlflow.tracking import MlflowClient

TAG = "mlflow.sharedViewState."
SETTINGS, REPLACED = "bench.settings", "replaced"  # the tag that only seeds of one another share, and of runs set aside
DESCRIPTION = "mlflow.note.content"
RUNS, VARIANTS = "bench-runs", "bench-variants"
NAMES = {RUNS: "What matters first", VARIANTS: "What matters first, mean of each variant's seeds"}
EXPERIMENTS = "#/experiments?workflowType=machine_learning"  # the page of all, and runs rather than traces from there on
BARS = 100  # runs that a bar chart shows at most
SECTIONS: dict[str, dict[str, str]] = {
    "Test scores at each predicted frame": {
        "frame/standard/psnr": "LINE", "frame/standard/ssim": "LINE", "frame/standard/lpips": "LINE",
    },
    "Validation and loss at each training step": {
        "validation/psnr": "LINE", "loss/prediction": "LINE", "loss/matching": "LINE", "loss/storing": "LINE",
        "validation/ssim": "LINE",
    },
    "Test scores, mean over the frames": {
        "mean/standard/psnr": "BAR", "mean/standard/ssim": "BAR", "mean/standard/lpips": "BAR",
    },
    "Costs": {
        "run_cost/train_seconds": "BAR", "run_cost/parameters": "BAR", "run_cost/peak_memory_bytes": "BAR",
    },
}  # fmt: skip
"""Sections, and their charts: metric -> kind. A chart that no run has values for is hidden."""
COLUMNS = (
    "attributes.`Dataset`", "metrics.`mean/standard/psnr`", "metrics.`mean/standard/ssim`", "metrics.`validation/psnr`",
    "metrics.`run_cost/train_seconds`",
)  # fmt: skip
"""Of the table of runs, beside the name, the time and the duration."""
BY_VARIANT = ({"mode": "param", "groupByData": "variant"},)  # as a version before grouped runs
BY_SETTINGS = (*BY_VARIANT, {"mode": "tag", "groupByData": SETTINGS})
"""Of what a mean is taken: runs whose settings were changed, and those that were set aside, are groups of their own."""


def save(client: MlflowClient, experiment: Experiment) -> None:
    """Give an experiment the views that it lacks, or has from a version before; one that somebody has changed stays."""
    for key in NAMES:
        saved = _saved(key)
        if experiment.tags.get(TAG + key, "") in ("", _saved(key, BY_VARIANT)) and experiment.tags.get(TAG + key) != saved:
            client.set_experiment_tag(experiment.experiment_id, TAG + key, saved)


def describe(client: MlflowClient, experiment: Experiment, question: str, report: str = "") -> None:
    """Set the description of an experiment to its question and a link to the charts; a text by hand stays.

    report: the page of the newest report in MLflow, as "EXPERIMENT_ID/runs/RUN_ID/artifacts/index.html".
    """
    lines = [question, f"[The charts that matter first]({page(experiment.experiment_id)})"]
    ours = "\n\n".join(filter(None, lines))
    newest = "\n\n[The newest report]("
    description = experiment.tags.get(DESCRIPTION, "")
    if description and description != ours and not description.startswith(ours + newest):
        return
    if report:
        ours += f"{newest}#/experiments/{report})"
    elif description:
        return
    if description != ours:
        client.set_experiment_tag(experiment.experiment_id, DESCRIPTION, ours)


def pages(database: Path) -> dict[str, str]:
    """The experiments of an embedded MLflow database that have a view, the newest first: name -> its page.

    Read without MLflow, whose import takes seconds.
    """
    query = (
        "SELECT name, experiments.experiment_id FROM experiments JOIN experiment_tags USING (experiment_id) "
        "WHERE key = ? AND lifecycle_stage = 'active' ORDER BY experiment_id DESC"
    )
    with (
        contextlib.suppress(sqlite3.Error),
        contextlib.closing(sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True)) as tables,
    ):
        rows = tables.execute(query, (TAG + RUNS,)).fetchall()
        return {str(name): page(str(number)) for name, number in rows}
    return {}


def page(experiment_id: str, view: str = RUNS) -> str:
    """The address of a view, below that of the server."""
    return f"#/experiments/{experiment_id}/runs?workflowType=machine_learning&compareRunsMode=CHART&viewStateShareKey={view}"


def _saved(key: str, groups: Sequence[Mapping[str, str]] = BY_SETTINGS) -> str:
    return json.dumps({"name": NAMES[key], "createdAt": 0, "updatedAt": 0, "state": json.dumps(_state(key, groups))})


def _state(key: str, groups: Sequence[Mapping[str, str]]) -> dict[str, Any]:
    return {
        "searchFilter": "",
        "orderByKey": "tags.`bench.order`",
        "orderByAsc": True,
        "startTime": "ALL",
        "lifecycleFilter": "Active",
        "modelVersionFilter": "All Runs",
        "datasetsFilter": [],
        "selectedColumns": COLUMNS,
        "runsHiddenMode": "SHOW_ALL",
        "hideEmptyCharts": True,
        "isAccordionReordered": True,
        "useGroupedValuesInCharts": True,
        "groupBy": {"aggregateFunction": "average", "groupByKeys": groups} if key == VARIANTS else None,
        "compareRunSections": [_section(title) for title in SECTIONS],
        "compareRunCharts": [
            _chart(kind, metric, title) for title, charts in SECTIONS.items() for metric, kind in charts.items()
        ],
    }


def _section(title: str) -> dict[str, Any]:
    return {"uuid": title, "name": title, "display": True, "isReordered": False, "deleted": False, "isGenerated": False}


def _chart(kind: str, metric: str, section: str) -> dict[str, Any]:
    chart = {
        "uuid": metric, "type": kind, "metricKey": metric, "displayName": metric.rpartition("/")[2], "metricSectionId": section,
        "runsCountToCompare": BARS, "deleted": False, "isGenerated": False,
    }  # fmt: skip
    if kind == "LINE":
        chart |= {
            "selectedMetricKeys": [metric], "xAxisKey": "step", "selectedXAxisMetricKey": "", "xAxisScaleType": "linear",
            "yAxisKey": "metric", "yAxisExpressions": [], "scaleType": "linear", "range": {}, "ignoreOutliers": False,
            "lineSmoothness": 0, "useGlobalXaxisKey": False, "useGlobalLineSmoothing": True,
        }  # fmt: skip
    return chart
