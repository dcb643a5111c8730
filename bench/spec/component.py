"""A part of a run's spec, such as its model: a name in the catalogue with options."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import Any

from bench.common import trust
from bench.common.errors import BenchError
from bench.spec import catalog


@dataclass(frozen=True, init=False)
class Component:
    """A name in the catalogue with the options its constructor takes: `Component("lmc", slots=50)`."""

    name: str
    options: Mapping[str, Any] = field(hash=False)
    kind: str | None = field(default=None, compare=False)

    def __init__(self, name: str, /, **options: Any):
        object.__setattr__(self, "name", name)
        object.__setattr__(self, "options", options)
        object.__setattr__(self, "kind", None)

    def checked(self, kind: str) -> Component:
        """In the catalogue's spelling, with options of the declared types; BenchError if it is none of that kind."""
        if self.kind == kind:
            return self
        name, options = catalog.check(kind, self.name, self.options)
        component = Component(name, **options)
        object.__setattr__(component, "kind", kind)
        return component

    def build(self, **supplied: Any) -> Any:
        """What a checked Component names, built; of `supplied` (shape, context, ...) its constructor gets what it declares."""
        assert self.kind is not None
        return catalog.construct(self.kind, self.name, self.options, supplied)

    @cached_property
    def identity(self) -> dict[str, Any]:
        """The options of a checked Component that are not at their defaults."""
        assert self.kind is not None
        return {"name": self.name, "options": catalog.differences(self.kind, self.name, self.options)}

    @cached_property
    def as_read(self) -> dict[str, Any]:
        """The Component as it is read back from JSON."""
        return {"name": self.name, "options": json.loads(json.dumps(dict(self.options)))}

    def __repr__(self) -> str:
        return f"{self.name}({', '.join(f'{k}={v!r}' for k, v in self.options.items())})"

    def but(self, **changes: Any) -> Component:
        """The same with other options: `model.but(decompose=False)`."""
        return Component(self.name, **{**self.options, **changes})


def component_from_json(field_name: str, kind: str, values: Any) -> Component:
    """A Component of a kind that was read from JSON, checked; one object for all runs that share it.

    BenchError if the values are none, and for a name whose module the user has not allowed.
    """
    well_formed = isinstance(values, dict) and isinstance(values.get("name"), str) and isinstance(values.get("options"), dict)
    if not well_formed:
        raise BenchError(f"{field_name} must be an object with a name and options, got {values!r:.60}")
    name = values["name"]
    if ":" in name and not trust.is_trusted(module := name.partition(":")[0]):
        raise trust.Untrusted(
            f"its {field_name} is '{name}', which is not of the suite: `bench --trust {module} ...` lets the code of that "
            "module run on this machine, from then on; do so only if you know it"
        )
    return _checked(kind, name, json.dumps(values["options"]))


@lru_cache(4096)
def _checked(kind: str, name: str, options: str) -> Component:
    return Component(name, **json.loads(options)).checked(kind)
