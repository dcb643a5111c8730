"""Scores of whole sets of clips (FVD): one number a run, none a frame or a clip; how sure they and their differences are.

What resampling the clips does to such a number is found where the clips' features are, with the same resamples for every run;
here it is only added up. Clips and seeds both count: the spread over resamples, and that of the mean over seeds (Student's t).
"""

import math
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from reports.statistics import LEVEL, RESAMPLES, Difference, seed_error, student

CLIPS = NormalDist().inv_cdf((1 + LEVEL) / 2)
"""Standard deviations over resamples within which 95% lie; resampled values themselves are biased, as they repeat clips."""


@dataclass(frozen=True)
class SetScores:
    """values: of the runs, [variants, seeds], NaN where there is none. replicates: of resampled clips, [..., draws].

    note: what a footnote says of the score: its conventions, how many clips, what it was computed with.
    """

    values: np.ndarray
    replicates: np.ndarray
    note: str = ""

    def everywhere(self, rows: list[int]) -> "SetScores":
        """The same where these variants' only run counts for every seed: nothing was trained, or it was trained elsewhere."""
        values, replicates = self.values.copy(), self.replicates.copy()
        for row in rows:
            seeds = np.flatnonzero(np.isfinite(values[row]))
            if len(seeds):
                values[row], replicates[row] = values[row, seeds[0]], replicates[row, seeds[0]]
        return SetScores(values, replicates, self.note)

    def half_interval(self, variant: int) -> float | None:
        """Half the 95% interval of a variant's mean over seeds; None where there is no value."""
        finite = np.isfinite(self.values[variant])
        return _half(self.values[variant, finite], self.replicates[variant, finite]) if finite.any() else None

    def difference(self, variant: int, to: int) -> Difference | None:
        """What tells two variants apart, over the seeds that both have; None where there are none."""
        both = np.isfinite(self.values[variant]) & np.isfinite(self.values[to])
        if not both.any():
            return None
        values = (self.values[variant] - self.values[to])[both]
        replicates = (self.replicates[variant] - self.replicates[to])[both]
        mean, half = float(values.mean()), _half(values, replicates)
        p = _p_value(mean, _clip_error(replicates), seed_error(values), len(values))
        return Difference(mean, mean - half, mean + half, p, math.nan, len(values), 0)


def _half(values: np.ndarray, replicates: np.ndarray) -> float:
    seeds = student(len(values) - 1) * seed_error(values) if len(values) > 1 else 0.0
    return math.hypot(CLIPS * _clip_error(replicates), seeds)


def _clip_error(replicates: np.ndarray) -> float:
    """The standard error that the choice of clips brings: all seeds are scored on the same ones."""
    return float(replicates.mean(0).std(ddof=1))


def _p_value(mean: float, clips: float, seeds: float, count: int) -> float:
    """Of no difference, two-sided: how often the two errors alone would bring as much."""
    random = np.random.default_rng(0)
    drawn = random.normal(0, 1, RESAMPLES) * clips
    if count > 1:
        drawn += random.standard_t(count - 1, RESAMPLES) * seeds
    return (float((np.abs(drawn) >= abs(mean) * (1 - 1e-9)).sum()) + 1) / (RESAMPLES + 1)
