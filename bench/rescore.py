"""Scores made again without training: from kept predictions, from a checkpoint, or from frames that another code base wrote."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

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
    kept = run.predictions_file(evaluation.key)
    if kept.exists():
        count = clips_to_score(data, evaluation, spec.context)
        fresh = scored(
            _kept(kept, data, evaluation, spec.context, count, device),
            count,
            facts_of(data, evaluation, spec.context, count),
            device,
        )
    else:
        model = find(str(run.path), Store(run.path.parent)).build(data.shape, device)
        fresh = evaluate(model, data, spec.context, evaluation, device)
    path = run.scores_file(evaluation.key)
    (_merged(load(path), fresh, protocols) if path.exists() else fresh).save(path)
    return "kept predictions" if kept.exists() else "its checkpoint"


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


def _kept(path: Path, data: Dataset, evaluation: Evaluation, context: int, count: int, device: torch.device) -> Iterator[Pair]:
    stored: NDArray[np.float16] = np.load(path, mmap_mode="r")
    done = 0
    for clips in chunked(data, evaluation.split, count, context + (evaluation.horizon or 0), device):
        part = np.array(stored[done : done + len(clips)], np.float32)
        done += len(clips)
        yield torch.from_numpy(part).to(device), clips[:, context:]


def _merged(old: Scores, fresh: Scores, protocols: Sequence[str]) -> Scores:
    """The fresh scores of the named protocols beside the old ones of all others."""
    if old.values.shape[:2] != fresh.values.shape[:2]:
        return fresh
    values = fresh.values.copy()
    for number, name in enumerate(fresh.names):
        if name.partition("/")[0] not in protocols and name in old.names:
            values[..., number] = old[name]
    return Scores(values, fresh.names, fresh.facts)


def _arrays(path: Path) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    try:
        with np.load(path, allow_pickle=False) as file:
            found = {name: file[name] for name in ("prediction", "target")}
    except (OSError, ValueError, KeyError) as error:
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
