"""Live views on a terminal, and tables for them: numbers are shown in full or not at all, only text is shortened."""

from __future__ import annotations

from collections.abc import Sequence
from types import TracebackType
from typing import NamedTuple, Self

from rich import box
from rich.cells import cell_len, set_cell_size
from rich.console import Console
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from bench.common.wrapping import folded

Cell = Text | ProgressBar
BAR = 10  # letters of a bar


class LiveView:
    """A view at the bottom of a terminal, below printed lines, while a block runs; elsewhere nothing is shown."""

    def __init__(self, console: Console):
        self.console = console
        self.live = Live(console=console, refresh_per_second=4, auto_refresh=console.is_terminal)

    def __enter__(self) -> Self:
        if self.console.is_terminal:
            self.live.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self.console.is_terminal:
            self.live.stop()

    def say(self, line: str, markup: bool = False) -> None:
        """Print a line above the view, folded between words."""
        text = Text.from_markup(line) if markup else Text(line)
        if self.console.is_terminal:
            text = Text(folded(text.plain, self.console.width), spans=text.spans)  # only a sign at its beginning is coloured
        self.console.print(text, highlight=False, soft_wrap=True)


class LiveColumn(NamedTuple):
    """One column. rank: on a narrow screen, columns with the highest rank are dropped first.

    least: the fewest letters that a text is shortened to; None for columns that are never shortened.
    others_width: letters that a text leaves to the columns beside it, however long it is; None where it takes what they leave.
    """

    name: str
    rank: int
    least: int | None = None
    right: bool = False
    others_width: int | None = None

    def least_width(self, widest: int, width: int) -> int:
        """The letters that it needs at least, on a screen of that width, for cells of at most `widest`."""
        if self.least is None:
            return widest
        return min(widest, self.least if self.others_width is None else max(self.least, width - self.others_width))


def fitting_table(columns: Sequence[LiveColumn], rows: Sequence[Sequence[Cell]], width: int) -> Table:
    """The table with as many columns as fit; text columns get the width that numbers leave."""
    widest = [max([cell_len(column.name), *(_length(row[n]) for row in rows)]) for n, column in enumerate(columns)]
    least = [column.least_width(wide, width) for column, wide in zip(columns, widest, strict=True)]
    column_numbers: list[int] = []
    room = width + 1
    for n in sorted(range(len(columns)), key=lambda n: columns[n].rank):
        if least[n] + 1 <= room or not column_numbers:
            column_numbers.append(n)
            room -= least[n] + 1
    column_widths = dict(zip(column_numbers, (least[n] for n in column_numbers), strict=True))
    for n in column_numbers:  # by rank
        column_widths[n] += (extra := min(room, widest[n] - least[n]))
        room -= extra
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=0)
    column_numbers.sort()
    for n in column_numbers:
        table.add_column(columns[n].name, no_wrap=True, width=column_widths[n], justify="right" if columns[n].right else "left")
    cells = [_shortened([row[n] for row in rows], column_widths[n]) for n in column_numbers]
    for row_cells in zip(*cells, strict=True):
        table.add_row(*row_cells)
    return table


def shortened(text: str, width: int) -> str:
    """The text, with … at its end where it is too long: cut between words if possible, and never within a number."""
    if cell_len(text) <= width:
        return text
    head, _, _ = text[:width].rpartition(" ")
    if not head or (cell_len(head) < width // 2 and not any(sign.isdigit() for sign in text[len(head) : width])):
        head = set_cell_size(text, width - 1)
    return f"{set_cell_size(head, min(cell_len(head), width - 1)).rstrip()}…"


def _length(cell: Cell) -> int:
    return BAR if isinstance(cell, ProgressBar) else cell.cell_len


def _shortened(cells: Sequence[Cell], width: int) -> list[Cell]:
    """The cells of a column. Names that would look the same when they are cut at their ends are cut in their middle."""
    short = {cell.plain: shortened(cell.plain, width) for cell in cells if isinstance(cell, Text)}
    alike = {text for text in short.values() if list(short.values()).count(text) > 1}
    distinct = {
        whole: _without_middle(whole, width) if text in alike and whole != text else text for whole, text in short.items()
    }
    return [
        Text(distinct[cell.plain], cell.style) if isinstance(cell, Text) and cell.cell_len > width else cell for cell in cells
    ]


def _without_middle(text: str, width: int) -> str:
    end = width // 2
    return f"{set_cell_size(text, width - end - 1).rstrip()}…{text[-end:].lstrip()}" if end else shortened(text, width)
