"""Reading videos frame by frame with PyAV, and saying which file is damaged or shows other than its frames alone tell."""

import re
from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from bench.common.errors import BenchError
from bench.common.reading import opened
from bench.data.containers import refuse_cut_off
from bench.data.pictures import TRANSPARENT, refuse_huge
from bench.data.preparing.sources import Damaged

DEMUXERS = {
    ".avi": "avi", ".mp4": "mov", ".m4v": "mov", ".mov": "mov", ".mkv": "matroska", ".webm": "matroska", ".gif": "gif",
}  # fmt: skip
TIMED = ("mov", "matroska")  # AVI has one rate for all frames, and a GIF the durations that `_repeats` reads
LONGEST = 100  # time steps that a frame of a GIF may last
ROUNDING = 1  # hundredths of a second by which a GIF's durations may differ: at 30 frames a second they are 3, 3 and 4
LOST = 0.02  # fraction of the declared frames that may be missing before a video counts as damaged: encoders miscount a few
JITTER = 0.25  # fraction of the usual time between frames by which it may differ
SQUARE = 0.01  # by which the sides of a pixel may differ: a pixel in a hundred


def frames(path: Path, grey: bool = False) -> Iterator[NDArray[np.uint8]]:
    """The frames of a video, [H, W, 3] or grey [H, W], 0 to 255, turned as players turn them.

    A file that cannot be read to its end is Damaged. A video that is transparent, has pixels that are not square, or has no
    even rate is a BenchError. Programs that write a GIF store equal frames once, shown for longer: they are repeated, so that
    time passes evenly.
    """
    refuse_cut_off(path)
    count = 0
    times: list[Fraction] = []
    try:
        repeats = _repeats(path) if path.suffix.lower() == ".gif" else []
        with opened(path) as file, av.open(file, "r", format=_demuxer(path)) as container:
            if not container.streams.video:
                raise Damaged(f"{path} is damaged: there is no video in it; fetch the file again")
            stream = container.streams.video[0]
            refuse_huge(stream.codec_context.width, stream.codec_context.height, path)
            _refuse_unlike_its_pixels(stream, path)
            for frame in container.decode(stream):
                if frame.is_corrupt:
                    raise Damaged(f"{path} is damaged at frame {count + 1}; fetch the file again")
                pixels = _pixels(frame, grey, path)
                if frame.pts is not None and frame.time_base:
                    times.append(frame.pts * frame.time_base)
                yield from [pixels] * (repeats[count] if count < len(repeats) else 1)
                count += 1
            declared, ends, tick = stream.frames, _declared_end(container, stream), stream.time_base
    except (av.error.FFmpegError, OSError) as error:
        if not isinstance(error, av.error.FFmpegError) and error.filename:
            raise  # the file cannot be opened, which says nothing of what is in it
        raise Damaged(f"{path} is damaged after {count} frames ({error.strerror}); fetch the file again") from error
    if not count or count < declared * (1 - LOST):
        raise Damaged(f"{path} is damaged: {count} of its {declared} frames can be read; fetch the file again")
    if _demuxer(path) in TIMED and len(times) == count:
        _refuse_uneven(times, tick or Fraction(0), ends, path)


def whole_clip(path: Path) -> NDArray[np.uint8]:
    """All frames of a video, [T, 3, H, W]; a BenchError if their size changes."""
    clip: list[NDArray[np.uint8]] = []
    for frame in frames(path):
        if clip and frame.shape != clip[0].shape:
            first, other = (f"{shape[1]}x{shape[0]}" for shape in (clip[0].shape, frame.shape))
            raise BenchError(
                f"{path} changes: {first} pixels, then {other} at frame {len(clip) + 1}; save it with frames of one size"
            )
        clip.append(frame)
    return np.moveaxis(np.stack(clip), 3, 1)


def _refuse_unlike_its_pixels(stream: av.VideoStream, path: Path) -> None:
    """BenchError for a video whose decoded frames are not what players show: stretched ones, and some transparent ones."""
    aspect = stream.sample_aspect_ratio
    if aspect and abs(aspect - 1) > SQUARE:
        raise BenchError(
            f"{path} has pixels {float(aspect):.4g} times as wide as high, and frames need square ones; "
            "convert it: ffmpeg -i IN -vf scale=iw*sar:ih,setsar=1 OUT"
        )
    if ("alpha_mode", "1") in {(key.lower(), value) for key, value in stream.metadata.items()}:  # of WebM; decoders ignore it
        raise BenchError(f"{path} {TRANSPARENT}")


def _pixels(frame: av.VideoFrame, grey: bool, path: Path) -> NDArray[np.uint8]:
    """A decoded frame, [H, W, 3] or [H, W], the right way up."""
    if any(component.is_alpha for component in frame.format.components) and frame.to_ndarray(format="rgba")[..., 3].min() < 255:
        raise BenchError(f"{path} {TRANSPARENT}")
    pixels = np.asarray(frame.to_ndarray(format="gray" if grey else "rgb24"), np.uint8)
    matrix: Any = frame.side_data.get("DISPLAYMATRIX")
    return pixels if matrix is None else _turned(pixels, np.frombuffer(matrix, np.int32).reshape(3, 3), path)


def _turned(pixels: NDArray[np.uint8], matrix: NDArray[np.int32], path: Path) -> NDArray[np.uint8]:
    """The frame turned by quarters and mirrored, as a display matrix says: (x, y) is shown at (x, y) times `matrix[:2, :2]`."""
    across, down = matrix[:2, :2] / max(1, np.abs(matrix[:2, :2]).max())
    (right, turned_right), (turned_down, below) = np.rint([across, down]).astype(int).tolist()
    entries, swapped = abs(right) + abs(below) + abs(turned_right) + abs(turned_down), bool(turned_right and turned_down)
    if entries != 2 or swapped == bool(right and below) or np.abs(np.rint([across, down]) - [across, down]).max() > SQUARE:
        raise BenchError(f"{path} is to be shown turned by other than quarters; convert it: ffmpeg -i IN OUT")
    if swapped:
        pixels = pixels.swapaxes(0, 1)
    flip_columns, flip_rows = (turned_down < 0, turned_right < 0) if swapped else (right < 0, below < 0)
    pixels = pixels[:, ::-1] if flip_columns else pixels
    return np.ascontiguousarray(pixels[::-1] if flip_rows else pixels)


def _declared_end(container: av.container.InputContainer, stream: av.VideoStream) -> Fraction:
    """When a Matroska file says that its video ends, in seconds; 0 where it does not say."""
    if not container.format.name.startswith("matroska") or not container.duration:
        return Fraction(0)
    whole_file = Fraction(container.duration, av.time_base)
    if duration := re.fullmatch(r"(\d+):(\d+):(\d+\.?\d*)\0*", stream.metadata.get("DURATION", "")):
        hours, minutes, seconds = map(Fraction, duration.groups())
        return min(whole_file, 3600 * hours + 60 * minutes + seconds)  # programs that cut a file may leave the old duration
    return whole_file if len(container.streams) == 1 else Fraction(0)  # of several streams, the longest counts


def _refuse_uneven(times: Sequence[Fraction], tick: Fraction, ends: Fraction, path: Path) -> None:
    """Damaged if frames are missing before the declared end; a BenchError if more than a few do not follow at an even rate.

    times: when each frame is shown, in seconds. tick: the unit that these are rounded to. ends: 0 if it is not known.
    """
    steps = np.diff(np.array(times, float))
    if not len(steps):
        return
    median = float(np.median(steps))
    if float(ends) * (1 - LOST) - 2 * median > times[-1] + median:
        raise Damaged(
            f"{path} is damaged: it has frames up to second {float(times[-1]):.2f} and says that it lasts {float(ends):.2f}; "
            "fetch the file again"
        )
    uneven = np.abs(steps - median) > JITTER * median + 2 * float(tick)
    if uneven.sum() > LOST * len(steps):
        raise BenchError(
            f"{path} has no even rate: its frames last between {1000 * steps.min():.0f} and {1000 * steps.max():.0f} ms, and "
            f"{uneven.sum()} of {len(times)} not about {1000 * median:.0f}; convert it: ffmpeg -i IN -vf fps=RATE OUT"
        )


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
