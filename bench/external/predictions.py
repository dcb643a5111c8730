"""Frames that somebody else's code wrote: read, compared with the clips they should be of, and scored."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
import torch
from numpy.typing import NDArray

from bench.common.errors import BenchError
from bench.common.files import replacing
from bench.data.base import Dataset, Split
from bench.data.preparing.sources import natural, within
from bench.evaluation.evaluate import CHUNK_PIXELS, Pair, chunked, clips_to_score, facts_of, scored
from bench.evaluation.scores import Scores
from bench.external import frames
from bench.spec.experiment import Evaluation

TOLERANCE = 1.5 / 255  # by which frames that went through a file of 8 bits may differ from the clips they were


@dataclass(frozen=True)
class Frames:
    """One side of a comparison: `count` clips of shape (T, C, H, W), in which 1 is white.

    clips: reads clips first ... last - 1. bytes: whether they are of 8 bits.
    """

    count: int
    shape: tuple[int, int, int, int]
    clips: Callable[[int, int], NDArray[np.float32]]
    bytes: bool


def read(path: Path) -> dict[str, Frames]:
    """The frames by side, "prediction" and (unless it is left out) "target".

    path: an .npz file with arrays of these names [N, T, C, H, W] in [0, 1], or a folder with folders of these names, each
    holding one folder of pictures per clip. Clips and frames stand in the order of their names; where some names of the two
    sides agree, all must.
    """
    sides = _arrays(path) if path.suffix == ".npz" else _folders(path)
    if len({(side.count, side.shape) for side in sides.values()}) > 1:
        shapes = " and ".join(f"{name} is {[side.count, *side.shape]}" for name, side in sides.items())
        raise BenchError(f"{path}: {shapes}; they must be of one shape")
    return sides


def score(path: Path, device: torch.device, keep: Path | None = None) -> tuple[Scores, str]:
    """The scores of the predictions against the targets beside them, and the predictions' hash. keep: see `_scored`."""
    sides = read(path)
    if "target" not in sides:
        raise BenchError(f"{path} has no targets; put them beside the predictions, or say with --data whose clips they are of")
    count, shape = sides["target"].count, sides["target"].shape
    size = max(1, CHUNK_PIXELS // int(np.prod(shape)))
    spans = ((first, min(first + size, count)) for first in range(0, count, size))
    truth = (torch.from_numpy(sides["target"].clips(*span)) for span in spans)
    return _scored(sides["prediction"], truth, {"source": path.name}, device, keep)


def score_on(
    path: Path, data: Dataset, split: Split, context: int, device: torch.device, keep: Path | None = None
) -> tuple[Scores, str]:
    """The scores of the predictions against the first clips of a data set, and the predictions' hash. keep: see `_scored`.

    Targets beside them, if there are any, must show the same frames as the data set, up to rounding to 8 bits.
    """
    sides = read(path)
    prediction, target = sides["prediction"], sides.get("target")
    evaluation = Evaluation(clips=prediction.count, horizon=prediction.shape[0], split="val" if split == "val" else "test")
    count = clips_to_score(data, evaluation, context)
    if (prediction.count, prediction.shape[1:]) != (count, data.shape):
        raise BenchError(
            f"{path} has {prediction.count} clips of frames {list(prediction.shape[1:])}; the {split} split has {count} "
            f"of {context} + {prediction.shape[0]} frames {list(data.shape)}"
        )

    def truth() -> Iterator[torch.Tensor]:
        done = 0
        for clips in chunked(data, split, count, context + prediction.shape[0], torch.device("cpu")):
            if target:
                _same(target.clips(done, done + len(clips)), clips[:, context:].numpy(), done, path)
            done += len(clips)
            yield clips[:, context:]

    facts = {**facts_of(data, evaluation, context, count), "source": path.name}
    return _scored(prediction, truth(), facts, device, keep)


def _scored(
    prediction: Frames, truth: Iterator[torch.Tensor], facts: dict[str, Any], device: torch.device, keep: Path | None
) -> tuple[Scores, str]:
    """Score predictions against chunks of targets. keep: where to store the predictions; what is stored is what is scored."""
    digest = hashlib.sha256()

    def pairs(store: Callable[[int, NDArray[np.float32]], NDArray[np.float32]]) -> Iterator[Pair]:
        done = 0
        for target in truth:
            frames = prediction.clips(done, done + len(target))
            digest.update((np.rint(frames * 255).astype(np.uint8) if prediction.bytes else frames).tobytes())
            yield torch.from_numpy(store(done, frames)).to(device), target.to(device)
            done += len(target)

    if keep is None:
        found = scored(pairs(lambda _, frames: frames), prediction.count, facts, device)
        return found, digest.hexdigest()[:12]
    with replacing(keep) as temporary:
        kind, shape = np.uint8 if prediction.bytes else np.float16, (prediction.count, *prediction.shape)
        array = np.lib.format.open_memmap(temporary, mode="w+", dtype=kind, shape=shape)

        def store(first: int, frames: NDArray[np.float32]) -> NDArray[np.float32]:
            part = slice(first, first + len(frames))
            array[part] = np.rint(frames * 255) if prediction.bytes else frames
            return as_floats(array[part])

        found = scored(pairs(store), prediction.count, facts, device)
        array.flush()
    return found, digest.hexdigest()[:12]


def as_floats(frames: NDArray[Any]) -> NDArray[np.float32]:
    """Stored frames, uint8 or float16, as numbers in which 1 is white."""
    if frames.dtype == np.uint8:
        return np.divide(frames, 255, dtype=np.float32)
    return np.array(frames, np.float32)


def _same(given: NDArray[np.float32], ours: NDArray[np.float32], first: int, path: Path) -> None:
    """Refuse targets that are not the data set's clips, and say which is the first."""
    off = np.abs(given - ours).max((2, 3, 4))
    if (off > TOLERANCE).any():
        clip, frame = np.argwhere(off > TOLERANCE)[0]
        raise BenchError(
            f"{path}: the target of clip {first + clip + 1}, frame {frame + 1} is not this data set's: they differ by up to "
            f"{off[clip, frame] * 255:.0f} of 255; the clips, their order, their size and the context must be the same"
        )


def _arrays(path: Path) -> dict[str, Frames]:
    try:
        with np.load(path, allow_pickle=False) as file:
            found = {name: file[name] for name in ("prediction", "target") if name in file or name == "prediction"}
    except (OSError, ValueError, KeyError, EOFError, BadZipFile) as error:
        raise BenchError(
            f"{path} must be an .npz file with arrays 'prediction' and 'target' [N, T, C, H, W]: {error}"
        ) from error
    for name, array in found.items():
        if array.ndim != 5 or array.shape[2] not in (1, 3):
            raise BenchError(f"{path}: {name} must be [N, T, C, H, W] with 1 or 3 channels, got {list(array.shape)}")
    return {name: _of_array(array, path if name == "target" else None) for name, array in found.items()}


def _of_array(array: NDArray[Any], checked: Path | None) -> Frames:
    """checked: the file to name where values leave [0, 1]; predictions may."""
    whole = array.dtype == np.uint8
    if not whole:
        array = frames.scaled(array, checked) if checked else array.astype(np.float32)
    return Frames(len(array), array.shape[1:], lambda first, last: as_floats(array[first:last]), whole)


def _folders(path: Path) -> dict[str, Frames]:
    if not path.is_dir():
        raise BenchError(f"there is no folder {path}; --predictions takes one, or an .npz file (`bench eval --help` says more)")
    clips = {name: _inside(path / name, Path.is_dir) for name in ("prediction", "target")}
    if not clips["prediction"]:
        raise BenchError(f"{path / 'prediction'} must hold one folder of pictures per clip; `bench eval --help` says more")
    if clips["target"]:
        _pair(*clips.values())
        for predicted, true in zip(*clips.values(), strict=False):
            _pair(*(_inside(clip, lambda file: file.suffix.lower() in frames.PICTURES) for clip in (predicted, true)))
    return {name: _of_folders(found, path / name) for name, found in clips.items() if found}


def _inside(folder: Path, wanted: Callable[[Path], bool]) -> list[Path]:
    """What of that kind a folder holds, if there is one."""
    return [path for path in within(folder) if wanted(path)] if folder.is_dir() else []


def _pair(predictions: list[Path], targets: list[Path]) -> None:
    """Refuse two sides some of whose names agree and others do not: by their order alone, the wrong ones would be compared."""
    sides = [{tuple(natural(path.with_suffix(""))): path for path in side} for side in (predictions, targets)]
    alone = [side[name] for side in sides for name in side if not all(name in other for other in sides)]
    if alone and len(alone) < len(predictions) + len(targets):
        raise BenchError(
            f"{alone[0]} has no counterpart of that name on the other side, where others have one; "
            "name clips and frames alike in prediction/ and target/"
        )


def _of_folders(folders: list[Path], side: Path) -> Frames:
    shape = frames.read(folders[0]).shape[1:]

    def clips(first: int, last: int) -> NDArray[np.float32]:
        found = [frames.read(folder) for folder in folders[first:last]]
        if any(clip.shape[1:] != shape for clip in found):
            raise BenchError(f"the clips in {side} differ in length or size; they must be alike")
        return np.concatenate([clip[:] for clip in found])

    return Frames(len(folders), shape, clips, bytes=True)
