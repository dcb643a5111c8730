"""Prepared videos: one memory-mapped array of bytes per split, and the data set that reads clips from them.

A folder holds `train.u8`, `val.u8`, `test.u8` (frames one after another, each [C, H, W]), `index.json` (the shape, and which
sequences the frames belong to) and the manifest. `packing.py` writes it.
"""

from __future__ import annotations

import json
from collections import abc
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from bench.common.errors import BenchError
from bench.data import manifest
from bench.data.base import Dataset, Split
from bench.data.manifest import Manifest

if TYPE_CHECKING:
    import numpy as np
    import torch
    from numpy.typing import NDArray
    from torch import Tensor

INDEX = "index.json"
TRAIN_STREAM = 0
ORDER_SEED = 2021  # of the order of fixed clips


@dataclass(frozen=True)
class FrameSequence:
    """Consecutive frames of one video. label: what it shows (KTH: the action). group: who it shows (KTH: the person)."""

    name: str
    frames: int
    label: str | None = None
    group: str | None = None


class Packed:
    """A prepared folder, checked against its manifest when it is opened.

    subject: the data set, for messages. command: makes the folder.
    """

    def __init__(self, folder: Path, subject: str, command: str):
        self.folder, self.subject, self.command = folder, subject, command
        self.manifest = self.checked()
        index = json.loads((folder / INDEX).read_text())
        self.shape: tuple[int, int, int] = tuple(index["shape"])
        self.sequences = {split: [FrameSequence(*entry) for entry in entries] for split, entries in index["splits"].items()}

    def checked(self, full: bool = False) -> Manifest:
        """The manifest, after checking that the files are unchanged (`full`: every byte)."""
        return manifest.opened(self.folder, self.subject, self.command, full)

    def frames(self, split: Split) -> NDArray[np.uint8]:
        """All frames of a split, [N, C, H, W], memory-mapped; copied on write, since PyTorch warns of what it may not write."""
        import numpy as np

        count = sum(sequence.frames for sequence in self.sequences[split])
        return np.memmap(self.folder / f"{split}.u8", np.uint8, mode="c", shape=(count, *self.shape))


class PackedDataset(Dataset):
    """Clips cut from prepared videos: training takes any window of a sequence, the fixed clips do not overlap.

    flip: mirror each training clip left to right with probability 1/2. reverse: play it backwards with probability 1/2.
    Windows, mirroring and direction are functions of (seed, step) alone; switching one on leaves the others as they are.
    beginnings: each sequence gives one fixed clip, its beginning, and clips keep the order of their sequences. Otherwise it
    gives as many as fit one after another, and the clips of a split are shuffled once for all, so that the first hundred
    represent all persons and actions.
    """

    training_options = ("flip", "reverse")

    def __init__(
        self, folder: Path, subject: str, command: str, flip: bool = False, reverse: bool = False, beginnings: bool = False
    ):
        self.folder, self.subject, self.command = folder, subject, command
        self.flip, self.reverse, self.beginnings = flip, reverse, beginnings
        self._arrays: dict[Split, NDArray[np.uint8]] = {}
        self._starts: dict[int, NDArray[np.int64]] = {}
        self._fixed_clips: dict[tuple[Split, int], list[tuple[int, FrameSequence]]] = {}
        self._resident: Tensor | None = None

    @cached_property
    def packed(self) -> Packed:
        """The prepared folder; Blocked where there is none."""
        return Packed(self.folder, self.subject, self.command)

    @property
    def shape(self) -> tuple[int, int, int]:  # type: ignore[override]
        return self.packed.shape

    def fingerprint(self) -> str:
        return self.packed.checked().checksum

    def batch(self, seed: int, step: int, size: int, frames: int) -> Tensor:
        from bench.data.bouncing import draws

        starts = self._window_starts(frames)
        numbers = draws(seed, TRAIN_STREAM, step * size, (step + 1) * size, images=1)[:, 0]  # [size, 4]
        window_starts = starts[(numbers[:, 0] * len(starts)).astype("int64")]
        if self._resident is None:
            clips = self._cut("train", window_starts, frames)
        else:
            clips = _cut_on_device(self._resident, window_starts, frames)
        if self.flip:
            _turn(clips, numbers[:, 1] < 0.5, axis=-1)
        if self.reverse:
            _turn(clips, numbers[:, 2] < 0.5, axis=0)
        return clips

    def clips(self, split: Split, first: int, last: int, frames: int) -> Tensor:
        import numpy as np

        starts = np.array([start for start, _ in self._fixed(split, frames)[first:last]], np.int64)
        return self._cut(split, starts, frames)

    def count(self, split: Split, frames: int) -> int:
        return len(self._fixed(split, frames))

    def labels(self, split: Split, frames: int, clips: int) -> list[str] | None:
        labels = [sequence.label for _, sequence in self._fixed(split, frames)[:clips]]
        return None if None in labels else [label for label in labels if label is not None]

    def origins(self, split: Split, frames: int) -> list[str] | None:
        return [sequence.name for _, sequence in self._fixed(split, frames)]

    def remarks(self, split: Split, frames: int) -> list[str]:
        lengths = [sequence.frames for sequence in self.packed.sequences[split]]
        short_count = sum(length < frames for length in lengths)
        verb = "is" if short_count == 1 else "are"
        text = f"{short_count} of {len(lengths)} videos of the {split} split {verb} shorter than {frames} frames"
        return [text] if short_count else []

    def verify(self) -> None:
        """Read every byte; a file that is not as it was prepared is a BenchError."""
        self.packed.checked(full=True)

    def conventions(self) -> str:
        """How the test set was made, for a table's footnote."""
        return f"{self.subject} ({self.fingerprint()}): test clips do not overlap and begin at the first frame of a video"

    def train_bytes(self) -> int:
        """The size of the training split, which decides whether it fits on a GPU."""
        return int(self._array("train").nbytes)

    def move_train_to(self, device: torch.device) -> None:
        """Keep the training split on a device: batches are cut there from now on, and are the same."""
        import torch

        self._resident = torch.from_numpy(self._array("train").copy()).to(device)

    def _array(self, split: Split) -> NDArray[np.uint8]:
        import numpy as np

        if split not in self._arrays:
            self._arrays[split] = np.asarray(self.packed.frames(split))  # slices a memmap's pages in a third of its time
        return self._arrays[split]

    def _cut(self, split: Split, starts: NDArray[np.int64], frames: int) -> Tensor:
        """The windows that begin at `starts`, [N, frames, C, H, W] in [0, 1]."""
        import numpy as np
        import torch

        array = self._array(split)
        clips = np.empty((len(starts), frames, *self.shape), np.float32)
        unscaled = torch.empty(clips.shape[1:])  # one clip stays in the cache; PyTorch converts faster, NumPy divides faster
        for clip, start in zip(clips, starts.tolist(), strict=True):
            unscaled.copy_(torch.from_numpy(array[start : start + frames]))
            np.divide(unscaled.numpy(), 255, out=clip)
        return torch.from_numpy(clips)

    def _window_starts(self, frames: int) -> NDArray[np.int64]:
        """Where a training clip may begin, in frames of the split."""
        import numpy as np

        if frames not in self._starts:
            windows = [np.arange(start, start + s.frames - frames + 1) for start, s in self._long_enough("train", frames)]
            self._starts[frames] = np.concatenate(windows)
        return self._starts[frames]

    def _fixed(self, split: Split, frames: int) -> list[tuple[int, FrameSequence]]:
        """Where each fixed clip begins, and the sequence that it is from, in the order of their numbers."""
        from bench.data.bouncing import draws

        if (split, frames) not in self._fixed_clips:
            clips = [
                (start + offset, sequence)
                for start, sequence in self._long_enough(split, frames)
                for offset in self._offsets(split, sequence, frames)
            ]
            order = draws(ORDER_SEED, 0, 0, len(clips), images=1)[:, 0, 0].argsort()
            self._fixed_clips[split, frames] = clips if self.beginnings else [clips[n] for n in order]
        return self._fixed_clips[split, frames]

    def _offsets(self, split: Split, sequence: FrameSequence, frames: int) -> range | abc.Sequence[int]:
        """Where in a sequence fixed clips begin."""
        return range(0, 1 if self.beginnings else sequence.frames - frames + 1, frames)

    def _long_enough(self, split: Split, frames: int) -> list[tuple[int, FrameSequence]]:
        """The sequences of at least `frames` frames, each with the position of its first frame in the split."""
        start, sequences = 0, []
        for sequence in self.packed.sequences[split]:
            if sequence.frames >= frames:
                sequences.append((start, sequence))
            start += sequence.frames
        if not sequences:
            longest = max((sequence.frames for sequence in self.packed.sequences[split]), default=0)
            raise BenchError(
                f"{self.subject}: a clip needs {frames} frames (context + horizon), but the longest sequence of the {split} "
                f"split has {longest}; use a shorter context or horizon"
            )
        return sequences


def scaled(clips: Tensor) -> Tensor:
    """Bytes as float32 in [0, 1], rounded alike on every device (CUDA would multiply by 1/255 if it saw the number itself)."""
    return clips.float().div_(clips.new_full((), 255).float())


def _cut_on_device(array: Tensor, starts: NDArray[np.int64], frames: int) -> Tensor:
    """`_cut` on the device that holds the split."""
    import torch

    first = torch.from_numpy(starts).to(array.device)
    return scaled(array[first[:, None] + torch.arange(frames, device=array.device)])


def _turn(clips: Tensor, turned: NDArray[np.bool_], axis: int) -> None:
    """Flip the chosen clips along one of their axes."""
    for clip in turned.nonzero()[0].tolist():
        clips[clip] = clips[clip].flip(axis)
