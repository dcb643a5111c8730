"""Frames that a user brings: a folder of pictures, a video, or an array."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from bench.data.sources import natural
from bench.errors import BenchError

PICTURES = {".png", ".jpg", ".jpeg", ".bmp"}
VIDEOS = {".avi", ".mp4", ".mov", ".mkv", ".webm", ".gif"}


def read(path: Path) -> NDArray[np.float32]:
    """Clips [B, T, C, H, W] in [0, 1] from a folder of pictures, a video, or a .npy array [T, C, H, W] or [B, T, C, H, W]."""
    if path.is_dir():
        return scaled(_pictures(path), path)[None]
    if not path.exists():
        raise BenchError(f"there is no {path}; give a folder of frames, a video, or a .npy array [T, C, H, W]")
    if path.suffix.lower() == ".npy":
        return _array(path)
    if path.suffix.lower() in VIDEOS:
        from bench.data.video import channels_first, frames

        return scaled(np.stack([channels_first(frame) for frame in frames(path)]), path)[None]
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
    files = sorted((path for path in folder.iterdir() if path.suffix.lower() in PICTURES), key=natural)
    if not files:
        raise BenchError(f"{folder} holds no pictures ({', '.join(sorted(PICTURES))})")
    frames = []
    for path in files:
        try:
            with Image.open(path) as picture:
                grey = picture.mode in ("1", "L", "LA", "I;16")
                frame = np.asarray(picture.convert("L" if grey else "RGB"))
        except (OSError, SyntaxError) as error:
            raise BenchError(f"{path} cannot be read as a picture: {error}") from error
        frames.append(frame[None] if frame.ndim == 2 else np.moveaxis(frame, 2, 0))
        if frames[-1].shape != frames[0].shape:
            raise BenchError(
                f"{path} has the shape {frames[-1].shape}, {files[0].name} has {frames[0].shape}; frames must be of one size"
            )
    return np.stack(frames)


def _array(path: Path) -> NDArray[np.float32]:
    try:
        array = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise BenchError(f"{path} cannot be read as an array: {error}") from error
    if array.ndim not in (4, 5) or array.shape[-3] not in (1, 3):
        raise BenchError(f"{path} must be [T, C, H, W] or [B, T, C, H, W] with 1 or 3 channels, got {list(array.shape)}")
    return scaled(array, path)[None] if array.ndim == 4 else scaled(array, path)


def scaled(frames: NDArray[np.generic], path: Path) -> NDArray[np.float32]:
    """Numbers in [0, 1] from uint8, or from numbers that already are."""
    if frames.dtype == np.uint8:
        return np.divide(frames, 255, dtype=np.float32)
    values = frames.astype(np.float32)
    if not np.isfinite(values).all() or values.min() < 0 or values.max() > 1:
        raise BenchError(f"{path} must hold uint8, or numbers in [0, 1]; found {values.min():g} to {values.max():g}")
    return values
