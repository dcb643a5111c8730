"""Results of `bench speed` as text."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table

from bench.common.whole_tables import table_of
from bench.speed.results import RowsByMeasure
from bench.speed.timing import NotMeasured
from reports.quantities import sized


def show(rows_by_measure: RowsByMeasure, machine: str, console: Console) -> None:
    """Every measure: a table where rows have many columns, otherwise a line a row."""
    console.print(f"on {machine}", highlight=False)
    for name, rows in rows_by_measure.items():
        lines = rows
        if name in TABLES:
            lines = [row for row in rows if isinstance(row, NotMeasured)]
            if len(lines) < len(rows):
                TABLES[name]([row for row in rows if row not in lines], console)
        for row in lines:
            faster = "" if hasattr(row, "format_row") else f"{row.ratio:.3g} times as fast as {row.peer}"
            line = row.format_row() if not faster else f"{row.name}: {row.seconds * 1000:.1f} ms, {faster}"
            console.print(line, highlight=False)


def _models(rows: Sequence[Any], console: Console) -> None:
    heads = ("model", "parameters", "GFLOP/clip", "public code's", "CPU s/clip", "public code's", "of a matrix product's speed")
    table = _table(heads)
    for row in rows:
        table.add_row(
            row.model, f"{row.parameters:,}", f"{row.gflops:.1f}", _or_none(row.public_gflops, "{:.1f}"),
            f"{row.seconds:.2f}", _or_none(row.public_seconds, "{:.2f}"), f"{row.share:.0%}",
        )  # fmt: skip
    console.print(table)
    note = "one clip of 10 -> 10 frames of 64x64x1, batch 1, one core; the public codes' seconds are of a 2-core AMD EPYC"
    console.print(note, highlight=False)
    for row in rows:
        if row.public_remark:
            console.print(f"{row.model}: {row.public_remark}", highlight=False)


def _train(rows: Sequence[Any], console: Console) -> None:
    heads = ("LMC-Memory", "s/iteration", "clips/s", "TFLOP/s", "of a matrix product", "peak memory", "plain path")
    table = _table(heads)
    for row in rows:
        table.add_row(
            row.name, f"{row.seconds:.3f}", f"{row.clips:.2f}", f"{row.tflops:.3f}", f"{row.share:.0%}",
            sized(row.memory), _or_none(row.ratio, "{:.2f} x"),
        )  # fmt: skip
    console.print(table)


def _threads(rows: Sequence[Any], console: Console) -> None:
    table = _table(("model", "threads", "busy neighbours", "iterations/s", "of one thread's speed", "of its processor time"))
    for row in rows:
        table.add_row(
            row.model, str(row.threads), str(row.neighbours or "none"), f"{1 / row.seconds:.2f}", f"{row.ratio:.2f} x",
            f"{row.processor_ratio:.2f} x",
        )  # fmt: skip
    console.print(table)


def _table(heads: Sequence[str]) -> Table:
    return table_of(heads, right=heads[1:])


def _or_none(value: float | None, form: str) -> str:
    return "-" if value is None else form.format(value)


TABLES: dict[str, Callable[[Sequence[Any], Console], None]] = {"models": _models, "train": _train, "threads": _threads}
