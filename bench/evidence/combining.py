"""Runs on record that the store lacks: the seeds of one comparison may be trained on several machines, one after the other.

The name of a run stands for all of its settings, its seed and its data, so a run on record is one of the experiment if it has
the name that the plan gives it. Its scores count if they are of the same clips under the same protocols.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import pandas as pd

from bench.common.errors import BenchError, listed
from bench.spec.experiment import Experiment
from bench.store.run import DIVERGED, FAILED
from bench.sweep.plan import NEW, PlannedRun
from reports.claim import ALIGNMENT
from reports.record import Record
from reports.results import Results

SAME_CLIPS = ("dataset", "split", "fingerprint", "context", "horizon", "clips", "selection", "label", "cut")
"""What must be equal of two records' metadata; the rest is text, or follows from these."""
NETWORK = re.compile(r"^LPIPS by .*sha256 of its tensors (\w+)")
Pair = tuple[str, int]
"""A variant and a seed."""


class RecordedRun(NamedTuple):
    """A scored run of a record, which may call its variant otherwise than the experiment that is kept."""

    record: Record
    variant: str
    seed: int

    @property
    def content(self) -> tuple[bool, int]:
        """How much of the run is on record: its memory's alignment, and so many scores."""
        return (self.variant, self.seed) in self.record.alignments, len(self.record.results.columns)


def recorded_runs(records: Iterable[Record], experiment: Experiment) -> dict[str, list[RecordedRun]]:
    """Run name -> where its scores are, in records over the experiment's horizon."""
    horizons = {experiment.evaluation.at(spec).horizon for spec in experiment.variants.values()}
    runs: dict[str, list[RecordedRun]] = {}
    for record in records:
        if record.results.metadata.horizon in horizons:
            for name, (variant, seed) in _scored(record.results):
                runs.setdefault(name, []).append(RecordedRun(record, variant, seed))
    return runs


def combined(ours: Record, planned_runs: Sequence[PlannedRun], recorded: Mapping[str, Sequence[RecordedRun]]) -> Record:
    """The record with those planned runs, too, that the store lacks and an earlier record has.

    A run that has diverged or failed in the store stays so; an earlier record does not replace it.
    """
    scored = _pairs(ours.results.scores)
    added: dict[Pair, RecordedRun] = {}
    for planned in planned_runs:
        pair = planned.label, planned.seed
        if pair not in scored and planned.state not in (DIVERGED, FAILED):
            candidates = [run for run in recorded.get(planned.run.name, ()) if not unlike(run.record.results, ours.results)]
            if candidates:
                added[pair] = max(candidates, key=lambda run: run.content)  # the first of equals
    alignments = {
        pair: run.record.alignments[run.variant, run.seed]
        for pair, run in added.items()
        if (run.variant, run.seed) in run.record.alignments
    }
    results = replace(ours.results, scores=_scores(ours.results, added), runs=_runs(ours.results, added))
    return replace(ours, results=results, alignments={**ours.alignments, **alignments})


def without_runs_nowhere(record: Record, declared: Sequence[int]) -> Record:
    """The record without rows of seeds beyond the declared ones that neither the store nor an earlier record has."""
    scored, runs = _pairs(record.results.scores), record.results.runs
    pairs = zip(runs["variant"].astype(str), runs["seed"].astype(int), runs["state"], strict=True)
    exist = [state != NEW or seed in declared or (variant, seed) in scored for variant, seed, state in pairs]
    return replace(record, results=replace(record.results, runs=runs[exist].reset_index(drop=True)))


def lacks(record: Record) -> Iterator[str]:
    """A sentence for each claim that rests on fewer runs than others, since the records they come from lack something."""
    for label in {claim.better for claim in record.claims if claim.metric == ALIGNMENT}:
        seeds = sorted(seed for variant, seed in _pairs(record.results.scores) if variant == label)
        if missing := [seed for seed in seeds if (label, seed) not in record.alignments]:
            yield f"{_named(label, missing)}: how its memory is addressed is not on record; claims about that go without it"


def refuse_loss(earlier: Record, later: Record, where: str) -> None:
    """BenchError if the later record lacks scores or alignments of a run that the earlier one, at `where`, has."""
    lost: dict[str, dict[str, list[int]]] = {}  # content -> variant -> seeds
    kept_contents = dict(_contents(later))
    for (name, variant, seed), contents in _contents(earlier):
        present = kept_contents.get((name, variant, seed)) or next(
            (other for (other_name, _, _), other in kept_contents.items() if other_name == name), frozenset()
        )
        for content in contents - present if present else ("runs",):
            lost.setdefault(content, {}).setdefault(variant, []).append(seed)
    if lost:
        losses = [f"{content} ({listed(_named(*of) for of in by_variant.items())})" for content, by_variant in lost.items()]
        why = unlike(earlier.results, later.results) or (
            "they are not chosen here, have other settings now, or have failed, diverged or lost their scores"
        )
        raise BenchError(
            f"this would drop from {where}: {'; '.join(losses)}: {why}; "
            "--anew keeps what the store has alone, --name NAME keeps both"
        )


def unlike(earlier: Results, results: Results) -> str:
    """In what scores on record are not comparable with these, as words; empty where they are."""
    for name in SAME_CLIPS:
        recorded, present = getattr(earlier.metadata, name), getattr(results.metadata, name)
        if recorded != present:
            return f"their {name}: {recorded or 'none'}, here {present or 'none'}"
    if dict(earlier.protocols) != dict(results.protocols):
        return "they were scored by another version of a protocol"
    network, other_network = (
        {match[1] for note in scored.metadata.notes if (match := NETWORK.match(note))} for scored in (earlier, results)
    )
    if network and other_network and network != other_network:
        return "their LPIPS was computed with other weights"
    return "" if np.array_equal(earlier.clips, results.clips) else "they were scored on other clips"


def _named(variant: str, seeds: Sequence[int]) -> str:
    return f"{variant} seed{'s' * (len(seeds) > 1)} {', '.join(map(str, seeds))}"


def _scored(results: Results) -> Iterator[tuple[str, Pair]]:
    """The name, and the variant and seed, of every run with scores; two variants may share a run."""
    scored = _pairs(results.scores)
    for key, variant, seed in results.runs[["key", "variant", "seed"]].itertuples(index=False):
        if (str(variant), int(seed)) in scored:
            yield str(key), (str(variant), int(seed))


def _contents(record: Record) -> Iterator[tuple[tuple[str, str, int], frozenset[str]]]:
    """Of every scored run its name, variant and seed, and what is there of it: finite scores, and an alignment."""
    results = record.results
    for name, (variant, seed) in _scored(results):
        rows = (results.scores["variant"] == variant) & (results.scores["seed"] == seed)
        finite = [column for column in results.columns if np.isfinite(results.scores.loc[rows, column]).any()]
        aligned = ["alignments"] if (variant, seed) in record.alignments else []
        yield (name, variant, seed), frozenset([*finite, *aligned])


def _pairs(table: pd.DataFrame) -> set[Pair]:
    pairs = table[["variant", "seed"]].drop_duplicates().itertuples(index=False)
    return {(str(variant), int(seed)) for variant, seed in pairs}


def _scores(results: Results, added: Mapping[Pair, RecordedRun]) -> pd.DataFrame:
    """The scores with those of the added runs under the labels of the experiment, in the order of its variants."""
    columns = list(results.scores.columns)
    tables = [results.scores]
    for (label, _), run in added.items():
        scores = run.record.results.scores
        rows = scores[(scores["variant"] == run.variant) & (scores["seed"] == run.seed)]
        tables.append(rows.reindex(columns=columns).assign(variant=label))
    table = pd.concat([part.astype({"variant": str}) for part in tables], ignore_index=True)
    kinds = {name: results.scores[name].dtype for name in columns}
    return table.astype(kinds).sort_values(["variant", "seed"], kind="stable", ignore_index=True)


def _runs(results: Results, added: Mapping[Pair, RecordedRun]) -> pd.DataFrame:
    """The runs, those that were added as the earlier record has them."""
    rows = []
    for row in results.runs.to_dict("records"):
        pair = str(row["variant"]), int(row["seed"])
        if pair in added:
            run = added[pair]
            [row] = (r for r in run.record.results.planned[run.variant] if int(r["seed"]) == run.seed)
            row = {**row, "variant": pair[0]}
        rows.append(row)
    return pd.DataFrame(rows)
