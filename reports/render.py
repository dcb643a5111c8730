"""A table as text. Every format is made from the same cells."""

import csv
import io
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace

import rich.table
from jinja2 import Environment, PackageLoader
from rich.cells import cell_len
from rich.console import Console, Group
from rich.text import Text

from reports.csv_cells import csv_cell
from reports.latex import bare, document, latex
from reports.signs import with_signs
from reports.table import Cell, Row, Table, notes_once

RULES = 3  # letters that a column takes for its padding and the line beside it


def render(table: Table, format: str = "terminal") -> str:
    """The table as "terminal", "markdown", "latex", "tabular" (bare LaTeX), "html", "csv" or "json"."""
    return FORMATS[known(format)](table)


def known(format: str) -> str:
    """The format; a ValueError if there is none of that name."""
    if format not in FORMATS:
        raise ValueError(f"there is no format '{format}'; there are {', '.join(FORMATS)}")
    return format


def render_all(tables: Mapping[str, Table], format: str, file: str) -> str:
    """Several tables as one text. JSON has them by name; CSV holds one table, that of `file`."""
    if format == "csv":
        return render(tables[file], format)
    if format == "json":
        return (
            json.dumps({name: json.loads(as_json(table)) for name, table in tables.items()}, indent=1, allow_nan=False) + "\n"
        )
    once = notes_once(tables).values()
    return document(once) if format == "latex" else "\n".join(render(table, format) for table in once)


def grid(table: Table, width: int | None = None, styled: bool = True) -> Group:
    """For a rich console: the grid and its footnotes. Best bold, close to it underlined.

    width: of the console, in letters; a wider table becomes several, one below the other, so that no number is cut off.
    styled: whether the console has bold letters; otherwise signs stand for them.
    """
    table = table if styled else with_signs(table)
    parts = [table] if width is None else _fitting(table, width)
    notes = [Text(f"[{note.mark}] {note.text}" if note.mark else note.text, "dim") for note in table.footnotes]
    return Group(*(_grid(part, width) for part in parts), *notes)


def _fitting(table: Table, width: int) -> Iterator[Table]:
    """The columns in as many tables as it takes, at least one in each."""
    first = 0
    while first == 0 or first < len(table.columns):
        last = first + 1
        while last < len(table.columns) and _least(_columns(table, first, last + 1), width) <= width:
            last += 1
        yield _columns(table, first, last)
        first = last


def _columns(table: Table, first: int, last: int) -> Table:
    rows = tuple(replace(row, cells=row.cells[first:last]) for row in table.rows)
    return replace(table, title=table.title if first == 0 else "", columns=table.columns[first:last], rows=rows)


def _least(table: Table, width: int) -> int:
    """How wide a table is at least, its labels folded to a third of the width if they have long words."""
    texts = [table.subject, *(label.plain for label in map(_label, table.rows))]
    labels = min(_longest(word for text in texts for word in text.split()), max(12, width // 3))
    return sum([labels, *_widths(table, str.split)]) + RULES * (len(table.columns) + 2) + 1


def _widths(table: Table, pieces: Callable[[str], list[str]]) -> list[int]:
    """The width of each column of numbers, and of the seeds if shown: numbers stay whole, titles are cut into pieces."""
    numbers = [_longest([*pieces(column.title), *(_styled(row.cells[n]).plain for row in table.rows)])
               for n, column in enumerate(table.columns)]  # fmt: skip
    return [*numbers, *([_longest(["seeds", *(row.seeds for row in table.rows)])] if table.has_seeds else [])]


def _label(row: Row) -> Text:
    return Text(row.label).append("".join(f" [{mark}]" for mark in row.marks), "dim")


def _grid(table: Table, width: int | None = None) -> rich.table.Table:
    """width: of the console; where titles on one line do not fit into it, they are broken at their spaces."""
    grid = rich.table.Table(title=table.title or None, title_style="bold", title_justify="left", header_style="")
    labels = list(map(_label, table.rows))
    widths = _widths(table, lambda title: [title])
    longest = _longest([table.subject, *(label.plain for label in labels)])
    if width is not None and sum([longest, *widths]) + RULES * (len(widths) + 1) + 1 > width:
        widths = _widths(table, str.split)
    grid.add_column(table.subject, overflow="fold")
    titles = [*(column.title for column in table.columns), *_seeds(table, "seeds")]
    for number, (title, wide) in enumerate(zip(titles, widths, strict=True)):
        is_text = number < len(table.columns) and table.columns[number].is_text
        # of a fixed width, or rich would fold numbers to save room
        grid.add_column(title, justify="left" if is_text else "right", width=wide)
    for row, label in zip(table.rows, labels, strict=True):
        grid.add_row(label, *map(_styled, row.cells), *_seeds(table, row.seeds), style="dim italic" if row.published else None)
    return grid


def _seeds(table: Table, cell: str) -> list[str]:
    """The last cell of a row, where the table tells the seeds."""
    return [cell] if table.has_seeds else []


def _longest(words: Iterable[str]) -> int:
    """How wide the widest is."""
    return max(map(cell_len, words), default=0)


def _styled(cell: Cell) -> Text:
    style = "bold" if cell.best else "underline" if cell.close else ""
    return Text.assemble((cell.text, style), (f" [{cell.mark}]" if cell.mark else "", "dim"))  # the padding stays plain


def terminal(table: Table) -> str:
    """As a terminal shows it, for a file or a pipe: as wide as it needs to be, and without codes for colours."""
    page = Console(file=io.StringIO(), color_system=None, width=needed_width(with_signs(table)))
    page.print(grid(table, styled=False))
    assert isinstance(page.file, io.StringIO)
    return "".join(f"{line.rstrip()}\n" for line in page.file.getvalue().splitlines())


def needed_width(table: Table) -> int:
    """Room for every cell on one line, and at least 100 for the footnotes."""
    return max(100, Console(width=100_000).measure(_grid(table)).maximum)


def markdown(table: Table) -> str:
    """A GitHub table: best **bold**, close to it <u>underlined</u>, marks as superscripts."""
    header = [escaped(title) for title in (table.subject, *(column.title for column in table.columns), *_seeds(table, "seeds"))]
    sides = ["---", *("---" if column.is_text else "---:" for column in table.columns), *_seeds(table, "---:")]
    lines = [header, sides]
    for row in table.rows:
        label = (f"*{escaped(row.label)}*" if row.published else escaped(row.label)) + "".join(
            f"<sup>{mark}</sup>" for mark in row.marks
        )
        lines.append([label, *(_marked_down(cell) for cell in row.cells), *_seeds(table, row.seeds)])
    notes = [f"<sup>{note.mark}</sup> {escaped(note.text)}" if note.mark else escaped(note.text) for note in table.footnotes]
    body = "\n".join("| " + " | ".join(line) + " |" for line in lines)
    return f"**{escaped(table.title)}**\n\n{body}\n\n" + "  \n".join(notes) + "\n"


def _marked_down(cell: Cell) -> str:
    text = cell.text if cell.value is not None else escaped(cell.text)  # words may be names
    text = f"**{text}**" if cell.best else f"<u>{text}</u>" if cell.close else text
    return text + (f"<sup>{cell.mark}</sup>" if cell.mark else "")


def escaped(text: str) -> str:
    """Text that Markdown leaves as it is, on one line; GitHub also strikes ~out~ and sets $mathematics$."""
    return re.sub(r"[\\|*_<`~$&\[\]]", r"\\\g<0>", " ".join(text.split()))


def comma_separated(table: Table) -> str:
    """One line a row, whole numbers as they are and others to six digits, missing ones empty; the last column holds the
    footnotes that concern it."""
    notes = {note.mark: note.text for note in table.footnotes if note.mark}
    repeated = [note.text for note in table.footnotes if note.in_rows]
    page = io.StringIO()
    writer = csv.writer(page, lineterminator="\n")
    writer.writerow([table.subject, *(csv_cell(column.key) for column in table.columns), *_seeds(table, "seeds"), "notes"])
    for row in table.rows:
        values = [csv_cell(cell.words) if cell.value is None else _plain_number(cell.value) for cell in row.cells]
        words = " ".join([*(notes[mark] for mark in row.marks), *([] if row.published else repeated)])
        writer.writerow([csv_cell(row.label), *values, *_seeds(table, csv_cell(row.seeds)), csv_cell(words)])
    return page.getvalue()


def _plain_number(value: float) -> str:
    return str(int(value)) if float(value).is_integer() and abs(value) < 1e15 else f"{value:.6g}"


def html(table: Table) -> str:
    """A page with the table and its footnotes; it requests nothing from elsewhere."""
    environment = Environment(loader=PackageLoader("reports"), autoescape=True, keep_trailing_newline=True)
    return environment.get_template("alone.html").render(table=table)


def as_json(table: Table) -> str:
    """Everything that the table knows: columns, rows of cells with value, interval, p and emphasis, footnotes."""
    columns = [
        {"key": c.key, "title": c.title, "protocol": c.protocol, "first": c.first, "last": c.last} | c.metric.plain()
        for c in table.columns
    ]
    rows = [{**vars(row), "cells": [vars(cell) for cell in row.cells]} for row in table.rows]
    notes = [{"text": note.text, "mark": note.mark} for note in table.footnotes]
    return json.dumps({"title": table.title, "columns": columns, "rows": rows, "footnotes": notes}, indent=1, allow_nan=False)


FORMATS: dict[str, Callable[[Table], str]] = {
    "terminal": terminal, "markdown": markdown, "latex": latex, "tabular": bare, "html": html, "csv": comma_separated,
    "json": as_json,
}  # fmt: skip
