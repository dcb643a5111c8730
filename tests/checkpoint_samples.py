"""Checkpoint files as other code bases write them, made from the parity vectors' weights and from key names and shapes."""

import json
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from tests.parity import FOLDER, Vectors, fill, part

OPENSTL: dict[str, dict[str, list[int]]] = json.loads((FOLDER / "openstl_state_dicts.json").read_text())
"""Every name and shape of twelve of OpenSTL's models at Moving-MNIST size, by our names of the models."""


@dataclass(frozen=True)
class Sample:
    """A family's parity net as a file of its own format.

    vectors: the names of the parity part. model: the catalogue's name. options: what a user has to say, as shapes do not show
    it. output: the part's output that ends with the predictions.
    """

    vectors: tuple[str, str]
    model: str
    options: dict[str, Any] = field(default_factory=dict)
    output: str = "pred_all"

    @property
    def part(self) -> Vectors:
        return part(*self.vectors)

    def weights(self) -> dict[str, Tensor]:
        """The state dict."""
        return dict(self.part.weights)

    def expected(self) -> Tensor:
        """The predictions after the context, [B, horizon, C, H, W]."""
        return self.part.outputs[self.output][:, -3:]


SAMPLES = {
    "convlstm": Sample(("convlstm", "net"), "convlstm"),
    "predrnn": Sample(("predrnn", "net"), "predrnn"),
    "predrnn_v2": Sample(("predrnnv2", "net"), "predrnn_v2"),
    "predrnn_pp": Sample(("predrnnpp", "net"), "predrnn_pp"),
    "e3d_lstm_openstl": Sample(("e3dlstm", "net"), "e3d_lstm_openstl"),
    "mim": Sample(("mim", "net"), "mim"),
    "mau": Sample(("mau", "net"), "mau", {"window": 3}),
    "mau_recall": Sample(("mau", "net_recall"), "mau", {"window": 3, "recall": True}),
    "phydnet": Sample(("phydnet", "net"), "phydnet", output="pred"),
    "conv_tt_lstm": Sample(("convttlstm", "net"), "conv_tt_lstm"),
    "swinlstm": Sample(("swinlstm", "net_D"), "swinlstm"),
    "simvp_gsta": Sample(("simvp", "net_gsta"), "simvp", output="y"),
    "simvp_incepu": Sample(("simvp", "net_incepu"), "simvp", output="y"),
    "tau": Sample(("tau", "net"), "tau", output="y"),
}


def frames(sample: Sample) -> Tensor:
    """The three context frames, [B, 3, C, H, W]."""
    return sample.part.inputs["frames"][:, :3]


@cache
def hollow(name: str) -> dict[str, Tensor]:
    """A state dict of OpenSTL's names and shapes at full size, zeros that take no memory."""
    return {key: torch.zeros(()).expand(shape) for key, shape in OPENSTL[name].items()}


def filled(name: str) -> dict[str, Tensor]:
    """A state dict of OpenSTL's names and shapes at full size, filled by the parity kit's rule."""
    return {key: fill(key, shape, 0.02, 1.0 if key.endswith("running_var") else 0.0) for key, shape in OPENSTL[name].items()}


def saved(path: Path, content: Any) -> Path:
    """A file with that content."""
    torch.save(content, path)
    return path
