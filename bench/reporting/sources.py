"""Where the scores of a report come from: files of runs and of models trained elsewhere, and whether they can be compared."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import NamedTuple

from bench.common.display import published
from bench.common.errors import BenchError, listed
from bench.evaluation.scores import ScoresHeader, read_header
from bench.external.results import ExternalResult, find
from bench.metrics import frame_metrics, weights
from bench.store.run import FINISHED
from bench.store.store import Store
from bench.sweep.plan import PlannedRun


class Source(NamedTuple):
    """A file of scores that enters a report. label, seed: the row and the seed that it is of."""

    label: str
    seed: int
    header: ScoresHeader


def read_sources(
    planned_runs: Sequence[PlannedRun], external_results: Sequence[ExternalResult]
) -> tuple[list[Source], list[Source]]:
    """The scores of our runs, variant by variant, and those of external results."""
    order = {label: number for number, label in enumerate(dict.fromkeys(planned.label for planned in planned_runs))}
    finished = [planned for planned in planned_runs if planned.state == FINISHED]
    finished.sort(key=lambda planned: (order[planned.label], planned.seed))
    return (
        [
            Source(planned.label, planned.seed, read_header(planned.run.scores_file(planned.evaluations[0].key)))
            for planned in finished
        ],
        [Source(external.name, external.seed, read_header(external.path)) for external in external_results],
    )


def find_external_results(store: Store, planned_runs: Sequence[PlannedRun], names: Sequence[str]) -> list[ExternalResult]:
    """The external results of these names on the clips that the runs are scored on; a BenchError if one has none there."""
    if not names:
        return []
    first = next((planned for planned in planned_runs if planned.state == FINISHED), None)
    if first is None:
        raise BenchError(f"no run is finished that {listed(names)} could be compared with")
    if taken_names := [name for name in names if name in {planned.label for planned in planned_runs}]:
        raise BenchError(f"'{taken_names[0]}' is a variant already; `bench eval --name` keeps scores under another name")
    data, context = first.spec.data, first.spec.context
    options = ["--data", data.name, *(f"--set data.{option}={value}" for option, value in data.options.items())]
    header = read_header(first.run.scores_file(first.evaluations[0].key))
    clips = f"its {header.shape[0]} clips of {header.shape[1]} frames"
    remedy = f"`bench eval --predictions DIR --name ... {' '.join(options)} --context {context}` scores frames of {clips}"
    return find(store, names, header.metadata.get("targets"), f"'{first.label}'", remedy)


def lacking(source: Source) -> dict[str, str]:
    """Why a run has no scores that need a network: "lpips_missing" -> the reason."""
    keys = [f"{name}_missing" for name in frame_metrics()]
    return {key: published(why) for key in keys if (why := source.header.metadata.get(key))}


def check_comparable(ours: Sequence[Source], theirs: Sequence[Source]) -> None:
    """Refuse to compare scores of other clips, protocols or network weights."""
    rescoring = f"`bench rescore{''.join(f' --with {source.label!r}' for source in theirs)}` scores all alike"
    networks = {name: f"with other {metric.label} weights" for name, metric in frame_metrics().items() if metric.load}
    for field, difference in {"targets": "on other clips", "protocols": "by another version of a protocol", **networks}.items():
        sources = [source for source in (*theirs, *ours) if field not in networks or source.header.metadata.get(field)]
        sources_by_value = {_compared(source, field): source for source in sources}
        if len(sources_by_value) > 1:
            first, second = (source.label for source in list(sources_by_value.values())[:2])
            if len({source.header.metadata.get("fingerprint") for source in ours}) > 1:
                raise BenchError(f"'{first}' and '{second}' are of different data sets; --only shows those of one")
            raise BenchError(f"'{first}' and '{second}' were scored {difference}; {rescoring}")


def _compared(source: Source, field: str) -> str:
    """A field of the metadata that must be the same for all, as text; of network weights their identity, not their file."""
    value = source.header.metadata.get(field)
    return json.dumps(weights.identity(value) if isinstance(value, str) else value)
