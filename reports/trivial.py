"""Seeds that learned no more than a prediction without learning scores. A mean over seeds hides them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from reports.footnotes import ranges
from reports.results import Results
from reports.statistics import LEVEL, clopper_pearson

CLOSE = 1.0  # dB. Gray frames of the data's mean brightness are that close to black ones, on digits and on actions
SHARE = 0.95  # of the frames
NO_BETTER = "No better: a mean PSNR that is equal or lower than that of the best prediction without learning."
ALIKE = (
    f"To score like a baseline: a PSNR within {CLOSE:g} dB of the baseline's on at least {100 * SHARE:g}% of the frames, "
    "as of training that stays on the plateau on which it starts."
)
RATE = f"[ ] behind seeds: the {100 * LEVEL:g}% interval of their rate (Clopper-Pearson)."


@dataclass(frozen=True)
class Failing:
    """Seeds of a variant that learned no more than a trivial baseline.

    alike: they score like it frame by frame; otherwise their mean PSNR is equal or lower. scored: how many seeds have scores.
    low, high: the 95% interval of the rate of such seeds, in [0, 1].
    """

    variant: str
    baseline: str
    alike: bool
    seeds: tuple[int, ...]
    scored: int
    low: float
    high: float


def failing(results: Results, protocol: str = "standard") -> list[Failing]:
    """By variant: the seeds with no better PSNR than the best trivial baseline, then those that score like any baseline.

    Compared on the same clips and frames. Empty where no trivial baseline has scores under the protocol.
    """
    score = f"{protocol}/psnr"
    if score not in results.columns or not results.untrained:
        return []
    means = results.paired_means(score)  # [variants, seeds, clips]
    cube = results.cube(score)  # [variants, seeds, clips, frames]
    scored = {label: np.flatnonzero(np.isfinite(results.seed_means(score)[n])) for n, label in enumerate(results.variants)}
    numbers = {label: number for number, label in enumerate(results.variants) if len(scored[label])}
    baselines = sorted(numbers.keys() & results.untrained, key=lambda label: -float(np.nanmean(means[numbers[label]])))
    groups: list[Failing] = []
    for label in (label for label in numbers if baselines and label not in results.untrained):
        ours = numbers[label]
        gains = {seed: _mean(means[ours, seed] - means[numbers[baselines[0]], seed]) for seed in scored[label]}
        failures = [(baselines[0], False, [seed for seed, gain in gains.items() if gain <= 0])]
        for baseline in baselines:
            reference = cube[numbers[baseline], scored[baseline][0]]
            failures.append((baseline, True, [seed for seed in scored[label] if _alike(cube[ours, seed], reference)]))
        for baseline, alike, positions in failures:
            if positions:
                seeds = tuple(results.seeds[position] for position in positions)
                interval = clopper_pearson(len(seeds), len(gains))
                groups.append(Failing(label, baseline, alike, seeds, len(gains), *interval))
    return groups


def _mean(gains: np.ndarray) -> float:
    """Over the clips that both have; NaN, which is no failure, where there is none."""
    finite = gains[np.isfinite(gains)]
    return float(finite.mean()) if finite.size else float("nan")


def _alike(frames: np.ndarray, reference: np.ndarray) -> bool:
    """Whether scores [clips, frames] stay close to those of a baseline."""
    finite = np.isfinite(frames) & np.isfinite(reference)
    return bool(finite.any()) and float((np.abs(frames - reference)[finite] <= CLOSE).mean()) >= SHARE


def failing_remarks(groups: Sequence[Failing]) -> dict[str, str]:
    """A sentence for each variant: "Seeds 6, 7 (2 of 8) [3%, 65%] are no better than 'copy last frame'." """
    sentences = {variant: "; ".join(clauses) for variant, clauses in _clauses(groups, rates=True).items()}
    return {variant: f"{text[:1].upper()}{text[1:]}." for variant, text in sentences.items()}


def failing_claims(groups: Sequence[Failing]) -> dict[str, str]:
    """The same without rates and with the variant's name, for what compares two of them."""
    return {variant: f"'{variant}': {'; '.join(clauses)}." for variant, clauses in _clauses(groups, rates=False).items()}


def failing_notes(groups: Sequence[Failing], rates: bool) -> Iterator[str]:
    """How to read the sentences. rates: whether they have intervals."""
    if rates and any(group.scored > 1 for group in groups):
        yield RATE
    if not all(group.alike for group in groups):
        yield NO_BETTER
    if any(group.alike for group in groups):
        yield ALIKE


def _clauses(groups: Sequence[Failing], rates: bool) -> dict[str, list[str]]:
    """By variant, what is to be said of its seeds; of the same seeds at once."""
    predicates: dict[tuple[str, tuple[int, ...]], list[str]] = {}
    seeds_text: dict[tuple[str, tuple[int, ...]], str] = {}
    for group in groups:
        is_single, several = len(group.seeds) == 1, group.scored > 1
        seeds = f"seed{'' if is_single else 's'} {ranges(group.seeds)}" + f" ({len(group.seeds)} of {group.scored})" * several
        if several and len(group.seeds) == group.scored:
            seeds = f"all {group.scored} seeds"
        interval = f" [{100 * group.low:.0f}%, {100 * group.high:.0f}%]" if rates and several else ""
        verb = f"score{'s' if is_single else ''} like" if group.alike else f"{'is' if is_single else 'are'} no better than"
        seeds_text[group.variant, group.seeds] = seeds + interval
        predicates.setdefault((group.variant, group.seeds), []).append(f"{verb} '{group.baseline}'")
    clauses: dict[str, list[str]] = {}
    for (variant, numbers), verbs in predicates.items():
        clauses.setdefault(variant, []).append(f"{seeds_text[variant, numbers]} {' and '.join(verbs)}")
    return clauses
