"""Videos as folders of pictures, the layout of the LMC-Memory authors: `train/video_00000/frame_00000.jpg`.

Any size, grey or colour, 8 bits or 16. Training takes every window of a video, the fixed clips do not overlap, as the authors
cut them.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from bench.common.errors import BenchError
from bench.data import formats
from bench.data.folders import NamedDataset, Preparing, prepare_folders

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from bench.data.preparing.sources import Progress
    from bench.data.value_range import ValueRange


class Frames(NamedDataset):
    """Frame folders prepared under a name. flip, reverse: augmentation of training clips."""

    def __init__(self, name: str = "default", flip: bool = False, reverse: bool = False):
        super().__init__("frames", name, flip, reverse)


def prepare_frames(
    *,
    source: str | None = None,
    name: str = "default",
    size: str | int | None = None,
    crop: str | None = None,
    grey: bool = False,
    range: str | None = None,
    allow_leak: bool = False,
    skip_damaged: bool = False,
    progress: Progress,
) -> list[str]:
    """Pack the folders of pictures in `source`/train, val and test. Without val every tenth training video is held out.

    The options are those of `folders.Preparing`; range: `bounds` there.
    """
    preparing = Preparing(source, name, size, crop, grey, range, allow_leak, skip_damaged)
    return prepare_folders("frames", preparing, progress, _videos, _pictures)


def _videos(split: Path) -> list[Path]:
    """The folders of a split in natural order, each a video."""
    from bench.data.preparing.sources import within

    folders = [path for path in within(split) if path.is_dir()]
    if not folders:
        hint = "; its pictures must be in one folder per video, such as video_00000" if _files(split) else ""
        hint = hint or formats.read_elsewhere(within(split), "bench prepare frames")
        raise BenchError(f"{split} has no video folders in it{hint}")
    return folders


def _files(video: Path) -> list[Path]:
    from bench.data.preparing.sources import within

    return [path for path in within(video) if path.suffix.lower() in formats.PICTURES]


def _pictures(video: Path, grey: bool, bounds: ValueRange | None) -> Iterator[NDArray[np.uint8]]:
    """The pictures of a folder in the order of time, [H, W] or [H, W, 3]."""
    from bench.data.frame_order import DoubtfulOrder, in_frame_order
    from bench.data.preparing.sources import Damaged, within

    files = _files(video)
    if not files:
        other_readers = formats.read_elsewhere(within(video), "bench prepare frames")
        raise Damaged(f"{video} has no pictures in it ({', '.join(formats.PICTURES)}){other_readers}")
    try:
        files = in_frame_order(files)
    except DoubtfulOrder as error:
        raise BenchError(f"{video}: {error}") from error
    for path in files:
        yield _picture(path, grey, bounds)


def _picture(path: Path, grey: bool, bounds: ValueRange | None) -> NDArray[np.uint8]:
    import numpy as np

    from bench.data.pictures import read_picture
    from bench.data.preparing.sources import Damaged
    from bench.data.value_range import ALL, BYTE, Extent, decide

    try:
        frame = np.moveaxis(read_picture(path, grey), 0, 2)
    except (OSError, SyntaxError, ValueError) as error:  # what Pillow raises for broken files
        raise Damaged(f"{path} cannot be read ({error}); replace it") from error
    frame = frame[..., 0] if frame.shape[2] == 1 else frame
    if frame.dtype == np.uint8 and bounds in (None, BYTE):
        return frame  # masks of 0 and 1 are noticed once all of the set is read
    scale = decide(Extent.of(frame), str(path), {ALL: bounds} if bounds else {})
    return np.rint(scale(frame, clamp=True) * 255).astype(np.uint8)
