"""What the row of a variant shows of its runs: their means with intervals, and how many runs are behind them."""

import numpy as np

from reports.columns import Column
from reports.results import Results
from reports.set_scores import SetScores
from reports.statistics import half_interval
from reports.table import Cell


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


def seeds_scored(results: Results, variant: str) -> str:
    """How many runs of a variant are finished: "3", "2 of 3"."""
    runs = results.runs[results.runs["variant"] == variant]
    finished = int((runs["state"] == "finished").sum())
    return str(finished) if finished == len(runs) else f"{finished} of {len(runs)}"
