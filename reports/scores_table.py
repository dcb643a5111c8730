"""The scores of all variants, held against the best one: which are as good, and what has to be said about the comparison."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

from reports.columns import Column, FrameSpans, choose_columns
from reports.footnotes import footnotes
from reports.mean_cells import mean_cells, seeds_scored
from reports.pairing import pairing_remarks
from reports.results import Results
from reports.statistics import ALPHA, effect, holm, paired, permutation, too_few_clips
from reports.table import Cell, Row, Table
from reports.trivial import failing, failing_notes, failing_remarks


def scores_table(
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
