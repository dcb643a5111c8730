"""From the store to what reports are made of: a table of per-frame scores, the runs, and their metadata."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, cast

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bench.common.display import published
from bench.common.errors import BenchError, did_you_mean, listed
from bench.evaluation.scores import ScoresHeader
from bench.external.results import ExternalResult
from bench.metrics import METRICS, frame_metrics, set_metrics
from bench.reporting.other_clips import other_clips
from bench.reporting.run_rows import external_row, run_row
from bench.reporting.set_scores import gathered, known_sets, missing
from bench.reporting.sources import Source, check_comparable, lacking, read_sources
from bench.spec.experiment import Evaluation, Experiment, Scale
from bench.spec.runspec import RunSpec
from bench.sweep.plan import PlannedRun
from reports.quantities import several
from reports.results import Metadata, Results, seed_column

SELECTION = {"last": "the last checkpoint", "best": "the checkpoint with the best validation PSNR"}


def results(
    experiment: Experiment,
    planned_runs: Sequence[PlannedRun],
    protocols: Sequence[str],
    label: str | None = None,
    external_results: Sequence[ExternalResult] = (),
    curves: bool = False,
    sets: Sequence[str] | None = None,
) -> Results:
    """Everything that the store knows about an experiment's runs, with the scores of some protocols.

    label: only the clips that show this (on KTH an action); a label that no clip has is a BenchError.
    external_results: scores of models trained elsewhere, as further rows; a BenchError unless they are of the same clips.
    curves: with the training curves of all runs, which take longer to read than their scores.
    sets: the metrics of the whole set of clips to show; those that any run has, if not given.
    """
    ours, theirs = read_sources(planned_runs, external_results)
    check_comparable(ours, theirs)
    names = list(dict.fromkeys(source.label for source in theirs))
    labels = [*experiment.variants, *names]
    metadata = dict(ours[0].header.metadata) if ours else {}
    for name in frame_metrics():  # the first run may have been scored before a network was here
        metadata[name] = next((source.header.metadata[name] for source in ours if source.header.metadata.get(name)), "")
    shown = clips_with_label(ours[0].header, label) if ours else np.arange(0)
    sources = [*ours, *theirs]
    unscored = {(source.label, source.seed): lacking(source) for source in sources}
    rows = [*(_run(planned, experiment) for planned in planned_runs), *map(external_row, external_results)]
    set_names = known_sets(sources) if sets is None else [name for name in sets if name in set_metrics()]
    seeds = sorted({planned.seed for planned in planned_runs} | {external.seed for external in external_results})
    return Results(
        name=experiment.name,
        question=experiment.question,
        scale=cast(Scale, experiment.scale),
        variants=labels,
        scores=_scored(_rows(sources, labels, shown), sources, shown, protocols),
        runs=pd.DataFrame([{**row, **unscored.get((row["variant"], row["seed"]), {})} for row in rows]),
        metrics={name: metric for name, metric in METRICS.items() if name in set_names or name not in set_metrics()},
        protocols=metadata.get("protocols", {}),
        metadata=_metadata(
            experiment,
            _first_scored(planned_runs, ours),
            metadata,
            ours[0].header.shape[0] if ours else None,
            len(shown),
            label,
            _missing(sources, set_names, experiment, len(shown)),
        ),
        training=_training(planned_runs) if curves else None,
        external=names,
        sets={
            f"{set_metrics()[name].protocol}/{name}": gathered(name, sources, labels, seeds, shown if label else None)
            for name in set_names
        },
    )


def under(
    protocols: Iterable[str],
    loaded: Results,
    planned_runs: Sequence[PlannedRun],
    label: str | None = None,
    external_results: Sequence[ExternalResult] = (),
) -> Iterator[Results]:
    """The results of `loaded` under other protocols, each read when it is asked for."""
    ours, theirs = read_sources(planned_runs, external_results)
    shown = clips_with_label(ours[0].header, label)
    rows = loaded.scores[[name for name in loaded.scores.columns if "/" not in str(name)]]
    return (loaded.rescored(_scored(rows, [*ours, *theirs], shown, [name])) for name in protocols)


def clips_with_label(header: ScoresHeader, label: str | None) -> NDArray[np.int64]:
    """The numbers of the clips that show `label`, of all where it is None; BenchError where none does."""
    if label is None:
        return np.arange(header.shape[0])
    labels = header.metadata.get("labels") or []
    if label not in labels:
        present = list(dict.fromkeys(labels))
        raise BenchError(
            f"no test clip is labelled '{label}'{did_you_mean(label, present) or f'; there are {listed(present)}'}"
        )
    return np.flatnonzero(np.array(labels) == label)


def _rows(sources: Sequence[Source], labels: Sequence[str], shown: NDArray[np.int64]) -> pd.DataFrame:
    """The variant, seed, clip and frame of each score; made for 20 million rows."""
    variants = pd.CategoricalDtype(list(labels), ordered=True)
    if not sources:
        return pd.DataFrame({"variant": pd.Categorical([], dtype=variants), "seed": [], "clip": [], "frame": []})
    frames = [source.header.shape[1] for source in sources]
    rows = np.array([len(shown) * length for length in frames])
    codes = [labels.index(source.label) for source in sources]
    columns: dict[str, Any] = {
        "variant": pd.Categorical.from_codes(np.repeat(np.array(codes, np.int16), rows), dtype=variants),
        "seed": np.repeat(seed_column([source.seed for source in sources]), rows),
        "clip": np.concatenate([np.repeat(shown.astype(np.int32), length) for length in frames]),
        "frame": np.concatenate([np.tile(np.arange(1, length + 1, dtype=np.int16), len(shown)) for length in frames]),
    }
    if labelled := sources[0].header.metadata.get("labels"):
        kinds = pd.Categorical(labelled)
        clips = np.concatenate([np.repeat(kinds.codes[shown], length) for length in frames])
        columns["label"] = pd.Categorical.from_codes(clips, dtype=kinds.dtype)
    return pd.DataFrame(columns, copy=False)


def _scored(
    rows: pd.DataFrame, sources: Sequence[Source], shown: NDArray[np.int64], protocols: Collection[str]
) -> pd.DataFrame:
    """The rows with their scores under some protocols; each file is read straight into its rows."""
    names = dict.fromkeys(name for source in sources for name in source.header.names)
    scores = {name: np.empty(len(rows), np.float32) for name in names if name.partition("/")[0] in protocols}
    counts = np.array([len(shown) * source.header.shape[1] for source in sources], int)

    for source, last, count in zip(sources, counts.cumsum(), counts, strict=True):  # threads would wait for each other
        read = source.header.load(protocols)
        for name, column in scores.items():
            column[last - count : last] = read[name][shown].reshape(-1) if name in read.names else np.nan
    return pd.concat([rows, pd.DataFrame(scores, copy=False)], axis=1)


def _run(planned: PlannedRun, experiment: Experiment) -> dict[str, Any]:
    searched = {"trials": 0, "tuning_seconds": 0.0, **experiment.searched.get(planned.label, {})} if experiment.searched else {}
    return run_row(planned, searched)


def _first_scored(planned_runs: Sequence[PlannedRun], ours: Sequence[Source]) -> PlannedRun:
    """A run on the data set of the scores; variants without scores may be on another one."""
    return next((planned for planned in planned_runs if ours and planned.label == ours[0].label), planned_runs[0])


def _missing(sources: Sequence[Source], sets: Sequence[str], experiment: Experiment, clips: int) -> dict[str, str]:
    """Why a metric has no scores, by metric: its network's weights are missing, or it was not computed."""
    reasons = {name: [source.header.metadata.get(f"{name}_missing", "") for source in sources] for name in frame_metrics()}
    frames = {name: why[0] for name, why in reasons.items() if why and all(why)}
    return frames | {name: missing(name, sources, experiment.name, clips) for name in sets}


def _metadata(
    experiment: Experiment, planned: PlannedRun, metadata: dict[str, Any], scored: int | None, clips: int, label: str | None,
    missing: dict[str, str],
) -> Metadata:  # fmt: skip
    """scored: clips that runs were scored on, of which `clips` are shown."""
    spec, evaluation = planned.spec, planned.evaluations[0]
    trained = {name: variant for name, variant in experiment.variants.items() if variant.steps} or {planned.label: spec}
    horizons, selections = (_by_value(trained, setting) for setting in ("horizon", "select"))
    horizon = next(iter(horizons)) if len(horizons) == 1 else None
    return Metadata(
        dataset=spec.data.name,
        split=evaluation.split,
        fingerprint=metadata.get("fingerprint", spec.fingerprint or "unknown"),
        context=spec.context,
        horizon=evaluation.horizon or spec.horizon,
        clips=clips,
        selection=_selections(selections),
        missing=missing,
        label=label or "",
        notes=[published(note) for note in (*_shortage(evaluation, scored), *_horizons(horizons), *_notes(metadata))],
        trained=horizon if horizon and (evaluation.horizon or 0) > horizon else None,
        cut=spec.options_of("data").get("cut", ""),
        other_clips=other_clips(spec, evaluation, scored),
        changed=[published(text) for text in _changed(experiment)],
    )


def _by_value(variants: Mapping[str, RunSpec], setting: str) -> dict[Any, list[str]]:
    """The labels of the variants that have each value of a setting."""
    labels: dict[Any, list[str]] = {}
    for label, spec in variants.items():
        labels.setdefault(getattr(spec, setting), []).append(f"'{label}'")
    return labels


def _selections(labels: Mapping[str, Sequence[str]]) -> str:
    """Which checkpoint was scored: "the last checkpoint"; where variants differ, of which ones."""
    if len(labels) == 1:
        return SELECTION[next(iter(labels))]
    return "; ".join(f"{SELECTION[selection]} of {listed(variants)}" for selection, variants in labels.items())


def _horizons(labels: Mapping[int, Sequence[str]]) -> list[str]:
    """Which variants were trained for how many frames, where they differ."""
    if len(labels) == 1:
        return []
    parts = (f"{several(horizon, 'frame')} ({listed(variants)})" for horizon, variants in labels.items())
    return [f"Models were trained for different numbers of predicted frames: {', '.join(parts)}."]


def _changed(experiment: Experiment) -> list[str]:
    """The settings that were changed, as they were typed; the data set is named in every table."""
    in_proportion = len({spec.steps for spec in experiment.variants.values() if spec.steps}) > 1
    controls = {"steps": " (controls that train longer do so in proportion)"} if in_proportion else {}
    return [f"{name}={value}{controls.get(name, '')}" for name, value in experiment.changed.items() if name != "data"]


def _shortage(evaluation: Evaluation, scored: int | None) -> list[str]:
    """That fewer clips were scored than were to be, since the data set has no more."""
    return [f"{shortage[:1].upper()}{shortage[1:]}."] if (shortage := evaluation.shortage(scored)) else []


def _notes(metadata: dict[str, Any]) -> list[str]:
    """How the test clips were made, and which networks computed scores."""
    by = [f"{metric.label} by {metadata[name]}." for name, metric in frame_metrics().items() if metadata.get(name)]
    return [*([f"Clips: {metadata['data']}."] if metadata.get("data") else []), *by]


def _training(planned_runs: Sequence[PlannedRun]) -> pd.DataFrame:
    rows = [
        (planned.label, planned.seed, int(line["step"]), name, value)
        for planned in planned_runs
        for line in planned.run.metrics.lines()
        for name, value in line.items()
        if name not in ("step", "time")
    ]
    return pd.DataFrame(rows, columns=["variant", "seed", "step", "name", "value"])
