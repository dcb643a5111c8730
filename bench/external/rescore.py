"""Computes scores again without training: from kept predictions, or from a checkpoint."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from numpy.typing import NDArray

from bench.common.arrays import growing, mapped
from bench.common.errors import BenchError
from bench.data.base import Dataset
from bench.evaluation.evaluate import Pair, chunked, clips_to_score, metadata_of, predictions, scored, target_bytes
from bench.evaluation.scores import Scores, load
from bench.evaluation.sets import Features, SetScorer
from bench.external.models import find
from bench.external.predictions import as_floats
from bench.external.results import ExternalResult
from bench.metrics import frame_metrics
from bench.spec.experiment import Evaluation
from bench.store.run import Run
from bench.store.store import Store
from bench.sweep.plan import PlannedRun
from bench.training.compiling import compile_in_place

OnClips = Callable[[int, int], None]
"""Called with how many clips are done, and how many there are."""


def rescore(
    run: Run,
    evaluation: Evaluation,
    protocols: Sequence[str],
    device: torch.device,
    sets: Sequence[str] | None = None,
    on_clips: OnClips = lambda done, total: None,
) -> str:
    """Compute the scores of some protocols again and keep the others; returns their source, as text.

    sets: compute these scores of the whole set of clips alone, and leave those of frames; None: the scores of frames, and those
    of the whole set that there are.
    """
    spec = run.spec
    data: Dataset = spec.data.build()
    count = clips_to_score(data, evaluation, spec.context)
    shape = (count, evaluation.horizon or 0, *data.shape)
    path, predictions_path = run.scores_file(evaluation.key), run.predictions_file(evaluation.key)
    try:
        old = load(path)
    except BenchError:  # missing or damaged: the fresh ones take their place
        old = None
    stored = _array(predictions_path, shape)
    outdated = stored is not None and old is not None and not _same_clips(old, data, evaluation, spec.context, count, device)
    if stored is not None and not outdated:
        pairs = _pairs_of(stored, data, evaluation, spec.context, device)
    else:
        model = find(str(run.path), Store(run.path.parent)).build(data.shape, device)
        model = (compile_in_place(model, device) if spec.compile else model).eval()
        horizon = evaluation.horizon or spec.horizon
        pairs = predictions(model, data, evaluation.split, count, spec.context, horizon, device, spec.precision)
    if outdated and sets is not None:
        raise BenchError(
            f"{run.name} was scored on other test clips than there are now; `bench rescore` without --metrics scores it whole"
        )
    metadata = metadata_of(data, evaluation, spec.context, count)
    with growing(predictions_path if outdated else None, shape, root=run.path) as append:
        if outdated:
            pairs = _appended(pairs, append)
        fresh = _rescored(old, pairs, count, metadata, protocols, device, sets, evaluation.metrics, on_clips)
    fresh.save(path)  # after the predictions that it is of
    if outdated:
        return "its checkpoint, as the test clips have changed"
    return "its checkpoint" if stored is None else "kept predictions"


def _same_clips(scores: Scores, data: Dataset, evaluation: Evaluation, context: int, count: int, device: torch.device) -> bool:
    """Whether kept scores are of the test clips that there are now, as far as they tell."""
    digest = hashlib.sha256()
    for clips in chunked(data, evaluation.split, count, context + (evaluation.horizon or 0), device):
        digest.update(target_bytes(clips[:, context:]))
    return scores.metadata.get("targets") in (None, digest.hexdigest()[:12])


def _appended(pairs: Iterator[Pair], append: Callable[[NDArray[Any]], None]) -> Iterator[Pair]:
    """The same pairs, whose predictions are stored on the way."""
    for prediction, target in pairs:
        append(prediction.cpu().numpy())
        yield prediction, target


def rescore_external(
    external: ExternalResult,
    like: PlannedRun,
    protocols: Sequence[str],
    device: torch.device,
    sets: Sequence[str] | None = None,
    on_clips: OnClips = lambda done, total: None,
) -> None:
    """Compute the scores of an external result again from its kept frames. like: a run that is scored on the same clips."""
    context, data = like.spec.context, like.spec.data.build()
    count, horizon = external.scores.values.shape[:2]
    stored = _array(external.frames, (count, horizon, *data.shape))
    if stored is None:
        raise BenchError(
            f"the frames of '{external.name}' are not kept whole in {external.frames}; `bench eval --name` scores them anew"
        )
    evaluation = like.evaluations[0]
    if not _same_clips(external.scores, data, replace(evaluation, horizon=horizon), context, count, device):
        raise BenchError(
            f"the frames of '{external.name}' were predicted for other test clips than there are now; "
            "`bench eval --name` scores new ones"
        )
    pairs = _pairs_of(stored, data, evaluation, context, device)
    metadata = {**external.scores.metadata, **metadata_of(data, evaluation, context, count)}
    _rescored(external.scores, pairs, count, metadata, protocols, device, sets, (), on_clips).save(external.path)


def _rescored(
    old: Scores | None,
    pairs: Iterator[Pair],
    count: int,
    metadata: dict[str, Any],
    protocols: Sequence[str],
    device: torch.device,
    sets: Sequence[str] | None,
    evaluation_sets: Sequence[str],
    on_clips: OnClips,
) -> Scores:
    """The scores that `rescore` stores. evaluation_sets: metrics of the whole set that the evaluation asks for."""
    if sets is not None and old is not None:
        return with_sets(old, pairs, sets, on_clips)
    old_sets = old.metadata.get("sets", {}) if old else {}
    fresh = scored(pairs, count, metadata, device, on_clips, list(dict.fromkeys([*evaluation_sets, *old_sets, *(sets or ())])))
    return _merged(old, fresh, protocols) if old else fresh


def _array(path: Path, shape: tuple[int, ...]) -> NDArray[Any] | None:
    """The kept predictions; None where there are none, or not whole."""
    try:
        array = mapped(path, path.parent.parent)
    except (OSError, ValueError, EOFError):
        return None
    return array if array.shape == shape else None


def _pairs_of(
    stored: NDArray[Any], data: Dataset, evaluation: Evaluation, context: int, device: torch.device
) -> Iterator[Pair]:
    done = 0
    for clips in chunked(data, evaluation.split, len(stored), context + (evaluation.horizon or 0), device):
        predictions = as_floats(stored[done : done + len(clips)])
        done += len(clips)
        yield torch.from_numpy(predictions).to(device), clips[:, context:]


def _merged(old: Scores, fresh: Scores, protocols: Sequence[str]) -> Scores:
    """Fresh scores of the named protocols, old ones of all others, and old ones of metrics that cannot be computed now."""
    if old.values.shape[:2] != fresh.values.shape[:2] or old.metadata.get("targets") != fresh.metadata["targets"]:
        return fresh  # the old scores are of other clips
    values, metadata = fresh.values.copy(), dict(fresh.metadata)
    lost = [
        name for name in frame_metrics() if metadata.get(f"{name}_missing") and not old.metadata.get(f"{name}_missing", "old")
    ]
    for number, name in enumerate(fresh.names):
        protocol, _, metric = name.partition("/")
        if name in old.names and (protocol not in protocols or metric in lost):
            values[..., number] = old[name]
    versions = {name: version for name, version in fresh.metadata["protocols"].items() if name in protocols}
    metadata["protocols"] = {**fresh.metadata["protocols"], **old.metadata["protocols"], **versions}
    for name in lost:
        metadata |= {name: old.metadata[name], f"{name}_missing": ""}
    return _joined(
        replace(old, values=values, names=fresh.names, metadata=metadata), old, fresh.sets, fresh.metadata.get("sets", {})
    )


def with_sets(old: Scores, pairs: Iterator[Pair], names: Sequence[str], on_clips: OnClips = lambda done, total: None) -> Scores:
    """The scores, with these metrics of the whole set of clips added."""
    scorer, digest, done, count = SetScorer(names), hashlib.sha256(), 0, len(old.values)
    for prediction, target in pairs:
        digest.update(target_bytes(target))
        scorer.add(prediction, target, lambda part, done=done: on_clips(done + part, count))  # type: ignore[misc]
        done += len(target)
        on_clips(done, count)
    if digest.hexdigest()[:12] != old.metadata.get("targets"):
        raise BenchError("the kept scores are of other clips; `bench rescore` without --metrics computes all of them again")
    return _joined(old, old, scorer.features(), scorer.metadata)


def _joined(scores: Scores, old: Scores, features: Mapping[str, Features], metadata: Mapping[str, Any]) -> Scores:
    """The scores with the old ones of the whole set, replaced by fresh ones where there are any."""
    fresh_sets = {name: score for name, score in metadata.items() if name in features or name not in old.sets}
    set_scores = {**old.metadata.get("sets", {}), **fresh_sets}
    return replace(
        scores, sets={**old.sets, **features}, metadata={**scores.metadata, **({"sets": set_scores} if set_scores else {})}
    )
