"""Videos as folders of pictures, the layout of the LMC-Memory authors: `train/video_00000/frame_00000.jpg`.

Any size, grey or colour, PNG or JPEG. Training takes every window of a video, the fixed clips do not overlap, as the authors
cut them.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from bench.common.errors import BenchError
from bench.data.folders import NamedDataset, prepare_folders

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from bench.data.preparing.sources import Progress

FORMATS = ("PNG", "JPEG", "MPO")  # of Pillow, which would start programs for others, such as EPS
SUFFIXES = {".png", ".jpg", ".jpeg"}


class Frames(NamedDataset):
    """Frame folders prepared under a name. flip, reverse: augmentation of training clips."""

    def __init__(self, name: str = "default", flip: bool = False, reverse: bool = False):
        super().__init__("frames", name, flip, reverse)


def prepare_frames(
    *,
    source: str | None = None,
    name: str = "default",
    size: int | None = None,
    grey: bool = False,
    skip_damaged: bool = False,
    progress: Progress,
) -> list[str]:
    """Pack the folders of pictures in `source`/train, val and test. Without val every tenth training video is held out.

    size: side of square frames to resize to; as they are if None. grey: make colour pictures grey.
    """
    return prepare_folders("frames", source, name, size, grey, skip_damaged, progress, _videos, _pictures)


def _videos(split: Path) -> list[Path]:
    """The folders of a split in natural order, each a video."""
    from bench.data.preparing.sources import within

    folders = [path for path in within(split) if path.is_dir()]
    if not folders:
        loose = "; its pictures must be in one folder per video, such as video_00000" if _files(split) else ""
        raise BenchError(f"{split} has no video folders in it{loose}")
    return folders


def _files(video: Path) -> list[Path]:
    from bench.data.preparing.sources import within

    return [path for path in within(video) if path.suffix.lower() in SUFFIXES]


def _pictures(video: Path, grey: bool) -> Iterator[NDArray[np.uint8]]:
    """The pictures of a folder in natural order, [H, W] or [H, W, 3]."""
    from bench.data.preparing.sources import Damaged

    files = _files(video)
    if not files:
        raise Damaged(f"{video} has no PNG or JPEG pictures in it")
    for path in files:
        yield _picture(path, grey)


def _picture(path: Path, grey: bool) -> NDArray[np.uint8]:
    from bench.data.pictures import open_picture, pixels
    from bench.data.preparing.sources import Damaged

    try:
        with open_picture(path, FORMATS) as image:
            frame = pixels(image, path, grey)
    except (OSError, SyntaxError, ValueError) as error:  # what Pillow raises for broken files
        raise Damaged(f"{path} cannot be read ({error}); replace it") from error
    if frame.dtype != "uint8":
        raise BenchError(f"{path} holds {frame.dtype}, more than 8 bits per pixel; convert the pictures to 8 bits")
    return frame
