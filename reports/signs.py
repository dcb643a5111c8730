"""Emphasis for text that has no bold letters, such as what goes to a pipe: a sign before a number, which the notes explain."""

from dataclasses import replace

from reports.footnotes import Footnote
from reports.table import Cell, Row, Table

BEST, CLOSE = "*", "="
EXPLAINED = {"Bold:": f"{BEST}:", "Underlined:": f"{CLOSE}:"}
"""How the notes under a table begin to explain its emphasis, and what they say instead."""


def with_signs(table: Table) -> Table:
    """The table with `*` before what would be bold and `=` before what would be underlined."""
    return replace(table, rows=tuple(map(_row, table.rows)), footnotes=tuple(map(_note, table.footnotes)))


def _row(row: Row) -> Row:
    return replace(row, cells=tuple(map(_cell, row.cells)))


def _cell(cell: Cell) -> Cell:
    return replace(cell, text=f"{BEST if cell.best else CLOSE if cell.close else ''}{cell.text}", best=False, close=False)


def _note(note: Footnote) -> Footnote:
    text = note.text
    for emphasis, sign in EXPLAINED.items():
        text = text.replace(emphasis, sign)
    return replace(note, text=text)
