"""The parity vectors: what the reference implementations compute from weights that a rule makes.

data/parity/<model>.json names the parts of a model (a cell, a net), each with its weights, inputs, outputs and tolerance;
<model>_<part>.npz holds the numbers. Weights are not stored: `fill` makes them.
"""

import json
import math
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

FOLDER = Path(__file__).parent / "data" / "parity"


@dataclass(frozen=True)
class Vectors:
    """One cell or net: `weights` and `inputs` to put in by the reference's names, `outputs` to find."""

    weights: dict[str, Tensor]
    inputs: dict[str, Tensor]
    outputs: dict[str, Tensor]
    config: dict[str, Any]
    tolerance: float

    def check(self, **outputs: Tensor) -> None:
        """Every tensor found is the reference's output of that name within the tolerance; `h_step1` stands for 'h.step1'."""
        for name, tensor in outputs.items():
            expected = self.outputs[name.replace("_step", ".step")]
            assert tensor.shape == expected.shape, f"{name}: {tuple(tensor.shape)} instead of {tuple(expected.shape)}"
            error = (tensor.detach() - expected).abs().max().item()
            assert error <= self.tolerance, f"{name} is {error:.2g} off the reference; tolerance {self.tolerance:.2g}"


def part(model: str, name: str) -> Vectors:
    """A part by its names: `part("predrnn", "cell")`."""
    described = json.loads((FOLDER / f"{model}.json").read_text())["parts"][name]
    with np.load(FOLDER / described["file"]) as numbers:
        tensors = {key: torch.from_numpy(numbers[key]) for key in numbers.files}
    return Vectors(
        weights={w["key"]: fill(w["key"], w["shape"], w["scale"], w["offset"]) for w in described.get("weights", [])},
        inputs={key[len("in.") :]: tensor for key, tensor in tensors.items() if key.startswith("in.")},
        outputs={key[len("out.") :]: tensor for key, tensor in tensors.items() if key.startswith("out.")},
        config=described["config"],
        tolerance=described["tolerance_abs"],
    )


def fill(key: str, shape: list[int], scale: float, offset: float) -> Tensor:
    """The rule: value i of the flattened tensor is offset + scale sin(0.37 (i + 1) + crc32(key) mod 1000), made in float64."""
    index = np.arange(1, math.prod(shape) + 1, dtype=np.float64)
    values = offset + scale * np.sin(0.37 * index + zlib.crc32(key.encode()) % 1000)
    return torch.from_numpy(values.astype(np.float32).reshape(shape))


def alternating(batch: int, length: int, first: int) -> Tensor:
    """The training vectors' mask, [batch, length-1]: True before step `first`; then slot j of sample b where b+j is even."""
    keep = torch.ones(batch, length - 1, dtype=torch.bool)
    slots = torch.arange(length - 1 - first)
    keep[:, first:] = (torch.arange(batch)[:, None] + slots) % 2 == 0
    return keep
