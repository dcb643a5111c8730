"""What stopping as soon as one may costs and risks, simulated; `python -m tests.claims_simulation` prints the docs' tables."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np

from reports.anytime import critical
from reports.claims import ALPHA, HOLDS, REFUTED, UNDECIDED, verdict
from reports.statistics import student

EXPERIMENTS, MOST = 2_000, 100
FIXED = 10  # seeds of the design that looks once
COLLAPSE = "one seed in ten collapses"
# How gains are spread over seeds: of mean 0 and standard deviation 1.
SHAPES: dict[str, Callable[[np.random.Generator, tuple[int, int]], np.ndarray]] = {
    "normal": lambda random, size: random.normal(0, 1, size),
    "uniform": lambda random, size: random.uniform(-(3**0.5), 3**0.5, size),
    "heavy tails": lambda random, size: random.standard_t(5, size) * 0.6**0.5,
    "skewed": lambda random, size: random.exponential(1, size) - 1,
    COLLAPSE: lambda random, size: np.where(random.random(size) < 0.1, -3, 1 / 3) + random.normal(0, 0.1, size),
}


@dataclass(frozen=True)
class Simulated:
    """Experiments with a true difference in seed standard deviations, whose seeds are added until the claim is decided.

    wrong, decided: shares of the experiments; decided: within FIXED seeds. mean, most: seeds until decided, on average (those
    undecided count with all they had) and for nine experiments of ten. fixed: share of designs with FIXED seeds and one look
    (t-test, corrected alike) that decide rightly; fixed_wrong: wrongly. peeking: share of experiments that decide wrongly if
    that t-test is asked after every seed.
    """

    difference: float
    wrong: float
    decided: float
    mean: float
    most: float
    fixed: float
    fixed_wrong: float
    peeking: float


@cache
def simulate(
    difference: float, claims: int = 1, experiments: int = EXPERIMENTS, most: int = MOST, shape: str = "normal"
) -> Simulated:
    """Experiments of up to `most` seeds in which one of so many claims is watched and decided as soon as it may be."""
    draws = difference + SHAPES[shape](np.random.default_rng(0), (experiments, most))
    designs = [until_decided(row, ALPHA / claims) for row in draws]
    seeds = np.array([count for count, _ in designs])
    wrong = [state == REFUTED or (state == HOLDS and difference == 0) for _, state in designs]
    early = [state != UNDECIDED and count <= FIXED for count, state in designs]
    looks = np.stack([_t_test(draws[:, :count], ALPHA / claims) for count in range(2, most + 1)])  # [looks, experiments]
    fixed_look, first_decision = looks[FIXED - 2], looks[np.argmax(looks != 0, 0), np.arange(experiments)]
    return Simulated(
        difference,
        wrong=float(np.mean(wrong)),
        decided=float(np.mean(early)),
        mean=float(seeds.mean()),
        most=float(np.quantile(seeds, 0.9, method="higher")),
        fixed=float(np.mean(fixed_look > 0)) if difference else 0.0,
        fixed_wrong=float(np.mean(_wrongly(fixed_look, difference))),
        peeking=float(np.mean(_wrongly(first_decision, difference))),
    )


def _t_test(gains: np.ndarray, alpha: float) -> np.ndarray:
    """1 where the gains [experiments, seeds] are above 0 by an ordinary t-test, -1 where below, 0 where it cannot tell."""
    count = gains.shape[1]
    t = gains.mean(1) / (gains.std(1, ddof=1) / count**0.5)
    return np.where(np.abs(t) > student(count - 1, 1 - alpha), np.sign(t), 0)


def _wrongly(verdicts: np.ndarray, difference: float) -> np.ndarray:
    return verdicts < 0 if difference else verdicts != 0


def until_decided(gains: np.ndarray, alpha: float) -> tuple[int, str]:
    """After how many seeds the claim was decided, and how: asked after every seed whose interval lies on one side of 0."""
    counts = np.arange(2, len(gains) + 1)
    means = gains.cumsum()[1:] / counts
    variances = np.maximum((gains**2).cumsum()[1:] - counts * means**2, 0) / (counts - 1)
    factors = np.array([critical(int(count), alpha) or np.inf for count in counts])
    for count in counts[np.abs(means) > factors * np.sqrt(variances / counts) * (1 - 1e-9)]:
        state = verdict(gains[:count].tolist(), alpha)
        if state != UNDECIDED:
            return int(count), state
    return len(gains), UNDECIDED


def markdown() -> str:
    """The table for one claim and for ten."""
    lines = [
        "| claims | difference | seeds until decided | nine of ten by "
        f"| decided by {FIXED} | wrong | fixed {FIXED}: decided | wrong | peeking: wrong |",
        "|" + " ---: |" * 9,
    ]
    for claims in (1, 10):
        for difference in (0.0, 0.5, 1.0, 2.0, 3.0):
            simulated = simulate(difference, claims)
            shares = (simulated.decided, simulated.wrong, simulated.fixed, simulated.fixed_wrong, simulated.peeking)
            censored = ">" if simulated.most >= MOST else ""
            row = [
                f"{claims}",
                f"{difference:g}",
                f"{'≥ ' if censored else ''}{simulated.mean:.1f}",
                f"{censored}{simulated.most:.0f}",
                *(f"{100 * share:.1f}%" for share in shares),
            ]
            lines.append("| " + " | ".join(row) + " |")
    return "\n".join(lines) + "\n"


def shapes_markdown() -> str:
    """What happens where gains are not normal, and there is no difference."""
    lines = [
        f"| gains over seeds | wrong: one claim | ten claims | fixed {FIXED}: one claim | ten claims |",
        "| --- | ---: | ---: | ---: | ---: |",
    ]
    for shape in SHAPES:
        single, ten = (simulate(0.0, claims, shape=shape) for claims in (1, 10))
        shares = (single.wrong, ten.wrong, single.fixed_wrong, ten.fixed_wrong)
        lines.append(f"| {shape} | " + " | ".join(f"{100 * share:.1f}%" for share in shares) + " |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    print(markdown(), shapes_markdown(), sep="\n", end="")
