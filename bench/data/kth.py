"""KTH Action (Schüldt et al., ICPR 2004): 25 persons, six actions, four scenarios; 160x120 pixels, 25 frames per second, grey.

The usual split of video prediction: persons 1-16 train, 17-25 test. Departs from it: two training persons are kept for
validation, so that the test set chooses nothing. Published test sets differ in how clips are cut; ours are in `conventions`.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

from bench.common.errors import BenchError, listed
from bench.data.packed import PackedDataset
from bench.data.root import data_root

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from bench.data import packed
    from bench.data.preparing.kth_sequences import Range
    from bench.data.preparing.packing import Video
    from bench.data.preparing.sources import Progress

VIDEO = re.compile(r"(person(\d\d)_([a-z]+)_d\d)_uncomp\.avi")
HOLDS = "KTH's six action folders (or all its videos) and 00sequences.txt"


class KTH(PackedDataset):
    """People walking, jogging, running, boxing, waving and clapping; clips are labelled with the action.

    size: side of the square frames in pixels. centred: whether they show the central 120x120 pixels of a video; otherwise all
    160x120, squeezed. flip, reverse: augmentation of training clips.
    """

    def __init__(self, size: int = 128, centred: bool = False, flip: bool = False, reverse: bool = False):
        super().__init__(folder(size, centred), "kth", command(size, centred), flip, reverse)

    def conventions(self) -> str:
        """How the test set was made, for a table's footnote."""
        settings = self.packed.manifest.settings
        view = ", central square" if settings["centred"] else ""
        return (
            f"KTH at {settings['size']}x{settings['size']}{view}: training persons "
            f"{_shortened(settings['train'])}, validation {_shortened(settings['val'])}, test {_shortened(settings['test'])}; "
            "frame ranges of 00sequences.txt, no frame twice; clips do not overlap and begin at the first frame of a sequence"
        )


def folder(size: int, centred: bool) -> Path:
    """Where the videos are, once prepared at a size."""
    return data_root() / "kth" / f"{size}x{size}{'-centred' if centred else ''}"


def command(size: int, centred: bool) -> str:
    """What prepares them at a size."""
    return f"bench prepare kth --source DIR{f' --size {size}' if size != 128 else ''}{' --centred' if centred else ''}"


def prepare_kth(
    *,
    source: str | None = None,
    size: int = 128,
    centred: bool = False,
    train_persons: str = "1-16",
    val_persons: str = "15-16",
    test_persons: str = "17-25",
    skip_damaged: bool = False,
    progress: Progress,
) -> list[str]:
    """Pack KTH's videos from the folder `source`. Persons read as '1-14,16'; those of validation are taken out of training.

    Returns lines that say what is there now.
    """
    from bench.data.preparing.kth_sequences import read_sequences
    from bench.data.preparing.packing import LEFT_OUT, pack
    from bench.data.preparing.sources import source_folder

    if size < 1:
        raise BenchError(f"--size must be at least 1 pixel, got {size}")
    persons = splits_of_persons(train_persons, val_persons, test_persons)
    place = source_folder(source, command(size, centred), HOLDS)
    paths = _videos(place)
    listing = _sequences_file(place)
    entries = read_sequences(listing)
    videos, notes = _assigned(paths, entries, persons)
    sequences = hashlib.sha256(listing.read_bytes()).hexdigest()[:12]
    settings = {"dataset": "kth", "size": size, "centred": centred, **persons, "00sequences.txt": sequences}
    target = folder(size, centred)
    made = pack(
        target, videos, partial(_frames, entries=entries, size=size, centred=centred), settings,
        progress=progress, skip_damaged=skip_damaged, remark=lambda found: [*notes, *_shortfalls(found, entries)],
    )  # fmt: skip
    kept = len(videos) - sum(note.startswith(LEFT_OUT) for note in made.notes)
    return [f"{target}: {kept} videos of the {sum(map(bool, entries.values()))} in 00sequences.txt", *made.notes]


def splits_of_persons(train: str, val: str, test: str) -> dict[str, list[int]]:
    """The persons of each split. Validation persons leave training; one who trains and tests is a BenchError."""
    chosen = {"train": persons(train), "val": persons(val), "test": persons(test)}
    both = [person for person in chosen["test"] if person in chosen["train"] + chosen["val"]]
    if both:
        raise BenchError(f"person {both[0]} would be in the test split and in training or validation; each may be in one")
    return {**chosen, "train": [person for person in chosen["train"] if person not in chosen["val"]]}


def persons(text: str) -> list[int]:
    """'1-3,7' -> [1, 2, 3, 7]."""
    if not re.fullmatch(r"\d+(-\d+)?(,\d+(-\d+)?)*", text):
        raise BenchError(f"persons are written like 1-14,16; got '{text}'")
    found: set[int] = set()
    for piece in text.split(","):
        first, _, last = piece.partition("-")
        found |= set(range(int(first), int(last or first) + 1))
    if not found or not found <= set(range(1, 26)):
        raise BenchError(f"KTH's persons are 1 to 25; got '{text}'")
    return sorted(found)


def _videos(place: Path) -> list[Path]:
    """All videos directly in the source or in its folders, by name."""
    paths = [path for pattern in ("*", "*/*") for path in place.glob(pattern) if VIDEO.fullmatch(path.name)]
    if not paths:
        deeper = sorted({path.parent for path in place.glob("*/*/*") if VIDEO.fullmatch(path.name)})
        if deeper:
            raise BenchError(f"{place} has no KTH videos in it, but {deeper[0].parent} has; use --source {deeper[0].parent}")
        raise BenchError(f"{place} has no videos named like person01_boxing_d1_uncomp.avi; --source is the folder with {HOLDS}")
    if place.name in {match[3] for path in paths if (match := VIDEO.fullmatch(path.name))}:
        raise BenchError(f"{place} is one of the six action folders; use --source {place.parent}, the folder that holds them")
    names = [path.name for path in paths]
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise BenchError(f"{place} has {twice} in two places: {listed(str(p) for p in paths if p.name == twice)}; keep one")
    return sorted(paths, key=lambda path: path.name)


def _sequences_file(place: Path) -> Path:
    from bench.data.preparing.kth_sequences import URL

    path = place / "00sequences.txt"
    if not path.is_file():
        raise BenchError(f"{path} is missing: it says which frames show the action; fetch it from {URL} into {place}")
    return path


def _assigned(
    paths: Sequence[Path], entries: Mapping[str, tuple[Range, ...]], persons: Mapping[str, list[int]]
) -> tuple[list[Video], list[str]]:
    """The videos of the three splits, and notes about those of the source that are in none."""
    from bench.data.preparing.packing import Video

    split_of = {person: split for split, chosen in persons.items() for person in chosen}
    videos, notes = [], []
    for path in paths:
        match = VIDEO.fullmatch(path.name)
        assert match, path
        name, person, action = match[1], int(match[2]), match[3]
        if not entries.get(name):
            notes.append(f"{path.name} left out: 00sequences.txt has no frames for it")
        elif person in split_of:
            videos.append(Video(split_of[person], name, path, label=action, group=f"person{person:02d}"))
    return videos, notes


def _frames(
    video: Video, entries: Mapping[str, tuple[Range, ...]], size: int, centred: bool
) -> Iterator[tuple[str, NDArray[np.uint8]]]:
    """The frames of a video that show the action, grey and resized, named after their sequence (`person01_boxing_d1/1`)."""
    from bench.data.preparing.kth_sequences import cuts
    from bench.data.video import channels_first, frames, resized

    slices = cuts(entries[video.name])
    sequence_of = {frame: number for number, cut in enumerate(slices, 1) for frame in range(cut.start, cut.stop)}
    for number, frame in enumerate(frames(video.path, grey=True)):
        if number in sequence_of:
            edge = max(0, frame.shape[1] - frame.shape[0]) // 2 if centred else 0
            square = frame[:, edge : frame.shape[1] - edge]
            yield f"{video.name}/{sequence_of[number]}", channels_first(resized(square, size, size))
        if number + 1 == slices[-1].stop:
            return


def _shortfalls(found: Sequence[packed.Sequence], entries: Mapping[str, tuple[Range, ...]]) -> list[str]:
    """Which videos have fewer frames than 00sequences.txt says: it lists some that were never there."""
    from bench.data.preparing.kth_sequences import cuts

    notes = []
    for name, group in groupby(found, key=lambda sequence: sequence.name.partition("/")[0]):
        wanted, there = sum(cut.stop - cut.start for cut in cuts(entries[name])), sum(sequence.frames for sequence in group)
        if there < wanted:
            notes.append(f"{name} ends early: {there} of the {wanted} frames listed are there")
    return notes


def _shortened(numbers: list[int]) -> str:
    """[1, 2, 3, 7] -> '1-3,7'."""
    runs = [[number for _, number in run] for _, run in groupby(enumerate(numbers), lambda pair: pair[1] - pair[0])]
    return ",".join(f"{run[0]}-{run[-1]}" if len(run) > 1 else f"{run[0]}" for run in runs)
