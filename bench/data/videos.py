"""Any folder of video files, sorted into subfolders train, val and test."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from bench.common.errors import BenchError
from bench.data import formats
from bench.data.folders import NamedDataset, Preparing, prepare_folders

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy as np
    from numpy.typing import NDArray

    from bench.data.preparing.sources import Progress


class Videos(NamedDataset):
    """Video files prepared under a name. flip, reverse: augmentation of training clips."""

    def __init__(self, name: str = "default", flip: bool = False, reverse: bool = False):
        super().__init__("videos", name, flip, reverse)


def prepare_videos(
    *,
    source: str | None = None,
    name: str = "default",
    size: str | int | None = None,
    crop: str | None = None,
    grey: bool = False,
    allow_leak: bool = False,
    skip_damaged: bool = False,
    progress: Progress,
) -> list[str]:
    """Pack the video files in `source`/train, val and test. Without val every tenth training video is held out.

    The options are those of `folders.Preparing`.
    """
    preparing = Preparing(source, name, size, crop, grey, None, allow_leak, skip_damaged)
    return prepare_folders("videos", preparing, progress, _files, _read)


def _read(path: Path, grey: bool, bounds: None) -> Iterator[NDArray[np.uint8]]:
    from bench.data.video import frames

    return frames(path, grey)


def _files(split: Path) -> list[Path]:
    """The video files of a split in natural order."""
    from bench.data.preparing.sources import within

    files = [path for path in within(split) if path.suffix.lower() in formats.VIDEOS]
    if not files:
        folders = [path for path in within(split) if path.is_dir()]
        inside = within(split) + [path for folder in folders[:1] for path in within(folder)]
        other_readers = formats.read_elsewhere(inside, "bench prepare videos")
        raise BenchError(f"{split} has no video files in it ({', '.join(formats.VIDEOS)}){other_readers}")
    return files
