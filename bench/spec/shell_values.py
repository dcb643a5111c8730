"""Values as they are typed in a shell, and as messages show them."""

from __future__ import annotations

import ast
from typing import Any


def parse_value(text: str) -> Any:
    """A value as typed in a shell: a Python literal where it reads as one, else the text; true, false and none in any case."""
    text = text.strip()
    word = {"true": True, "false": False, "none": None}
    if text.lower() in word:
        return word[text.lower()]
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError):  # the last two: brackets without end
        return text


def shortened(value: Any) -> str:
    """A value for a message, cut off if it is very long."""
    try:
        text = repr(value)
    except ValueError:  # a whole number of more digits than Python writes
        return "a number of thousands of digits"
    return text if len(text) <= 40 else f"{text[:37]}..."
