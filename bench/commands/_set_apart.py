"""The settings in which runs differ that would look alike in a table."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields
from typing import TYPE_CHECKING, Any

from bench.spec.component import Component
from bench.spec.runspec import RunSpec

if TYPE_CHECKING:
    from bench.store.run import Run


def set_apart(runs: Sequence[Run], labels: Sequence[Mapping[str, str]]) -> list[dict[str, Any]]:
    """For each run the settings that other runs of the same variant and seed have otherwise; empty where there is none.

    labels: each run's variant by experiment (`bench.store.labels`); without any, runs of the same model look alike.
    """
    alike: dict[tuple[str, str, int], list[int]] = {}
    for number, (run, variants) in enumerate(zip(runs, labels, strict=True)):
        for experiment, variant in variants.items() or [("", run.spec.model.name)]:
            alike.setdefault((experiment, variant, run.spec.seed), []).append(number)
    differing: list[dict[str, Any]] = [{} for _ in runs]
    for numbers in alike.values():
        if len(numbers) > 1:
            for number, settings in zip(numbers, _varied([runs[number] for number in numbers]), strict=True):
                differing[number] |= settings
    return differing


def _varied(runs: Sequence[Run]) -> list[dict[str, Any]]:
    """Of each run the settings that not all have alike; where all are, the fingerprint of the data that it was trained on."""
    specs = [run.spec for run in runs]
    varied = [f.name for f in fields(RunSpec) if any(getattr(spec, f.name) != getattr(specs[0], f.name) for spec in specs)]
    if not varied:
        fingerprints = [run.provenance().get("fingerprint") for run in runs]
        return [{"fingerprint": fingerprint} if fingerprint else {} for fingerprint in fingerprints]
    settings = [{name: value for part in varied for name, value in _settings(spec, part)} for spec in specs]
    return [{name: value for name, value in members.items() if _differs(name, settings)} for members in settings]


def _settings(spec: RunSpec, part: str) -> Iterator[tuple[str, Any]]:
    """What one field of a spec sets, every option of a component included."""
    value = getattr(spec, part)
    if not isinstance(value, Component):
        yield part, value
        return
    yield part, value.name
    yield from ((f"{part}.{option}", setting) for option, setting in spec.options_of(part).items())


def _differs(name: str, settings: Sequence[Mapping[str, Any]]) -> bool:
    """Whether a setting has two values; what one run lacks altogether is no difference."""
    values = [members[name] for members in settings if name in members]
    return any(value != values[0] for value in values)
