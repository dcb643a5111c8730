"""MNIST's handwritten digits, which Moving-MNIST is made of.

They are stored decompressed in the data root's folder `mnist` by `preparing/mnist.py`. The training images are optional: with
the t10k files alone, `moving_mnist` works with `only_t10k=True`.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

from bench.data import manifest
from bench.data.manifest import Manifest
from bench.data.root import data_root

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MnistFile = Literal["train", "t10k"]

COMMAND = "bench prepare mnist"
SIDE = 28  # pixels


def folder() -> Path:
    """Where the digits are, or will be."""
    return data_root() / "mnist"


def images_file(part: MnistFile) -> str:
    """The name of the file that holds the digits of a part."""
    return f"{part}-images-idx3-ubyte"


def labels_file(part: MnistFile) -> str:
    """The name of the file that says which digits those are."""
    return f"{part}-labels-idx1-ubyte"


def opened(full: bool = False) -> Manifest:
    """The manifest of MNIST, after checking that its files are unchanged (`full`: every byte); Blocked if it is missing."""
    return manifest.opened(folder(), "mnist", COMMAND, full)


def digits(part: MnistFile) -> NDArray[np.uint8]:
    """All digits of a part, [N, 28, 28]."""
    from bench.data.preparing.idx import read_idx

    opened()
    return read_idx(folder() / images_file(part))
