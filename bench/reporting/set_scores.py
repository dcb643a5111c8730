"""Scores of whole sets of clips for reports, from what the runs have stored."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.common.errors import BenchError, listed
from bench.evaluation.scores import load
from bench.evaluation.sets import REPLICATES, SetScore, set_score
from bench.metrics import set_metrics
from bench.reporting.sources import Source
from reports.set_scores import SetScores

LEAST_CLIPS = 2  # that a distance between sets needs


def known_sets(sources: Sequence[Source]) -> list[str]:
    """The set metrics that were computed, or tried, for any of these scores."""
    return [name for name in set_metrics() if any(name in source.header.metadata.get("sets", {}) for source in sources)]


def gathered(
    name: str, sources: Sequence[Source], labels: Sequence[str], seeds: Sequence[int], shown: NDArray[np.int64] | None
) -> SetScores:
    """The scores of all runs. shown: numbers of the clips to score, from their kept features; None for all clips."""
    _comparable(name, sources)
    values = np.full((len(labels), len(seeds)), np.nan)
    replicates = np.full((*values.shape, REPLICATES), np.nan)
    for source in sources:
        if score := _score(name, source, shown):
            cell = labels.index(source.label), list(seeds).index(source.seed)
            values[cell], replicates[cell] = score.value, score.replicates
    return SetScores(values, replicates, _note(name, sources, values, labels, shown))


def missing(name: str, sources: Sequence[Source], experiment: str, clips: int) -> str:
    """Why no run has a score of the set. clips: how many are shown."""
    rescoring = f"; `bench rescore {experiment} --metrics {name}` does" if clips >= LEAST_CLIPS else ""
    return next(filter(None, (_metadata(name, source).get("missing") for source in sources)), why_none(clips) + rescoring)


def why_none(clips: int) -> str:
    """Why there is no score of so many clips, where the file of scores gives no reason."""
    return "it was not computed" if clips >= LEAST_CLIPS else "it needs two clips"


def _metadata(name: str, source: Source) -> dict[str, Any]:
    set_metadata: dict[str, Any] = source.header.metadata.get("sets", {}).get(name, {})
    return set_metadata


def _score(name: str, source: Source, shown: NDArray[np.int64] | None) -> SetScore | None:
    set_metadata = _metadata(name, source)
    if "value" not in set_metadata:
        return None
    if shown is None and len(set_metadata.get("replicates", ())) == REPLICATES:
        return SetScore(set_metadata["value"], np.array(set_metadata["replicates"]))
    features = load(source.header.path, ()).sets.get(name)
    return set_score(name, features, shown) if features else None


def _comparable(name: str, sources: Sequence[Source]) -> None:
    """Refuse to put numbers side by side that were not measured alike."""
    present = [source for source in sources if "value" in _metadata(name, source)]
    for field, difference in (("version", "by another version of its protocol"), ("by", "with other weights")):
        labels_by_value = {_metadata(name, source).get(field): source.label for source in present}
        if len(labels_by_value) > 1:
            first, second = list(labels_by_value.values())[:2]
            rescoring = f"`bench rescore --metrics {name}` scores all alike"
            raise BenchError(f"{name} of '{first}' and '{second}' was computed {difference}; {rescoring}")


def _note(
    name: str, sources: Sequence[Source], values: NDArray[np.float64], labels: Sequence[str], shown: NDArray[np.int64] | None
) -> str:
    metric = set_metrics()[name]
    scored = [source for source in sources if "value" in _metadata(name, source)]
    if not scored:
        return ""
    clips, frames, _ = scored[0].header.shape
    count = clips if shown is None else len(shown)
    without = [
        f"'{label}' ({_why(name, sources, label, count)})"
        for label, row in zip(labels, values, strict=True)
        if not np.isfinite(row).any()
    ]
    sentences = [
        f"{metric.label} (protocol {metric.protocol}, version {_metadata(name, scored[0])['version']}) is a number of the "
        f"whole set, here of {count} clips x {frames} predicted frames; {metric.about}.",
        "Its ±: 95% over clips (bootstrap) and seeds.",
        f"{metric.label} by {_metadata(name, scored[0])['by']}.",
        f"Without it: {listed(without)}." if without else "",
    ]
    return " ".join(filter(None, sentences))


def _why(name: str, sources: Sequence[Source], label: str, clips: int) -> str:
    """Why a variant has no score of the set."""
    reasons = (_metadata(name, source).get("missing") for source in sources if source.label == label)
    return next(filter(None, reasons), why_none(clips))
