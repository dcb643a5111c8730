"""What a data set offers to training and evaluation."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, ClassVar, Literal

if TYPE_CHECKING:
    from torch import Tensor

Split = Literal["train", "val", "test"]

STREAMS: dict[Split, int] = {"train": 0, "val": 1, "test": 2}
"""Of random numbers, for data that are generated: one for each split."""
FIXED_SEED = 2021  # validation and test clips are the same for every run, whatever its seed


class Dataset(ABC):
    """Clips of video, [B, T, C, H, W] float32 in [0, 1].

    Constructing one is cheap: data are read when they are first used. Missing data raise `Blocked` with the command that
    prepares them. Planning constructs data sets and reads their fingerprints without importing torch, so
    modules of data sets import it inside functions.
    """

    shape: tuple[int, int, int]
    """(C, H, W) of a frame."""

    training_options: ClassVar[tuple[str, ...]] = ()
    """Options of the constructor that change training clips alone, such as augmentations."""

    @abstractmethod
    def fingerprint(self) -> str:
        """Short text that changes whenever any clip changes: the generator's version, or the manifest's checksum."""

    def split_fingerprint(self, split: Split) -> str:
        """The same for one split, which can be scored on a machine that lacks the others."""
        return self.fingerprint()

    @abstractmethod
    def conventions(self) -> str:
        """How the test clips were made, for a table's footnote."""

    @abstractmethod
    def batch(self, seed: int, step: int, size: int, frames: int) -> Tensor:
        """Training clips [size, frames, C, H, W]: a pure function of its arguments, so that a resumed run sees the same."""

    @abstractmethod
    def clips(self, split: Split, first: int, last: int, frames: int) -> Tensor:
        """Fixed clips first ... last-1 of a split [last-first, frames, C, H, W], each a function of its number alone."""

    def count(self, split: Split, frames: int) -> int | None:
        """How many fixed clips of `frames` frames a split has; None if clips are generated without end."""
        return None

    def labels(self, split: Split, frames: int, clips: int) -> list[str] | None:
        """What each of the first `clips` fixed clips shows (KTH: the action); None where clips have no labels."""
        return None

    def origins(self, split: Split, frames: int) -> list[str] | None:
        """The name of the video that each fixed clip is cut from, in the order of their numbers; None where there are none."""
        return None

    def unpublished(self) -> str:
        """Why these are not the published test clips; empty if they are, or if that cannot be told."""
        return ""

    def remarks(self, split: Split, frames: int) -> list[str]:
        """What a user should know of the fixed clips of `frames` frames, as sentences: videos that are too short, and so on."""
        return []
