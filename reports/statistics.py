"""How sure a difference is. Everything is paired: variants are compared on the same seeds and the same test clips.

Seeds are few and clips are many, and a difference has to hold for both. Clips are resampled or flipped, which assumes nothing
of their distribution. Three seeds cannot carry that (the smallest p-value of 3 flips is 0.25, and a bootstrap of 3 values is
too narrow by more than half), so their part is widened as Student's t widens it. Everything is seeded: same scores, same text.
"""

import copy
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from statistics import NormalDist

import numpy as np

LEVEL = 0.95
ALPHA = 1 - LEVEL  # a difference is significant up to this p-value
RESAMPLES = 9_999


@dataclass(frozen=True)
class Difference:
    """The mean of paired differences, in the metric's unit.

    low, high: 95% interval; None with fewer than two seeds or clips. p: of no difference, two-sided.
    effect: Cohen's d over clips (mean by standard deviation of the clips' differences); 0.2 is small, 0.8 large.
    """

    mean: float
    low: float | None
    high: float | None
    p: float
    effect: float
    seeds: int
    clips: int


def paired(ours: np.ndarray, theirs: np.ndarray) -> np.ndarray:
    """Differences of two [seeds, clips] arrays, for the seeds that both have and the clips that all of these seeds have."""
    difference = ours - theirs
    finite = np.isfinite(difference)
    seeds = finite.any(1)
    clips = finite[seeds].all(0) if seeds.any() else np.zeros(difference.shape[1], bool)
    return difference[np.ix_(seeds, clips)]


def compare(pairs: Sequence[np.ndarray], seed: int = 0) -> list[Difference | None]:
    """What each [seeds, clips] array of paired differences says; None for an empty one. p-values are not corrected."""
    full = [pair for pair in pairs if pair.size]
    tested = zip(full, permutation(full, seed), strict=True)
    differences = iter([_difference(pair, p, seed) for pair, p in tested])
    return [next(differences) if pair.size else None for pair in pairs]


def _difference(pair: np.ndarray, p: float, seed: int) -> Difference:
    seeds, clips = pair.shape
    low, high = bootstrap(pair, seed)
    return Difference(float(pair.mean()), low, high, p, effect(pair), seeds, clips)


def permutation(pairs: Sequence[np.ndarray], seed: int = 0) -> list[float]:
    """Two-sided p-values of a mean difference of 0, for [seeds, clips] arrays of paired differences.

    Each clip's mean over seeds gets a random sign. With two seeds or more, every resample also adds the uncertainty of the
    mean over seeds (Student's t with seeds - 1 degrees of freedom, times its standard error). With one seed the p-value is
    about these trained models on other clips, and says nothing of other seeds.
    """
    counts = np.zeros(len(pairs))
    for clips in {pair.shape[1] for pair in pairs}:
        chosen = [number for number, pair in enumerate(pairs) if pair.shape[1] == clips]
        profiles = np.stack([pairs[number].mean(0) for number in chosen], axis=1) / clips  # [clips, chosen]
        errors = np.array([seed_error(pairs[number].mean(1)) for number in chosen])
        size = np.abs(profiles.sum(0)) * (1 - 1e-5)  # a resample that equals it but for rounding counts as equal
        rows = max(8, 16_000_000 // clips)
        plus, random = _first_coins(min(rows, RESAMPLES), clips, seed)
        random = copy.deepcopy(random)
        for start in range(0, RESAMPLES, rows):
            plus = _coins(min(rows, RESAMPLES - start), clips, random) if start else plus
            means = 2 * (plus @ profiles.astype(np.float32)) - profiles.sum(0)  # the means with random signs: [rows, chosen]
            for seeds in {len(pairs[number]) for number in chosen} - {1}:
                among = [position for position, number in enumerate(chosen) if len(pairs[number]) == seeds]
                means[:, among] += np.outer(random.standard_t(seeds - 1, len(means)), errors[among])
            counts[chosen] += (np.abs(means) >= size).sum(0)
    return [(float(count) + 1) / (RESAMPLES + 1) for count in counts]


def least_p(clips: int, seeds: int) -> float:
    """The smallest p-value that `permutation` can give with so many clips and seeds, but for the chance of its resamples.

    Where all clips agree, only 2 of the 2^clips ways to sign them have a mean as large as theirs; with several seeds half of
    these fall below it, by what the mean over seeds is uncertain of.
    """
    return 2.0 ** (1 - clips) / (1 if seeds == 1 else 2)


def too_few_clips(clips: int, seeds: int, tests: int) -> str:
    """A sentence where none of so many tests, with Holm's correction, can find a difference; empty where one can."""
    if not tests or tests * least_p(clips, seeds) <= ALPHA:
        return ""
    needed = next(count for count in range(clips, 64) if tests * least_p(count, seeds) <= ALPHA)
    several = f" in a column of {tests} comparisons" if tests > 1 else ""
    return (
        f"With {clips} clip{'s' if clips > 1 else ''} no test can find a difference{several}, however large it is; "
        f"it takes {needed} clips."
    )


@lru_cache(maxsize=1)
def _first_coins(rows: int, clips: int, seed: int) -> tuple[np.ndarray, np.random.Generator]:
    """The coins that every column of a table begins with, and the generator that continues them."""
    random = np.random.default_rng(seed)
    return _coins(rows, clips, random), random


def _coins(rows: int, clips: int, random: np.random.Generator) -> np.ndarray:
    """Random zeros and ones, float32 [rows, clips]."""
    width = -(-clips // 8)
    bits = np.frombuffer(random.bytes(rows * width), np.uint8).reshape(rows, width)
    return np.unpackbits(bits, axis=1, count=clips).astype(np.float32)


def seed_error(values: np.ndarray) -> float:
    """The standard error of the mean over seeds, of one value each; one seed says nothing of it."""
    return float(values.std(ddof=1)) / math.sqrt(len(values)) if len(values) > 1 else 0.0


def bootstrap(pair: np.ndarray, seed: int = 0) -> tuple[float, float] | tuple[None, None]:
    """95% percentile interval of the mean of [seeds, clips] paired differences, seeds and clips resampled together.

    The seeds' part of each deviation is stretched to what Student's t asks for. Fewer than two seeds or clips: no interval.
    """
    seeds, clips = pair.shape
    if seeds < 2 or clips < 2:
        return None, None
    by_seed, by_clip = _weights(seeds, seed), _weights(clips, seed + 1)
    means = np.einsum("rc,rc->r", by_seed @ pair, by_clip)
    reach = NormalDist().inv_cdf((1 + LEVEL) / 2) if seeds > 2 else math.sqrt(2)  # two seeds: resamples end at one of them
    stretch = math.sqrt(seeds / (seeds - 1)) * student(seeds - 1) / reach
    means += (stretch - 1) * (by_seed @ pair.mean(1) - pair.mean())
    low, high = np.quantile(means, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)


@lru_cache(maxsize=8)
def _weights(count: int, seed: int) -> np.ndarray:
    """How much each of `count` things weighs in 2,000 resamples with replacement: [2000, count], rows sum to 1."""
    draws = np.random.default_rng(seed).integers(0, count, (2000, count))
    draws += np.arange(2000)[:, None] * count
    return np.bincount(draws.ravel(), minlength=2000 * count).reshape(2000, count) / count


def effect(pair: np.ndarray) -> float:
    """Cohen's d of paired differences [seeds, clips] over clips. 0 where nothing differs, infinite where all differ alike."""
    profile = pair.mean(0)
    mean, spread = float(profile.mean()), float(profile.std(ddof=1)) if len(profile) > 1 else 0.0
    return mean / spread if spread else math.copysign(math.inf, mean) if mean else 0.0


def holm(p: Sequence[float]) -> list[float]:
    """p-values corrected for their number (Holm 1979): the chance of any false finding among them stays below the level."""
    adjusted, largest = [1.0] * len(p), 0.0
    for rank, number in enumerate(sorted(range(len(p)), key=p.__getitem__)):
        largest = max(largest, min(1.0, p[number] * (len(p) - rank)))
        adjusted[number] = largest
    return adjusted


def half_interval(values: np.ndarray) -> float | None:
    """Half the 95% interval of the mean of independent values (one per seed, or per clip), by Student's t. One value: None."""
    if len(values) < 2:
        return None
    return student(len(values) - 1) * float(values.std(ddof=1)) / math.sqrt(len(values))


@cache
def student(dof: int, level: float = LEVEL) -> float:
    """The two-sided point of Student's t: at 95% 12.706 for 1 degree of freedom, 1.960 for many."""
    from scipy.special import stdtrit  # takes 0.2 s to import, and a table of one seed needs no t

    return float(stdtrit(dof, (1 + level) / 2))


def outlier(values: Sequence[float], level: float = 0.01) -> tuple[int, float] | None:
    """The position of the one value that normal values would not bring forth, and its p-value; None if there is none.

    Grubbs' test, two-sided (Grubbs, "Procedures for Detecting Outlying Observations in Samples", Technometrics 11, 1969).
    """
    count = len(values)
    if count < 3:
        return None
    from scipy.special import stdtr

    distances = np.abs(np.asarray(values) - np.mean(values))
    position = int(distances.argmax())
    spread = float(np.std(values, ddof=1))
    if spread == 0.0:
        return None
    grubbs = float(distances[position]) / spread
    room = (count - 1) ** 2 - count * grubbs**2  # none where all others are equal
    statistic = math.sqrt(count * (count - 2) * grubbs**2 / room) if room > 1e-9 else math.inf
    p = min(1.0, 2 * count * float(stdtr(count - 2, -statistic)))
    return (position, p) if p < level else None


def clopper_pearson(count: int, total: int, level: float = LEVEL) -> tuple[float, float]:
    """The exact interval of a rate, in [0, 1], that `count` of `total` independent runs show.

    Clopper and Pearson, "The Use of Confidence or Fiducial Limits Illustrated in the Case of the Binomial", Biometrika, 1934.
    """
    from scipy.special import betaincinv

    tail = (1 - level) / 2
    low = float(betaincinv(count, total - count + 1, tail)) if count else 0.0
    high = float(betaincinv(count + 1, total - count, 1 - tail)) if count < total else 1.0
    return low, high
