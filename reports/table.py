"""Cells once, for every format: which variants, which scores, which frames, what stands out and what has to be said."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from reports.footnotes import Footnote, footnotes
from reports.results import Metric, Results

Frames = Sequence[int | tuple[int, int]]


@dataclass(frozen=True)
class Column:
    """A score over some frames: the whole horizon, one frame, or a slice of it.

    score: "protocol/metric". first, last: frames, both included. mark: of the footnote that names the protocol, if several meet.
    """

    score: str
    metric: Metric
    first: int
    last: int
    whole: bool
    mark: str = ""

    @property
    def protocol(self) -> str:
        return self.score.partition("/")[0]

    @property
    def key(self) -> str:
        """What names the column in files: "standard/psnr", "standard/psnr@5", "standard/psnr@11-20"."""
        return self.score if self.whole else f"{self.score}@{self.span}"

    @property
    def span(self) -> str:
        return str(self.first) if self.first == self.last else f"{self.first}-{self.last}"

    @property
    def title(self) -> str:
        """The header's words: "PSNR (dB) ↑", "LPIPS (×10^-3) ↓ 11-20"."""
        metric = self.metric
        power = round(np.log10(metric.scale))
        unit = " ".join(filter(None, [f"×10^{-power}" if power else "", metric.unit]))
        name = self.score.partition("/")[2].replace("_", " ").upper()
        arrow = "↑" if metric.direction == "up" else "↓"
        where = "" if self.whole else f"t={self.first}" if self.first == self.last else f"t={self.span}"
        return " ".join(filter(None, [name, f"({unit})" if unit else "", arrow, where]))


@dataclass(frozen=True)
class Cell:
    """One number: the score itself, and as it is printed (scaled, rounded, without emphasis).

    value is None where there is none. seeds: runs behind it. mark: the footnote that names its protocol.
    """

    value: float | None = None
    text: str = "–"
    seeds: int = 0
    best: bool = False
    close: bool = False
    mark: str = ""


@dataclass(frozen=True)
class Row:
    """A variant. seeds: "3", or "2 of 3" where runs are missing. marks: of the footnotes that concern it."""

    label: str
    seeds: str
    cells: tuple[Cell, ...]
    marks: tuple[str, ...] = ()


@dataclass(frozen=True)
class Table:
    """What every format is rendered from."""

    title: str
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    footnotes: tuple[Footnote, ...]


def table(
    results: Results, metrics: Sequence[str] | None = None, protocols: Sequence[str] = ("standard",), frames: Frames = ()
) -> Table:
    """The comparison of all variants, in declared order.

    metrics: which (all if not given). protocols: more than one only on request; each cell is then marked with its own.
    frames: further columns for each metric beside its mean over the horizon: frames (5) or slices of it ((11, 20)).
    """
    columns = _columns(results, metrics, protocols, frames)
    notes, marks = footnotes(results, {column.protocol: column.mark for column in columns}, [c.score for c in columns])
    cells = np.array([_cells(results, column) for column in columns], dtype=object)  # [columns, variants]
    rows = [
        Row(variant, _seeds(results, variant), tuple(cells[:, number]), marks.get(variant, ()))
        for number, variant in enumerate(results.variants)
    ]
    return Table(results.question, tuple(columns), tuple(rows), tuple(notes))


def every(step: int, horizon: int) -> list[int]:
    """Every `step`-th frame of the horizon: 5, 10, 15, 20."""
    return list(range(step, horizon + 1, step))


def slices(length: int, horizon: int) -> list[tuple[int, int]]:
    """The horizon cut into slices: (1, 10), (11, 20), (21, 30). The last may be shorter."""
    return [(first, min(first + length - 1, horizon)) for first in range(1, horizon + 1, length)]


def _columns(results: Results, metrics: Sequence[str] | None, protocols: Sequence[str], frames: Frames) -> list[Column]:
    horizon = results.facts.horizon
    spans = [(1, horizon), *((frame, frame) if isinstance(frame, int) else frame for frame in frames)]
    wrong = [span for span in spans if not 1 <= span[0] <= span[1] <= horizon]
    if wrong:
        raise ValueError(f"frames {wrong[0][0]} to {wrong[0][1]} are not within the horizon, 1 to {horizon}")
    names = metrics or list(dict.fromkeys(score.partition("/")[2] for score in results.columns))
    scores = [f"{protocol}/{name}" for name in names for protocol in protocols]
    found = [score for score in scores if score in results.columns]
    absent = [name for name in names if not any(f"{protocol}/{name}" in found for protocol in protocols)]
    if (absent and metrics) or not found:
        asked = f"{absent[0] if absent else 'scores'} under {' or '.join(protocols)}"
        raise ValueError(f"there is no {asked}; there are {', '.join(results.columns) or 'no scores'}")
    marks = dict(zip(protocols, "abcdefgh", strict=False)) if len(protocols) > 1 else {}
    return [
        Column(score, results.metric(score), first, last, number == 0, marks.get(score.partition("/")[0], ""))
        for score in found
        for number, (first, last) in enumerate(spans)
    ]


def _cells(results: Results, column: Column) -> list[Cell]:
    """The cells of one column, one a variant: the mean over seeds of the runs' means."""
    metric = column.metric
    cells = []
    for values in results.seed_means(column.score, column.first, column.last):
        known = values[~np.isnan(values)]
        if len(known):
            mean = float(known.mean())
            cells.append(Cell(mean, f"{mean * metric.scale:.{metric.digits}f}", len(known), mark=column.mark))
        else:
            cells.append(Cell())
    return _emphasised(cells, metric)


def _emphasised(cells: list[Cell], metric: Metric) -> list[Cell]:
    """The best as best and the second best as close; equal values share the emphasis."""
    sign = -1 if metric.direction == "up" else 1
    order = sorted({sign * cell.value for cell in cells if cell.value is not None})
    places = {sign * value: place for place, value in enumerate(order)}
    return [
        cell if cell.value is None else replace(cell, best=places[cell.value] == 0, close=places[cell.value] == 1)
        for cell in cells
    ]


def _seeds(results: Results, variant: str) -> str:
    runs = results.runs[results.runs["variant"] == variant]
    finished = int((runs["state"] == "finished").sum())
    return str(finished) if finished == len(runs) else f"{finished} of {len(runs)}"
