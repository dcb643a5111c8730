"""The two files behind LPIPS: AlexNet's convolutions, a download of 233 MB, and the linear heads that the lpips package brings.

AlexNet lives where torch.hub keeps it, so that a file which torchvision or lpips has fetched is found, and the other way round.
Its name ends with the first eight hex digits of its SHA-256, as torch.hub's names do; nothing else passes for it. Any file's
hash goes with the scores it produced.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import pickle
import shutil
import urllib.request
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from bench.common.errors import BenchError, Blocked
from bench.common.files import replacing

if TYPE_CHECKING:
    from torch import Tensor

URL = "https://download.pytorch.org/models/alexnet-owt-7be5be79.pth"
NAME = URL.rpartition("/")[2]
CHECKSUM = "7be5be79"
TIMEOUT = 30  # seconds without an answer
HEADS = "weights/v0.1/alex.pth"  # inside the package lpips
SHAPES = {
    "0": (64, 3, 11, 11), "3": (192, 64, 5, 5), "6": (384, 192, 3, 3), "8": (256, 384, 3, 3), "10": (256, 256, 3, 3),
}  # fmt: skip


@dataclass(frozen=True)
class Backbone:
    """The file on this machine. verified: it is torchvision's AlexNet, by its checksum."""

    path: Path
    bytes: int
    sha256: str

    @property
    def verified(self) -> bool:
        return self.sha256.startswith(CHECKSUM)

    def __str__(self) -> str:
        if self.verified:
            return f"AlexNet as published by torchvision ({NAME}, sha256 {self.sha256[:12]})"
        return f"a backbone that is not torchvision's AlexNet (sha256 {self.sha256[:12]}): comparable with nothing published"


def path() -> Path:
    """Where the backbone belongs: $TORCH_HOME/hub/checkpoints, by default below ~/.cache/torch, as torch.hub has it."""
    home = os.environ.get("TORCH_HOME") or Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache") / "torch"
    return Path(home).expanduser() / "hub" / "checkpoints" / NAME


def status() -> Backbone | None:
    """What is there, or None."""
    return _described(path()) if path().is_file() else None


def lpips_state() -> tuple[bool, str]:
    """Whether LPIPS can be computed here, and for footnotes: the backbone that it comes from, or why it cannot."""
    if _heads_file() is None:
        return False, "the package lpips, whose linear heads it needs, is not installed"
    backbone = status()
    if backbone is None:
        return False, "this machine has no AlexNet backbone; `bench weights fetch` or `bench weights add FILE` puts it there"
    return True, str(backbone)


def add(file: Path, unverified: bool = False) -> Backbone:
    """Put a file in the backbone's place, all of it or nothing. It is refused unless it is torchvision's AlexNet.

    unverified: take any weights that fit instead, the convolutions alone included. They are named in every footnote.
    """
    if not file.is_file():
        raise BenchError(f"there is no file {file}; give the path of {NAME}, as downloaded from {URL}")
    with replacing(path()) as temporary:
        shutil.copyfile(file, temporary)
        _check(temporary, str(file), unverified)
    return _described(path())


def fetch() -> Backbone:
    """Download AlexNet into its place. Without a network, a BenchError says which file to bring and where it goes."""
    try:
        with replacing(path()) as temporary:
            with urllib.request.urlopen(URL, timeout=TIMEOUT) as answer, open(temporary, "wb") as file:
                shutil.copyfileobj(answer, file)
            _check(temporary, URL, unverified=False)
    except OSError as error:
        reason = getattr(error, "reason", None) or error
        raise BenchError(
            f"cannot download {URL} ({reason}); fetch it on a machine that can, bring it here and "
            f"`bench weights add {NAME}`, which puts it at {path()}"
        ) from error
    return _described(path())


def features() -> dict[str, Tensor]:
    """AlexNet's convolutions, {"0.weight", "0.bias", "3.weight", ...}, read without executing anything in the file."""
    if not path().is_file():
        raise Blocked(f"LPIPS needs AlexNet's weights at {path()}; `bench weights fetch` puts them there")
    return _convolutions(path(), str(path()))


def heads() -> list[Tensor]:
    """Per layer, how much the difference in each channel counts: five tensors [C, 1, 1]."""
    import torch

    file = _heads_file()
    if file is None:
        raise Blocked("LPIPS needs the linear heads that the package lpips brings; `pip install --no-deps lpips`")
    state = torch.load(file, map_location="cpu", weights_only=True)  # saved on a GPU
    return [state[f"lin{layer}.model.1.weight"].view(-1, 1, 1) for layer in range(len(SHAPES))]


def _heads_file() -> Path | None:
    """Found without importing lpips, which would import torchvision, which fails beside a CPU-only torch."""
    package = importlib.util.find_spec("lpips")
    if package is None or package.origin is None:
        return None
    file = Path(package.origin).parent / HEADS
    return file if file.is_file() else None


def _check(file: Path, source: str, unverified: bool) -> None:
    """Refuse what is not AlexNet, or with `unverified` what does not fit in its place."""
    backbone = _described(file)
    if not backbone.verified and not unverified:
        raise BenchError(
            f"{source} is not {NAME}: its SHA-256 begins with {backbone.sha256[:8]} instead of {CHECKSUM}; "
            "--unverified takes it all the same and says so in every footnote"
        )
    _convolutions(file, source)


def _convolutions(file: Path, source: str) -> dict[str, Tensor]:
    import torch

    try:
        state = torch.load(file, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError, ValueError, KeyError):
        raise BenchError(f"{source} cannot be read as a file of plain tensors, and anything else is not opened") from None
    if not isinstance(state, dict):
        raise BenchError(f"{source} holds a {type(state).__name__}, not the weights of AlexNet by name")
    found = {str(name).removeprefix("features."): value for name, value in state.items()}
    convolutions = {}
    for layer, shape in SHAPES.items():
        for name, expected in ((f"{layer}.weight", shape), (f"{layer}.bias", shape[:1])):
            tensor = found.get(name)
            if not isinstance(tensor, torch.Tensor) or tuple(tensor.shape) != expected:
                has = f"has {list(tensor.shape)}" if isinstance(tensor, torch.Tensor) else "is missing"
                raise BenchError(f"{source} is no AlexNet: features.{name} should be {list(expected)} and {has}")
            convolutions[name] = tensor.float()
    return convolutions


def _described(file: Path) -> Backbone:
    facts = file.stat()
    return Backbone(file, facts.st_size, _sha256(file, facts.st_size, facts.st_mtime_ns))


@cache
def _sha256(file: Path, size: int, modified: int) -> str:
    """The hash of a file's content, once per state of the file: it has a quarter of a gigabyte."""
    with open(file, "rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()
