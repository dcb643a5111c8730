"""Preparing KTH: its videos, or pictures of their frames, are found, checked and cut into the sequences of 00sequences.txt."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

from bench.common.errors import BenchError, listed
from bench.data.kth import command, folder, known_cut
from bench.data.kth_cuts import CUTS, SUITE, Cut, sequences
from bench.data.root import data_root
from reports.quantities import several

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from bench.data import packed
    from bench.data.preparing.kth_sequences import Range
    from bench.data.preparing.packing import Video
    from bench.data.preparing.sources import Progress

VIDEO = re.compile(r"(person(\d\d)_([a-z]+)_d\d)_uncomp\.avi")
UNPACKED = re.compile(r"(person(\d\d)_([a-z]+)_d\d)(_uncomp)?")
PICTURE = re.compile(r"image[_-]?(\d+).*\.(jpe?g|png|bmp)", re.IGNORECASE)
HOLDS = "KTH's six action folders (or all its videos) and 00sequences.txt"


def prepare_kth(
    *,
    source: str | None = None,
    size: int = 128,
    centred: bool = False,
    train_persons: str | None = None,
    val_persons: str | None = None,
    test_persons: str | None = None,
    cut: str = SUITE,
    skip_damaged: bool = False,
    progress: Progress,
) -> list[str]:
    """Pack KTH's videos from the folder `source`, where they are AVI files or already unpacked as folders of pictures.

    Persons read as '1-14,16'; those of validation are taken out of training; the cut has its own where none are given.
    Returns lines about what is prepared now.
    """
    from bench.common.files import write_bytes
    from bench.data.preparing.kth_sequences import read_sequences
    from bench.data.preparing.packing import LEFT_OUT, pack
    from bench.data.preparing.sources import source_folder

    if not isinstance(size, int) or size < 1:
        raise BenchError(f"--size of kth is the side of square frames, at least 1 pixel; got {size}")
    rule = known_cut(cut)
    options = (train_persons, val_persons, test_persons)
    persons = splits_of_persons(*(stated or default for stated, default in zip(options, rule.persons, strict=True)))
    folder_path = source_folder(source, command(size, centred, cut), HOLDS)
    paths = _videos(folder_path)
    listing = _sequences_file(folder_path)
    entries = read_sequences(listing)
    videos, notes = _assigned(paths, entries, persons, rule)
    sequences = hashlib.sha256(listing.read_bytes()).hexdigest()[:12]
    settings = {"dataset": "kth", "size": size, "centred": centred, **persons, "00sequences.txt": sequences}
    target = folder(size, centred, cut)

    def remark(packed_sequences: Sequence[packed.FrameSequence]) -> list[str]:
        return [*notes, *(_shortfalls(packed_sequences, entries) if rule.frames == "listed" else [])]

    manifest = pack(
        target, videos, partial(_frames, entries=entries, size=size, centred=centred, cut=rule),
        settings if cut == SUITE else {**settings, "cut": cut}, progress=progress, skip_damaged=skip_damaged, remark=remark,
    )  # fmt: skip
    write_bytes(known_sequences(), listing.read_bytes())
    packed_count = len(videos) - sum(note.startswith(LEFT_OUT) for note in manifest.notes)
    lines = [
        f"{target}: {several(packed_count, 'video')} of the {sum(map(bool, entries.values()))} in 00sequences.txt",
        *manifest.notes,
    ]
    if (size, centred) != (rule.size, rule.centred) and cut != SUITE:
        lines.append(f"{rule.used_by} see {rule.size}x{rule.size} pixels{', the central square' if rule.centred else ''}")
    return lines


def known_sequences() -> Path:
    """The copy of 00sequences.txt that preparing leaves, for `bench data show kth`."""
    return data_root() / "kth" / "00sequences.txt"


def splits_of_persons(train: str, val: str, test: str) -> dict[str, list[int]]:
    """The persons of each split. Validation persons leave training; one who trains and tests is a BenchError."""
    by_split = {"train": persons(train), "val": persons(val), "test": persons(test)}
    shared = [person for person in by_split["test"] if person in by_split["train"] + by_split["val"]]
    if shared:
        raise BenchError(f"person {shared[0]} would be in the test split and in training or validation; each may be in one")
    return {**by_split, "train": [person for person in by_split["train"] if person not in by_split["val"]]}


def persons(text: str) -> list[int]:
    """'1-3,7' -> [1, 2, 3, 7]."""
    if not re.fullmatch(r"\d+(-\d+)?(,\d+(-\d+)?)*", text):
        raise BenchError(f"persons are written like 1-14,16; got '{text}'")
    numbers: set[int] = set()
    for piece in text.split(","):
        first, _, last = piece.partition("-")
        numbers |= set(range(int(first), int(last or first) + 1))
    if not numbers or not numbers <= set(range(1, 26)):
        raise BenchError(f"KTH's persons are 1 to 25; got '{text}'")
    return sorted(numbers)


def _videos(source: Path) -> list[Path]:
    """All videos directly in the source or in its folders, by name: AVI files, or folders of pictures."""
    paths = [path for pattern in ("*", "*/*") for path in source.glob(pattern) if _name_match(path)]
    if not paths:
        nested = sorted({path.parent for path in source.glob("*/*/*") if VIDEO.fullmatch(path.name)})
        if nested:
            raise BenchError(f"{source} has no KTH videos in it, but {nested[0].parent} has; use --source {nested[0].parent}")
        raise BenchError(
            f"{source} has no videos named like person01_boxing_d1_uncomp.avi; --source is the folder with {HOLDS}"
        )
    if source.name in {match[3] for path in paths if (match := _name_match(path))}:
        raise BenchError(f"{source} is one of the six action folders; use --source {source.parent}, the folder that holds them")
    names = [path.name.removesuffix(".avi").removesuffix("_uncomp") for path in paths]
    if repeated_name := next((name for name in names if names.count(name) > 1), None):
        both_paths = listed(str(path) for path, name in zip(paths, names, strict=True) if name == repeated_name)
        raise BenchError(f"{source} has {repeated_name} in two places: {both_paths}; keep one")
    return sorted(paths, key=lambda path: path.name)


def _name_match(path: Path) -> re.Match[str] | None:
    """The name of a video taken apart: name, person, action. None for other names, and for folders without pictures."""
    if path.is_dir():
        match = UNPACKED.fullmatch(path.name)
        return match if match and any(PICTURE.fullmatch(inside.name) for inside in path.iterdir()) else None
    return VIDEO.fullmatch(path.name)


def _sequences_file(source: Path) -> Path:
    from bench.data.preparing.kth_sequences import URL

    path = source / "00sequences.txt"
    if not path.is_file():
        raise BenchError(f"{path} is missing: it says which frames show the action; fetch it from {URL} into {source}")
    return path


def _assigned(
    paths: Sequence[Path], entries: Mapping[str, tuple[Range, ...]], persons: Mapping[str, list[int]], cut: Cut
) -> tuple[list[Video], list[str]]:
    """The videos of the three splits, and notes about those of the source that are in none."""
    from bench.data.preparing.packing import Video

    split_of = {person: split for split, split_persons in persons.items() for person in split_persons}
    videos, notes = [], []
    for path in paths:
        match = _name_match(path)
        assert match, path
        name, person, action = match[1], int(match[2]), match[3]
        if not entries.get(name) and not _all_frames(cut, path, action):
            notes.append(f"{path.name} left out: 00sequences.txt has no frames for it")
        elif person in split_of:
            videos.append(Video(split_of[person], name, path, label=action, group=f"person{person:02d}"))
    return videos, notes


def _all_frames(cut: Cut, path: Path, action: str) -> bool:
    """Whether the cut takes all frames of a video that are there, whatever 00sequences.txt lists."""
    return cut.takes_whole_video(action) or (cut.frames == "runs" and path.is_dir())


def _frames(
    video: Video, entries: Mapping[str, tuple[Range, ...]], size: int, centred: bool, cut: Cut
) -> Iterator[tuple[str, NDArray[np.uint8]]]:
    """The frames of a video that a cut takes, grey and resized, named after their sequence (`person01_boxing_d1/1`)."""
    from bench.data.video import channels_first, resized

    action = video.label or ""
    slices = None if _all_frames(cut, video.path, action) else sequences(cut, entries[video.name], action)
    sequence_of = {frame: number for number, run in enumerate(slices or [], 1) for frame in run}
    last, current = -2, 0
    for number, frame in _numbered(video.path):
        if slices is None:
            current += number != last + 1  # pictures that are missing end a run
        elif number in sequence_of and last + 1 != number and sequence_of.get(last) == sequence_of[number]:
            raise BenchError(f"{video.path} lacks picture {last + 2}, in the middle of a sequence of 00sequences.txt")
        else:
            current = sequence_of.get(number, 0)
        last = number
        if current:
            edge = max(0, frame.shape[1] - frame.shape[0]) // 2 if centred else 0
            square = frame[:, edge : frame.shape[1] - edge]
            yield f"{video.name}/{current}", channels_first(resized(square, size, size))
        if slices is not None and number + 1 >= slices[-1].stop:
            return


def _numbered(path: Path) -> Iterator[tuple[int, NDArray[np.uint8]]]:
    """The grey frames of a video with their numbers, from 0: of an AVI file all, of a folder the pictures that are there."""
    from bench.data.pictures import read_picture
    from bench.data.video import frames

    if not path.is_dir():
        yield from enumerate(frames(path, grey=True))
        return
    pictures = {int(match[1]): inside for inside in path.iterdir() if (match := PICTURE.fullmatch(inside.name))}
    for number in sorted(pictures):
        try:
            (frame,) = read_picture(pictures[number], grey=True)
        except (OSError, SyntaxError, ValueError) as error:
            raise BenchError(f"{pictures[number]} cannot be read as a picture: {error}") from error
        if frame.dtype != "uint8":
            raise BenchError(f"{pictures[number]} holds {frame.dtype}, and KTH's pictures have 8 bits; save those")
        yield number - 1, frame


def _shortfalls(packed_sequences: Sequence[packed.FrameSequence], entries: Mapping[str, tuple[Range, ...]]) -> list[str]:
    """Which videos have fewer frames than 00sequences.txt says: it lists some that were never there."""
    notes = []
    for name, group in groupby(packed_sequences, key=lambda sequence: sequence.name.partition("/")[0]):
        listed_count = sum(map(len, sequences(CUTS[SUITE], entries[name], action=name.split("_")[1])))
        count = sum(sequence.frames for sequence in group)
        if count < listed_count:
            notes.append(f"{name} ends early: {count} of the {listed_count} frames listed are there")
    return notes
