"""Whether claims hold: the effect of each with intervals, and a verdict that stays right however often one looks.

The unit is the seed: one value per seed, the mean over the same test clips of what two runs of that seed differ by. The
intervals over seeds are anytime-valid and hold together for all claims that an experiment states, decided or not: each has
5% divided by their number (Bonferroni; nothing is assumed of how claims depend on each other).
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from reports import anytime
from reports.claim import ALIGNMENT, Claim
from reports.memory import Memories, alike
from reports.results import Results
from reports.statistics import half_interval, paired

ALPHA = 0.05  # the chance of any wrong verdict among the claims of an experiment
HOLDS, REFUTED, NO_DIFFERENCE, UNDECIDED, UNMEASURED = (
    "holds", "is refuted", "makes no difference", "undecided", "not measured",
)  # fmt: skip
NO_PAIR = "no seed has scores of both"
DECIDED = (HOLDS, REFUTED, NO_DIFFERENCE)
Alignments = Mapping[tuple[str, int], np.ndarray]
"""(variant, seed) -> by how much storing and matching address the same clip more alike than different clips do, as the
correlation over slots: [clips]."""


@dataclass(frozen=True)
class Judged:
    """A claim and what the runs say of it; gains are positive where the claim is right, in the unit of the score.

    gains: one per seed, in the order of `seeds`. low, high: the anytime-valid interval of their mean, None while the seeds are
    too few for one. clips_half: half the 95% interval of the same mean over test clips, these trained models being as they are.
    more: how many further seeds would probably decide it; None if it is decided, cannot be, or would take over 1,000.
    seconds: training that one more seed costs. why: it is not measured. alpha: the share of the 5% that it has.
    """

    claim: Claim
    verdict: str
    why: str = ""
    seeds: tuple[int, ...] = ()
    gains: tuple[float, ...] = ()
    low: float | None = None
    high: float | None = None
    clips: int = 0
    clips_half: float | None = None
    more: int | None = None
    seconds: float | None = None
    alpha: float = ALPHA

    @property
    def gain(self) -> float | None:
        """The mean over seeds."""
        return anytime.moments(self.gains)[0] if self.gains else None

    @property
    def decided(self) -> bool:
        return self.verdict in DECIDED

    @property
    def open_over_clips(self) -> bool:
        """Whether other test clips could turn a claim that is decided over seeds."""
        if self.gain is None or self.clips_half is None or not self.decided:
            return False
        if self.verdict == NO_DIFFERENCE:
            return abs(self.gain) + self.clips_half >= (self.claim.within or 0.0)
        return abs(self.gain - self.claim.at_least) <= self.clips_half

    @property
    def wants_seeds(self) -> bool:
        """Whether more seeds may decide it: it is undecided, or every seed so far has lost a score."""
        return self.verdict == UNDECIDED or self.why == NO_PAIR


def alignments(memories: Memories, variants: Collection[str]) -> Alignments:
    """What claims about memories judge: how well storing and matching are aligned, for each run of some variants."""
    runs = [run for run in memories.runs if run.variant in variants and run.storing is not None]
    both = ((run, alike(run.storing, run.matching, centred=True)) for run in runs)  # type: ignore[arg-type]
    return {(run.variant, run.seed): same - chance for run, (same, chance) in both}


def judge(results: Results, claims: Sequence[Claim], aligned: Alignments | None = None) -> list[Judged]:
    """Every claim of an experiment with its verdict. aligned: for claims about alignment.

    Pass all claims of the experiment, even if only some are of interest: verdicts are corrected for their number.
    """
    alpha = ALPHA / max(1, len(claims))
    return [_judged(results, claim, aligned or {}, alpha) for claim in claims]


def verdict(values: Sequence[float], alpha: float, at_least: float = 0.0, within: float | None = None) -> str:
    """What gains, one per seed, say of a claim. May be asked after every seed."""
    span = anytime.interval(values, alpha)
    if span is None:
        return UNDECIDED
    low, high = span
    if low > at_least:
        return HOLDS
    if high < at_least:
        return REFUTED
    return NO_DIFFERENCE if within is not None and -within < low and high < within else UNDECIDED


def _judged(results: Results, claim: Claim, aligned: Alignments, alpha: float) -> Judged:
    pair, seeds, why = _gains(results, claim, aligned)
    if why or not pair.size:
        return Judged(claim, UNMEASURED, why or NO_PAIR, alpha=alpha)
    gains = tuple(float(gain) for gain in pair.mean(1))
    low, high = anytime.interval(gains, alpha) or (None, None)
    state = verdict(gains, alpha, claim.at_least, claim.within)
    mean, spread = anytime.moments(gains)
    more = None
    if state == UNDECIDED and len(gains) > 1:
        total = anytime.needed(mean, spread, len(gains), alpha, claim.at_least, claim.within)
        more = None if total is None else total - len(gains)
    cost = sum(results.cost("train_seconds").get(label, np.nan) for label in claim.variants)
    return Judged(
        claim, state, "", seeds, gains, low, high, pair.shape[1], half_interval(pair.mean(0)), more,
        float(cost) if cost > 0 else None, alpha,
    )  # fmt: skip


def _gains(results: Results, claim: Claim, aligned: Alignments) -> tuple[np.ndarray, tuple[int, ...], str]:
    """Gains [seeds, clips], the seeds, and the reason if there are none."""
    no_scores = np.empty((0, 0))
    for label in claim.variants:
        if label not in results.variants:
            return no_scores, (), f"there is no variant '{label}' here"
    if all(label in results.untrained for label in claim.variants):
        return no_scores, (), "none of its variants is trained, so no seed changes anything"
    if claim.metric == ALIGNMENT:
        return _aligned(claim, aligned)
    if claim.score not in results.columns or results.scores[claim.score].isna().all():
        return no_scores, (), f"there are no scores {claim.score}"
    last = max(span[1] for span in (claim.frames, claim.more_than, (1, 1)) if span)
    if last > results.metadata.horizon:
        return no_scores, (), f"it is about frame {last}, and {results.metadata.horizon} are predicted"
    if claim.more_than and claim.frames == claim.more_than:
        return no_scores, (), "it compares these frames with themselves"
    difference = _difference(results, claim, claim.frames)
    if claim.more_than:
        difference = difference - _difference(results, claim, claim.more_than)
    pair = paired(difference, np.zeros_like(difference))
    seeds = np.array(results.seeds)[np.isfinite(difference).any(1)]
    return pair, tuple(map(int, seeds)), ""


def _difference(results: Results, claim: Claim, frames: tuple[int, int] | None) -> np.ndarray:
    """By how much `better` is better: [seeds, clips], NaN where one of them has no score."""
    means = results.paired_means(claim.score, *(frames or (1, None)))
    ours, theirs = (means[list(results.variants).index(label)] for label in (claim.better, claim.than))
    return ours - theirs if results.metric(claim.score).direction == "up" else theirs - ours


def _aligned(claim: Claim, aligned: Alignments) -> tuple[np.ndarray, tuple[int, ...], str]:
    """By how much storing and matching address the same clip more alike than different clips: [seeds, clips].

    A seed whose weights are not finite has none, and neither has one clip alone.
    """
    seeds = sorted(seed for variant, seed in aligned if variant == claim.better and np.isfinite(aligned[variant, seed]).all())
    if not seeds:
        return np.empty((0, 0)), (), f"no memory of '{claim.better}' with a storing path could be looked into"
    return np.stack([aligned[claim.better, seed] for seed in seeds]), tuple(seeds), ""
