"""The tables in a document, as plain text with line numbers: Markdown, LaTeX and HTML, ours or written by hand."""

import html
import re
from collections.abc import Callable, Iterable, Iterator
from html.parser import HTMLParser

from reports.latex_tables import Line, latex_tables

HOLDS = "data-holds"  # the attribute by which a page of the suite says what a table without scores holds


def tables(text: str, kind: str) -> list[list[Line]]:
    """The tables of a document of kind "markdown", "latex" or "html", in their order, without empty rows."""
    without_empty = ([line for line in table if any(line.cells)] for table in READERS[kind](text))
    return [table for table in without_empty if table]


def markdown_tables(text: str) -> Iterator[list[Line]]:
    """GitHub's tables: a header, a line of dashes, rows. Blocks of code hold none."""
    lines = text.splitlines()
    fenced, table = False, list[Line]()
    for number, line in enumerate(lines, 1):
        fence = line.lstrip().startswith(("```", "~~~"))
        fenced = fenced != fence
        begins = number < len(lines) and _is_rule(lines[number])
        if fenced or fence or "|" not in line or not (table or begins):
            yield table
            table = []
        elif not _is_rule(line):
            cells = re.split(r"(?<!\\)\|", line.strip().removeprefix("|").removesuffix("|"))
            table.append(Line(number, tuple(map(_plain, cells)), header=not table))
    yield table


def _is_rule(line: str) -> bool:
    return "|" in line and re.fullmatch(r"\s*\|?(\s*:?-+:?\s*\|)*(\s*:?-+:?\s*)?", line) is not None


def _plain(text: str) -> str:
    """A cell of Markdown without its markup; an escaped sign stays."""
    text = re.sub(r"\\([!-/:-@\[-`{-~])", lambda match: chr(0xE000 + ord(match[1])), text)
    text = re.sub(r"<sup>.*?</sup>|\[\^[^\]]*\]", "", text)
    text = re.sub(r"</?[a-zA-Z][^>]*>", " ", text)
    text = re.sub(r"!?\[([^\]]*)\]\([^)]*\)", r"\1", text)
    text = re.sub(r"[*`~]|(?<!\w)_+|_+(?!\w)", "", text)
    text = re.sub("[\ue000-\ue0ff]", lambda match: chr(ord(match[0]) - 0xE000), html.unescape(text))
    return " ".join(text.split())


class _Html(HTMLParser):
    """Collects tables; superscripts are footnote marks and no text."""

    def __init__(self) -> None:
        super().__init__()
        self.tables: list[list[Line]] = []
        self.cells: list[str] = []
        self.below: dict[int, tuple[int, str]] = {}  # column -> (further rows, text) of a cell that spans rows
        self.text: list[str] | None = None
        self.silent = self.line = 0
        self.wide, self.tall = 1, 1
        self.holds = ""
        self.header = True  # no cell of this row but headers so far

    def handle_starttag(self, tag: str, attributes: Iterable[tuple[str, str | None]]) -> None:
        values = dict(attributes)
        if tag == "table":
            self.tables.append([])
            self.below, self.holds = {}, values.get(HOLDS) or ""
        elif tag == "tr":
            self._end_row()
            self.line = self.getpos()[0]
        elif tag in ("td", "th"):
            self._close()
            self.text = []
            self.header &= tag == "th"
            self.wide, self.tall = (_count(values.get(name)) for name in ("colspan", "rowspan"))
        elif tag in ("sup", "script", "style"):
            self.silent += 1
        elif tag == "br" and self.text is not None:
            self.text.append(" ")

    def handle_endtag(self, tag: str) -> None:
        if tag in ("td", "th"):
            self._close()
        elif tag in ("sup", "script", "style"):
            self.silent -= 1
        elif tag in ("tr", "table"):
            self._end_row()

    def handle_data(self, data: str) -> None:
        if self.text is not None and not self.silent:
            self.text.append(data)

    def _end_row(self) -> None:
        self._close()
        if self.tables and self.cells:
            self._from_above()
            self.tables[-1].append(Line(self.line, tuple(self.cells), self.header, self.holds))
        self.cells, self.header = [], True

    def _close(self) -> None:
        """End the open cell, if there is one."""
        if self.text is None:
            return
        self._from_above()
        text = " ".join("".join(self.text).split())
        for _ in range(self.wide):
            if self.tall > 1:
                self.below[len(self.cells)] = (self.tall - 1, text)
            self.cells.append(text)
        self.text = None

    def _from_above(self) -> None:
        """Repeat what reaches into this row from the rows above."""
        while (column := len(self.cells)) in self.below:
            rows, text = self.below.pop(column)
            if rows > 1:
                self.below[column] = (rows - 1, text)
            self.cells.append(text)


def _count(text: str | None) -> int:
    return int(text) if text and text.isdigit() else 1


def html_tables(text: str) -> list[list[Line]]:
    """The tables of a page as it is written, not as its scripts may change it."""
    reader = _Html()
    reader.feed(text)
    return reader.tables


READERS: dict[str, Callable[[str], Iterable[list[Line]]]] = {
    "markdown": markdown_tables,
    "latex": latex_tables,
    "html": html_tables,
}
