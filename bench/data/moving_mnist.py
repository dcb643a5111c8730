"""Moving-MNIST: two of MNIST's digits bouncing on 64x64 pixels, generated on the fly or read from the fixed test set.

Dynamics as in `bouncing.py` (DDPAE's generator, which the LMC-Memory authors link to). Training draws from MNIST's training
digits, validation from a tenth of them that training never sees, test from the t10k digits.
"""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import TYPE_CHECKING

from bench.common.errors import Blocked
from bench.data import mnist
from bench.data.base import FIXED_SEED, STREAMS, Dataset, Split
from bench.data.packed import PackedDataset, scaled
from bench.data.root import data_root

if TYPE_CHECKING:
    import numpy as np
    import torch
    from numpy.typing import NDArray
    from torch import Tensor

SIZE = 64  # pixels
PUBLISHED = "mnist_test_seq"  # the fixed test set: 10,000 clips of 20 frames (Srivastava et al., ICML 2015)

# Which digits a split draws from: the MNIST part, and the last decimals of their numbers in it.
ALL_OF_MNIST: dict[Split, tuple[mnist.MnistFile, range]] = {
    "train": ("train", range(9)), "val": ("train", range(9, 10)), "test": ("t10k", range(10)),
}  # fmt: skip
ONLY_T10K: dict[Split, tuple[mnist.MnistFile, range]] = {
    "train": ("t10k", range(8)), "val": ("t10k", range(8, 9)), "test": ("t10k", range(9, 10)),
}  # fmt: skip


class MovingMNIST(Dataset):
    """Generated clips of any length. digits: how many bounce in each.

    only_t10k: split the 10,000 t10k digits into training, validation and test (8:1:1), for a machine without MNIST's training
    images. Its scores compare with no one else's.
    """

    def __init__(self, digits: int = 2, only_t10k: bool = False):
        if digits < 1:
            raise ValueError(f"digits must be at least 1, got {digits}")
        self.shape = (1, SIZE, SIZE)
        self.digits, self.only_t10k = digits, only_t10k
        self._splits = ONLY_T10K if only_t10k else ALL_OF_MNIST
        self._pools: dict[Split, NDArray[np.uint8]] = {}
        self._resident: Tensor | None = None

    def fingerprint(self) -> str:
        from bench.data.bouncing import VERSION

        files = mnist.opened().files
        needed = sorted({mnist.images_file(part) for part, _ in self._splits.values()})
        for name in needed:
            if name not in files:
                hint = "; with the t10k files alone, data.only_t10k=true splits their digits" if "train" in name else ""
                command = f"`{mnist.COMMAND}` fetches it, `{mnist.COMMAND} --source DIR` copies it"
                raise Blocked(f"{mnist.folder() / name} is missing{hint}; {command}")
        digest = hashlib.sha256("".join(files[name]["sha256"] for name in needed).encode()).hexdigest()[:12]
        return f"moving_mnist-{VERSION}-{digest}"

    def batch(self, seed: int, step: int, size: int, frames: int) -> Tensor:
        if self._resident is None:
            return _tensor(self.painted("train", seed, step * size, (step + 1) * size, frames))
        return self._clips_on_device(self._resident, seed, step * size, (step + 1) * size, frames)

    def clips(self, split: Split, first: int, last: int, frames: int) -> Tensor:
        return _tensor(self.painted(split, FIXED_SEED, first, last, frames))

    def conventions(self) -> str:
        """How the test set was made, for a table's footnote."""
        source = "a tenth of the t10k digits" if self.only_t10k else "the t10k digits"
        return (
            f"Moving-MNIST test clips generated ({self.fingerprint()}, seed {FIXED_SEED}) with {self.digits} of {source} each"
        )

    def train_bytes(self) -> int:
        """The size of the training digits, which decides whether clips are painted on a GPU."""
        return int(self._pool("train").nbytes)

    def move_train_to(self, device: torch.device) -> None:
        """Keep the training digits on a device: clips are painted there from now on, and are the same."""
        import torch

        self._resident = torch.from_numpy(self._pool("train")).to(device)

    def verify(self) -> None:
        """Read every byte; a file that is not as it was prepared is a BenchError."""
        mnist.opened(full=True)

    def painted(self, split: Split, seed: int, first: int, last: int, frames: int) -> NDArray[np.uint8]:
        """Clips first ... last-1 of a split as bytes, [N, T, 64, 64]."""
        from bench.data.bouncing import bounce

        return bounce(self._pool(split), seed, STREAMS[split], first, last, frames, self.digits, SIZE)

    def _clips_on_device(self, pool: Tensor, seed: int, first: int, last: int, frames: int) -> Tensor:
        """Training clips painted on the device that holds the digits."""
        import torch

        from bench.data.bouncing import scenes
        from bench.data.painting import paint_on_device

        indices, corners = scenes(len(pool), pool.shape[1], seed, STREAMS["train"], first, last, frames, self.digits, SIZE)
        images = pool[torch.from_numpy(indices).to(pool.device)]
        return scaled(paint_on_device(images, torch.from_numpy(corners).to(pool.device), SIZE).unsqueeze(2))

    def _pool(self, split: Split) -> NDArray[np.uint8]:
        """The digits that a split draws from, [N, 28, 28]."""
        import numpy as np

        if split not in self._pools:
            self.fingerprint()  # Blocked, with the command, where the digits are missing
            part, decimals = self._splits[split]
            digits = mnist.digits(part)
            self._pools[split] = digits[np.isin(np.arange(len(digits)) % 10, decimals)]
        return self._pools[split]


def _tensor(painted: NDArray[np.uint8]) -> Tensor:
    """[N, T, H, W] bytes -> clips [N, T, 1, H, W]."""
    import torch

    return scaled(torch.from_numpy(painted).unsqueeze(2))


class MovingMNISTFixed(Dataset):
    """Test clips from a file that everyone shares; training and validation clips are generated.

    name: the published `mnist_test_seq`, or a set of one's own, frozen by `bench prepare moving_mnist --clips N --frames T`.
    """

    def __init__(self, name: str = PUBLISHED):
        self.shape = (1, SIZE, SIZE)
        self.name = name
        self._test = PackedDataset(fixed_folder(name), f"moving_mnist_fixed '{name}'", fixed_command(name), beginnings=True)
        self._generated: MovingMNIST | None = None

    def fingerprint(self) -> str:
        return f"{self._generator().fingerprint()}-{self._test.fingerprint()}"

    def split_fingerprint(self, split: Split) -> str:
        """The test split needs no digits: without them, its fingerprint is that of its own file."""
        try:
            return self.fingerprint()
        except Blocked:
            if split != "test":
                raise
            return f"moving_mnist_fixed-{self._test.fingerprint()}"

    def batch(self, seed: int, step: int, size: int, frames: int) -> Tensor:
        return self._generator().batch(seed, step, size, frames)

    def clips(self, split: Split, first: int, last: int, frames: int) -> Tensor:
        return (self._test if split == "test" else self._generator()).clips(split, first, last, frames)

    def count(self, split: Split, frames: int) -> int | None:
        return self._test.count(split, frames) if split == "test" else None

    def conventions(self) -> str:
        """How the test set was made, for a table's footnote."""
        return f"Moving-MNIST test clips: the first frames of the fixed set {self.name} (checksum {self._test.fingerprint()})"

    def unpublished(self) -> str:
        """That another file was prepared than the published one, or a set of one's own."""
        if self.name != PUBLISHED:
            return f"the test set is '{self.name}', not {PUBLISHED}"
        return "the test set is not the published one: its MD5 sum is another" if self._test.packed.manifest.notes else ""

    def train_bytes(self) -> int:
        """As of the generator."""
        return self._generator().train_bytes()

    def move_train_to(self, device: torch.device) -> None:
        """As of the generator."""
        self._generator().move_train_to(device)

    def verify(self) -> None:
        """Read every byte; a file that is not as it was prepared is a BenchError."""
        self._generator().verify()
        self._test.verify()

    def _generator(self) -> MovingMNIST:
        """The generator of training and validation clips, from digits that the test set does not use."""
        if self._generated is None:
            self._generated = MovingMNIST(only_t10k=self._test.packed.manifest.settings["only_t10k"])
        return self._generated


def fixed_folder(name: str) -> Path:
    """The folder of a prepared fixed test set."""
    if not re.fullmatch(r"[\w.-]*\w[\w.-]*", name):
        raise ValueError(f"a set's name is made of letters, digits, '-', '_' and '.'; got '{name}'")
    return data_root() / "moving_mnist_fixed" / name


def frozen_name(clips: int, frames: int, only_t10k: bool) -> str:
    """The name of a frozen test set."""
    return f"{clips}x{frames}{'-t10k' if only_t10k else ''}"


def fixed_command(name: str) -> str:
    """The command that prepares a fixed test set."""
    if match := re.fullmatch(r"(\d+)x(\d+)(-t10k)?", name):
        return f"bench prepare moving_mnist --clips {match[1]} --frames {match[2]}{' --only-t10k' if match[3] else ''}"
    return "bench prepare moving_mnist_fixed"
