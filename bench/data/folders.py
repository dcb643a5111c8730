"""Data sets of one's own: videos sorted into the folders train, val and test, each set prepared under a name.

What `frames` (videos as folders of pictures) and `videos` (as files) have in common.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from bench.common.errors import BenchError
from bench.data.packed import PackedDataset
from bench.data.root import data_root

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from bench.data.preparing.packing import Video
    from bench.data.preparing.sources import Progress

Frames = Callable[[Path, bool], Iterator["NDArray[np.uint8]"]]
"""Reads a video, given its path and whether to make it grey."""


class NamedDataset(PackedDataset):
    """Clips of a set that was prepared under a name. kind: `frames` or `videos`."""

    def __init__(self, kind: str, name: str, flip: bool, reverse: bool):
        super().__init__(folder(kind, name), f"{kind} '{name}'", command(kind, name), flip, reverse)


def folder(kind: str, name: str) -> Path:
    """Where a named set is, once prepared."""
    if not re.fullmatch(r"[\w.-]*\w[\w.-]*", name):
        raise ValueError(f"a set's name is made of letters, digits, '-', '_' and '.'; got '{name}'")
    return data_root() / kind / name


def command(kind: str, name: str) -> str:
    """What prepares a named set."""
    return f"bench prepare {kind} --source DIR{f' --name {name}' if name != 'default' else ''}"


def prepare_folders(
    kind: str,
    source: str | None,
    name: str,
    size: int | None,
    grey: bool,
    skip_damaged: bool,
    progress: Progress,
    listing: Callable[[Path], list[Path]],
    read: Frames,
) -> list[str]:
    """Pack the videos in a source's split folders. listing: the videos of a split. read: the frames of a video.

    Returns lines that say what is there now.
    """
    from bench.data.preparing.packing import Video, pack
    from bench.data.preparing.sources import SPLITS, source_folder, split_folders, with_validation

    if size is not None and size < 1:
        raise BenchError(f"--size must be at least 1 pixel, got {size}")
    try:
        target = folder(kind, name)
    except ValueError as error:
        raise BenchError(f"--name {name}: {error}") from error
    place = source_folder(source, command(kind, name), "the folders 'train', 'val' and 'test'")
    videos = with_validation({split: listing(inner) for split, inner in split_folders(place).items()}, place)
    made = pack(
        target,
        [Video(split, path.name, path) for split in SPLITS for path in videos[split]],
        partial(_sized, read=read, size=size, grey=grey),
        {"dataset": kind, "size": size, "grey": grey},
        progress=progress,
        skip_damaged=skip_damaged,
    )
    counts = ", ".join(f"{split} {len(videos[split])} videos" for split in SPLITS)
    return [f"{target}: {counts}", *made.notes]


def _sized(video: Video, read: Frames, size: int | None, grey: bool) -> Iterator[tuple[str, NDArray[np.uint8]]]:
    """The frames of a video, [C, H, W], as one sequence; square if a size is given."""
    from bench.data.video import channels_first, resized

    for frame in read(video.path, grey):
        yield video.name, channels_first(resized(frame, size, size) if size else frame)
