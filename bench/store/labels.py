"""What a run is called where: the variants of experiments, and trials of searches, that it was asked for as.

One run can belong to several: the ablation's ConvLSTM is also the comparison's. Nothing depends on these names but what people
read, so a file that is damaged or missing names nothing.
"""

from __future__ import annotations

import contextlib

from bench.common.reading import json_at
from bench.common.records import fitting
from bench.store import shapes
from bench.store.store import Run

FILE = "labels.json"


def labels(run: Run) -> dict[str, str]:
    """The label of a run by experiment, as MLflow calls that: {"ablation-small": "full"}."""
    try:
        found: dict[str, str] = fitting(json_at(run.path, FILE) or {}, shapes.LABELS, FILE)
    except OSError:
        return {}
    return found


def remember(run: Run, experiment: str, label: str) -> None:
    """Note what an experiment calls a run that has a directory; where nothing can be written, nothing is noted."""
    known = labels(run)
    if known.get(experiment) == label or not run.path.is_dir():
        return
    with contextlib.suppress(OSError):
        run.write(FILE, {**known, experiment: label})
