"""Untrusted text on a terminal and in files: control characters are shown, never executed."""

from __future__ import annotations

import contextlib
import io
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TextIO

from bench.common.wrapping import folded, terminal_width

CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]")
"""Control characters except tab and newline, marks that reverse the direction of text, and lone surrogates."""


def plain(text: str) -> str:
    """The text with every control character spelled out (`\\x1b`); a carriage return becomes a new line."""
    if text.isprintable():
        return text
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    return CONTROL.sub(lambda match: match[0].encode("unicode_escape", "backslashreplace").decode(), text)


def published(value: Any, root: Path | None = None) -> Any:
    """A text for a report to publish: plain, with paths relative to the store at `root` and ~ for the home folder.

    A value that is no text stays as it is.
    """
    if not isinstance(value, str):
        return value
    text = plain(value)
    if os.sep not in text:  # no path
        return text
    if root is not None:
        text = text.replace(f"{root}{os.sep}", "")
    home = os.path.expanduser("~")
    return text.replace(f"{home}{os.sep}", f"~{os.sep}") if len(home) > 1 else text


class PlainOutput(io.TextIOBase):
    """A text stream that writes `plain` text to the stream below it, with escapes for what its encoding lacks.

    On a terminal lines are folded between words, unless `as_they_are` says otherwise.
    """

    def __init__(self, below: TextIO):
        self.below = below
        self.folds = True
        self._begun = 0  # letters on the line that has no end yet

    def write(self, text: str) -> int:
        shown = plain(text)
        if self.folds and (width := terminal_width(self.below)):
            shown = folded(shown, width, self._begun)
            last = shown.rpartition("\n")[2]
            self._begun = len(last) + (0 if "\n" in shown else self._begun)
        try:
            self.below.write(shown)
        except UnicodeEncodeError:
            encoding = self.below.encoding or "ascii"
            self.below.write(shown.encode(encoding, "backslashreplace").decode(encoding))
        return len(text)

    def flush(self) -> None:
        self.below.flush()

    def isatty(self) -> bool:
        return self.below.isatty()

    def fileno(self) -> int:
        return self.below.fileno()

    def writable(self) -> bool:
        return True

    @property
    def encoding(self) -> str:  # type: ignore[override]
        return self.below.encoding

    @property
    def errors(self) -> str | None:  # type: ignore[override]
        return self.below.errors

    @property
    def buffer(self) -> Any:
        return self.below.buffer


@contextlib.contextmanager
def plain_output() -> Iterator[None]:
    """Within the block everything that is printed is plain. Our own consoles write to the stream below (see `below`)."""
    out, err = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = PlainOutput(out), PlainOutput(err)
    try:
        yield
    finally:
        sys.stdout, sys.stderr = out, err


@contextlib.contextmanager
def as_they_are() -> Iterator[None]:
    """While the block goes on, lines are printed as they are: of JSON, YAML, CSV or LaTeX, which folding would change."""
    streams = [stream for stream in (sys.stdout, sys.stderr) if isinstance(stream, PlainOutput)]
    before = [stream.folds for stream in streams]
    for stream in streams:
        stream.folds = False
    try:
        yield
    finally:
        for stream, folds in zip(streams, before, strict=True):
            stream.folds = folds


def below(stream: TextIO) -> TextIO:
    """The stream that a `PlainOutput` writes to, for code that uses the terminal's own sequences."""
    return stream.below if isinstance(stream, PlainOutput) else stream


def hush(stream: TextIO) -> None:
    """The reader of this stream has gone: write nothing more to it, not even when the process exits."""
    with contextlib.suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)
