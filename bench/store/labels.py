"""The labels of a run: as which variant of an experiment, or trial of a search, it was requested.

One run can belong to several: the ablation's ConvLSTM is also the comparison's. These labels are only
shown, so a damaged or missing file counts as no labels.
"""

from __future__ import annotations

import contextlib
import shlex

from bench.common.json_schemas import fitting
from bench.common.reading import json_at
from bench.store import schemas
from bench.store.run import Run

FILE = "labels.json"


def labels(run: Run) -> dict[str, str]:
    """The label of a run in each experiment, named as in MLflow: {"ablation-small": "full"}."""
    try:
        by_experiment: dict[str, str] = fitting(json_at(run.path, FILE) or {}, schemas.LABELS, FILE)
    except OSError:
        return {}
    return by_experiment


def remember(run: Run, experiment: str, label: str) -> None:
    """Store the label of a run in an experiment, if its directory exists and can be written to."""
    by_experiment = labels(run)
    if by_experiment.get(experiment) == label or not run.path.is_dir():
        return
    with contextlib.suppress(OSError):
        run.write(FILE, {**by_experiment, experiment: label})


def retrain_command(run: Run) -> str:
    """The command that sets a run aside and trains it anew, and as what of which experiment, as far as its labels tell."""
    experiment, label = next(iter(labels(run).items()), ("", ""))
    if not label:
        return "`bench run ... --fresh` trains it anew"
    return f"`bench run ... {retrain_options(label, run.spec.seed)}` trains it anew, for {experiment}"


def retrain_options(label: str, seed: int) -> str:
    """The options of `bench run` that set one run of an experiment aside and train it anew."""
    return f"--only {shlex.quote(label)} --seeds {seed}, --fresh"  # "5," is seed 5 alone, "5" would be five seeds
