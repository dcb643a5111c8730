"""Cells once, for every format: which variants, which scores, which frames, what stands out and what has to be said."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from reports.columns import Column, FrameSpans, choose_columns
from reports.footnotes import Footnote, footnotes
from reports.pairing import pairing_remarks
from reports.results import Results
from reports.set_scores import SetScores
from reports.statistics import ALPHA, effect, half_interval, holm, paired, permutation, too_few_clips
from reports.trivial import failing, failing_notes, failing_remarks


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


def table(
    results: Results, metrics: Sequence[str] | None = None, protocols: Sequence[str] = ("standard",), frames: FrameSpans = ()
) -> Table:
    """The comparison of all variants, in declared order.

    metrics: which (all if not given). protocols: more than one only on request; each cell is then marked with its own.
    frames: further columns for each metric beside its mean over the horizon: frames (5) or slices of it ((11, 20)).
    """
    columns = choose_columns(results, metrics, protocols, frames)
    failures = failing(results, protocols[0] if protocols else "standard")
    cells = [_against_best(results, column, mean_cells(results, column)) for column in columns]
    of_frames = [cells[number] for number, column in enumerate(columns) if column.score not in results.sets]
    notes = [*_how_to_read(cells, of_frames), *clips_needed(results, of_frames), *_untested(results, of_frames)]
    notes += failing_notes(failures, rates=True)
    best = [next((number for number, cell in enumerate(column) if cell.best), None) for column in cells]
    compared = pairing_remarks(results, columns, best, "the best")
    return assemble(results, columns, cells, notes, failing_remarks(failures), compared)


def assemble(
    results: Results,
    columns: list[Column],
    cells: list[list[Cell]],
    how_to_read: list[str],
    *remarks_by_variant: Mapping[str, str],
) -> Table:
    """A table from the cells of each column, one a variant, with the footnotes that it needs."""
    notes, marks = footnotes(
        results, {c.protocol: c.mark for c in columns}, [c.score for c in columns], how_to_read, *remarks_by_variant
    )
    rows = [
        Row(variant, seeds_scored(results, variant), tuple(column[number] for column in cells), marks.get(variant, ()))
        for number, variant in enumerate(results.variants)
    ]
    return Table(results.question, tuple(columns), tuple(rows), tuple(notes), name=results.name)


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


def every_nth_frame(step: int, horizon: int) -> list[int]:
    """Every `step`-th frame of the horizon: 5, 10, 15, 20."""
    return list(range(step, horizon + 1, step))


def horizon_slices(length: int, horizon: int) -> list[tuple[int, int]]:
    """The horizon cut into slices: (1, 10), (11, 20), (21, 30). The last may be shorter."""
    return [(first, min(first + length - 1, horizon)) for first in range(1, horizon + 1, length)]


def mean_cells(results: Results, column: Column) -> list[Cell]:
    """Each variant's mean over its runs."""
    seed_means = _seed_means(results, column)
    if column.score in results.sets:
        return _set_cells(results.sets[column.score], seed_means, column)
    return [mean_cell(scores, column) for scores in seed_means]


def _set_cells(set_scores: SetScores, seed_means: list[np.ndarray], column: Column) -> list[Cell]:
    """The same for a score of the whole set of clips, whose interval covers clips and seeds."""
    return [
        _with_interval(float(scores.mean()), set_scores.half_interval(variant), len(scores), column) if len(scores) else Cell()
        for variant, scores in enumerate(seed_means)
    ]


def mean_cell(scores: np.ndarray, column: Column) -> Cell:
    """The mean of a variant's scores, one per seed, and its interval: "28.61 ± 0.12"."""
    if not len(scores):
        return Cell()
    return _with_interval(float(scores.mean()), half_interval(scores), len(scores), column)


def _with_interval(mean: float, half: float | None, seeds: int, column: Column) -> Cell:
    text = column.metric.written(mean)
    if half is None:
        return Cell(mean, text, seeds=seeds, mark=column.mark)
    text += f" ± {column.metric.written(half)}"
    return Cell(mean, text, mean - half, mean + half, seeds, mark=column.mark)


def _seed_means(results: Results, column: Column) -> list[np.ndarray]:
    """Each variant's scores, one per seed that has any."""
    return [scores[~np.isnan(scores)] for scores in results.seed_means(column.score, column.first, column.last)]


def _against_best(results: Results, column: Column, cells: list[Cell]) -> list[Cell]:
    """Mark the best cell, and as `close` those that do not differ significantly: paired tests, corrected over the column."""
    values = {number: cell.value for number, cell in enumerate(cells) if cell.value is not None}
    if len(values) < 2:
        return cells
    extreme = max if column.metric.direction == "up" else min
    best = extreme(values, key=values.__getitem__)
    others = [number for number in values if number != best]
    p_values, effects = (_test_sets if column.score in results.sets else _test_frames)(results, column, others, best)
    corrected = dict(zip(p_values, holm(list(p_values.values())), strict=True))
    return [
        replace(
            cell,
            p=corrected.get(number),
            effect=effects.get(number),
            best=number == best,
            close=number in corrected and corrected[number] > ALPHA,
        )
        for number, cell in enumerate(cells)
    ]


Tests = tuple[dict[int, float], dict[int, float | None]]
"""p-values, not yet corrected, and effect sizes, both by the number of the variant."""


def _test_frames(results: Results, column: Column, variants: Sequence[int], best: int) -> Tests:
    """Permutation tests of the variants against the best one, on scores of frames."""
    means = results.paired_means(column.score, column.first, column.last)
    pairs = {number: pair for number in variants if (pair := paired(means[number], means[best])).size}
    p_values = dict(zip(pairs, permutation(list(pairs.values())), strict=True))
    return p_values, {number: finite(effect(pair)) for number, pair in pairs.items()}


def _test_sets(results: Results, column: Column, variants: Sequence[int], best: int) -> Tests:
    """The same on a score of the whole set of clips, which has no effect size."""
    set_scores = results.paired_set(column.score)
    differences = {number: difference for number in variants if (difference := set_scores.difference(number, best))}
    return {number: difference.p for number, difference in differences.items()}, {}


def finite(value: float) -> float | None:
    """The value, None where it is infinite: one clip has no spread to hold a difference against, and JSON no infinity."""
    return value if math.isfinite(value) else None


def _how_to_read(cells: list[list[Cell]], of_frames: list[list[Cell]]) -> list[str]:
    """How to read a table's cells; scores of whole sets explain their intervals themselves."""
    filled = [cell for column in of_frames for cell in column if cell.value is not None]
    single = [cell for cell in filled if cell.low is None]
    sentences = ["±: 95% interval of the mean over seeds (Student's t)."] if len(single) < len(filled) else []
    if single:
        n = "n = 1" if len(single) == len(filled) else "Where n = 1"
        sentences.append(f"{n} seed: no confidence interval; significance covers clips, not seeds.")
    if any(cell.best for column in cells for cell in column):
        over = "clips" if len(single) == len(filled) else "seeds and clips"
        sentences.append(
            "Bold: best. Underlined: not significantly different from the best "
            f"(paired over {over}, permutation test at 5%, Holm's correction over the column)."
        )
    return sentences


def clips_needed(results: Results, cells: list[list[Cell]]) -> list[str]:
    """That the clips are too few for any test of any column, where they are."""
    counts = [count for column in cells if (count := sum(cell.p is not None for cell in column))]
    seeds = max((cell.seeds for column in cells for cell in column if cell.p is not None), default=1)
    sentence = too_few_clips(len(results.clips), seeds, min(counts, default=0))
    return [sentence] if sentence else []


def _untested(results: Results, cells: list[list[Cell]]) -> list[str]:
    """Which variants could not be tested against the best of some column; a cell of theirs may be as good, or not."""
    compared = [column for column in cells if any(cell.best for cell in column)]
    untested = [
        f"'{variant}'"
        for number, variant in enumerate(results.variants)
        if any(cell.value is not None and not cell.best and cell.p is None for cell in (column[number] for column in compared))
    ]
    return [f"Not tested against the best, without a seed and a clip in common: {', '.join(untested)}."] if untested else []


def seeds_scored(results: Results, variant: str) -> str:
    """How many runs of a variant are finished: "3", "2 of 3"."""
    runs = results.runs[results.runs["variant"] == variant]
    finished = int((runs["state"] == "finished").sum())
    return str(finished) if finished == len(runs) else f"{finished} of {len(runs)}"
