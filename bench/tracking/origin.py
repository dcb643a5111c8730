"""Provenance of a run in the fields of MLflow's pages: source, commit, user, description, data set; and its costs."""

from __future__ import annotations

import getpass
import json
from pathlib import Path
from typing import TYPE_CHECKING

from bench.common.display import plain
from bench.store.schemas import COSTS
from bench.sweep.plan import PlannedRun

if TYPE_CHECKING:
    from mlflow.entities import DatasetInput, RunTag


def tags(planned: PlannedRun, experiment: str) -> list[RunTag]:
    """MLflow's tags of origin, as far as the run's provenance knows them; the user is the one who copies.

    experiment: its name in MLflow.
    """
    from mlflow.entities import RunTag

    provenance = planned.run.provenance()
    commit = provenance.get("code", {}).get("commit")
    program = str(provenance.get("command", "")).partition(" ")[0]
    about = f"{planned.label}, seed {planned.seed}, of {experiment}. In the store it is the run `{planned.run.name}`."
    tag_values = {
        "mlflow.note.content": about,
        "mlflow.source.type": "LOCAL",
        "mlflow.source.name": "/".join(Path(program).parts[-3:]),  # as in the repository, not where this machine keeps it
        "mlflow.source.git.commit": str(commit) if commit else "",
        "mlflow.user": _user(),
    }
    return [RunTag(name, plain(value)) for name, value in tag_values.items() if value]


def dataset(planned: PlannedRun) -> list[DatasetInput]:
    """The training data as an MLflow data set: its name, its fingerprint, and the shape of its frames; nothing is read."""
    from mlflow.entities import Dataset, DatasetInput, InputTag

    provenance = planned.run.provenance()
    fingerprint = provenance.get("fingerprint")
    if not fingerprint:
        return []
    spec = planned.spec
    name = spec.data.name
    source = json.dumps({"data": name, **{key: str(value) for key, value in spec.data.options.items()}})
    profile = json.dumps({"frame shape": provenance.get("shape"), "context": spec.context, "horizon": spec.horizon})
    data_set = Dataset(name[:500], str(fingerprint)[-36:], "lmc-bench", source, profile=profile)
    return [DatasetInput(data_set, [InputTag("mlflow.data.context", "training")])]


def costs(planned: PlannedRun) -> dict[str, float]:
    """What the run cost, as far as known: "run_cost/train_seconds" and so on."""
    provenance = planned.run.provenance()
    return {f"run_cost/{name}": float(provenance[name]) for name in COSTS if provenance.get(name) is not None}


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container whose user has no name
        return ""
