"""A table before it has a format: cells in rows and columns, with what stands out and what has to be said."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from reports.columns import Column
from reports.footnotes import Footnote


@dataclass(frozen=True)
class Cell:
    """One number: the score or the difference itself, and as it is printed (scaled, rounded, without emphasis).

    value is None where there is none, and where the text is words. low, high: its 95% interval. seeds: runs behind it.
    p: of no difference to the best (or, in an ablation, to the first), corrected. effect: of that difference, Cohen's d over
    clips. best, close: bold, underlined. mark: of the footnote that names its protocol.
    """

    value: float | None = None
    text: str = "–"
    low: float | None = None
    high: float | None = None
    seeds: int = 0
    p: float | None = None
    effect: float | None = None
    best: bool = False
    close: bool = False
    mark: str = ""

    @property
    def words(self) -> str:
        """What the cell says instead of a number; nothing where it only says that there is none."""
        return "" if self.value is not None or self.text == Cell.text else self.text

    @property
    def details(self) -> str:
        """What the number rests on, for who points at it: "p = 0.0031 (corrected), effect d = -0.42, 3 seeds"."""
        p = "" if self.p is None else "p < 0.001 (corrected)" if self.p < 0.001 else f"p = {self.p:.2g} (corrected)"
        effect_text = "" if self.effect is None else f"effect d = {self.effect:.2f}"
        seeds = f"{self.seeds} seed{'s' if self.seeds > 1 else ''}" if self.seeds else ""
        return ", ".join(filter(None, [p, effect_text, seeds]))


@dataclass(frozen=True)
class Row:
    """A variant, or a published method (greyed, never ranked).

    seeds: "3", or "2 of 3" where runs are missing. marks: of the footnotes that concern it.
    """

    label: str
    seeds: str
    cells: tuple[Cell, ...]
    marks: tuple[str, ...] = ()
    published: bool = False


@dataclass(frozen=True)
class Table:
    """What every format is rendered from.

    subject: what each row is about, the header of their labels. name: what LaTeX refers to the table by ("ablation-costs").
    """

    title: str
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    footnotes: tuple[Footnote, ...]
    subject: str = "variant"
    name: str = ""

    @property
    def has_seeds(self) -> bool:
        """Whether the last column tells the seeds of each row; a table whose rows name none has no such column."""
        return not self.rows or any(row.seeds for row in self.rows)


def over_horizon(table: Table) -> Table:
    """The table without its columns of single frames and slices."""
    numbers = [number for number, column in enumerate(table.columns) if column.key == column.score]
    rows = (replace(row, cells=tuple(row.cells[number] for number in numbers)) for row in table.rows)
    return replace(table, columns=tuple(table.columns[number] for number in numbers), rows=tuple(rows))


def notes_once(tables: Mapping[str, Table]) -> dict[str, Table]:
    """Tables that are shown one below the other, each without the footnotes that stand under one above it."""
    earlier_texts: set[str] = set()
    once = {}
    for heading, table in tables.items():
        notes = [note for note in table.footnotes if note.mark or note.text not in earlier_texts]
        if len(notes) < len(table.footnotes):
            notes.append(Footnote("The notes under the tables above hold here too."))
        once[heading] = replace(table, footnotes=tuple(notes))
        earlier_texts |= {note.text for note in table.footnotes}
    return once
