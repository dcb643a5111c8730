"""Does a document still say what the scores say? Its numbers are compared at the precision that they are printed with."""

import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from reports.check_claims import compare_claims, holds_claims
from reports.checked import Checked, Difference
from reports.columns import Column
from reports.costs import cost_table
from reports.differences_table import differences_table
from reports.documents import tables
from reports.headers import SEEDS, RequestedColumn, requested_columns
from reports.latex import printable
from reports.latex_tables import Line
from reports.made_blocks import name_by_line
from reports.memory_table import MEASURES
from reports.published_rows import with_published
from reports.results import Results
from reports.scores_table import scores_table
from reports.table import Cell, Row, Table

NUMBER = re.compile(r"[-+]?(?:\d+(?:\.\d+)?|\.\d+)")  # papers write .420, too
STATED_NUMBER = re.compile(r"[-+−<>≈~]?\s*(?:\d+(?:[.,]\d+)*|[.,]\d+)\s*(?:(?:±|\[|\(|/).*|[%×]|[a-zA-Zµ]{1,4}(?:/s)?)?")
COMMA = re.compile(r"(?<![\d.,])([-+]?\d+),(\d+)(?![\d,.])")
EMPTY_CELLS = {"–", "—", "-", "n/a", "nan"}


def check(
    results: Results,
    text: str,
    kind: str,
    protocols: Sequence[str] = ("standard",),
    lines: tuple[int, int] | None = None,
    claims: Callable[[], Table] | None = None,
) -> Checked:
    """Compare every number in the tables of a document ("markdown", "latex" or "html") whose row and column are recognised.

    Rows are recognised by the labels of variants and of published methods, columns by metric and frame ("PSNR t=5", or "5"
    below or right of "PSNR") or cost, both however they are emphasised. Where all rows but the first begin with a sign, they
    are differences to it. lines: first and last line; only tables that begin there. claims: the table of claims as it is now,
    made when the document has one; without it, claims are named as not compared.
    """
    checked = Checked()
    records = name_by_line(text)
    for sheet in tables(text, kind):
        if record := records.get(sheet[0].number):
            compared = f"is made from the scores of record {record}: `bench results check` compares it"
            checked.others.append(f"the table at line {sheet[0].number} {compared}")
        elif lines is None or lines[0] <= sheet[0].number <= lines[1]:
            columns, problems = requested_columns(results, [line for line in sheet if line.header], protocols)
            rows = [line for line in sheet if not line.header]
            shown = _Shown(results, rows, columns)
            if any(columns) and shown.rows:
                checked.tables += 1
                checked.unmatched += problems
                shown.compare(checked)
            elif claims and holds_claims(sheet):
                compare_claims(sheet, claims(), checked)
            elif content := _other_content(sheet):
                checked.others.append(f"the table of {content} at line {sheet[0].number} is not a table of scores")
            elif count := _count_stated_numbers(results, sheet):
                lacks = "no row has the name of a variant" if any(columns) else "no column has the name of a metric or a cost"
                checked.unchecked += count
                checked.unmatched.append(f"the table at line {sheet[0].number}, {count} numbers: {lacks}")
    return checked


def _other_content(sheet: list[Line]) -> str:
    """What a table of the suite holds that has no scores and no costs; empty for every other table."""
    if sheet[0].holds or holds_claims(sheet):
        return sheet[0].holds or "claims"
    titles = {cell for line in sheet if line.header for cell in line.cells}
    return "memories" if titles >= {"slots", *(title for _, title, _, _ in MEASURES)} else ""


def _count_stated_numbers(results: Results, sheet: list[Line]) -> int:
    """How many numbers a table states; of one of single runs, such as our pages end with, only those of metrics."""
    titles = [cell.lower() for line in sheet if line.header for cell in line.cells]
    words = [(metric.label or name).lower() for name, metric in results.metrics.items()]
    chosen = [any(word in title for word in words) for title in titles] if "seed" in titles else [True] * 1000
    return sum(
        _states_number(cell)
        for line in sheet
        if not line.header
        for cell, counts in zip(line.cells, chosen, strict=False)
        if counts
    )


def _states_number(cell: str) -> bool:
    """Whether a cell states a number, and not a name or a setting with a number in it."""
    return STATED_NUMBER.fullmatch(cell.strip()) is not None


class _Shown:
    """A table of the document, and the store's table with the same columns."""

    def __init__(self, results: Results, lines: list[Line], columns: list[RequestedColumn | None]):
        self.columns = columns
        scores = [column for column in columns if column and column.is_score]
        self.costs = cost_table(results)
        self.scores = _scores(results, scores, self._are_differences(results, lines)) if scores else self.costs
        self.rows_by_name: dict[str, list[Row]] = {}
        for row in self.scores.rows:
            self.rows_by_name.setdefault(_name(row.label), []).append(row)
        self.rows: list[tuple[Line, Row]] = []
        self.strangers: list[Line] = []
        matched = Counter[str]()
        for line in lines:
            name = next((_name(cell) for cell in line.cells if _name(cell) in self.rows_by_name), None)
            if name is None:
                self.strangers.append(line)
            else:  # a published method may be called as a variant is, and stands below it
                self.rows.append((line, self.rows_by_name[name][min(matched[name], len(self.rows_by_name[name]) - 1)]))
                matched[name] += 1

    def _cells(self, line: Line) -> list[tuple[RequestedColumn, str]]:
        return [(column, cell) for column, cell in zip(self.columns, line.cells, strict=False) if column]

    def _are_differences(self, results: Results, lines: list[Line]) -> bool:
        """Whether all scores but those of the first variant have a sign."""
        others = [line for line in lines if _name(results.variants[0]) not in map(_name, line.cells)]
        cells = [cell for line in others for column, cell in self._cells(line) if column.is_score and NUMBER.search(cell)]
        return bool(cells) and all(re.match(r"[-+−][\d.]", cell) for cell in cells)

    def compare(self, checked: Checked) -> None:
        """Hold every cell against the store's."""
        for line, row in self.rows:
            for column, cell in self._cells(line):
                if column.name == SEEDS:
                    _seeds(line, row, cell, checked)
                else:
                    _CheckedCell(line, row, column, self.scores if column.is_score else self.costs).compare(cell, checked)
            self._count_other_columns(line, checked)
        for line in self.strangers:
            if count := sum(map(_states_number, line.cells)):
                checked.unchecked += count
                close = get_close_matches(_name(line.cells[0]), self.rows_by_name, n=1)
                hint = f"; did you mean '{self.rows_by_name[close[0]][0].label}'?" if close else ""
                checked.unmatched.append(f"row '{line.cells[0]}' (line {line.number}): no variant is called so{hint}")

    def _count_other_columns(self, line: Line, checked: Checked) -> None:
        """Numbers of a variant in columns that are no metric and no cost of ours."""
        count = len(self.columns)
        others = [
            cell
            for number, cell in enumerate(line.cells)
            if (number >= count or self.columns[number] is None)
            and _name(cell) not in self.rows_by_name
            and _states_number(cell)
        ]
        if others:
            checked.unchecked += len(others)
            checked.unmatched.append(f"{', '.join(others)} in the row '{line.cells[0]}' (line {line.number}): of what?")


def _scores(results: Results, columns: Sequence[RequestedColumn], differences: bool) -> Table:
    metrics = list(dict.fromkeys(column.name.partition("/")[2] for column in columns))
    protocols = list(dict.fromkeys(column.name.partition("/")[0] for column in columns))
    spans = list(dict.fromkeys(column.span for column in columns if column.span))
    if differences:
        return differences_table(results, metrics, protocols, spans)
    return with_published(scores_table(results, metrics, protocols, spans), results)


def _name(text: str) -> str:
    """A label as it is compared: in lower case, with spaces for hyphens and underscores, in signs that LaTeX has."""
    return " ".join(re.sub(r"[-−_\s]+", " ", printable(text)).lower().split())


def _seeds(line: Line, row: Row, cell_text: str, checked: Checked) -> None:
    if numbers_there := re.findall(r"\d+", cell_text):
        checked.numbers += 1
        if numbers_there != re.findall(r"\d+", row.seeds):
            checked.differences.append(Difference(line.number, row.label, SEEDS, cell_text, row.seeds))


@dataclass(frozen=True)
class _CheckedCell:
    """A cell of the document and the store's table that it is compared with."""

    line: Line
    row: Row
    requested: RequestedColumn
    table: Table

    def compare(self, cell_text: str, checked: Checked) -> None:
        """Hold the numbers of the cell against the store's."""
        cell_text = COMMA.sub(_with_point, cell_text.replace("−", "-"))
        numbers_there = NUMBER.findall(cell_text)
        if not numbers_there and cell_text.lower() not in EMPTY_CELLS:
            return  # nothing is claimed
        expected, store = self._expected(cell_text), ""
        compared = [numbers_there[: len(numbers)] for numbers in expected]
        checked.numbers += max(1, len(compared[0]))
        if self._cell.value is None or not numbers_there:
            store = "" if self._cell.value is None and not numbers_there else self._cell.text
        elif not any(all(map(_agree, *pair)) for pair in zip(compared, expected, strict=True)):
            right = map(_like, compared[0], expected[0])
            store = NUMBER.sub(lambda match: next(right, match[0]), cell_text)
        elif not self.requested.is_score and _unit(cell_text) != _unit(self._cell.text):
            store = self._cell.text
        if store:
            checked.differences.append(Difference(self.line.number, self.row.label, self._title, cell_text, store))
        if self._cell.value is not None and len(numbers_there) > len(compared[0]):
            location = f"(line {self.line.number}, {self.row.label}, {self._title})"
            checked.unchecked += len(numbers_there) - len(compared[0])
            checked.unmatched.append(f"{', '.join(numbers_there[len(compared[0]) :])} in '{cell_text}' {location}: what is it?")

    @property
    def _column(self) -> Column:
        return next(column for column in self.table.columns if column.key == self.requested.key)

    @property
    def _cell(self) -> Cell:
        row = next(
            (row for row in self.table.rows if row.label == self.row.label and row.published == self.row.published), None
        )
        return row.cells[self.table.columns.index(self._column)] if row else Cell()

    @property
    def _title(self) -> str:
        return f"{self._column.title} ({self._column.protocol})" if self._column.mark else self._column.title

    def _expected(self, cell_text: str) -> list[list[float | None]]:
        """The numbers that a cell written like that may hold; None for one that the store has not."""
        cell, scale = self._cell, self._column.metric.scale
        if cell.value is None or self.row.published or not self.requested.is_score:
            return [[float(number) for number in NUMBER.findall(cell.text)]]
        scales = (
            [scale] if self.requested.scaled else [scale, 1.0]
        )  # a header without a power of ten may show the score as it is
        return [_numbers(cell, cell.value, scale, cell_text) for scale in scales]


def _with_point(match: re.Match[str]) -> str:
    """A number with a decimal comma, as 28,61, with a point; 12,345 and the like stay, which may be thousands."""
    thousands = len(match[2]) == 3 and match[1].lstrip("+-0")
    return match[0] if thousands else f"{match[1]}.{match[2]}"


def _numbers(cell: Cell, value: float, scale: float, cell_text: str) -> list[float | None]:
    low, high = (None if end is None else end * scale for end in (cell.low, cell.high))
    if "±" in cell_text:
        return [value * scale, None if low is None or high is None else (high - low) / 2]
    return [value * scale, low, high] if "[" in cell_text else [value * scale]


def _unit(text: str) -> str:
    return "".join(NUMBER.sub("", text).split())


def _agree(numbers_there: str, expected: float | None) -> bool:
    """Whether a number is the expected one, rounded to as many decimals; a tie may be rounded up or down."""
    decimals = len(numbers_there.partition(".")[2])
    return expected is not None and abs(float(numbers_there) - expected) <= 0.5 * 10**-decimals * (1 + 1e-9) + 1e-12


def _like(numbers_there: str, expected: float | None) -> str:
    """The expected number with the decimals and the sign of the one that stands there."""
    sign = "+" if numbers_there.startswith("+") else ""
    return "none" if expected is None else f"{expected:{sign}z.{len(numbers_there.partition('.')[2])}f}"
