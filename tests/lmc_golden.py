"""The golden numbers of LMC-Memory: what the authors' model produces from tensors drawn by name.

`numpy.random.RandomState` is frozen by NumPy's compatibility policy, so a name gives the same values on every machine.
"""

import json
import zlib
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

FOLDER = Path(__file__).parent / "data" / "golden"
REFERENCE = json.loads((FOLDER / "lmc_reference.json").read_text())


def forward_numbers() -> dict[str, Tensor]:
    """Predictions phase1, phase2 [1, 10, 1, 64, 64]; every 8th channel of motion contexts recall1, recall2 [1, 16, 16, 16]."""
    with np.load(FOLDER / "lmc_forward.npz") as arrays:
        return {name: torch.from_numpy(arrays[name]) for name in arrays}


def weights(prefix: str = "") -> dict[str, Tensor]:
    """A published checkpoint's names, each with its drawn value; names behind `prefix`."""
    return {prefix + name: parameter(name, shape) for name, shape in REFERENCE["state_dict"].items()}


def parameter(name: str, shape: list[int]) -> Tensor:
    """Slots are N(0, 1); other weights are scaled by 1 / sqrt(product of all axes but the first), biases by 0.1."""
    values = np.random.RandomState(zlib.crc32(name.encode())).standard_normal(int(np.prod(shape))).reshape(shape)
    if not name.endswith("memory_w"):
        values = values / np.sqrt(np.prod(shape[1:])) if len(shape) > 1 else 0.1 * values
    return torch.from_numpy(values.astype(np.float32))


def blobs(name: str, batch: int, frames: int, side: int) -> Tensor:
    """Clips [batch, frames, 1, side, side] in [0, 1], two smooth blobs bouncing in each."""
    random = np.random.RandomState(zlib.crc32(name.encode()))
    y, x = np.mgrid[0:side, 0:side]
    video = np.zeros((batch, frames, 1, side, side))
    for b in range(batch):
        for _ in range(2):
            start, speed = random.rand(2) * side, (random.rand(2) - 0.5) * 6
            for t in range(frames):
                top, left = np.abs((start + speed * t) % (2 * side) - side)
                blob = np.exp(-((y - top) ** 2 + (x - left) ** 2) / (2 * (side / 16) ** 2))
                video[b, t, 0] = np.maximum(video[b, t, 0], blob)
    return torch.from_numpy(video.astype(np.float32))
