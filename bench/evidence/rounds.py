"""Rounds of seeds: which runs come next for claims that are undecided, and what was decided to run, written down.

A round is written to the store before its first run starts, and the next one is chosen once all of its runs have ended. So a
process that is killed in between continues the same round: which seeds are trained, and in which order, follows from the scores
alone.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from bench.common.files import read_json, write_json
from bench.spec.experiment import Experiment
from bench.store.store import Store
from bench.sweep.seeds import fresh, seeds_of, with_seeds
from reports.anytime import begins
from reports.claims import Judged

Round = Mapping[str, Sequence[int]]
"""Label -> the seeds that are added to it."""


@dataclass(frozen=True)
class SeedRounds:
    """The rounds of one experiment in a store: `.decide/ablation-medium-3fa9c1d2.json`."""

    path: Path

    @classmethod
    def of(cls, experiment: Experiment, store: Store) -> SeedRounds:
        """Another data set, other claims or other variants are another record; the words of a claim may change."""
        claims = [asdict(claim) for claim in experiment.claims]
        worded, bare = (
            store.root / ".decide" / f"{experiment.name}-{experiment.scale}-{_digest(experiment, described)}.json"
            for described in (claims, [{**claim, "sentence": "", "source": ""} for claim in claims])
        )
        return cls(worded if worded.exists() else bare)  # older versions took the words, too

    def rounds(self) -> list[Round]:
        """In the order in which they were chosen; none if there is no record that can be read."""
        document = read_json(self.path)
        rounds = document.get("rounds", []) if isinstance(document, dict) else []
        return [entry for entry in rounds if isinstance(entry, dict)]

    def add(self, chosen: Round, after: int) -> None:
        """Store the round that follows `after` others, unless another scheduler of this store has done so meanwhile."""
        rounds = self.rounds()
        if len(rounds) == after:
            write_json(self.path, {"rounds": [*rounds, chosen]})

    def applied(self, experiment: Experiment) -> Experiment:
        """The experiment with the seeds of all rounds so far."""
        for round_seeds in self.rounds():
            experiment = with_seeds(experiment, round_seeds)
        return experiment


def _digest(experiment: Experiment, claims: Sequence[Mapping[str, object]]) -> str:
    identity = {
        "variants": {label: spec.but(seed=0).key for label, spec in experiment.variants.items()},
        "seeds": experiment.seeds,
        "evaluation": experiment.evaluation.key,
        "claims": claims,
    }
    return hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()[:8]


def next_round(experiment: Experiment, judged: Sequence[Judged], most: int) -> Round:
    """The seeds to add to the variants of claims that more seeds may decide; none if all are decided or have `most` seeds.

    One seed for each claim, or as many as a first confidence interval needs. most: seeds that a claim may have.
    """
    chosen: dict[str, set[int]] = {}
    for claim in (claim for claim in judged if claim.wants_seeds):
        labels = [label for label in claim.claim.variants if experiment.variants[label].steps > 0]
        seed_sets = [seeds_of(experiment, label) for label in labels]
        shared = set.intersection(*seed_sets) if seed_sets else set()
        number = min(most - len(shared), max(1, begins(claim.alpha) - len(claim.seeds)))
        for label, present in zip(labels, seed_sets, strict=True):
            chosen.setdefault(label, set()).update(set(fresh(shared, max(0, number))) - present)
    return {label: sorted(chosen[label]) for label in experiment.variants if chosen.get(label)}
