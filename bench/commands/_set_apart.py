"""The settings in which runs differ that would look alike in a table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bench.store.store import Run


def set_apart(runs: Sequence[Run], labels: Sequence[Mapping[str, str]]) -> list[dict[str, Any]]:
    """For each run the settings that other runs of the same variant and seed have otherwise; empty where there is none.

    labels: each run's variant by experiment (`bench.store.labels`); without any, runs of the same model look alike.
    """
    alike: dict[tuple[str, str, int], list[int]] = {}
    for number, (run, variants) in enumerate(zip(runs, labels, strict=True)):
        for experiment, variant in variants.items() or [("", run.spec.model.name)]:
            alike.setdefault((experiment, variant, run.spec.seed), []).append(number)
    differing: list[set[str]] = [set() for _ in runs]
    settings = {number: _settings(runs[number]) for numbers in alike.values() if len(numbers) > 1 for number in numbers}
    for numbers in alike.values():
        values: dict[str, set[str]] = {}  # a run that was never started has no fingerprint, which is no difference
        for number in numbers:
            for name, value in settings.get(number, {}).items():
                values.setdefault(name, set()).add(repr(value))
        for number in numbers:
            differing[number] |= {name for name, different in values.items() if len(different) > 1}
    return [
        {name: value for name, value in settings.get(number, {}).items() if name in varied}
        for number, varied in enumerate(differing)
    ]


def _settings(run: Run) -> dict[str, Any]:
    """All settings of a run, and the data's fingerprint, which is part of its key as well."""
    fingerprint = run.provenance().get("fingerprint")
    return {**run.spec.settings(), **({"fingerprint": fingerprint} if fingerprint else {})}
