"""Frames that a user brings: a folder of pictures, a video, or an array."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from bench.common.errors import BenchError
from bench.data.pictures import pixels
from bench.data.preparing.sources import within

PICTURES = {".png", ".jpg", ".jpeg", ".bmp"}
VIDEOS = {".avi", ".mp4", ".mov", ".mkv", ".webm", ".gif"}
CHANNELS = (1, 2, 3)  # of a frame in an array; models of traffic maps see 2
BATCH = 16  # clips looked at together


class Clips:
    """Clips of a user, [B, T, C, H, W] in [0, 1]: any slice of them, read when it is asked for.

    shape: of all of them.
    """

    shape: tuple[int, int, int, int, int]

    def __init__(self, source: Path, clips: NDArray[np.generic] | None = None, shape: tuple[int, ...] = ()):
        self.source, self._clips = source, clips
        count, frames, channels, height, width = shape if clips is None else clips.shape
        self.shape = (count, frames, channels, height, width)

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, part: slice) -> NDArray[np.float32]:
        if self._clips is not None:
            return scaled(self._clips[part], self.source)
        mapped = np.load(self.source, mmap_mode="r")  # mapped anew each time, or all that was read would stay in memory
        return scaled(np.array(mapped.reshape(self.shape)[part]), self.source)


def read(path: Path) -> Clips:
    """Clips from a folder of pictures, a video, or a .npy array [T, C, H, W] or [B, T, C, H, W]."""
    if path.is_dir():
        return Clips(path, _pictures(path)[None])
    if not path.exists():
        raise BenchError(f"there is no {path}; give a folder of frames, a video, or a .npy array [T, C, H, W]")
    if path.suffix.lower() == ".npy":
        return _array(path)
    if path.suffix.lower() in VIDEOS:
        from bench.data.video import channels_first, frames

        return Clips(path, np.stack([channels_first(frame) for frame in frames(path)])[None])
    raise BenchError(f"{path} is no folder of frames, no video ({', '.join(sorted(VIDEOS))}) and no .npy array")


def fitted(clips: NDArray[np.float32], channels: int) -> NDArray[np.float32]:
    """Colour made grey (ITU-R 601 luma) or grey repeated, where the model wants it otherwise than the input is."""
    found = clips.shape[2]
    if found == channels:
        return clips
    if found == 3 and channels == 1:
        luma = np.array([0.299, 0.587, 0.114], np.float32)
        return np.asarray((clips * luma[:, None, None]).sum(2, keepdims=True), np.float32)
    if found == 1 and channels == 3:
        return np.repeat(clips, 3, axis=2)
    raise BenchError(f"the model wants {channels} channels and the input has {found}")


def _pictures(folder: Path) -> NDArray[np.uint8]:
    files = [path for path in within(folder) if path.suffix.lower() in PICTURES]
    if not files:
        raise BenchError(f"{folder} holds no pictures ({', '.join(sorted(PICTURES))})")
    frames = []
    for path in files:
        try:
            with Image.open(path) as picture:
                frame = pixels(picture, path)
        except (OSError, SyntaxError) as error:
            raise BenchError(f"{path} cannot be read as a picture: {error}") from error
        frames.append(frame[None] if frame.ndim == 2 else np.moveaxis(frame, 2, 0))
        if frames[-1].shape != frames[0].shape:
            raise BenchError(
                f"{path} has the shape {frames[-1].shape}, {files[0].name} has {frames[0].shape}; frames must be of one size"
            )
    return np.stack(frames)


def _array(path: Path) -> Clips:
    try:
        array = np.load(path, allow_pickle=False, mmap_mode="r")
    except (OSError, ValueError, EOFError) as error:
        raise BenchError(f"{path} cannot be read as an array: {error}") from error
    if array.ndim not in (4, 5) or array.shape[-3] not in CHANNELS:
        raise BenchError(f"{path} must be [T, C, H, W] or [B, T, C, H, W] with 1, 2 or 3 channels, got {list(array.shape)}")
    clips = Clips(path, shape=array.shape if array.ndim == 5 else (1, *array.shape))
    for first in range(0, len(clips) if array.dtype != np.uint8 else 0, BATCH):
        clips[first : first + BATCH]  # which complains of numbers outside [0, 1] before any work is done
    return clips


def scaled(frames: NDArray[np.generic], path: Path) -> NDArray[np.float32]:
    """Numbers in [0, 1] from uint8, or from numbers that already are."""
    if frames.dtype == np.uint8:
        return np.divide(frames, 255, dtype=np.float32)
    values = frames.astype(np.float32)
    if not np.isfinite(values).all() or values.min() < 0 or values.max() > 1:
        raise BenchError(f"{path} must hold uint8, or numbers in [0, 1]; found {values.min():g} to {values.max():g}")
    return values
