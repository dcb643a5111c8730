"""A question about video prediction, and the named runs whose comparison answers it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cache, cached_property
from typing import Literal, get_args

from bench.common.errors import BenchError, did_you_mean, listed
from bench.common.json_schemas import made_of
from bench.metrics.protocols import checked, metrics_of
from bench.spec.runspec import RunSpec
from reports.claim import ALIGNMENT, Claim

Scale = Literal["small", "medium", "paper"]
MEANT_FOR_ALL = ("data", "context", "horizon")  # all other settings do not apply to untrained baselines
LONGEST_LABEL = 300
MOST_SEEDS = 10_000  # that a count may stand for
SCALES: tuple[str, ...] = get_args(Scale)


@dataclass(frozen=True)
class Evaluation:
    """How a trained model is scored; its identity is separate from training, so that a new score never retrains.

    clips: how many clips of the split, None for all. horizon: frames predicted, None for as many as in training.
    keep_predictions: store every predicted frame (float32), so that new scores need no model.
    metrics: of the whole set of clips, which are computed only when asked for: ("fvd",). Those of single frames always are.
    """

    clips: int | None = None
    horizon: int | None = None
    split: Literal["val", "test"] = "test"
    keep_predictions: bool = False
    metrics: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if isinstance(self.metrics, str) or not all(isinstance(name, str) for name in self.metrics):
            raise BenchError(f"an evaluation's metrics are several names, such as ('fvd',); got {self.metrics!r}")
        object.__setattr__(self, "metrics", tuple(self.metrics))
        for name in ("clips", "horizon"):
            value = getattr(self, name)
            if value is not None and (not isinstance(value, int) or value < 1):
                raise BenchError(f"an evaluation's {name} must be a number from 1 up, or None; got {value!r}")
        if self.split not in ("val", "test"):
            raise BenchError(f"an evaluation's split is 'val' or 'test', got {self.split!r}")

    def shortage(self, available: int | None) -> str:
        """What to say where a data set has fewer clips than are to be scored: "8 test clips were asked for, 2 are there"."""
        if self.clips is None or available is None or available >= self.clips:
            return ""
        return f"{self.clips} {self.split} clips were asked for, {available} {'is' if available == 1 else 'are'} there"

    def at(self, spec: RunSpec) -> Evaluation:
        """The evaluation of one run, its horizon filled in."""
        return self if self.horizon else _with_horizon(self, spec.horizon)

    def over(self, horizon: int) -> Evaluation:
        """The same over another horizon."""
        return replace(self, horizon=horizon)

    @cached_property
    def key(self) -> str:
        """A name for the files of this evaluation. Options that do not change the predictions are not part of it."""
        identity = {k: v for k, v in asdict(self).items() if k not in ("keep_predictions", "metrics")}
        digest = hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()[:8]
        return f"{self.split}-{self.horizon}-{digest}"


@cache
def _with_horizon(evaluation: Evaluation, horizon: int) -> Evaluation:
    """One object for all runs that share it, so that its key is computed once."""
    return replace(evaluation, horizon=horizon)


@dataclass(frozen=True)
class Experiment:
    """Named variants (label -> RunSpec) and the seeds each is trained with, in the order of the table they become.

    searched: what the search for a variant's settings has cost (`trials`, `tuning_seconds`), for variants that were tuned.
    seeds: their numbers, or how many as `--seeds 3` means them: 0, 1 and 2.
    claims: what the comparison is to decide. further: label -> seeds of this variant in addition to `seeds`, because a claim
    about it was still undecided. base_steps: steps of the first variant that is trained, also after `only` has
    dropped it; `--set steps=N` changes the others in proportion.
    changed: the settings that `edited` has changed, by name, as text.
    """

    question: str
    variants: Mapping[str, RunSpec]
    seeds: tuple[int, ...] = (0,)
    evaluation: Evaluation = Evaluation()
    name: str = ""
    scale: str = "small"
    searched: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    claims: tuple[Claim, ...] = ()
    further: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    base_steps: int = 0
    changed: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        variants, seeds = self.variants, self.seeds
        are_variants = isinstance(variants, Mapping) and all(isinstance(label, str) for label in variants)
        if not are_variants or not variants or not all(isinstance(spec, RunSpec) for spec in variants.values()):
            raise BenchError(f"an experiment's variants are RunSpecs by their labels, {{'full': LMC}}; got {variants!s:.80}")
        for label in variants:
            if not label.isprintable() or not 0 < len(label) <= LONGEST_LABEL:
                raise BenchError(f"a variant's label is printable text of at most {LONGEST_LABEL} letters, got {label!r:.80}")
        if isinstance(seeds, int) and not isinstance(seeds, bool) and 0 < seeds <= MOST_SEEDS:
            object.__setattr__(self, "seeds", tuple(range(seeds)))
        if isinstance(seeds, Sequence) and not isinstance(seeds, str):
            object.__setattr__(self, "seeds", tuple(seeds))
        are_seeds = isinstance(self.seeds, tuple) and all(isinstance(seed, int) and 0 <= seed < 2**32 for seed in self.seeds)
        if not are_seeds or not self.seeds or len(set(self.seeds)) < len(self.seeds):
            raise BenchError(
                f"an experiment's seeds are different numbers from 0 up, (0, 1, 2), or how many, 3; got {seeds!r:.80}"
            )
        if not isinstance(self.evaluation, Evaluation):
            raise BenchError(f"an experiment's evaluation is an Evaluation, got {self.evaluation!r}")
        if not self.base_steps:
            object.__setattr__(self, "base_steps", next((spec.steps for spec in variants.values() if spec.steps), 0))
        object.__setattr__(self, "claims", tuple(self.claims))
        if not all(isinstance(claim, Claim) for claim in self.claims):
            raise BenchError(f"an experiment's claims are Claims, got {self.claims!r:.80}")

    def runs(self) -> list[tuple[str, RunSpec]]:
        """(label, spec with its seed) of every planned run, in declared order, all variants of one seed before the next.

        A variant without training (0 steps) is the same for every seed and runs once.
        """
        trained = {label for label, spec in self.variants.items() if spec.steps > 0}
        pairs = [(seed, label) for seed in self.seeds for label in self.variants if label in trained or seed == self.seeds[0]]
        added_seeds = sorted({seed for label in trained for seed in self.further.get(label, ())} - set(self.seeds))
        pairs += [(seed, label) for seed in added_seeds for label in self.variants if seed in self.further.get(label, ())]
        return [(label, self.variants[label].but(seed=seed)) for seed, label in pairs]

    def refuse_strange_claims(self) -> None:
        """BenchError for a claim that could never be decided: about a variant, a score or a frame that will not exist."""
        for claim in self.claims:
            for label in claim.variants:
                if label not in self.variants:
                    hint = did_you_mean(label, self.variants) or "; it has " + listed(self.variants)
                    raise BenchError(f"{self.name} claims something about '{label}', and has no such variant{hint}")
            if claim.metric != ALIGNMENT:
                self._refuse_strange_score(claim)

    def _refuse_strange_score(self, claim: Claim) -> None:
        (protocol,) = checked([claim.protocol])
        metrics = metrics_of(protocol)
        if claim.metric not in metrics:
            hint = did_you_mean(claim.metric, metrics) or f"; of single frames it has {listed(metrics)}"
            raise BenchError(f"{self.name} claims something about '{claim.metric}', and protocol '{protocol}' has none{hint}")
        horizon = min(self.evaluation.at(self.variants[label]).horizon or 0 for label in claim.variants)
        last = max(span[1] for span in (claim.frames, claim.more_than, (1, 1)) if span)
        if last > horizon:
            raise BenchError(
                f"{self.name} claims something about frame {last}, and {horizon} are predicted: '{claim.sentence}'"
            )

    def refuse_without_claims(self) -> None:
        """BenchError if there is nothing to judge."""
        if not self.claims:
            how = "its search was for a cost, or found nothing better than what it began with" if self.searched else ""
            raise BenchError(f"{self.name} has no claims to decide; {how or 'set `claims` of its Experiment'}")

    def only(self, labels: Sequence[str]) -> Experiment:
        """The experiment reduced to some variants, in declared order."""
        for label in labels:
            if label not in self.variants:
                hint = did_you_mean(label, self.variants)
                raise BenchError(f"{self.name} has no variant '{label}'{hint or '; it has ' + listed(self.variants)}")
        return replace(self, variants={label: self.variants[label] for label in self.variants if label in labels})

    def edited(self, settings: Sequence[str]) -> Experiment:
        """Every `--set` applied to every variant that it fits; one that fits no variant is refused.

        steps=N is for the experiment's first variant that is trained. Others keep their proportion to it: a control that
        trains twice as long goes on doing so.
        """
        edited, changed = dict(self.variants), dict(self.changed)
        for setting in settings:
            before = {label: spec.flat() for label, spec in edited.items()}
            refusals: list[BenchError] = []
            if setting.partition("=")[0].strip() == "seed":
                raise BenchError(f"--set {setting}: seeds are chosen with --seeds, for all variants alike")
            for_all = setting.partition("=")[0].partition(".")[0].strip() in MEANT_FOR_ALL
            concerned = [label for label, spec in edited.items() if for_all or spec.steps > 0]
            for label in concerned:
                try:
                    edited[label] = edited[label].edited(setting)
                    if setting.partition("=")[0].strip() == "steps":
                        in_proportion = edited[label].steps * self.variants[label].steps / self.base_steps
                        edited[label] = edited[label].but(steps=max(1, round(in_proportion)))
                except BenchError as error:
                    refusals.append(error)
            if len(refusals) == len(concerned):
                refusals.sort(key=lambda refusal: "did you mean" not in str(refusal))  # another variant may know better
                raise refusals[0] if refusals else BenchError(f"--set {setting} concerns training, and no variant is trained")
            if any(spec.flat() != before[label] for label, spec in edited.items()):
                name, _, value = setting.partition("=")
                changed[name.strip().replace("-", "_")] = value.strip()
        self._refuse_twins(edited)
        return replace(self, variants=edited, changed=changed)

    def _refuse_twins(self, edited: Mapping[str, RunSpec]) -> None:
        """BenchError if an edit has made two variants equal: the table would show one run under two names."""
        first: dict[str, str] = {}
        for label, spec in edited.items():
            twin = first.setdefault(spec.key, label)
            if twin != label and self.variants[twin].key != self.variants[label].key:
                raise BenchError(f"--set makes '{label}' the same as '{twin}'; leave one of them out with --only")


def evaluations_to_json(evaluations: Sequence[Evaluation]) -> str:
    """Evaluations as they are handed to another process; `evaluations_from_json` is the inverse."""
    return json.dumps([asdict(evaluation) for evaluation in evaluations])


def evaluations_from_json(text: str) -> list[Evaluation]:
    """What `evaluations_to_json` has written."""
    return [made_of(Evaluation, values) for values in json.loads(text)]
