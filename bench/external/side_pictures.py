"""Sides of a comparison as folders of pictures, one folder per clip."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.common.errors import BenchError
from bench.data import formats
from bench.data.frame_order import DoubtfulOrder, in_natural_order
from bench.data.pictures import read_picture
from bench.external.pairing import mixed, ordered_frames, pair_clips, pair_frames
from bench.external.side import PREDICTION, TARGET, Side, Sides

WANTED = "must hold one folder of pictures per clip; `bench eval --help` says more"


@dataclass(frozen=True)
class _Clip:
    """One clip as picture files, in the order of time."""

    name: str
    files: list[Path]


def read_side_folders(path: Path) -> Sides:
    """prediction/CLIP/*.png and target/CLIP/*.png; a folder of pictures without folders is one clip."""
    predicted, true = (_clips_in(path / side) for side in (PREDICTION, TARGET))
    if not predicted:
        raise BenchError(f"{path / PREDICTION} {WANTED}")
    pairs = []
    if true:
        order = pair_clips([clip.name for clip in predicted], [clip.name for clip in true], str(path))
        if len(order) != len(true):
            raise BenchError(f"{path}: {len(predicted)} predicted clips and {len(true)} true ones")
        for clip, other in zip(predicted, (true[position] for position in order), strict=True):
            chosen = pair_frames([f.name for f in clip.files], [f.name for f in other.files], f"{path}/{clip.name}")
            pairs.append(_Clip(clip.name, [other.files[position] for position in chosen]))
    return _of_clips(path, predicted, pairs)


def read_clip_folders(path: Path) -> Sides:
    """Clips in folders of their own or, a single one, in this; predicted frames alone or beside the true ones."""
    folders = [folder for folder in _visible(path) if folder.is_dir()]
    predicted, true = [], []
    for folder in folders or [path]:
        files = {file.name: file for file in pictures_in(folder)}
        if both := mixed(list(files), str(folder)):
            predicted.append(_Clip(folder.name, [files[name] for name in both.prediction]))
            true += [_Clip(folder.name, [files[name] for name in both.target])] if both.target else []
        elif files:
            predicted.append(_Clip(folder.name, in_time(folder, list(files.values()))))
    if not predicted:
        raise BenchError(f"{path / PREDICTION} {WANTED}")
    if true and len(true) < len(predicted):
        loose = next(clip.name for clip in predicted if clip.name not in {other.name for other in true})
        raise BenchError(f"{path}: the clip {loose} has no true frames beside the predicted ones, where others have")
    return _of_clips(path, predicted, true)


def _clips_in(folder: Path) -> list[_Clip]:
    if not folder.is_dir():
        return []
    clips = [_Clip(inner.name, in_time(inner, pictures_in(inner))) for inner in _visible(folder) if inner.is_dir()]
    loose = [] if clips else pictures_in(folder)
    return clips or ([_Clip(folder.name, in_time(folder, loose))] if loose else [])


def in_time(folder: Path, files: Sequence[Path]) -> list[Path]:
    if not files:
        raise BenchError(f"{folder} holds no pictures ({', '.join(formats.PICTURES)})")
    try:
        names = ordered_frames([file.name for file in files])
    except DoubtfulOrder as error:
        raise BenchError(f"{folder}: {error}") from error
    return [folder / name for name in names]


def _visible(folder: Path) -> list[Path]:
    return in_natural_order(path for path in folder.iterdir() if not path.name.startswith("."))


def pictures_in(folder: Path) -> list[Path]:
    return [path for path in _visible(folder) if path.suffix.lower() in formats.PICTURES]


def _of_clips(path: Path, predicted: list[_Clip], true: list[_Clip]) -> Sides:
    return Sides(path, _side(PREDICTION, path, predicted), _side(TARGET, path, true) if true else None)


def _side(side: str, path: Path, clips: list[_Clip]) -> Side:
    first, lengths = read_frame(clips[0].files[0]), {len(clip.files): clip.name for clip in clips}
    if len(lengths) > 1:
        examples = " and ".join(f"{name} has {length} frames" for length, name in list(lengths.items())[:2])
        raise BenchError(f"{path}: the clips of the {side} differ in length: {examples}; they must be alike")

    def read(chosen: Sequence[int]) -> NDArray[Any]:
        return np.stack([stacked(clips[position].files, first) for position in chosen])

    shape: tuple[int, int, int, int] = (len(clips[0].files), *first.shape)
    return Side(side, f"{path} ({side})", len(clips), shape, first.dtype, tuple(clip.name for clip in clips), read)


def stacked(files: Sequence[Path], like: NDArray[Any] | None = None) -> NDArray[Any]:
    """The frames of a clip [T, C, H, W], all of the size and the type of one of them: the first, if not given."""
    frames = [read_frame(path) for path in files]
    like = frames[0] if like is None else like
    for path, frame in zip(files, frames, strict=True):
        if frame.shape != like.shape or frame.dtype != like.dtype:
            raise BenchError(
                f"{path} is {frame.dtype} {list(frame.shape)} and others are {like.dtype} {list(like.shape)}; "
                "frames must be of one size and type"
            )
    return np.stack(frames)


def read_frame(path: Path) -> NDArray[Any]:
    """One picture, [C, H, W]; a BenchError where it cannot be read."""
    try:
        return read_picture(path)
    except (OSError, SyntaxError, ValueError) as error:
        raise BenchError(f"{path} cannot be read as a picture: {error}") from error
