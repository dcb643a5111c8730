"""Does a document still say what the scores say? Its numbers are compared at the precision that they are printed with."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Literal

from reports.ablation import ablation
from reports.beside import with_published
from reports.columns import choose_columns
from reports.documents import tables
from reports.headers import SEEDS, Asked, asked
from reports.ledger import ledger
from reports.results import Results
from reports.table import Cell, Row, Table, table
from reports.unlatex import Line

Shows = Literal["scores", "differences", "costs", "published"]
NUMBER = re.compile(r"[-+]?\d+(?:\.\d+)?")
NOTHING = {"–", "—", "-", "n/a", "nan"}


@dataclass(frozen=True)
class Difference:
    """A number that is not the store's. line: in the document. stands, store: the cell there, and as it would have to be."""

    line: int
    row: str
    column: str
    stands: str
    store: str


@dataclass
class Checked:
    """How many numbers of how many tables were compared, which differ, and what could not be matched, in words."""

    numbers: int = 0
    tables: int = 0
    differences: list[Difference] = field(default_factory=list)
    unmatched: list[str] = field(default_factory=list)


def check(
    results: Results,
    text: str,
    kind: str,
    protocols: Sequence[str] = ("standard",),
    shows: Shows = "scores",
    lines: tuple[int, int] | None = None,
) -> Checked:
    """Compare every number in the tables of a document ("markdown", "latex" or "html") whose row and column can be told.

    Rows are told by the variants' labels, columns by metric and frame ("PSNR t=5", or "5" below or right of "PSNR"), both
    however they are emphasised. shows: what the tables hold: scores, differences to the first variant, costs, or scores beside
    published ones. lines: first and last line; only tables that begin there.
    """
    made = Checked()
    known = {_name(label): label for label in _labels(results, protocols, shows)}
    for sheet in tables(text, kind):
        if lines is None or lines[0] <= sheet[0].number <= lines[1]:
            _sheet(results, sheet, known, protocols, shows, made)
    return made


def _sheet(
    results: Results, sheet: list[Line], known: dict[str, str], protocols: Sequence[str], shows: Shows, made: Checked
) -> None:
    """One table, if it has rows and columns of ours."""
    columns, problems = asked(results, [line for line in sheet if line.header], protocols, shows == "costs")
    if not any(columns) or not any(_name(cell) in known for line in sheet for cell in line.cells):
        return
    made.tables += 1
    made.unmatched += problems
    shown = _table(results, [column for column in columns if column and column.score != SEEDS], protocols, shows)
    rows, places = {row.label: row for row in shown.rows}, {column.key: n for n, column in enumerate(shown.columns)}
    for line in (line for line in sheet if not line.header):
        label = next((known[_name(cell)] for cell in line.cells if _name(cell) in known), None)
        cells = [(column, cell) for column, cell in zip(columns, line.cells, strict=False) if column]
        if label is None:
            _stranger(line, [cell for _, cell in cells], known, made)
            continue
        for column, cell in cells:
            if column.score == SEEDS:
                _seeds(line, rows[label], cell, made)
            else:
                number = places[column.key]
                _compare(_Place(line, rows[label], shown, number, column.scaled, shows), cell, made)


def _labels(results: Results, protocols: Sequence[str], shows: Shows) -> list[str]:
    if shows != "published":
        return list(results.variants)
    empty = Table("", tuple(choose_columns(results, None, protocols, ())), (), ())
    return [*results.variants, *(row.label for row in with_published(empty, results).rows)]


def _name(text: str) -> str:
    """What of a label must agree: not its case, nor how its words are joined."""
    return " ".join(re.sub(r"[-_\s]+", " ", text).lower().split())


def _table(results: Results, columns: Sequence[Asked], protocols: Sequence[str], shows: Shows) -> Table:
    """The store's own table with these columns; with all metrics if there are none."""
    if shows == "costs":
        return ledger(results)
    metrics = list(dict.fromkeys(column.score.partition("/")[2] for column in columns))
    named = list(dict.fromkeys(column.score.partition("/")[0] for column in columns))
    spans = list(dict.fromkeys(column.span for column in columns if column.span))
    made = (ablation if shows == "differences" else table)(results, metrics or None, named or protocols, spans)
    return with_published(made, results) if shows == "published" else made


def _stranger(line: Line, cells: list[str], known: dict[str, str], made: Checked) -> None:
    """A row that is no variant's; one without numbers is a heading."""
    if any(map(NUMBER.search, cells)):
        close = get_close_matches(_name(line.cells[0]), known, n=1)
        hint = f"; did you mean '{known[close[0]]}'?" if close else ""
        made.unmatched.append(f"row '{line.cells[0]}' (line {line.number}): no variant is called so{hint}")


def _seeds(line: Line, row: Row, stands: str, made: Checked) -> None:
    if said := re.findall(r"\d+", stands):
        made.numbers += 1
        if said != re.findall(r"\d+", row.seeds):
            made.differences.append(Difference(line.number, row.label, SEEDS, stands, row.seeds))


@dataclass(frozen=True)
class _Place:
    """Where a cell of the document belongs in the store's table."""

    line: Line
    row: Row
    table: Table
    number: int
    scaled: bool
    shows: Shows

    @property
    def cell(self) -> Cell:
        return self.row.cells[self.number]

    @property
    def title(self) -> str:
        column = self.table.columns[self.number]
        return f"{column.title} ({column.protocol})" if column.mark else column.title

    def expected(self, stands: str) -> list[list[float | None]]:
        """The numbers that a cell written like that may hold; None for one that the store has not."""
        value, scale = self.cell.value, self.table.columns[self.number].metric.scale
        if value is None or self.shows == "costs" or self.row.published:
            return [[float(number) for number in NUMBER.findall(self.cell.text)]]
        scales = [scale] if self.scaled else [scale, 1.0]  # a header without a power of ten may show the score as it is
        return [_numbers(self.cell, value, scale, stands) for scale in scales]


def _numbers(cell: Cell, value: float, scale: float, stands: str) -> list[float | None]:
    low, high = (None if end is None else end * scale for end in (cell.low, cell.high))
    if "±" in stands:
        return [value * scale, None if low is None or high is None else (high - low) / 2]
    return [value * scale, low, high] if "[" in stands else [value * scale]


def _compare(place: _Place, stands: str, made: Checked) -> None:
    """Hold the numbers of one cell against the store's."""
    said = NUMBER.findall(stands.replace("−", "-"))
    if not said and stands.lower() not in NOTHING:
        return  # nothing is claimed
    expected, store = place.expected(stands), ""
    known = [said[: len(numbers)] for numbers in expected]
    made.numbers += max(1, len(known[0]))
    if place.cell.value is None or not said:
        store = "" if place.cell.value is None and not said else place.cell.text
    elif not any(all(map(_agree, *pair)) for pair in zip(known, expected, strict=True)):
        right = map(_like, known[0], expected[0])
        store = NUMBER.sub(lambda found: next(right, found[0]), stands.replace("−", "-"))
    elif place.shows == "costs" and _unit(stands) != _unit(place.cell.text):
        store = place.cell.text
    if store:
        made.differences.append(Difference(place.line.number, place.row.label, place.title, stands, store))
    if place.cell.value is not None and len(said) > len(known[0]):
        more = ", ".join(said[len(known[0]) :])
        made.unmatched.append(f"{more} in '{stands}' (line {place.line.number}, {place.row.label}, {place.title}): what is it?")


def _unit(text: str) -> str:
    return "".join(NUMBER.sub("", text).split())


def _agree(said: str, expected: float | None) -> bool:
    """Whether a number is the expected one, rounded to the decimals that it has; either way where it lies between."""
    decimals = len(said.partition(".")[2])
    return expected is not None and abs(float(said) - expected) <= 0.5 * 10**-decimals * (1 + 1e-9) + 1e-12


def _like(said: str, expected: float | None) -> str:
    """The expected number with the decimals and the sign of the one that stands there."""
    sign = "+" if said.startswith("+") else ""
    return "none" if expected is None else f"{expected:{sign}z.{len(said.partition('.')[2])}f}"
