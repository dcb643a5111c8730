"""Lines that are folded between words, where a terminal would break them anywhere: in the middle of a number, too."""

from __future__ import annotations

import os
import re
from typing import TextIO

PIECE = re.compile(r"`[^`\n]*`\S*|\S+|\s+")  # a command in backticks is one piece: it has to be one line when it is copied
NARROWEST = 20  # letters of a line, below which nothing is folded


def terminal_width(stream: TextIO) -> int:
    """How wide the terminal is that a stream writes to, in letters; 0 if it writes to none. COLUMNS overrules it."""
    try:
        if not stream.isatty():
            return 0
        return stated_width() or os.get_terminal_size(stream.fileno()).columns
    except (OSError, ValueError):
        return 0


def stated_width() -> int:
    """How wide lines may be by the user's own word, the environment's COLUMNS; 0 where that is not set."""
    columns = os.environ.get("COLUMNS", "")
    return int(columns) if columns.isdecimal() else 0


def folded(text: str, width: int, begun: int = 0) -> str:
    """The text with every line of words folded to the width; what follows begins below the first word of its line.

    Only spaces become new lines, so a word that is longer than a line stays whole. begun: letters that stand on the first line.
    """
    if width < NARROWEST or (len(text) + begun <= width and "\n" not in text):
        return text
    return "".join(_folded_line(line, width, 0 if n else begun) for n, line in enumerate(text.splitlines(keepends=True)))


def _folded_line(line: str, width: int, begun: int) -> str:
    words = line.rstrip("\n")
    if begun + _cells(words) <= width:
        return line
    indent = "" if begun else words[: len(words) - len(words.lstrip(" "))]
    if len(indent) > width // 2:
        indent = ""
    lines, current, used = [], indent, begun + len(indent)
    for piece in PIECE.findall(words[len(indent) :]):
        if piece.strip() and current.strip() and used + _cells(piece) > width:
            lines.append(current.rstrip(" "))
            current, used = indent, len(indent)
        if piece.strip() or used > len(indent) or not lines:
            current += piece
            used += _cells(piece)
    return "\n".join([*lines, current.rstrip(" ")]) + line[len(words) :]


def _cells(text: str) -> int:
    """How wide a text is on a terminal."""
    if text.isascii():
        return len(text)
    from rich.cells import cell_len

    return cell_len(text)
