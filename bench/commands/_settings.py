"""Settings of runs by the names that `--set` takes: all of one, and what differs between two."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.spec.runspec import RunSpec


def whole_settings(spec: RunSpec) -> dict[str, Any]:
    """All settings that a run depends on by the names that `--set` takes, defaults included, without the seed."""
    return {name: value for name, value in spec.settings().items() if name != "seed" and spec.depends_on(name)}


def own_settings(base: RunSpec, spec: RunSpec) -> dict[str, Any]:
    """The settings in which a run differs from `base`."""
    return {name: now for name, (_, now) in differing(base, spec).items() if now is not None}


def differing(first: RunSpec, second: RunSpec, labels: Sequence[str] = ()) -> dict[str, Any]:
    """Setting -> its value in both; by label where they have one."""
    before, after = whole_settings(first), whole_settings(second)
    names = [name for name in {**before, **after} if first.depends_on(name) and second.depends_on(name)]
    pairs = {name: (before.get(name), after.get(name)) for name in names if before.get(name) != after.get(name)}
    if not labels:
        return pairs
    return {name: dict(zip(labels, values, strict=True)) for name, values in pairs.items()}
