"""Scores made again without training: from kept predictions, from a checkpoint, or from frames that another code base wrote."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
import torch
from numpy.typing import NDArray

from bench import catalog, inputs
from bench.data.base import Dataset
from bench.errors import BenchError
from bench.evaluate import CHUNK_PIXELS, Pair, chunked, clips_to_score, evaluate, facts_of, scored
from bench.experiment import Evaluation
from bench.scores import Scores, load
from bench.store import Run, Store
from bench.trained import find


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
        fresh = evaluate(model, data, spec.context, evaluation, device, spec.precision)
    path = run.scores_file(evaluation.key)
    with contextlib.suppress(BenchError):  # missing or damaged: the fresh ones take their place
        fresh = _merged(load(path), fresh, protocols)
    fresh.save(path)
    return "its checkpoint" if kept is None else "kept predictions"


def foreign(path: Path, device: torch.device) -> Scores:
    """The scores of frames that somebody else's code wrote, and of the frames they should have been.

    path: an .npz file with arrays `prediction` and `target` [N, T, C, H, W] in [0, 1], or a folder with the folders
    `prediction` and `target`, each holding one folder of pictures per clip.
    """
    prediction, target = _arrays(path) if path.suffix == ".npz" else _folders(path)
    if prediction.shape != target.shape:
        raise BenchError(
            f"{path}: prediction is {list(prediction.shape)} and target {list(target.shape)}; they must be of one shape"
        )
    size = max(1, CHUNK_PIXELS // int(np.prod(prediction.shape[1:])))

    def pairs() -> Iterator[Pair]:
        for first in range(0, len(prediction), size):
            chunk = slice(first, first + size)
            yield torch.from_numpy(prediction[chunk]).to(device), torch.from_numpy(target[chunk]).to(device)

    return scored(pairs(), len(prediction), {"source": path.name}, device)


def _array(path: Path, shape: tuple[int, ...]) -> NDArray[np.float16] | None:
    """The kept predictions; None where there are none, or not whole."""
    try:
        array: NDArray[np.float16] = np.load(path, mmap_mode="r")
    except (OSError, ValueError, EOFError):
        return None
    return array if array.shape == shape else None


def _kept(
    stored: NDArray[np.float16], data: Dataset, evaluation: Evaluation, context: int, device: torch.device
) -> Iterator[Pair]:
    done = 0
    for clips in chunked(data, evaluation.split, len(stored), context + (evaluation.horizon or 0), device):
        part = np.array(stored[done : done + len(clips)], np.float32)
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


def _arrays(path: Path) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    try:
        with np.load(path, allow_pickle=False) as file:
            found = {name: file[name] for name in ("prediction", "target")}
    except (OSError, ValueError, KeyError, EOFError, BadZipFile) as error:
        raise BenchError(
            f"{path} must be an .npz file with arrays 'prediction' and 'target' [N, T, C, H, W]: {error}"
        ) from error
    for name, array in found.items():
        if array.ndim != 5 or array.shape[2] not in (1, 3):
            raise BenchError(f"{path}: {name} must be [N, T, C, H, W] with 1 or 3 channels, got {list(array.shape)}")
    prediction = found["prediction"].astype(np.float32) / (255 if found["prediction"].dtype == np.uint8 else 1)
    return prediction, inputs.scaled(found["target"], path)


def _folders(path: Path) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    sides = []
    for name in ("prediction", "target"):
        clips = sorted(folder for folder in (path / name).glob("*") if folder.is_dir())
        if not clips:
            raise BenchError(f"{path / name} must hold one folder of pictures per clip; `bench eval --help` says more")
        arrays = [inputs.read(clip)[0] for clip in clips]
        if len({array.shape for array in arrays}) > 1:
            raise BenchError(f"the clips in {path / name} differ in length or size; they must be alike")
        sides.append(np.stack(arrays))
    return sides[0], sides[1]
