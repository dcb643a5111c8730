"""Claims in a document against their verdicts as they are now."""

import re
from collections.abc import Sequence

from reports.checked import Checked, Difference
from reports.latex import printable
from reports.latex_tables import Line
from reports.table import Row, Table

NUMBER = re.compile(r"\d+(?:\.\d+)?")
TITLES = {"claim", "compared", "verdict"}  # that every table of claims has


def holds_claims(sheet: Sequence[Line]) -> bool:
    """Whether a table of a document is one of claims, as the suite makes it."""
    return {cell for line in sheet if line.header for cell in line.cells} >= TITLES


def compare_claims(sheet: Sequence[Line], claims: Table, checked: Checked) -> None:
    """Hold every cell against the table of claims as it is now. A claim that is not in it is unmatched."""
    titles = next(line.cells for line in sheet if line.header)
    checked.tables += 1
    rows: dict[str, list[Row]] = {}
    for row in claims.rows:
        rows.setdefault(_text(row.label), []).append(row)
    for line in (line for line in sheet if not line.header):
        by_title = dict(zip(titles, line.cells, strict=False))
        alike = rows.get(_text(by_title["claim"]), [])
        if not alike:
            checked.unchecked += sum(len(NUMBER.findall(cell)) for cell in line.cells)
            checked.unmatched.append(f"the claim '{by_title['claim']}' (line {line.number}): there is no such claim")
            continue
        compared = _text(by_title.get("compared", ""))
        row = next((row for row in alike if _text(row.cells[0].text) == compared), alike[0])
        expected = {column.title: cell.text for column, cell in zip(claims.columns, row.cells, strict=True)}
        expected["seeds"] = row.seeds
        for title, cell_text in by_title.items():
            if title not in expected:
                continue
            checked.numbers += len(NUMBER.findall(cell_text)) if title != "compared" else 0
            if _text(cell_text) != _text(expected[title]):
                checked.differences.append(Difference(line.number, row.label, title, cell_text, expected[title]))


def _text(cell: str) -> str:
    """A cell as it is compared: in signs that LaTeX has, without what only decides how it looks."""
    return "".join(re.sub("[-−–—]+", "-", printable(cell)).lower().split())
