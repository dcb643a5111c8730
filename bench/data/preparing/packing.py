"""Writing prepared folders: videos are read in parallel into parts, the parts joined into one array per split.

Every step can be interrupted: a part counts once it is complete, a rerun continues with the missing ones, and the folder gets
its name only when its manifest is in it. Unfinished work is in a hidden folder next to it.
"""

import contextlib
import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import astuple, dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock, Timeout
from numpy.typing import NDArray

from bench.common.errors import BenchError
from bench.common.files import read_json, replacing, write_json
from bench.data import manifest, packed
from bench.data.manifest import Manifest
from bench.data.preparing.sources import SPLITS, Damaged, Progress, stamp

COPY = 16 * 2**20  # bytes at a time
MOST_REFUSED = 10  # videos that are named at once: a mistake in the settings concerns all of them
RESIZE = "pass --size to bring all frames to one size"
LEFT_OUT = "left out: "  # begins the note on a video that could not be read
GREY = "pass --grey to make them all grey"


@dataclass(frozen=True)
class Video:
    """One source: a file, or a folder of frames. label and group: as in `packed.FrameSequence`."""

    split: str
    name: str
    path: Path
    label: str | None = None
    group: str | None = None


Reader = Callable[[Video], Iterator[tuple[str, NDArray[np.uint8]]]]
"""Yields the frames of a video, [C, H, W], each with the name of the sequence that it belongs to."""


def pack(
    folder: Path,
    videos: Sequence[Video],
    read: Reader,
    settings: Mapping[str, Any],
    *,
    progress: Progress,
    skip_damaged: bool = False,
    allow_leak: bool = True,
    remark: Callable[[list[packed.FrameSequence]], list[str]] = lambda sequences: [],
) -> Manifest:
    """Prepare `folder` from videos, unless it is already prepared from the same videos with the same settings.

    settings: everything but the videos that decides the content. remark: makes lines for the manifest about the sequences.
    skip_damaged: leave out videos that cannot be read, and note it. allow_leak: whether the same frames may be in two splits,
    which is noted. As many videos are read at once as there are cores.
    """
    sources = _digest([(v.split, v.name, [s[:2] for s in stamp(v.path)]) for v in videos])
    settings = json.loads(json.dumps({**settings, "sources": sources}))  # tuples become lists, as in the manifest
    ready = manifest.find(folder)
    if ready is not None and ready.settings != settings:
        raise BenchError(prepared_otherwise(folder, ready, settings, "videos"))
    if ready is not None:
        return ready
    if folder.exists():
        raise BenchError(f"{folder} is there but not a prepared data set; remove it or move it away")
    partial = folder.with_name(f".{folder.name}.partial-{_digest(settings)}")
    with _exclusive(partial):
        parts, skipped = _read_all(partial, videos, read, progress, skip_damaged)
        leaks = _leaks(parts)
        if leaks and not allow_leak:
            raise BenchError(f"{leaks[0]}; remove one of them, or --allow-leak keeps both and notes it")
        prepared = _join(partial / "joined", parts, settings, [*skipped, *leaks], remark)
        os.rename(partial / "joined", folder)
        shutil.rmtree(partial)
    return prepared


def _read_all(
    partial: Path, videos: Sequence[Video], read: Reader, progress: Progress, skip_damaged: bool
) -> tuple[list[tuple[Video, Path]], list[str]]:
    """The parts of all videos, in the videos' order, and a note for each video that was left out.

    A video that cannot be used does not stop the others, so that one error names them all.
    """
    parts = {video: partial / f"{video.split}-{video.name}-{_digest(stamp(video.path))}" for video in videos}
    skipped: dict[Video, str] = {}
    refused: dict[Video, BenchError] = {}
    pool = ThreadPoolExecutor(os.cpu_count())  # decoding and resizing release the GIL
    try:
        futures = {pool.submit(_write_part, part, video, read): video for video, part in parts.items()}
        for done, future in enumerate(as_completed(futures), 1):
            video = futures[future]
            try:
                future.result()
            except BenchError as error:
                if skip_damaged and isinstance(error, Damaged):
                    skipped[video] = f"{LEFT_OUT}{error}"
                else:
                    refused[video] = error
            progress(done, len(videos), video.name)
            if len(refused) == MOST_REFUSED:
                break
    finally:
        pool.shutdown(cancel_futures=True)
    if refused:
        raise _refusal([refused[video] for video in videos if video in refused], done, len(videos))
    whole_parts = [(video, parts[video]) for video in videos if video not in skipped]
    return whole_parts, [skipped[video] for video in videos if video in skipped]


def _refusal(errors: Sequence[BenchError], looked_at: int, total: int) -> BenchError:
    """One error for all videos that cannot be used: its own if there is one, else a line for each."""
    left_out = "; --skip-damaged leaves such videos out"
    messages = [f"{error}{left_out if isinstance(error, Damaged) else ''}" for error in errors]
    if len(messages) == 1:
        return BenchError(messages[0])
    unseen = f", and {total - looked_at} more were not looked at" if looked_at < total else ""
    return BenchError("\n  ".join([f"{len(messages)} of {looked_at} videos cannot be used{unseen}:", *messages]))


def _write_part(part: Path, video: Video, read: Reader) -> None:
    """Write a video's frames, then the record that makes them count."""
    if _record(part).exists():
        return
    names: list[str] = []
    shape: tuple[int, ...] | None = None
    digest, largest = hashlib.sha256(), 0
    with replacing(_bytes(part)) as temporary, temporary.open("wb") as file:
        for name, frame in read(video):
            shape = shape or frame.shape
            if frame.shape != shape:
                raise BenchError(
                    f"{video.path} changes: {_size(shape)}, then {_size(frame.shape)} at frame {len(names) + 1}; "
                    + (RESIZE if frame.shape[1:] != shape[1:] else GREY)
                )
            content = np.ascontiguousarray(frame).data
            file.write(content)
            digest.update(content)
            largest = max(largest, int(frame.max()))
            names.append(name)
    sequences = [(name, len(list(frames))) for name, frames in groupby(names)]
    metadata = {"shape": shape, "sequences": sequences, "sha256": digest.hexdigest(), "largest": largest}
    write_json(_record(part), metadata)


def _bytes(part: Path) -> Path:
    return part.with_name(f"{part.name}.u8")


def _record(part: Path) -> Path:
    return part.with_name(f"{part.name}.json")


def _leaks(parts: list[tuple[Video, Path]]) -> list[str]:
    """Which videos show the same frames as one of another split, in sentences. Masks of 0 and 1 are refused here, too."""
    contents = [(video, read_json(_record(part))) for video, part in parts]
    if contents and all(record.get("largest") == 1 for _, record in contents):
        raise BenchError(
            "no frame of these videos has a level above 1 of 255: if they are masks of 0 and 1, say so with --range 0..1"
        )
    first: dict[str, Video] = {}
    leaks = []
    for video, record in contents:
        first_video = first.setdefault(record.get("sha256", str(video.path)), video)  # parts of older versions have none
        if record["sequences"] and first_video.split != video.split:
            leaks.append(f"{first_video.path} ({first_video.split}) and {video.path} ({video.split}) show the same frames")
    return leaks


def _join(
    folder: Path,
    parts: list[tuple[Video, Path]],
    settings: Mapping[str, Any],
    notes: list[str],
    remark: Callable[[list[packed.FrameSequence]], list[str]],
) -> Manifest:
    """Join the parts into one file per split, with the index and, last of all, the manifest."""
    records = [(video, part, record) for video, part in parts if (record := read_json(_record(part)))["sequences"]]
    shapes = {tuple(record["shape"]): video.path for video, _, record in records}
    if len(shapes) > 1:
        examples = ", ".join(f"{path} has {_size(shape)}" for shape, path in list(shapes.items())[:3])
        differs = {GREY: len({shape[0] for shape in shapes}) > 1, RESIZE: len({shape[1:] for shape in shapes}) > 1}
        raise BenchError(f"the videos differ: {examples}; {' and '.join(remedy for remedy in differs if differs[remedy])}")
    index: dict[str, list[packed.FrameSequence]] = {split: [] for split in SPLITS}
    for video, _, record in records:
        index[video.split] += [
            packed.FrameSequence(name, frames, video.label, video.group) for name, frames in record["sequences"]
        ]
    for split in SPLITS:
        if not index[split]:
            reason = "; ".join(notes) or "no video of the source belongs to it"
            raise BenchError(f"the {split} split would have no frames: {reason}")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    for split in SPLITS:
        with (folder / f"{split}.u8").open("wb") as joined:
            for video, part, _ in records:
                if video.split == split:
                    with _bytes(part).open("rb") as source:
                        shutil.copyfileobj(source, joined, COPY)
            joined.flush()
            os.fsync(joined.fileno())
    splits = {split: [astuple(sequence) for sequence in sequences] for split, sequences in index.items()}
    write_json(folder / packed.INDEX, {"shape": next(iter(shapes)), "splits": splits})
    notes = [*notes, *remark([sequence for split in SPLITS for sequence in index[split]])]
    return manifest.seal(folder, [packed.INDEX, *(f"{split}.u8" for split in SPLITS)], settings, notes)


@contextlib.contextmanager
def _exclusive(partial: Path) -> Iterator[None]:
    """Make the folder, and hold it against a second process that prepares the same."""
    partial.mkdir(parents=True, exist_ok=True)
    lock = FileLock(partial / "lock", timeout=0, fallback_to_soft=False)
    try:
        lock.acquire()
    except Timeout:
        raise BenchError(f"another process is preparing this data set in {partial}; wait for it") from None
    try:
        yield
    finally:
        lock.release()


def _digest(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True, default=str).encode()).hexdigest()[:12]


def _size(shape: tuple[int, ...]) -> str:
    channels, height, width = shape
    return f"{width}x{height} pixels with {channels} channel{'s' * (channels > 1)}"


def prepared_otherwise(folder: Path, ready: Manifest, settings: Mapping[str, Any], sources: str) -> str:
    """The message about a folder that is ready with other content. sources: what it is prepared from."""
    changed = [key for key in {**ready.settings, **settings} if ready.settings.get(key) != settings.get(key)]
    differing = [f"{key}: {ready.settings.get(key)} there, {settings.get(key)} asked" for key in changed if key != "sources"]
    differences = ", ".join(differing or ["the source files differ"])
    return f"{folder} was prepared from other {sources} or with other settings ({differences}); remove it first"
