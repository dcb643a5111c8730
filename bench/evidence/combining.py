"""Runs on record that the store lacks: the seeds of one comparison may be trained on several machines, one after the other.

The name of a run stands for all of its settings, its seed and its data, so a run on record is one of the experiment if it has
the name that the plan gives it. Its scores count if they are of the same clips under the same protocols.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, replace
from typing import NamedTuple

import numpy as np
import pandas as pd

from bench.common.errors import BenchError, listed
from bench.spec.experiment import Experiment
from bench.sweep.plan import PlannedRun
from reports.quantities import several
from reports.record import Record
from reports.results import Results


class RecordedRun(NamedTuple):
    """A scored run of a record, which may call its variant otherwise than the experiment that is kept."""

    record: Record
    variant: str
    seed: int


def recorded_runs(records: Iterable[Record], experiment: Experiment) -> dict[str, RecordedRun]:
    """Run name -> its scores, of records over the experiment's horizon; the first record that has a run counts."""
    horizons = {experiment.evaluation.at(spec).horizon for spec in experiment.variants.values()}
    runs: dict[str, RecordedRun] = {}
    for record in records:
        if record.results.metadata.horizon in horizons:
            for name, (variant, seed) in _scored_names(record.results).items():
                runs.setdefault(name, RecordedRun(record, variant, seed))
    return runs


def combined(ours: Record, planned_runs: Sequence[PlannedRun], recorded: Mapping[str, RecordedRun]) -> Record:
    """The record with those planned runs, too, that it has no scores of and an earlier record has."""
    scored = set(_scored_names(ours.results).values())
    added = {
        (planned.label, planned.seed): recorded[planned.run.name]
        for planned in planned_runs
        if (planned.label, planned.seed) not in scored and planned.run.name in recorded
    }
    added = {pair: run for pair, run in added.items() if not unlike(run.record.results, ours.results)}
    if not added:
        return ours
    alignments = {
        pair: run.record.alignments[run.variant, run.seed]
        for pair, run in added.items()
        if (run.variant, run.seed) in run.record.alignments
    }
    results = replace(ours.results, scores=_scores(ours.results, added), runs=_runs(ours.results, added))
    return replace(ours, results=results, alignments={**ours.alignments, **alignments})


def refuse_loss(earlier: Record, later: Record, where: str) -> None:
    """BenchError if the later record lacks a run that the earlier one, at `where`, has scores of."""
    left = set(_scored_names(later.results))
    lost = [pair for name, pair in _scored_names(earlier.results).items() if name not in left]
    if lost:
        seeds = pd.DataFrame(lost, columns=["variant", "seed"]).groupby("variant", sort=False)["seed"].apply(list)
        runs = [f"{variant} seed{'s' * (len(of) > 1)} {', '.join(map(str, of))}" for variant, of in seeds.items()]
        why = unlike(earlier.results, later.results) or "they are not chosen here, or their settings are others now"
        raise BenchError(
            f"{where} has {several(len(lost), 'run')} that this would drop: {listed(runs)} ({why}); "
            "--anew keeps what the store has alone, --name NAME keeps both"
        )


def unlike(earlier: Results, results: Results) -> str:
    """In what scores on record are not comparable with these, as words; empty where they are."""
    facts, facts_here = ({**asdict(scored.metadata), "missing": None} for scored in (earlier, results))
    for name, value in facts.items():
        if facts_here[name] != value:
            return f"their {name.replace('_', ' ')}: {_short(value)}, here {_short(facts_here[name])}"
    if dict(earlier.protocols) != dict(results.protocols):
        return "they were scored by another version of a protocol"
    return "" if np.array_equal(earlier.clips, results.clips) else "they were scored on other clips"


def _short(value: object) -> str:
    words = " ".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)
    return words or "none"


def _scored_names(results: Results) -> dict[str, tuple[str, int]]:
    """Run name -> the variant and the seed of every run with scores."""
    scored = _pairs(results.scores)
    rows = results.runs[["key", "variant", "seed"]].itertuples(index=False)
    return {str(key): (str(variant), int(seed)) for key, variant, seed in rows if (str(variant), int(seed)) in scored}


def _pairs(table: pd.DataFrame) -> Collection[tuple[str, int]]:
    pairs = table[["variant", "seed"]].drop_duplicates().itertuples(index=False)
    return {(str(variant), int(seed)) for variant, seed in pairs}


def _scores(results: Results, added: Mapping[tuple[str, int], RecordedRun]) -> pd.DataFrame:
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


def _runs(results: Results, added: Mapping[tuple[str, int], RecordedRun]) -> pd.DataFrame:
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
