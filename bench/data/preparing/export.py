"""`bench data export`: the fixed clips of a split, in the suite's order and under their names, for any other code base."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.common.errors import BenchError
from bench.common.files import replacing, write_bytes
from bench.common.images import image, save_png
from bench.data.clip_names import ClipManifest, clip_name
from reports.quantities import several

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from bench.data.base import Dataset, Split

MANIFEST = "manifest.json"
AT_ONCE = 8  # clips in memory
LEVELS = 255


def export(
    data: Dataset,
    name: str,
    options: Mapping[str, Any],
    split: Split,
    context: int,
    horizon: int,
    clips: int | None,
    out: Path,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> list[str]:
    """Write clips of `context + horizon` frames: one folder of PNG files per clip, or one array where `out` ends in .npz.

    name, options: of the data set. clips: how many, all if None. An .npz file holds `clips` [N, T, C, H, W], their `names` and
    the `manifest`, a folder the same as manifest.json. Returns lines that say what is there now.
    """
    if out.exists() and not (out.is_dir() and not any(out.iterdir())):
        raise BenchError(f"{out} is there already; choose another --out, or remove it")
    frames = context + horizon
    available = data.count(split, frames)
    if available is None and clips is None:
        raise BenchError(f"{name} is generated without end: say how many clips to export, such as --clips 1000")
    if available is not None and clips is not None and clips > available:
        raise BenchError(f"the {split} split has {available} clips of {frames} frames, fewer than --clips {clips}")
    count = clips or available or 0
    origins = data.origins(split, frames)
    manifest = ClipManifest(
        name, dict(options), data.split_fingerprint(split), split, context, horizon, [], origins[:count] if origins else None
    )
    parts = _parts(data, split, count, frames, manifest.clips, progress)
    write = _write_array if out.suffix == ".npz" else _write_folders
    write(out, parts, manifest)
    companions = "`names` and `manifest` beside `prediction`" if out.suffix == ".npz" else f"{MANIFEST} beside them"
    return [
        f"{out}: {several(count, 'clip')} of {context} + {horizon} frames of the {split} split, in the suite's order",
        *data.remarks(split, frames),
        f"keep the clips' names, put {companions}; `bench eval --predictions PATH` scores the last {horizon} frames of each",
    ]


def _parts(
    data: Dataset, split: Split, count: int, frames: int, names: list[str], progress: Callable[[int, int], None]
) -> Iterator[NDArray[np.float32]]:
    """The clips, a few at a time, [n, T, C, H, W]; their names are appended to `names`."""
    for first in range(0, count, AT_ONCE):
        part = data.clips(split, first, min(first + AT_ONCE, count), frames).numpy()
        names += [clip_name(number, clip) for number, clip in enumerate(part, first)]
        yield part
        progress(min(first + AT_ONCE, count), count)


def _write_folders(out: Path, parts: Iterator[NDArray[np.float32]], manifest: ClipManifest) -> None:
    """One folder of PNG files per clip; the folder gets its name once it is whole."""
    partial = out.with_name(f".{out.name}.partial-{os.getpid()}")
    number = 0
    try:
        for part in parts:
            for clip in part:
                _write_clip(partial / manifest.clips[number], clip)
                number += 1
        write_bytes(partial / MANIFEST, manifest.to_json().encode())
        os.rename(partial, out)  # over an empty folder, too
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _write_clip(folder: Path, clip: NDArray[np.float32]) -> None:
    if not _is_of_bytes(clip):
        raise BenchError(
            "these frames have more than 256 levels, which PNG files would round; export to an array: --out FILE.npz"
        )
    for t, frame in enumerate(clip):
        save_png(image(frame), folder / f"frame_{t:05d}.png")


def _write_array(out: Path, parts: Iterator[NDArray[np.float32]], manifest: ClipManifest) -> None:
    """One .npz file; uint8 where the frames have 256 levels, else float32."""
    clips = list(parts)
    array = np.concatenate(clips)
    stored = np.rint(array * LEVELS).astype(np.uint8) if all(map(_is_of_bytes, clips)) else array
    with replacing(out) as temporary:
        np.savez(temporary, clips=stored, names=np.array(manifest.clips), manifest=np.array(manifest.to_json()))


def _is_of_bytes(frames: NDArray[np.float32]) -> bool:
    """Whether all pixels are exactly one of 256 levels."""
    return np.array_equal(np.divide(np.rint(frames * LEVELS).astype(np.uint8), LEVELS, dtype=np.float32), frames)
