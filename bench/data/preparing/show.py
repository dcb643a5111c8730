"""`bench data show NAME`: clips of each split as pictures, and how many there are of what."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from bench.common.errors import BenchError
from bench.common.images import FrameArray, save_gif, save_png, side_by_side, strip
from bench.data.base import Dataset, Split
from bench.data.kth import KTH
from bench.data.packed import FrameSequence, PackedDataset
from bench.data.preparing.kth import known_sequences, persons
from bench.spec import catalog
from reports.quantities import several

SPLITS: tuple[Split, ...] = ("train", "val", "test")
RATE = 12.5  # frames per second of the animations, half of KTH's


def show(name: str, options: Mapping[str, Any], out: Path, clips: int = 4, frames: int = 20) -> list[str]:
    """Write `SPLIT.png` (a contact sheet) and `SPLIT.gif` of a data set's clips into a folder of its own in `out`.

    clips: how many of each split, spread evenly over it. frames: their length. Returns lines: the counts, then the files.
    """
    if clips < 1 or frames < 1:
        raise BenchError(f"--clips and --frames must be at least 1, got {clips} and {frames}")
    data: Dataset = catalog.build("datasets", name, options)
    lines = counts(data, frames)
    folder = out / folder_name(name, options)
    for split in SPLITS:
        rows = _rows(data, split, clips, frames)
        save_png(strip(rows), folder / f"{split}.png")
        save_gif(side_by_side(rows), folder / f"{split}.gif", RATE)
        lines += [str(folder / f"{split}.png"), str(folder / f"{split}.gif")]
    return lines


def folder_name(name: str, options: Mapping[str, Any]) -> str:
    """What the folder of a data set's pictures is called: kth, or kth-size-64."""
    words = [name, *(f"{key} {value}" for key, value in sorted(options.items()))]
    return "-".join(re.sub(r"\W+", " ", " ".join(words)).split())[:80]


def counts(data: Dataset, frames: int) -> list[str]:
    """How many clips of a length each split has, and the sequences, actions and persons that they are cut from."""
    lines = []
    for split in SPLITS:
        number = data.count(split, frames)
        amount = "clips generated, as many as are asked for"
        if number is not None:
            amount = f"{several(number, 'clip')} of {several(frames, 'frame')}"
        lines.append(f"{split}: {amount}")
        lines += [f"  {remark}" for remark in data.remarks(split, frames)]
        if isinstance(data, PackedDataset):
            lines += _sequences(data.packed.sequences[split])
    if isinstance(data, KTH):
        from bench.data.kth_cuts import explained
        from bench.data.preparing.kth_sequences import read_sequences

        lines += explained(read_sequences(known_sequences()) if known_sequences().is_file() else None, frames, persons)
    return lines


def _sequences(sequences: list[FrameSequence]) -> list[str]:
    lines = [f"  {several(len(sequences), 'sequence')}, {several(sum(sequence.frames for sequence in sequences), 'frame')}"]
    for heading, values in (("action", [s.label for s in sequences]), ("person", [s.group for s in sequences])):
        tally = Counter(value for value in values if value is not None)
        if tally:
            lines.append(f"  sequences per {heading}: " + ", ".join(f"{value} {tally[value]}" for value in sorted(tally)))
    return lines


def _rows(data: Dataset, split: Split, clips: int, frames: int) -> dict[str, FrameArray]:
    """Clips spread evenly over a split, [T, C, H, W] each, under their numbers and labels."""
    number = data.count(split, frames)
    labels = data.labels(split, frames, clips if number is None else number)
    numbers = range(clips) if number is None else np.unique(np.linspace(0, number - 1, clips).astype(int)).tolist()
    titles = {n: f"{split} {n}{f': {labels[n]}' if labels else ''}" for n in numbers}
    return {titles[n]: data.clips(split, n, n + 1, frames)[0].numpy() for n in numbers}
