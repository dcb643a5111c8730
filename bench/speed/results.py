"""Results of `bench speed`: kept as JSON, printed again, compared with earlier ones."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from bench.common.errors import BenchError
from bench.common.files import read_json, write_json
from bench.speed.timing import NotMeasured

MEASURES = {
    "models": "bench.speed.models",
    "train": "bench.speed.train",
    "threads": "bench.speed.threads",
    "metrics": "bench.speed.metrics",
    "data": "bench.speed.data",
    "schedule": "bench.speed.overhead",
}
ROWS = {
    "models": "ModelRow",
    "train": "TrainingRow",
    "threads": "ThreadsRow",
    "metrics": "Timing",
    "data": "Timing",
    "schedule": "OverheadRow",
}
FOLDER = "speed"  # of the store
SLOWER = 0.9  # of an earlier figure: one that falls below it is flagged
RowsByMeasure = dict[str, list[Any]]
"""Rows by measure, each of the class that `ROWS` names in its module, or NotMeasured."""


def to_json(rows_by_measure: RowsByMeasure) -> dict[str, Any]:
    """Rows with the code and the machine that they were measured on."""
    from bench.store import provenance

    metadata = provenance.collect()
    code = {"commit": metadata["code"]["commit"], "changed": bool(metadata["code"].get("diff"))}
    rows = {
        name: [row._asdict() if hasattr(row, "_asdict") else dict(vars(row)) for row in measure_rows]
        for name, measure_rows in rows_by_measure.items()
    }
    return {**{key: metadata[key] for key in ("command", "machine", "packages", "written")}, "code": code, **rows}


def from_json(values: Mapping[str, Any]) -> RowsByMeasure:
    """The rows of a kept result; a BenchError if its columns are those of another version."""
    try:
        modules = {name: import_module(module) for name, module in MEASURES.items() if name in values}
        return {
            name: [
                (NotMeasured if row.keys() == set(NotMeasured._fields) else getattr(module, ROWS[name]))(**row)
                for row in values[name]
            ]
            for name, module in modules.items()
        }
    except TypeError as error:
        raise BenchError("this result is of another version of the suite, which measured other things") from error


def keep(store: Path, measure: str, values: dict[str, Any]) -> Path:
    """Write a result to the store's folder; where."""
    path = store / FOLDER / f"{time.strftime('%Y%m%d-%H%M%S')}-{measure}.json"
    write_json(path, values)
    return path


def newest(store: Path, measure: str) -> Path:
    """The last result kept in the store: of a measure, or ("all") of whatever was measured."""
    for path in sorted((store / FOLDER).glob("*.json"), reverse=True):
        if measure == "all" or measure in (read_json(path) or ()):
            return path
    command = "bench speed" if measure == "all" else f"bench speed {measure}"
    raise BenchError(f"{store / FOLDER} has no result of `{command}`; run that first")


def read(path: Path) -> dict[str, Any]:
    """A result's values. BenchError if the file holds none."""
    values = read_json(path)
    if not isinstance(values, dict) or not any(name in values for name in MEASURES):
        raise BenchError(
            f"{path} holds no result of `bench speed`; results are in the store under {FOLDER}/, and where --out put them"
        )
    return values


@dataclass(frozen=True)
class Change:
    """A figure beside its earlier value. ratio: of the present speed to the earlier one; below 1 is slower."""

    measure: str
    name: str
    ratio: float

    @property
    def slower(self) -> bool:
        return self.ratio < SLOWER

    def format_row(self) -> str:
        """One line."""
        return f"{self.measure}: {self.name}: {self.ratio:.2f} times as fast as before{'  SLOWER' if self.slower else ''}"


def changes(rows_by_measure: Mapping[str, Sequence[Any]], earlier: Mapping[str, Any]) -> Iterator[Change]:
    """Each figure that both results have."""
    earlier_rows = from_json(earlier)
    for measure, rows in rows_by_measure.items():
        earlier_figures = {_name(row): _figure(row) for row in earlier_rows.get(measure, ())}
        for row in rows:
            figure, earlier_figure = _figure(row), earlier_figures.get(_name(row))
            if figure is not None and earlier_figure:
                yield Change(measure, _name(row), figure / earlier_figure)


def _name(row: Any) -> str:
    return str(row.name if hasattr(row, "name") else row.model)


def _figure(row: Any) -> float | None:
    """How fast a row is; larger is faster. Relative to a peer of the same run if it has one, so that machines matter little.

    None if the row or its peer was not measured.
    """
    if isinstance(row, NotMeasured):
        return None
    if hasattr(row, "ratio"):
        return None if row.ratio is None else float(row.ratio)
    if hasattr(row, "limit"):  # an OverheadRow: seconds of processor time, or a share of the training time
        return 1 / max(row.processor if row.share is None else row.share, 1e-6)
    return float(row.share)
