"""Pictures as arrays, in the numbers that they hold: 8 or 16 bits, or floating point."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.common.errors import BenchError

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from PIL.Image import Image

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".webp", ".tif", ".tiff")
FORMATS = ("PNG", "JPEG", "BMP", "WEBP", "TIFF")  # of Pillow; others, such as EPS, would start programs
DEEP = ("I", "F")  # Pillow's modes of more than 8 bits begin with these
GREY = ("1", "L", "LA")
LUMA = (19595, 38470, 7471)  # ITU-R 601 in 65,536ths, as Pillow makes colour grey


def read_picture(path: Path, grey: bool = False) -> NDArray[Any]:
    """One picture, [1, H, W] or [3, H, W], of uint8, uint16, int32 or float32. Raises what Pillow raises for a damaged file."""
    from PIL import Image

    with Image.open(path, formats=FORMATS) as picture:
        frame = pixels(picture, path, grey)
    return frame[None] if frame.ndim == 2 else np.moveaxis(frame, 2, 0)


def pixels(picture: Image, path: Path, grey: bool = False) -> NDArray[Any]:
    """[H, W] of a grey picture, [H, W, 3] of one in colours unless `grey` is asked for, in the numbers that it holds."""
    count = getattr(picture, "n_frames", 1)
    if picture.format != "MPO" and count > 1:  # an MPO is a photograph with small copies of itself
        raise BenchError(f"{path} holds {count} pictures; a frame is one picture in a file of its own")
    if picture.mode.startswith(DEEP):
        return np.asarray(picture).astype(np.uint16 if picture.mode.startswith("I;16") else np.asarray(picture).dtype)
    if any("16" in str(tile[3]) for tile in getattr(picture, "tile", ())):
        raise BenchError(f"{path} has colours of 16 bits, which cannot be read whole; save 8 bits, or arrays")
    if picture.has_transparency_data and np.asarray(picture.convert("RGBA"))[..., 3].min() < 255:
        raise BenchError(f"{path} is transparent in places; save frames without an alpha channel")
    return np.asarray(picture.convert("L" if grey or picture.mode in GREY else "RGB"))


def made_grey(frames: NDArray[Any]) -> NDArray[Any]:
    """Frames [..., 3, H, W] made grey (ITU-R 601 luma), [..., 1, H, W], of the same type; grey ones as they are."""
    if frames.shape[-3] == 1:
        return frames
    weights = np.array(LUMA)[:, None, None]
    if frames.dtype == np.uint8:  # the arithmetic of Pillow, so that files and arrays agree to the bit
        summed = (frames.astype(np.uint32) * weights.astype(np.uint32)).sum(-3, keepdims=True, dtype=np.uint32)
        return ((summed + 0x8000) >> 16).astype(np.uint8)
    luma = (frames.astype(np.float64) * weights).sum(-3, keepdims=True) / 2**16
    return (np.rint(luma) if frames.dtype.kind in "iu" else luma).astype(frames.dtype)
