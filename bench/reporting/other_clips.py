"""Whether scores are of the clips that published numbers are of: the whole test set of a data set as it is without options."""

from __future__ import annotations

from bench.common.errors import Blocked
from bench.data.base import Dataset
from bench.spec.experiment import Evaluation
from bench.spec.runspec import RunSpec


def other_clips(spec: RunSpec, evaluation: Evaluation, scored: int | None) -> str:
    """How the scored clips differ from the whole test set of the data set without options; a cut (KTH) is none here."""
    data: Dataset = spec.data.build()
    without_effect = (*data.training_options, "cut")
    changed = {name: value for name, value in spec.data.identity["options"].items() if name not in without_effect}
    options = ", ".join(f"{name}={value}" for name, value in changed.items())
    of_others = f"of {spec.data.name} with {options}" if options else _unpublished(data)
    return " and ".join(filter(None, [of_others, _part(data, spec, evaluation, scored)]))


def _unpublished(data: Dataset) -> str:
    """Whether the prepared test set is another one than was published; empty where nothing tells."""
    try:
        return "of a test set that is not the published one" if data.unpublished() else ""
    except Blocked:
        return "perhaps not of the published test set, which is not on this machine"


def _part(data: Dataset, spec: RunSpec, evaluation: Evaluation, scored: int | None) -> str:
    """Which part of the test set was scored; empty where it is all of it."""
    if evaluation.clips is None or scored is None:
        return ""
    try:
        available = data.count(evaluation.split, spec.context + (evaluation.horizon or spec.horizon))
    except Blocked:
        return "perhaps not the whole test set, which is not on this machine"
    if available is None:
        return "generated here"
    return f"{scored} of {available} test clips" if scored < available else ""
