"""A table as text. Every format is made from the same cells."""

import csv
import io
import json
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace

from jinja2 import Environment, PackageLoader
from rich.cells import cell_len
from rich.console import Console, Group
from rich.table import Table as Grid
from rich.text import Text

from reports.csv_cells import csv_cell
from reports.latex import latex
from reports.table import Cell, Table


def render(table: Table, format: str = "terminal") -> str:
    """The table as "terminal", "markdown", "latex", "html", "csv" or "json"."""
    if format not in FORMATS:
        raise ValueError(f"there is no format '{format}'; there are {', '.join(FORMATS)}")
    return FORMATS[format](table)


def grid(table: Table, width: int | None = None) -> Group:
    """For a rich console: the grid and its footnotes. Best bold, close to it underlined.

    width: of the console, in letters; a wider table becomes several, one below the other, so that no number is cut off.
    """
    parts = [table] if width is None else _fitting(table, width)
    notes = [Text(f"[{note.mark}] {note.text}" if note.mark else note.text, "dim") for note in table.footnotes]
    return Group(*map(_grid, parts), *notes)


def _fitting(table: Table, width: int) -> Iterator[Table]:
    """The columns in as many tables as it takes, at least one in each."""
    first = 0
    while first == 0 or first < len(table.columns):
        last = first + 1
        while last < len(table.columns) and _least(_columns(table, first, last + 1)) <= width:
            last += 1
        yield _columns(table, first, last)
        first = last


def _columns(table: Table, first: int, last: int) -> Table:
    rows = tuple(replace(row, cells=row.cells[first:last]) for row in table.rows)
    return replace(table, title=table.title if first == 0 else "", columns=table.columns[first:last], rows=rows)


def _least(table: Table) -> int:
    return Console(width=10_000).measure(_grid(table)).minimum


def _grid(table: Table) -> Grid:
    grid = Grid(title=table.title or None, title_style="bold", title_justify="left", header_style="")
    labels = [Text(row.label).append("".join(f" [{mark}]" for mark in row.marks), "dim") for row in table.rows]
    cells = [[_styled(cell) for cell in row.cells] for row in table.rows]
    grid.add_column(
        table.subject, overflow="fold", min_width=_longest(word for label in labels for word in label.plain.split())
    )
    for number, column in enumerate(table.columns):
        width = _longest([*column.title.split(), *(row[number].plain for row in cells)])
        grid.add_column(column.title, justify="right", min_width=width)
    grid.add_column("seeds", justify="right", min_width=_longest(["seeds", *(row.seeds for row in table.rows)]))
    for row, label, styled in zip(table.rows, labels, cells, strict=True):
        grid.add_row(label, *styled, row.seeds, style="dim italic" if row.published else None)
    return grid


def _longest(words: Iterable[str]) -> int:
    """How wide the widest is: less than that, and rich would cut it off."""
    return max(map(cell_len, words), default=0)


def _styled(cell: Cell) -> Text:
    style = "bold" if cell.best else "underline" if cell.close else ""
    return Text.assemble((cell.text, style), (f" [{cell.mark}]" if cell.mark else "", "dim"))  # the padding stays plain


def terminal(table: Table) -> str:
    """As a terminal shows it, with the codes for bold and underlined; as wide as it needs to be."""
    page = Console(file=io.StringIO(), force_terminal=True, color_system="standard", width=_width(table))
    page.print(grid(table))
    assert isinstance(page.file, io.StringIO)
    return page.file.getvalue()


def _width(table: Table) -> int:
    """Room for every cell on one line, and at least 100 for the footnotes."""
    return max(100, Console(width=10_000).measure(_grid(table)).maximum)


def markdown(table: Table) -> str:
    """A GitHub table: best **bold**, close to it <u>underlined</u>, marks as superscripts."""
    header = [table.subject, *(column.title for column in table.columns), "seeds"]
    lines = [header, ["---", *["---:"] * (len(header) - 1)]]
    for row in table.rows:
        label = (f"*{_plain(row.label)}*" if row.published else _plain(row.label)) + "".join(
            f"<sup>{mark}</sup>" for mark in row.marks
        )
        lines.append([label, *(_marked_down(cell) for cell in row.cells), row.seeds])
    notes = [f"<sup>{note.mark}</sup> {_plain(note.text)}" if note.mark else _plain(note.text) for note in table.footnotes]
    body = "\n".join("| " + " | ".join(line) + " |" for line in lines)
    return f"**{_plain(table.title)}**\n\n{body}\n\n" + "  \n".join(notes) + "\n"


def _marked_down(cell: Cell) -> str:
    text = f"**{cell.text}**" if cell.best else f"<u>{cell.text}</u>" if cell.close else cell.text
    return text + (f"<sup>{cell.mark}</sup>" if cell.mark else "")


def _plain(text: str) -> str:
    """Text that Markdown leaves as it is, on one line; GitHub also strikes ~out~ and sets $mathematics$."""
    return re.sub(r"[\\|*_<`~$&\[\]]", r"\\\g<0>", " ".join(text.split()))


def comma_separated(table: Table) -> str:
    """One line a variant, whole numbers as they are and others to six digits, missing ones empty; the last column holds the
    footnotes that concern it."""
    notes = {note.mark: note.text for note in table.footnotes if note.mark}
    page = io.StringIO()
    writer = csv.writer(page, lineterminator="\n")
    writer.writerow([table.subject, *(column.key for column in table.columns), "seeds", "notes"])
    for row in table.rows:
        values = ["" if cell.value is None else _plain_number(cell.value) for cell in row.cells]
        words = " ".join(notes[mark] for mark in row.marks)
        writer.writerow([csv_cell(row.label), *values, csv_cell(row.seeds), csv_cell(words)])
    return page.getvalue()


def _plain_number(value: float) -> str:
    return str(int(value)) if float(value).is_integer() and abs(value) < 1e15 else f"{value:.6g}"


def html(table: Table) -> str:
    """A <table> with its footnotes as a list, to be put into a page."""
    environment = Environment(loader=PackageLoader("reports"), autoescape=True)
    return environment.from_string('{% from "table.html" import grid %}{{ grid(table) }}\n').render(table=table)


def as_json(table: Table) -> str:
    """Everything that the table knows: columns, rows of cells with value, interval, p and emphasis, footnotes."""
    columns = [
        {"key": c.key, "title": c.title, "protocol": c.protocol, "first": c.first, "last": c.last} | c.metric.plain()
        for c in table.columns
    ]
    rows = [{**vars(row), "cells": [vars(cell) for cell in row.cells]} for row in table.rows]
    notes = [vars(note) for note in table.footnotes]
    return json.dumps({"title": table.title, "columns": columns, "rows": rows, "footnotes": notes}, indent=1, allow_nan=False)


FORMATS: dict[str, Callable[[Table], str]] = {
    "terminal": terminal, "markdown": markdown, "latex": latex, "html": html, "csv": comma_separated, "json": as_json,
}  # fmt: skip
