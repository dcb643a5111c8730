"""The suite's docstrings are plain text with `names` in backticks; Sphinx expects reStructuredText."""

import dataclasses
import re
from typing import Any

FIELD = re.compile(r"(?:^|(?<=\. ))([a-z_]+(?:, [a-z_]+)*): ")
SIGNS = re.compile(r"([\\*_|@])")


def fields_as_arguments(found: Any) -> tuple[str, None] | None:
    """The arguments of a dataclass as it declares them; None for all else, which Sphinx describes well by itself."""
    if not (isinstance(found, type) and dataclasses.is_dataclass(found) and found.__dataclass_params__.init):
        return None
    return f"({', '.join(_argument(field) for field in dataclasses.fields(found) if field.init)})", None


def _argument(field: "dataclasses.Field[Any]") -> str:
    kind = field.type if isinstance(field.type, str) else getattr(field.type, "__name__", None) or repr(field.type)
    plain = field.default is None or isinstance(field.default, str | int | float | bool | tuple)
    if field.default is not dataclasses.MISSING:
        return f"{field.name}: {kind} = {field.default!r}" if plain else f"{field.name}: {kind} = ..."
    return f"{field.name}: {kind}" + (" = ..." if field.default_factory is not dataclasses.MISSING else "")


def escaped(lines: list[str]) -> None:
    """Make the lines of a docstring reStructuredText that shows what stands there; in place."""
    text = "\n".join(lines)
    paragraphs = re.split(r"\n\s*\n", text.strip())
    lines[:] = "\n\n".join(_paragraph(paragraph) for paragraph in paragraphs if paragraph).splitlines()


def _paragraph(text: str) -> str:
    """A paragraph; sentences that begin with the name of an argument and a colon become a list."""
    flat = " ".join(line.strip() for line in text.splitlines())
    items = [item.strip() for item in FIELD.sub(r"\n\1: ", flat).strip().splitlines()]
    if not FIELD.match(items[0]):
        begun, rest = items[0], items[1:]
        return _inline(begun) + "".join(f"\n\n{_field(item)}" for item in rest)
    return "\n".join(_field(item) for item in items)


def _field(item: str) -> str:
    name, _, what = item.partition(": ")
    return f"- **{_escape(name)}**: {_inline(what)}"


def _inline(text: str) -> str:
    """Names in backticks as literals, all else as it stands."""
    parts = re.split(r"`+([^`]+)`+", text)
    return "".join(f"``{part}``" if number % 2 else _escape(part) for number, part in enumerate(parts))


def _escape(text: str) -> str:
    return SIGNS.sub(r"\\\1", text)
