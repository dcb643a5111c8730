"""Data sets of the user: videos in folders train, val and test, each set prepared under a name.

What `frames` (videos as folders of pictures) and `videos` (as files) have in common.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.common.errors import BenchError
from bench.data.packed import INDEX, PackedDataset
from bench.data.root import data_root
from reports.quantities import several

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from bench.data.preparing.packing import Video
    from bench.data.preparing.sources import Progress

ReadFrames = Callable[..., Iterator["NDArray[np.uint8]"]]
"""Reads a video, given its path, whether to make it grey (`grey`) and the stated range of its numbers (`bounds`)."""


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


@dataclass(frozen=True)
class Preparing:
    """How videos become a set. source: the folder of the split folders.

    size: of all frames, N for squares or WIDTHxHEIGHT; as they are if None. crop: the centred part that is kept before that,
    such as 120x120. bounds: the numbers that mean black and white in pictures that do not say, such as 0..65535. allow_leak:
    whether a video may be in two splits.
    """

    source: str | None
    name: str
    size: str | int | None = None
    crop: str | None = None
    grey: bool = False
    bounds: str | None = None
    allow_leak: bool = False
    skip_damaged: bool = False

    def settings(self) -> dict[str, Any]:
        """The settings that decide the content. Newer ones are left out unless used, so that older prepared sets still fit."""
        newer = {"crop": self.crop, "range": self.bounds, "allow_leak": self.allow_leak or None}
        size = int(self.size) if self.size is not None and str(self.size).isdecimal() else self.size
        return {"size": size, "grey": self.grey, **{key: value for key, value in newer.items() if value is not None}}


def prepare_folders(
    kind: str, preparing: Preparing, progress: Progress, listing: Callable[[Path], list[Path]], read: ReadFrames
) -> list[str]:
    """Pack the videos in a source's split folders. listing: the videos of a split. read: the frames of a video.

    Returns lines about what is prepared now.
    """
    from bench.data.preparing.packing import LEFT_OUT, Video, pack
    from bench.data.preparing.sources import SPLITS, source_folder, split_folders, with_validation
    from bench.data.value_range import ALL, parse_ranges

    size = parsed_size(preparing.size, "--size") if preparing.size is not None else None
    crop = parsed_size(preparing.crop, "--crop") if preparing.crop is not None else None
    bounds = parse_ranges([preparing.bounds] if preparing.bounds else []).get(ALL)
    try:
        target = folder(kind, preparing.name)
    except ValueError as error:
        raise BenchError(f"--name {preparing.name}: {error}") from error
    source = source_folder(preparing.source, command(kind, preparing.name), "the folders 'train', 'val' and 'test'")
    splits, remarks = split_folders(source)
    videos = with_validation({split: listing(inner) for split, inner in splits.items()}, source)
    if "val" not in splits:
        remarks.append(f"no validation folder: {len(videos['val'])} of the training videos validate instead")
    manifest = pack(
        target,
        [Video(split, path.name, path) for split in SPLITS for path in videos[split]],
        partial(_sized, read=partial(read, grey=preparing.grey, bounds=bounds), size=size, crop=crop),
        {"dataset": kind, **preparing.settings()},
        progress=progress,
        skip_damaged=preparing.skip_damaged,
        allow_leak=preparing.allow_leak,
    )
    packed_splits = json.loads((target / INDEX).read_text())["splits"]
    left_out = sum(note.startswith(LEFT_OUT) for note in manifest.notes)
    counts = ", ".join(f"{split} {several(len(packed_splits[split]), 'video')}" for split in SPLITS)
    return [f"{target}: {counts}{f'; {left_out} damaged, left out' if left_out else ''}", *remarks, *manifest.notes]


def parsed_size(text: str | int, option: str) -> tuple[int, int]:
    """Width and height in pixels, from 64 or 64x48."""
    from bench.data.pictures import MOST_PIXELS

    match = re.fullmatch(r"(\d{1,6})(?:[x×](\d{1,6}))?", str(text).strip().lower())
    if not match or not int(match[1]) or not int(match[2] or 1):
        raise BenchError(f"{option} takes pixels, N for squares or WIDTHxHEIGHT such as 64x48; got '{text}'")
    width, height = int(match[1]), int(match[2] or match[1])
    if width * height > MOST_PIXELS:
        raise BenchError(f"{option} {text} is {width:,} x {height:,} pixels, and at most {MOST_PIXELS:,} are read")
    return width, height


def _sized(
    video: Video,
    read: Callable[[Path], Iterator[NDArray[np.uint8]]],
    size: tuple[int, int] | None,
    crop: tuple[int, int] | None,
) -> Iterator[tuple[str, NDArray[np.uint8]]]:
    """The frames of a video, [C, H, W], as one sequence, cropped and resized."""
    from bench.data.video import channels_first, cropped, resized

    for frame in read(video.path):
        pixels = cropped(frame, *crop, video.path) if crop else frame
        yield video.name, channels_first(resized(pixels, size[1], size[0]) if size else pixels)
