"""Tables that are never cut: what does not fit beside each other on a terminal goes below each other."""

from __future__ import annotations

from collections.abc import Container, Iterator, Sequence

from rich import box
from rich.cells import cell_len
from rich.console import Console, RenderableType
from rich.table import Column, Table
from rich.text import Text

SHORT = 24  # letters of a cell that is never folded; longer ones are text, which may be
BETWEEN = 3  # letters between two columns
EDGES = 4  # letters of the outer lines and their padding


def table_of(heads: Sequence[str], right: Container[str] = (), folded: Container[str] | None = None) -> Table:
    """A table that is to be filled, as all commands print it.

    right: heads of numbers, which stand at the right. folded: heads of text that may be folded, all of them if not given.
    """
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for head in heads:
        whole = folded is not None and head not in folded
        table.add_column(head, justify="right" if head in right else "left", no_wrap=whole, overflow="fold")
    return table


def fitting(table: Table, width: int) -> Iterator[Table]:
    """The table for a console of that width: as it is if it fits, else in parts that all begin with its first column."""
    if Console(width=100_000).measure(table).maximum <= width or not table.columns:
        yield table
        return
    names = max(SHORT, width * 2 // 3)  # letters that a name in the first column may have: none is cut in two
    first, *remaining = [(column, _least(column, SHORT if n else names)) for n, column in enumerate(table.columns)]
    chosen, room = [first], width - first[1] - EDGES
    for column in remaining:
        if column[1] + BETWEEN > room and len(chosen) > 1:
            yield _part(table, [shown for shown, _ in chosen], names)
            chosen, room = [first], width - first[1] - EDGES
        chosen.append(column)
        room -= column[1] + BETWEEN
    yield _part(table, [shown for shown, _ in chosen], names)


def _part(table: Table, columns: list[Column], names: int) -> Table:
    part = Table(box=table.box, pad_edge=table.pad_edge, title=table.title if columns[-1] is table.columns[-1] else None)
    for column in columns:
        whole = _least(column, names if column is columns[0] else SHORT) == _longest(column)
        part.add_column(column.header, style=column.style, justify=column.justify, no_wrap=whole, overflow="fold")
    for row, cells in zip(table.rows, zip(*(column.cells for column in columns), strict=True), strict=True):
        part.add_row(*cells, style=row.style)
    return part


def _least(column: Column, names: int) -> int:
    """How wide a column is at least: short cells stay on one line, and so do the words of long ones.

    names: letters that a word may have and still stay whole.
    """
    longest = _longest(column)
    if longest <= SHORT:
        return longest
    return min(names, max(cell_len(word) for cell in _texts(column) for word in [*cell.split(), ""]))


def _longest(column: Column) -> int:
    return max(map(cell_len, _texts(column)), default=0)


def _texts(column: Column) -> list[str]:
    return [line for cell in (column.header, *column.cells) for line in _plain(cell).splitlines() or [""]]


def _plain(cell: RenderableType) -> str:
    return cell.plain if isinstance(cell, Text) else Text.from_markup(str(cell)).plain
