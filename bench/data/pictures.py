"""Pictures as arrays in their own type: 8 or 16 bits, or floating point."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.common.errors import BenchError
from bench.common.reading import opened

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from PIL.Image import Image

FORMATS = ("PNG", "JPEG", "BMP", "WEBP", "TIFF")  # of Pillow; others, such as EPS, would start programs
MOST_PIXELS = 2**26  # of a frame: 8192 x 8192, the largest video that there is a standard for
MOST_BYTES = 2**30  # of a file that holds one picture
DEEP = ("I", "F")  # Pillow's modes of more than 8 bits begin with these
TRANSPARENT = "is transparent in places; save frames without an alpha channel"
ORIENTATION = 0x0112  # tag of EXIF; 1: as it is stored
BITS, PHOTOMETRIC, SAMPLE_FORMAT = 258, 262, 339  # tags of TIFF 6.0
WHITE_IS_ZERO, UNSIGNED, SIGNED = 0, 1, 2  # values of the last two
GREY = ("1", "L", "LA")
LUMA = (19595, 38470, 7471)  # ITU-R 601 in 65,536ths, as Pillow makes colour grey


@contextmanager
def open_picture(path: Path, formats: tuple[str, ...] = FORMATS) -> Iterator[Image]:
    """Open a picture of one of these formats without unpacking it; BenchError if it declares too many pixels."""
    from PIL import Image, UnidentifiedImageError

    with opened(path, MOST_BYTES) as file:
        try:
            picture = Image.open(file, formats=formats)
        except Image.DecompressionBombError as error:
            raise BenchError(f"{path} declares more than the {MOST_PIXELS:,} pixels that are read ({error})") from error
        except UnidentifiedImageError as error:  # which names the opened file by a number
            raise UnidentifiedImageError(f"cannot identify a picture ({', '.join(formats)}) of a kind that is read") from error
        with picture:
            refuse_huge(picture.width, picture.height, path)
            yield picture


def refuse_huge(width: int, height: int, path: Path) -> None:
    """BenchError for a frame that declares more pixels than any video has, before it is unpacked."""
    if width * height > MOST_PIXELS:
        raise BenchError(f"{path} declares {width:,} x {height:,} pixels, and at most {MOST_PIXELS:,} are read")


def read_picture(path: Path, grey: bool = False) -> NDArray[Any]:
    """One picture, [1, H, W] or [3, H, W], of uint8, uint16, int32, uint32 or float32, turned as its EXIF says.

    Raises what Pillow raises for a damaged file.
    """
    with open_picture(path) as picture:
        frame = pixels(picture, path, grey)
    return frame[None] if frame.ndim == 2 else np.moveaxis(frame, 2, 0)


def pixels(picture: Image, path: Path, grey: bool = False) -> NDArray[Any]:
    """[H, W] of a grey picture, [H, W, 3] of one in colours unless `grey` is asked for, in the numbers that it holds."""
    count = getattr(picture, "n_frames", 1)
    if picture.format != "MPO" and count > 1:  # an MPO is a photograph with small copies of itself
        raise BenchError(f"{path} holds {count} pictures; a frame is one picture in a file of its own")
    number_type = _number_type(picture, path)
    if any("16" in str(tile[3]) for tile in getattr(picture, "tile", ())) and not picture.mode.startswith(DEEP):
        raise BenchError(f"{path} has colours of 16 bits, which cannot be read whole; save 8 bits, or arrays")
    picture.load()  # which turns a TIFF, and forgets that it was to be turned
    if _orientation(picture) != 1:
        from PIL import ImageOps

        picture = ImageOps.exif_transpose(picture)
    if picture.mode.startswith(DEEP):
        numbers = np.asarray(picture)
        return numbers.view(np.uint32) if number_type == np.uint32 else numbers.astype(number_type or numbers.dtype)
    if picture.has_transparency_data and np.asarray(picture.convert("RGBA"))[..., 3].min() < 255:
        raise BenchError(f"{path} {TRANSPARENT}")
    return np.asarray(picture.convert("L" if grey or picture.mode in GREY else "RGB"))


def _orientation(picture: Image) -> Any:
    """How a picture is to be turned; as it is stored where its EXIF is broken, as viewers do."""
    try:
        return picture.getexif().get(ORIENTATION, 1)
    except (SyntaxError, ValueError, KeyError, TypeError, struct.error):  # what Pillow raises for broken EXIF
        return 1


def _number_type(picture: Image, path: Path) -> Any:
    """The type of a picture's numbers where Pillow has another for it. BenchError for a TIFF whose numbers it misreads."""
    if picture.format != "TIFF":
        return np.uint16 if picture.mode.startswith("I;16") else None
    tags: Any = getattr(picture, "tag_v2", {})
    bits, kinds = tags.get(BITS, (1,)), tags.get(SAMPLE_FORMAT, (UNSIGNED,))
    if picture.mode.startswith(DEEP) and tags.get(PHOTOMETRIC) == WHITE_IS_ZERO:
        raise BenchError(f"{path} says that 0 is white (WhiteIsZero); save it with 0 as black")
    if SIGNED in kinds and not picture.mode.startswith(DEEP):
        raise BenchError(f"{path} holds signed numbers of {max(bits)} bits, which cannot be read; save unsigned ones")
    if picture.mode == "I" and max(bits) == 32 and SIGNED not in kinds:
        return np.uint32
    return np.uint16 if picture.mode.startswith("I;16") else None


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
