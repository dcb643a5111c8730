"""The suite's docstrings are plain text with `names` in backticks; Sphinx expects reStructuredText."""

import re

FIELD = re.compile(r"(?:^|(?<=\. ))([a-z_]+(?:, [a-z_]+)*): ")
SIGNS = re.compile(r"([\\*_|])")


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
