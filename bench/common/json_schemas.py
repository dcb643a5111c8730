"""Checks the values of a JSON file against a schema that its readers rely on; the first that does not fit is named."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any, TypeVar

from bench.common.reading import Unreadable

TEXT, WHOLE, NUMBER, TRUTH = "text", "a whole number", "a number", "true or false"
"""What a value may be. `NUMBER` is finite. `[schema]` is a list of such values, `{name: schema}` an object with these fields as
far as they are there, `{"*": schema}` one whose fields all have that schema; `(schema, None)` may be null as well."""
LARGEST = 2**53  # beyond, whole numbers of JSON are not what they seem elsewhere
Schema = Any
T = TypeVar("T")


def fitting(value: Any, schema: Schema, path: Path | str, location: str = "") -> Any:
    """The value, if it fits that schema; Unreadable otherwise. location: where in the file it is, for the message."""
    if (mismatch := _wrong(value, schema)) is not None:
        field, value_found, expected = mismatch
        field_path = ".".join(filter(None, (location, field)))
        subject = f"{field_path} is" if field_path else "it holds"
        raise Unreadable(path, f"is damaged: {subject} {value_found!s:.60}, not {expected}")
    return value


def known_fields(values: Any, schema: Mapping[str, Schema], path: Path | str) -> dict[str, Any]:
    """The known fields of a JSON object, each checked against its schema; fields of other versions are left out."""
    fitting(values, schema, path)
    return {name: values[name] for name in schema if name in values}


def made_of(kind: type[T], values: Mapping[str, Any]) -> T:
    """A dataclass made from a JSON object, with lists as tuples; fields of other versions are left out."""
    members = {member.name: values[member.name] for member in fields(kind) if member.name in values}  # type: ignore[arg-type]
    return kind(**{name: tuple(value) if isinstance(value, list) else value for name, value in members.items()})


def _wrong(value: Any, schema: Schema) -> tuple[str, str, str] | None:
    """(field, its value, what it should be) of the first value that does not fit; None where all do."""
    if type(schema) is str:
        return None if _fits(value, schema) else ("", repr(value), schema)
    if type(schema) is tuple:
        return None if value is None else _wrong(value, schema[0])
    if type(schema) is list:
        if type(value) is not list:
            return "", repr(value), "a list"
        return _first_wrong((str(n), member, schema[0]) for n, member in enumerate(value))
    if type(value) is not dict:
        return "", repr(value), "an object"
    if "*" in schema:
        return _first_wrong((name, member, schema["*"]) for name, member in value.items())
    return _first_wrong((name, value[name], field) for name, field in schema.items() if name in value)


def _first_wrong(members: Iterable[tuple[str, Any, Schema]]) -> tuple[str, str, str] | None:
    """The first of a list's or an object's members (name, value, schema) that does not fit."""
    for name, value, schema in members:
        if type(schema) is str and _fits(value, schema):  # most of them; a call less for each
            continue
        if (wrong := _wrong(value, schema)) is not None:
            return ".".join(filter(None, (name, wrong[0]))), wrong[1], wrong[2]
    return None


def _fits(value: Any, schema: str) -> bool:
    kind = type(value)
    if schema is TEXT:
        return kind is str
    if schema is TRUTH:
        return kind is bool
    if kind is int:
        return bool(-LARGEST < value < LARGEST)
    return kind is float and schema is NUMBER and math.isfinite(value)
