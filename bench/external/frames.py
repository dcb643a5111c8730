"""Frames of a user that a model continues: a folder of pictures, a video, or an array."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.common.errors import BenchError
from bench.data import formats
from bench.data.layout import arranged, layout_of, refuse_doubtful_time
from bench.data.pictures import made_grey
from bench.data.value_range import Extent, ValueRange, decide
from bench.external.side import Reading
from bench.external.side_arrays import open_array
from bench.external.side_pictures import in_time, pictures_in, stacked
from reports.quantities import several

BATCH = 16  # clips read together


class UserClips:
    """Clips of a user, [B, T, C, H, W] in [0, 1]: any slice of them, read when it is asked for.

    clips: in memory, with the numbers of the file; None to read slices of the array `source` in a layout, so that it does not
    stay in memory. ranges: as the user states them.
    """

    def __init__(
        self, source: Path, clips: NDArray[Any] | None, ranges: Mapping[str, ValueRange] | None = None, layout: str = ""
    ):
        self.source, self._clips, self._layout = source, clips, layout
        first = self._all()
        count, frames, channels, height, width = first.shape
        self.shape = (count, frames, channels, height, width)
        extent = Extent(first.dtype)
        for start in range(0, count, BATCH):
            extent |= Extent.of(self._all()[start : start + BATCH])
            if extent.dtype == np.uint8 and extent.largest is not None and extent.largest > 1:
                break
        self._scale = decide(extent, str(source), ranges)

    def channel_notes(self, channels: int, name: str) -> list[str]:
        """A sentence if frames of a model's channels are made of these. name: of the model."""
        if self.shape[2] == channels or {self.shape[2], channels} != {1, 3}:
            return []
        change = "colour is made grey (ITU-R 601 luma)" if channels == 1 else "grey is repeated in three channels"
        return [f"note: {change}, since {name} has {several(channels, 'channel')}"]

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, part: slice) -> NDArray[np.float32]:
        return self._scale(np.array(self._all()[part]), clamp=True)

    def _all(self) -> NDArray[Any]:
        if self._clips is not None:
            return self._clips
        return arranged(open_array(self.source), self._layout, str(self.source))


def read(path: Path, reading: Reading | None = None, ranges: Mapping[str, ValueRange] | None = None) -> UserClips:
    """Clips from a folder of pictures, a video, or a .npy array [T, C, H, W] or [B, T, C, H, W], or as its layout says."""
    reading = reading or Reading()
    is_array = path.suffix.lower() == ".npy"
    if reading.layout and path.exists() and not is_array:
        raise BenchError(f"--layout is of arrays, and {path} is none")
    if path.is_dir():
        pictures = pictures_in(path)
        if not pictures and (folders := [folder for folder in sorted(path.iterdir()) if folder.is_dir()]):
            raise BenchError(f"{path} holds no pictures but folders; name one of its {len(folders)}, such as {folders[0]}")
        return UserClips(path, stacked(in_time(path, pictures))[None], ranges)
    if not path.exists():
        raise BenchError(f"there is no {path}; give a folder of frames, a video, or a .npy array [T, C, H, W]")
    if is_array:
        array = open_array(path)
        if 0 in array.shape:
            raise BenchError(f"{path} is empty: {list(array.shape)}; give clips with frames and pixels in them")
        layout = reading.layout or layout_of(array.shape, str(path), one_clip=True)
        if not reading.layout and array.ndim == len("NTCHW"):
            refuse_doubtful_time(arranged(array, layout, str(path)), layout, str(path))
        return UserClips(path, None, ranges, layout)
    if path.suffix.lower() in formats.VIDEOS:
        from bench.data.video import whole_clip

        return UserClips(path, whole_clip(path)[None], ranges)
    if path.suffix.lower() in formats.PICTURES:
        raise BenchError(f"{path} is one picture; give the folder that holds the frames of the clip")
    other_readers = formats.read_elsewhere([path], "bench predict")
    raise BenchError(f"{path} is no folder of frames, no video ({', '.join(formats.VIDEOS)}) and no .npy array{other_readers}")


def fitted(clips: NDArray[np.float32], channels: int) -> NDArray[np.float32]:
    """The clips with the channels that the model wants: colour made grey (ITU-R 601 luma), or grey repeated."""
    own_channels = clips.shape[2]
    if own_channels == channels:
        return clips
    if own_channels == 3 and channels == 1:
        return made_grey(clips)
    if own_channels == 1 and channels == 3:
        return np.repeat(clips, 3, axis=2)
    raise BenchError(f"the model wants frames of {several(channels, 'channel')}, and those of the input have {own_channels}")
