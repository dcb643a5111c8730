"""What each change to the first variant costs: paired differences, on the same seeds and clips."""

from collections.abc import Sequence
from dataclasses import replace

from reports.columns import Column, FrameSpans, choose_columns
from reports.costs import equal_to_first
from reports.mean_cells import mean_cells
from reports.pairing import pairing_remarks
from reports.results import Results
from reports.scores_table import assemble, clips_needed, finite
from reports.statistics import ALPHA, Difference, compare, holm, paired
from reports.table import Cell, Table


def differences_table(
    results: Results, metrics: Sequence[str] | None = None, protocols: Sequence[str] = ("standard",), frames: FrameSpans = ()
) -> Table:
    """The first variant's scores, then for every other one its difference to it. Arguments as those of `table`."""
    columns = choose_columns(results, metrics, protocols, frames)
    cells = [_cells(results, column) for column in columns]
    of_frames = [cells[number] for number, column in enumerate(columns) if column.score not in results.sets]
    compared_seeds = [cell.seeds for column in of_frames for cell in column[1:] if cell.value is not None]
    several = any(seeds > 1 for seeds in compared_seeds)
    intervals = " with 95% intervals (bootstrap over seeds and clips together, each for itself)" if several else ""
    notes = [
        f"Below the first row: paired differences to '{results.variants[0]}'{intervals}.",
        "Underlined: no significant difference (permutation test at 5%, Holm's correction over the column).",
    ]
    if all(cell.value is None for column in cells for cell in column[1:]):
        notes = [f"There are no differences: no seed has scores of '{results.variants[0]}' and of another one."]
    elif compared_seeds and (not several or 1 in compared_seeds):
        n = "Where n = 1" if any(cell.low is not None for column in of_frames for cell in column) else "n = 1"
        notes.append(f"{n} seed: no confidence interval; significance covers clips, not seeds.")
    notes += [*clips_needed(results, of_frames), *equal_to_first(results)]
    compared = pairing_remarks(results, columns, [0] * len(columns), f"'{results.variants[0]}'")
    differences = assemble(results, columns, cells, notes, compared)
    return replace(differences, name=f"{results.name}-differences")


def _cells(results: Results, column: Column) -> list[Cell]:
    others = range(1, len(results.variants))
    if column.score in results.sets:
        scores = results.paired_set(column.score)
        differences = [scores.difference(number, 0) for number in others]
    else:
        means = results.paired_means(column.score, column.first, column.last)
        differences = compare([paired(means[number], means[0]) for number in others])
    corrected = iter(holm([difference.p for difference in differences if difference]))
    cells = [_difference(difference, next(corrected), column) if difference else Cell() for difference in differences]
    return [mean_cells(results, column)[0], *cells]


def _difference(difference: Difference, p: float, column: Column) -> Cell:
    """ "-0.21 [-0.35, -0.07]", underlined where it may as well be nothing."""
    metric = column.metric
    signed = f"{{:+z.{metric.digits}f}}"
    text = signed.format(difference.mean * metric.scale)
    effect = finite(difference.effect)
    cell = Cell(difference.mean, text, seeds=difference.seeds, p=p, effect=effect, close=p > ALPHA, mark=column.mark)
    if difference.low is None or difference.high is None:
        return cell
    span = f"[{signed}, {signed}]".format(difference.low * metric.scale, difference.high * metric.scale)
    return replace(cell, text=f"{text} {span}", low=difference.low, high=difference.high)
