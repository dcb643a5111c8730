"""The embedded data set: scikit-learn's handwritten digits bouncing on a small canvas. Needs no download."""

from __future__ import annotations

import hashlib
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from bench.data.base import FIXED_SEED, STREAMS, Dataset, Split

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor

# 1,797 digits in the order of their writers, so that splits by position keep most writers apart.
SPLITS = {"train": (0, 1257), "val": (1257, 1437), "test": (1437, 1797)}
SHA256 = "8f26b2bd9d135c256808f68f14fdabddde6d9c7f869ae419704b051f0f14b3b3"  # of the 1,797 x 8 x 8 bytes


class Digits(Dataset):
    """Handwritten digits of scikit-learn, resized and bouncing; generated on the fly, splits with disjoint digits.

    size: side of the square canvas in pixels. digit: side of a digit. digits: how many bounce in each clip.
    """

    def __init__(self, size: int = 32, digit: int = 20, digits: int = 1):
        if digit > size:
            remedy = f"; use --set data.digit={3 * size // 4}" if size > 1 else ""
            raise ValueError(f"a digit of {digit} pixels does not fit on a canvas of {size}{remedy}")
        if digit < 1 or digits < 1:
            raise ValueError(f"digit and digits must be at least 1, got {digit} and {digits}")
        self.shape = (1, size, size)
        self.digit, self.digits = digit, digits

    def fingerprint(self) -> str:
        return f"digits-1-{SHA256[:12]}"

    def conventions(self) -> str:
        begin, end = SPLITS["test"]
        bouncing = f"{self.digits} bouncing {'digit' if self.digits == 1 else 'digits'}"
        size = f"{self.digit}x{self.digit} on {self.shape[1]}x{self.shape[2]} pixels"
        return (
            f"embedded digits: test clips generated (seed {FIXED_SEED}) with {bouncing}, {size}, "
            f"drawn from {end - begin} of scikit-learn's that training never sees"
        )

    def batch(self, seed: int, step: int, size: int, frames: int) -> Tensor:
        return self._clips("train", seed, step * size, (step + 1) * size, frames)

    def clips(self, split: Split, first: int, last: int, frames: int) -> Tensor:
        return self._clips(split, FIXED_SEED, first, last, frames)

    def _clips(self, split: Split, seed: int, first: int, last: int, frames: int) -> Tensor:
        import torch

        from bench.data.bouncing import bounce

        begin, end = SPLITS[split]
        pool = resized(self.digit)[begin:end]
        clips = bounce(pool, seed, STREAMS[split], first, last, frames, self.digits, self.shape[1])
        return torch.from_numpy(clips).unsqueeze(2).float().div_(255)


@cache
def resized(side: int) -> NDArray[np.uint8]:
    """All digits [1797, side, side], 0 to 255, resized bicubically."""
    import numpy as np
    from PIL import Image

    table = np.loadtxt(_file(), delimiter=",")  # a digit a row: 8 x 8 values, 0 to 16, and which digit it is
    grey = table[:, :-1].reshape(-1, 8, 8).astype(np.uint8)
    sha256 = hashlib.sha256(grey.tobytes()).hexdigest()
    assert sha256 == SHA256, f"scikit-learn's digits have changed: their SHA-256 is {sha256}"
    bright = np.minimum(grey.astype(np.int64) * 16, 255).astype(np.uint8)
    return np.stack([np.asarray(Image.fromarray(image).resize((side, side), Image.Resampling.BICUBIC)) for image in bright])


def _file() -> Path:
    """scikit-learn's table of digits, found without importing scikit-learn: that takes longer than the first training step."""
    package = find_spec("sklearn")
    assert package is not None and package.origin is not None, "scikit-learn, which brings the digits, is not installed"
    return Path(package.origin).parent / "datasets" / "data" / "digits.csv.gz"
