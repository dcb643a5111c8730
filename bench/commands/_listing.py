"""Lists of what experiments and search spaces consist of."""

from __future__ import annotations

from typing import Any

from bench.common.errors import BenchError


def experiments(as_json: bool = False) -> list[dict[str, Any]]:
    """The experiments of the suite, with the labels of their variants at small scale."""
    from bench.spec.loading import describe, load, names

    rows: list[dict[str, Any]] = []
    for name in names():
        labels = list(load(name).variants)
        variants: Any = labels if as_json else "; ".join(labels)  # a label may hold a comma
        rows.append({"experiment": name, "question": describe(name), "variants": variants})
    return rows


def variants(name: str, scale: str, as_json: bool = False) -> list[dict[str, Any]]:
    """The variants of an experiment, the seeds each is trained with, and what sets it apart from the first."""
    from bench.commands._settings import own_settings
    from bench.spec.loading import load
    from reports.footnotes import ranges

    experiment = load(name, scale)
    first = next(iter(experiment.variants.values()))
    rows: list[dict[str, Any]] = []
    for label, spec in experiment.variants.items():
        seeds = [planned.seed for variant, planned in experiment.runs() if variant == label]
        row: dict[str, Any] = {"variant": label, "model": spec.model.name, "steps": spec.steps}
        row["seeds"] = seeds if as_json else f"seed{'s' if len(seeds) > 1 else ''} {ranges(seeds)}"  # a bare 0 reads as none
        row["set apart by"] = own_settings(first, spec)
        rows.append(row)
    return rows


def spaces(as_json: bool = False) -> list[dict[str, Any]]:
    """What `bench tune` can search, with the names of the choices at small scale."""
    from bench.tune.spaces import choices, load, names

    choice_names = {name: list(choices(load(name, "small"))) for name in names()}
    rows: list[dict[str, Any]] = [
        {"space": name, "choices": labels if as_json else "; ".join(labels)} for name, labels in choice_names.items()
    ]
    return [*rows, {"space": "comparison", "choices": [] if as_json else "all of the above, one after another"}]


def choices(name: str, scale: str) -> list[dict[str, Any]]:
    """What a space lets a trial choose, between which values, and what the first trial takes."""
    from bench.tune import spaces

    space = spaces.load(name, scale)
    start = space.start or {}
    value_ranges = spaces.choices(space)
    if not value_ranges:
        raise BenchError(f"the search space {space.name} has no choices: it asks its trial for none (`trial.suggest_int(...)`)")
    return [{"choice": choice, "from": values, "first trial": start.get(choice)} for choice, values in value_ranges.items()]
