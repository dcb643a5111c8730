"""Whether the values of a JSON file have the shape that its readers rely on; the first that has not is named."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any, TypeVar

from bench.common.reading import Unreadable

TEXT, WHOLE, NUMBER, TRUTH = "text", "a whole number", "a number", "true or false"
"""What a value may be. `NUMBER` is finite. `[shape]` is a list of such values, `{name: shape}` an object with these fields as
far as they are there, `{"*": shape}` one whose fields are all of that shape; `(shape, None)` may be null as well."""
LARGEST = 2**53  # beyond, whole numbers of JSON are not what they seem elsewhere
Shape = Any
T = TypeVar("T")


def fitting(value: Any, shape: Shape, path: Path | str, location: str = "") -> Any:
    """The value, if it has that shape; Unreadable otherwise. location: where in the file it is, for the message."""
    if (mismatch := _wrong(value, shape)) is not None:
        field, value_found, expected = mismatch
        field_path = ".".join(filter(None, (location, field)))
        subject = f"{field_path} is" if field_path else "it holds"
        raise Unreadable(path, f"is damaged: {subject} {value_found!s:.60}, not {expected}")
    return value


def known_fields(values: Any, shape: Mapping[str, Shape], path: Path | str) -> dict[str, Any]:
    """The known fields of a JSON object, each checked against its shape; fields of other versions are left out."""
    fitting(values, shape, path)
    return {name: values[name] for name in shape if name in values}


def made_of(kind: type[T], values: Mapping[str, Any]) -> T:
    """A dataclass made from a JSON object, with lists as tuples; fields of other versions are left out."""
    members = {member.name: values[member.name] for member in fields(kind) if member.name in values}  # type: ignore[arg-type]
    return kind(**{name: tuple(value) if isinstance(value, list) else value for name, value in members.items()})


def _wrong(value: Any, shape: Shape) -> tuple[str, str, str] | None:
    """(field, its value, what it should be) of the first value that does not fit; None where all do."""
    if type(shape) is str:
        return None if _fits(value, shape) else ("", repr(value), shape)
    if type(shape) is tuple:
        return None if value is None else _wrong(value, shape[0])
    if type(shape) is list:
        if type(value) is not list:
            return "", repr(value), "a list"
        return _first_wrong((str(n), member, shape[0]) for n, member in enumerate(value))
    if type(value) is not dict:
        return "", repr(value), "an object"
    if "*" in shape:
        return _first_wrong((name, member, shape["*"]) for name, member in value.items())
    return _first_wrong((name, value[name], field) for name, field in shape.items() if name in value)


def _first_wrong(members: Iterable[tuple[str, Any, Shape]]) -> tuple[str, str, str] | None:
    """The first of a list's or an object's members (name, value, shape) that does not fit."""
    for name, value, shape in members:
        if type(shape) is str and _fits(value, shape):  # most of them; a call less for each
            continue
        if (wrong := _wrong(value, shape)) is not None:
            return ".".join(filter(None, (name, wrong[0]))), wrong[1], wrong[2]
    return None


def _fits(value: Any, shape: str) -> bool:
    kind = type(value)
    if shape is TEXT:
        return kind is str
    if shape is TRUTH:
        return kind is bool
    if kind is int:
        return bool(-LARGEST < value < LARGEST)
    return kind is float and shape is NUMBER and math.isfinite(value)
