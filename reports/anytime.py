"""Intervals that stay valid however often one looks: confidence sequences for a Gaussian mean of unknown variance.

Seeds are added until a claim is decided, so the number of seeds depends on the scores. An ordinary interval would then be too
narrow. A confidence sequence covers the mean at all sample sizes at once with probability 1 - alpha (Ville's inequality).

It is the set of means that a mixture of likelihood ratios does not exclude. The mixture is over the effect in standard
deviations, `effect = (mean - m) / sigma`, with the right Haar measure on sigma, so that it does not depend on the unit: Lai
1976, "On confidence sequences"; Wang and Ramdas 2024, "Anytime-valid t-tests and confidence sequences for Gaussian means with
unknown variance"; Pérez-Ortiz et al. 2024, "E-statistics, group invariance and anytime-valid testing". A prior around 0 is
usual. Here it is half N(2, 1), half N(-2, 1), around the sizes that a handful of seeds can show. Every prior is valid; it
decides only how soon one is sure (`python -m tests.claims_simulation` measures that).
"""

import itertools
import math
from collections.abc import Sequence
from functools import cache

PRIOR_MEAN, PRIOR_STD = 2.0, 1.0  # of the size of the effect, in standard deviations
MOST = 1_000  # observations that `needed` looks ahead


def interval(values: Sequence[float], alpha: float) -> tuple[float, float] | None:
    """The 1 - alpha confidence sequence after these independent values; None while there are too few to exclude any mean.

    At 5% it begins with 4 values. The order of the values plays no part.
    """
    count = len(values)
    factor = critical(count, alpha)
    if factor is None:
        return None
    mean, spread = moments(values)
    half = factor * spread / math.sqrt(count)
    return mean - half, mean + half


def moments(values: Sequence[float]) -> tuple[float, float]:
    """The mean and the sample standard deviation (with n - 1; 0 for a single value)."""
    mean = math.fsum(values) / len(values)
    squares = math.fsum((value - mean) ** 2 for value in values)
    return mean, math.sqrt(squares / (len(values) - 1)) if len(values) > 1 else 0.0


@cache
def critical(count: int, alpha: float) -> float | None:
    """How many standard errors the interval reaches to either side, as Student's t has it for a single look: about 6 for 4
    values at 5%, 3.9 for 20. None where no data of this count could exclude a mean."""
    enough = -math.log(alpha)
    if count < 2 or log_evidence(count, math.sqrt(count)) <= enough:
        return None
    low, high = 0.0, math.sqrt(count)
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if log_evidence(count, middle) < enough else (low, middle)
    return math.sqrt((count - 1) * high**2 / (count - high**2))


@cache
def begins(alpha: float) -> int:
    """The number of values with which an interval begins: 4 at 5%, 5 at 0.5%."""
    return next(number for number in itertools.count(2) if critical(number, alpha) is not None)


def log_evidence(count: int, ratio: float) -> float:
    """Log of the mixture of likelihood ratios against the mean being 0 (the e-value; e^3 = 20 excludes it at 5%).

    ratio: the sum of the values by the root of the sum of their squares, from 0 to sqrt(count) in size. With t the usual
    statistic, ratio^2 = count t^2 / (count - 1 + t^2).

    The integral of exp(-count effect^2 / 2 + w effect ratio) over the prior of the effect and over w^(count - 1) exp(-w^2 / 2)
    dw, w being the root of the sum of squares by sigma, divided by what it is without an effect. For an effect around 0 the
    first two terms are all of it.
    """
    precision = count + PRIOR_STD**-2
    left = 1 - ratio**2 / precision
    shift = (ratio * PRIOR_MEAN / (PRIOR_STD**2 * precision)) ** 2 / (2 * left)
    return (
        -math.log1p(count * PRIOR_STD**2) / 2
        - count / 2 * math.log(left)
        - PRIOR_MEAN**2 * count / (1 + count * PRIOR_STD**2) / 2
        + math.log(_kummer(count / 2, shift))
    )


def _kummer(a: float, z: float) -> float:
    """Kummer's function 1F1(a; 1/2; z) for a, z >= 0: a series without negative terms (Abramowitz and Stegun 13.1.2)."""
    term = total = 1.0
    k = 0
    while term > 1e-16 * total:
        term *= (a + k) / (0.5 + k) * z / (k + 1)
        total += term
        k += 1
    return total


def needed(mean: float, spread: float, count: int, alpha: float, at_least: float, within: float | None) -> int | None:
    """How many values it takes in all until the interval lies on one side of `at_least` or inside -within ... within, if the
    mean and the standard deviation stay as they are; None if more than 1,000."""
    room = max(abs(mean - at_least), (within or 0.0) - abs(mean))

    def enough(total: int) -> bool:
        factor = critical(total, alpha)
        return factor is not None and factor * spread / math.sqrt(total) < room

    low, high = count, count + 1
    while not enough(high):
        low, high = high, count + 2 * (high - count)
        if low >= MOST:
            return None
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high if high <= MOST else None
