"""Published numbers beside ours: only under their own protocol, greyed, with their source, never ranked."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pandas as pd

from reports.columns import Column
from reports.footnotes import Footnote
from reports.results import Facts, Results
from reports.table import Cell, Row, Table

# (metric, unit) of a published number -> our metric, and what turns the number into our score.
CONVERSIONS = {
    ("psnr", "dB"): ("psnr", 1.0), ("ssim", "1"): ("ssim", 1.0),
    ("lpips", "1"): ("lpips", 1.0), ("lpips", "1e-3"): ("lpips", 1e-3),
    ("mse", "sum per frame"): ("mse_sum", 1.0), ("mse", "1e-3 per pixel"): ("mse", 1e-3),
    ("mae", "sum per frame"): ("mae_sum", 1.0), ("mae", "1e-3 per pixel"): ("mae", 1e-3),
}  # fmt: skip


def with_published(
    table: Table, results: Results, published: pd.DataFrame, ours: Mapping[str, str] | None = None, methods: Sequence[str] = ()
) -> Table:
    """The table with a greyed row for each published method of the same data set, context, horizon and protocol.

    published: dataset, context, horizon, method, metric, value, unit, protocol, source, confidence, note.
    ours: published method -> our variant of it, whose difference to the published number is then shown.
    methods: parts of names; only the methods that hold one of them (all if not given).
    Columns of single frames and slices stay empty: what is published are means over the horizon.
    """
    alike = _alike(published, results.facts, [column.score for column in table.columns])
    cells_of = {row.label: row.cells for row in table.rows}
    first = 1 + max((int(note.mark) for note in table.footnotes if note.mark.isdigit()), default=0)
    marks: dict[str, str] = {}
    rows = []
    for method, numbers in alike.groupby("method", sort=False):
        if methods and not any(part.lower() in str(method).lower() for part in methods):
            continue
        values = dict(zip(numbers["score"], numbers["value"], strict=True))
        pair = cells_of.get((ours or {}).get(str(method), ""), (Cell(),) * len(table.columns))
        cells = [_cell(column, values, mine) for column, mine in zip(table.columns, pair, strict=True)]
        said = dict.fromkeys(_source(number) for _, number in numbers.iterrows())
        row_marks = [marks.setdefault(text, str(first + len(marks))) for text in said]
        rows.append(Row(str(method), "published", tuple(cells), tuple(row_marks), published=True))
    protocols = " and ".join(dict.fromkeys(column.protocol for column in table.columns))
    where = f"{results.facts.context} to {results.facts.horizon} frames of this data set under protocol {protocols}"
    summary = f"Greyed: published for {where}; not ranked." if rows else f"Nothing published is known for {where}."
    marked = [note for note in table.footnotes if note.mark] + [Footnote(text, mark) for text, mark in marks.items()]
    general = [note for note in table.footnotes if not note.mark]
    return replace(table, rows=(*table.rows, *rows), footnotes=(*marked, *general, Footnote(summary)))


def _alike(published: pd.DataFrame, facts: Facts, scores: Sequence[str]) -> pd.DataFrame:
    """What is published for the same task: one number (the surest) a method and `score`, its `value` converted to our units."""
    dataset = facts.dataset.partition(" ")[0]
    converted = [
        CONVERSIONS.get((str(metric), str(unit)), ("", 0.0))
        for metric, unit in zip(published["metric"], published["unit"], strict=True)
    ]
    given = published.assign(
        score=published["protocol"] + "/" + [metric for metric, _ in converted],
        value=published["value"].astype(float) * [factor for _, factor in converted],
    )
    same = given["dataset"].str.replace("-", "_").map(lambda name: dataset == name or dataset.startswith(f"{name}_"))
    alike = given[
        same & (given["context"] == facts.context) & (given["horizon"] == facts.horizon) & given["score"].isin(scores)
    ]
    surest = alike.sort_values("confidence", key=lambda confidence: confidence != "high", kind="stable")
    return surest.drop_duplicates(["method", "score"]).sort_index()


def _cell(column: Column, values: Mapping[str, float], mine: Cell) -> Cell:
    """The published number of a column, and how far ours is from it: "28.61 (ours -0.35)"."""
    if column.score not in values or column.key != column.score:
        return Cell()
    value, scale, digits = values[column.score], column.metric.scale, column.metric.digits
    text = f"{value * scale:.{digits}f}"
    if mine.value is not None:
        text += f" (ours {(mine.value - value) * scale:+.{digits}f})"
    return Cell(value, text, mark=column.mark)


def _source(number: "pd.Series[Any]") -> str:
    """Where a number comes from, and what is known against it."""
    doubt = "" if number["confidence"] == "high" else " (quoted by a second source)"
    note = f"; {number['note']}" if isinstance(number["note"], str) and number["note"] else ""
    return f"{number['source']}{doubt}{note}."
