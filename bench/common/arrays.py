"""NumPy's files, read only as far as they hold what their headers declare, and never more than is stated."""

from __future__ import annotations

import math
import os
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from bench.common.reading import Unreadable, opened

MOST = 2**30  # bytes of the arrays of a file in a store, unpacked


@contextmanager
def npz(path: Path, most: int = MOST, root: Path | None = None) -> Iterator[Any]:
    """An .npz file, opened as np.load does; Unreadable where it declares arrays of more than `most` bytes together."""
    with opened(path, most, root) as file:
        try:
            with np.load(file, allow_pickle=False) as arrays:
                if not isinstance(arrays, np.lib.npyio.NpzFile):
                    raise Unreadable(path, "is no .npz file")
                assert arrays.zip is not None
                declared = sum(member.file_size for member in arrays.zip.infolist())
                if declared > most:
                    raise Unreadable(path, f"declares {declared:,} bytes of arrays, and at most {most:,} are read")
                yield arrays
        except (ValueError, EOFError, zipfile.BadZipFile, NotImplementedError) as error:
            raise Unreadable(path, f"is damaged: {error}") from error


def member(arrays: Any, name: str, path: Path) -> NDArray[Any]:
    """One array of an opened .npz file; Unreadable where its header declares other than its bytes hold."""
    if name not in arrays.files:
        raise Unreadable(path, f"holds no array '{name}'")
    header(arrays, name, path)
    try:
        array: NDArray[Any] = arrays[name]
    except (ValueError, EOFError, OSError, zipfile.BadZipFile) as error:
        raise Unreadable(path, f"is damaged: {error}") from error
    return array


def header(arrays: Any, name: str, path: Path) -> tuple[tuple[int, ...], np.dtype[Any]]:
    """Shape and type of one array of an opened .npz file, from its header, which must agree with its bytes."""
    if f"{name}.npy" not in (known := arrays.zip.NameToInfo):
        raise Unreadable(path, f"holds no array '{name}'")
    with arrays.zip.open(f"{name}.npy") as file:
        shape, _, dtype = _header(file, path)
        begins = file.tell()
    if math.prod(shape) * dtype.itemsize != known[f"{name}.npy"].file_size - begins:
        raise Unreadable(path, f"is damaged: '{name}' declares {list(shape)} values of {dtype}, and holds others")
    return shape, dtype


def mapped(path: Path, root: Path | None = None) -> NDArray[Any]:
    """The array of a .npy file, mapped into memory; Unreadable where the file is not as long as it declares."""
    with opened(path, root=root) as file:
        shape, fortran, dtype = _header(file, path)
        begins, size = file.tell(), os.fstat(file.fileno()).st_size
        if math.prod(shape) * dtype.itemsize != size - begins:
            raise Unreadable(path, f"declares {list(shape)} values of {dtype}, and holds {size - begins:,} bytes")
        if not math.prod(shape):
            return np.empty(shape, dtype)
        return np.memmap(file, dtype, "r", begins, shape, "F" if fortran else "C")


def _header(file: BinaryIO | Any, path: Path) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    """(shape, whether columns come first, type) of what follows in an opened .npy file."""
    readers = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
    try:
        version = np.lib.format.read_magic(file)
        shape, fortran, dtype = readers[version](file)
    except (ValueError, KeyError, EOFError, OSError) as error:
        raise Unreadable(path, f"cannot be read as an array: {error}") from error
    if dtype.hasobject:
        raise Unreadable(path, "holds Python objects, which are never read")
    return shape, fortran, dtype
