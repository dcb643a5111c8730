"""Scores made again without training: from kept predictions, or from a checkpoint."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from bench.common.errors import BenchError
from bench.data.base import Dataset
from bench.evaluation.evaluate import Pair, chunked, clips_to_score, evaluate, facts_of, scored
from bench.evaluation.scores import Scores, load
from bench.external.models import find
from bench.external.predictions import as_floats
from bench.external.results import Guest
from bench.spec import catalog
from bench.spec.experiment import Evaluation
from bench.store.store import Run, Store
from bench.sweep.plan import Item
from bench.training.compiling import compiled


def rescore(run: Run, evaluation: Evaluation, protocols: Sequence[str], device: torch.device) -> str:
    """Make the scores of some protocols again and keep the others; what they were made from, in words."""
    spec = run.spec
    data: Dataset = catalog.build("datasets", spec.data.name, spec.data.options)
    count = clips_to_score(data, evaluation, spec.context)
    kept = _array(run.predictions_file(evaluation.key), (count, evaluation.horizon or 0, *data.shape))
    if kept is not None:
        pairs = _kept(kept, data, evaluation, spec.context, device)
        fresh = scored(pairs, count, facts_of(data, evaluation, spec.context, count), device)
    else:
        model = find(str(run.path), Store(run.path.parent)).build(data.shape, device)
        model = compiled(model, device) if spec.compile else model
        fresh = evaluate(model, data, spec.context, evaluation, device, spec.precision)
    path = run.scores_file(evaluation.key)
    with contextlib.suppress(BenchError):  # missing or damaged: the fresh ones take their place
        fresh = _merged(load(path), fresh, protocols)
    fresh.save(path)
    return "its checkpoint" if kept is None else "kept predictions"


def rescore_guest(guest: Guest, like: Item, protocols: Sequence[str], device: torch.device) -> None:
    """Make the scores of a guest again from its kept frames, against the clips that the runs beside it are scored on."""
    context, data = like.spec.context, catalog.build("datasets", like.spec.data.name, like.spec.data.options)
    shape = (*guest.scores.values.shape[:2], *data.shape)
    kept = _array(guest.frames, shape)
    if kept is None:
        raise BenchError(
            f"the frames of '{guest.name}' are not kept whole in {guest.frames}; `bench eval --name` scores them anew"
        )
    evaluation = like.evaluations[0]
    pairs = _kept(kept, data, evaluation, context, device)
    fresh = scored(pairs, shape[0], facts_of(data, evaluation, context, shape[0]), device)
    fresh = replace(fresh, facts={**guest.scores.facts, **fresh.facts})
    _merged(guest.scores, fresh, protocols).save(guest.path)


def _array(path: Path, shape: tuple[int, ...]) -> NDArray[Any] | None:
    """The kept predictions; None where there are none, or not whole."""
    try:
        array: NDArray[Any] = np.load(path, mmap_mode="r")
    except (OSError, ValueError, EOFError):
        return None
    return array if array.shape == shape else None


def _kept(stored: NDArray[Any], data: Dataset, evaluation: Evaluation, context: int, device: torch.device) -> Iterator[Pair]:
    done = 0
    for clips in chunked(data, evaluation.split, len(stored), context + (evaluation.horizon or 0), device):
        part = as_floats(stored[done : done + len(clips)])
        done += len(clips)
        yield torch.from_numpy(part).to(device), clips[:, context:]


def _merged(old: Scores, fresh: Scores, protocols: Sequence[str]) -> Scores:
    """The fresh scores of the named protocols beside the old ones of all others; LPIPS that cannot be made now is kept."""
    if old.values.shape[:2] != fresh.values.shape[:2] or old.facts.get("targets") != fresh.facts["targets"]:
        return fresh  # other clips: nothing of the old can stand beside them
    values = fresh.values.copy()
    for number, name in enumerate(fresh.names):
        protocol, _, metric = name.partition("/")
        lost = metric == "lpips" and np.isnan(fresh[name]).all()
        if name in old.names and (protocol not in protocols or lost):
            values[..., number] = old[name]
    versions = {name: version for name, version in fresh.facts["protocols"].items() if name in protocols}
    facts = {**fresh.facts, "protocols": {**fresh.facts["protocols"], **old.facts["protocols"], **versions}}
    if fresh.facts["lpips_missing"] and not old.facts.get("lpips_missing"):
        facts |= {name: old.facts[name] for name in ("lpips", "lpips_missing")}
    return Scores(values, fresh.names, facts)
