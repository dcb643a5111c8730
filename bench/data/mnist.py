"""MNIST's handwritten digits, which Moving-MNIST is made of.

They live decompressed in the data root's folder `mnist`. The training images are not needed by everyone: with the t10k files
alone, `moving_mnist` with `only_t10k=True` is ready.
"""

from __future__ import annotations

import hashlib
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from bench.common.errors import BenchError, listed
from bench.common.files import write_bytes
from bench.data import manifest
from bench.data.manifest import Manifest
from bench.data.root import data_root

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from bench.data.preparing.sources import Progress

Part = Literal["train", "t10k"]

MIRRORS = ("https://ossci-datasets.s3.amazonaws.com/mnist/", "http://yann.lecun.com/exdb/mnist/")  # torchvision's
MD5 = {  # of the gzipped files, as torchvision has them
    "train-images-idx3-ubyte": "f68b3c2dcbeaaa9fbdd348bbdeb94873",
    "train-labels-idx1-ubyte": "d53e105ee54ea40749a09fcbcd1e9432",
    "t10k-images-idx3-ubyte": "9fb629c4189551a2d022fa330f9573f3",
    "t10k-labels-idx1-ubyte": "ec29112dd5afa0611ce80d1b7f02629c",
}
COMMAND = "bench prepare mnist"
SIDE = 28  # pixels


def folder() -> Path:
    """Where the digits are, or will be."""
    return data_root() / "mnist"


def images_file(part: Part) -> str:
    """The name of the file that holds the digits of a part."""
    return f"{part}-images-idx3-ubyte"


def opened(full: bool = False) -> Manifest:
    """What there is of MNIST on this machine, unchanged (`full`: in every byte) since it was prepared; else Blocked."""
    return manifest.opened(folder(), "mnist", COMMAND, full)


def digits(part: Part) -> NDArray[np.uint8]:
    """All digits of a part, [N, 28, 28]."""
    from bench.data.preparing.idx import read_idx

    opened()
    return read_idx(folder() / images_file(part))


def prepare_mnist(*, source: str | None = None, progress: Progress) -> list[str]:
    """Put MNIST's files into the data root: from the folder `source`, else those already lying there and the rest by download.

    Returns lines that say what is there now.
    """
    given, remarks = (_files_in(Path(source)), []) if source else _download(progress)
    if not _has_digits(given):
        raise BenchError(f"{source} holds none of MNIST's files {_names()}; --source takes the folder that they are in")
    for done, (name, path) in enumerate(given.items()):
        progress(done, len(given), name)
        if remark := _install(name, path):
            remarks.append(remark)
    present = [name for name in MD5 if (folder() / name).exists()]
    manifest.seal(folder(), present, {"dataset": "mnist"}, remarks)
    progress(len(given), len(given), "mnist")
    missing = [images_file(part) for part in ("train", "t10k") if images_file(part) not in present]
    if missing:
        alone = " (with only_t10k=True it does not)" if missing == [images_file("train")] else ""
        remarks.append(f"{listed(missing)} not found: moving_mnist needs it{alone}")
    return [f"{folder()}: {listed(present)}", *remarks]


def _install(name: str, path: Path) -> str:
    """Check one file and write it decompressed. Returns a remark if it is not the published one."""
    from bench.data.preparing.idx import idx_bytes, read_idx

    array = read_idx(path)
    if "images" in name and (array.ndim != 3 or array.shape[1:] != (SIDE, SIDE) or not len(array)):
        raise BenchError(f"{path} does not hold images of {SIDE}x{SIDE} pixels: its dimensions are {array.shape}")
    content = idx_bytes(array)
    target = folder() / name
    if not target.exists() or target.read_bytes() != content:
        write_bytes(target, content)
    published = path.suffix != ".gz" or hashlib.md5(path.read_bytes()).hexdigest() == MD5[name]
    return "" if published else f"{path} is not the published {name}.gz (other MD5 sum)"


def _files_in(source: Path) -> dict[str, Path]:
    """MNIST's files in a folder, or where torchvision puts them below it; gzipped ones count as well."""
    found: dict[str, Path] = {}
    for name in MD5:
        for place in (source, source / "MNIST" / "raw"):
            for path in (place / f"{name}.gz", place / name):
                if path.is_file():
                    found.setdefault(name, path)
    return found


def _has_digits(files: dict[str, Path]) -> bool:
    return any(images_file(part) in files for part in ("train", "t10k"))


def _download(progress: Progress) -> tuple[dict[str, Path], list[str]]:
    """The four files in the data root, fetched if they are not there yet; and remarks.

    Without a network: one message that says which files to put where, or, where there are digits already, a remark.
    """
    found = _files_in(folder())
    for done, (name, md5) in enumerate(MD5.items()):
        if name in found:
            continue
        progress(done, len(MD5), f"downloading {name}.gz")
        path = folder() / f"{name}.gz"
        try:
            write_bytes(path, _fetched(f"{name}.gz", md5))
        except BenchError as error:
            if not _has_digits(found):
                raise
            return found, [str(error)]
        found[name] = path
    return found, []


def _fetched(name: str, md5: str) -> bytes:
    reasons = []
    for mirror in MIRRORS:
        try:
            with urllib.request.urlopen(mirror + name, timeout=30) as answer:
                content: bytes = answer.read()
        except OSError as error:
            reasons.append(f"{mirror}: {getattr(error, 'reason', error)}")
            continue
        if hashlib.md5(content).hexdigest() == md5:
            return content
        reasons.append(f"{mirror}: damaged on the way")
    raise BenchError(
        f"MNIST cannot be downloaded ({'; '.join(reasons)}); put {_names()} into {folder()} by hand and run `{COMMAND}` again, "
        f"or say where they are: `{COMMAND} --source DIR`"
    )


def _names() -> str:
    return listed(f"{name}.gz" for name in MD5)
