"""The settings of an experiment's variants, as reports show them beside the scores."""

from __future__ import annotations

from typing import Any

from bench.common.display import published
from bench.spec.experiment import Experiment


def configurations(experiment: Experiment) -> dict[str, dict[str, Any]]:
    """Every variant's settings, flat: {"full": {"model.slots": 50, ...}}.

    A variant without training has no settings of training, but for those that all trained ones have in common.
    """
    flat = {label: spec.flat() for label, spec in experiment.variants.items()}
    trained = [flat[label] for label, spec in experiment.variants.items() if spec.steps]
    shared = dict.fromkeys(name for settings in trained for name in settings)
    common = {name: trained[0].get(name) for name in shared if len({str(settings.get(name)) for settings in trained}) == 1}
    for label, spec in experiment.variants.items():
        needed = {name: value for name, value in flat[label].items() if spec.depends_on(name)}
        flat[label] = needed | {name: value for name, value in common.items() if not spec.depends_on(name)}
    return {label: {name: published(value) for name, value in settings.items()} for label, settings in flat.items()}


def sizes(experiment: Experiment) -> dict[str, float] | None:
    """Each variant's number of memory slots, where that is what the experiment varies."""
    slots = {label: spec.model.options.get("slots") for label, spec in experiment.variants.items()}
    if len(slots) > 2 and None not in slots.values() and len(set(slots.values())) == len(slots):
        return {label: float(count) for label, count in slots.items() if count is not None}
    return None
