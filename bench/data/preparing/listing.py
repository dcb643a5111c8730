"""`bench data list`: which data sets are ready, and which command prepares the others."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol, runtime_checkable

from bench.common.errors import BenchError, Blocked
from bench.data import manifest
from bench.data.root import data_root
from bench.spec import catalog


@runtime_checkable
class Prepared(Protocol):
    """A data set that consists of files on this machine."""

    def verify(self) -> None:
        """Read every byte; a file that is not as it was prepared is a BenchError."""


@dataclass(frozen=True)
class Listed:
    """One data set under some options. detail: its fingerprint if it is ready, else what to do."""

    name: str
    options: dict[str, Any]
    state: Literal["ready", "missing", "changed"]
    detail: str


def listing(full: bool = False) -> list[Listed]:
    """Every data set of the catalogue with its default options, and every other one that is prepared. full: read all bytes."""
    names = catalog.names("datasets")
    prepared = [entry for entry in _prepared() if catalog.differences("datasets", *entry)]
    entries = sorted([*((name, {}) for name in names), *prepared], key=lambda entry: names.index(entry[0]))
    return [_listed(name, options, full) for name, options in entries]


def sets_called(name: str) -> list[str]:
    """The kinds (frames, videos, moving_mnist_fixed) of which a set was prepared under a name."""
    return [kind for kind, options in _prepared() if options.get("name") == name]


def _listed(name: str, options: dict[str, Any], full: bool) -> Listed:
    try:
        data = catalog.build("datasets", name, options)
        fingerprint = data.fingerprint()
        if full and isinstance(data, Prepared):
            data.verify()
    except Blocked as error:
        return Listed(name, options, "missing", str(error))
    except BenchError as error:
        return Listed(name, options, "changed", str(error))
    return Listed(name, options, "ready", fingerprint)


def _prepared() -> Iterator[tuple[str, dict[str, Any]]]:
    """The data sets that are prepared in the data root, with the options that select them."""
    for name in ("kth", "frames", "videos", "moving_mnist_fixed"):
        for folder in sorted((data_root() / name).glob("[!.]*")):
            if ready := manifest.find(folder):
                yield name, _options(name, folder, ready.settings)
    digits = manifest.find(data_root() / "mnist")
    if digits and "t10k-images-idx3-ubyte" in digits.files:
        yield "moving_mnist", {"only_t10k": True}


def _options(name: str, folder: Path, settings: Mapping[str, Any]) -> dict[str, Any]:
    return (
        {key: settings[key] for key in ("size", "centred", "cut") if key in settings}
        if name == "kth"
        else {"name": folder.name}
    )
