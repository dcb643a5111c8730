"""Reading videos frame by frame with PyAV, and saying which file is damaged."""

from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from bench.common.errors import BenchError
from bench.common.reading import opened
from bench.data.pictures import refuse_huge
from bench.data.preparing.sources import Damaged

DEMUXERS = {
    ".avi": "avi", ".mp4": "mov", ".m4v": "mov", ".mov": "mov", ".mkv": "matroska", ".webm": "matroska", ".gif": "gif",
}  # fmt: skip
LONGEST = 100  # time steps that a frame of a GIF may last
ROUNDING = 1  # hundredths of a second by which a GIF's durations may differ: at 30 frames a second they are 3, 3 and 4
LOST = 0.02  # fraction of the declared frames that may be missing before a video counts as damaged: encoders miscount a few


def frames(path: Path, grey: bool = False) -> Iterator[NDArray[np.uint8]]:
    """The frames of a video, [H, W, 3] or grey [H, W], 0 to 255. A file that cannot be read to its end is Damaged.

    Programs that write a GIF store equal frames once, shown for longer: they are repeated, so that time passes evenly.
    """
    _check_whole(path)
    count = 0
    try:
        repeats = _repeats(path) if path.suffix.lower() == ".gif" else []
        with opened(path) as file, av.open(file, "r", format=_demuxer(path)) as container:
            if not container.streams.video:
                raise Damaged(f"{path} is damaged: there is no video in it; fetch the file again")
            stream = container.streams.video[0]
            refuse_huge(stream.codec_context.width, stream.codec_context.height, path)
            for frame in container.decode(stream):
                if frame.is_corrupt:
                    raise Damaged(f"{path} is damaged at frame {count + 1}; fetch the file again")
                pixels = np.asarray(frame.to_ndarray(format="gray" if grey else "rgb24"), np.uint8)
                yield from [pixels] * (repeats[count] if count < len(repeats) else 1)
                count += 1
            declared = stream.frames
    except (av.error.FFmpegError, OSError) as error:
        if not isinstance(error, av.error.FFmpegError) and error.filename:
            raise  # the file cannot be opened, which says nothing of what is in it
        raise Damaged(f"{path} is damaged after {count} frames ({error.strerror}); fetch the file again") from error
    if not count or count < declared * (1 - LOST):
        raise Damaged(f"{path} is damaged: {count} of its {declared} frames can be read; fetch the file again")


def _repeats(path: Path) -> list[int]:
    """How many time steps each frame of a GIF lasts, in units of the shortest; a BenchError if they fit no common rate.

    A frame that lasts for very many is refused as well: a few bytes would become minutes of video.
    """
    with opened(path) as file, av.open(file, "r", format=_demuxer(path)) as container:
        durations = [packet.duration or 0 for packet in container.demux(video=0) if packet.size]
    shortest = max(1, min(durations, default=1))
    repeats = [max(1, round(duration / shortest)) for duration in durations]
    uneven = any(abs(duration - count * shortest) > ROUNDING for duration, count in zip(durations, repeats, strict=True))
    if uneven or max(repeats, default=1) > LONGEST:
        raise BenchError(
            f"{path} has no even rate: its frames last between {10 * shortest} and {10 * max(durations)} ms; "
            "save it with the same duration for each frame"
        )
    return repeats


def _demuxer(path: Path) -> str:
    """FFmpeg's demuxer for a file, by its suffix. Without one, FFmpeg would open playlists and the files that they name."""
    demuxer = DEMUXERS.get(path.suffix.lower())
    if demuxer is None:
        raise Damaged(f"{path} is no video of a known kind ({', '.join(sorted(DEMUXERS))})")
    return demuxer


def resized(frame: NDArray[np.uint8], height: int, width: int) -> NDArray[np.uint8]:
    """The frame at another size, bilinear and without aliasing."""
    if frame.shape[:2] == (height, width):
        return frame
    return np.asarray(Image.fromarray(frame).resize((width, height), Image.Resampling.BILINEAR))


def cropped(frame: NDArray[np.uint8], width: int, height: int, path: Path) -> NDArray[np.uint8]:
    """The centred part of a frame of that width and height."""
    frame_size = frame.shape[:2]
    if height > frame_size[0] or width > frame_size[1]:
        raise BenchError(f"{path} has frames of {frame_size[1]}x{frame_size[0]} pixels, smaller than --crop {width}x{height}")
    top, left = (frame_size[0] - height) // 2, (frame_size[1] - width) // 2
    return frame[top : top + height, left : left + width]


def channels_first(frame: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """[H, W] or [H, W, C] -> [C, H, W]."""
    return frame[None] if frame.ndim == 2 else np.moveaxis(frame, 2, 0)


def _check_whole(path: Path) -> None:
    """An incomplete download is found without decoding: an AVI file declares its length at the start, a GIF ends with `;`."""
    size = path.stat().st_size
    with opened(path) as file:
        head = file.read(12)
        file.seek(max(0, size - 16))
        tail = file.read()
    if head[:4] == b"GIF8" and not tail.rstrip(b"\0").endswith(b";"):
        raise Damaged(f"{path} is cut off after {size} bytes; fetch the file again")
    if head[:4] == b"RIFF" and head[8:12] == b"AVI ":
        declared = int.from_bytes(head[4:8], "little") + 8
        if size < declared:
            raise Damaged(f"{path} is cut off: {size} of its {declared} bytes are there; fetch the file again")
