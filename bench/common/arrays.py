"""Reads NumPy's files. Their size must be what their headers declare, and at most a stated number of bytes is read."""

from __future__ import annotations

import io
import lzma
import math
import os
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from bench.common.files import replacing
from bench.common.reading import Unreadable, opened

LONGEST_HEADER = 10_000  # bytes of an array's header, as NumPy has it
MAX_BYTES = 2**30  # bytes of the arrays of a file in a store, unpacked
NOT_AS_WRITTEN = (ValueError, EOFError, RuntimeError, zipfile.BadZipFile, zlib.error, lzma.LZMAError)
"""What reading a zip file raises that is damaged, or says that it is encrypted or packed in a way that NumPy never uses."""


@contextmanager
def npz(path: Path, max_bytes: int = MAX_BYTES, root: Path | None = None) -> Iterator[Any]:
    """An .npz file, opened as np.load does; Unreadable where it declares arrays of more than `max_bytes` bytes together."""
    with opened(path, max_bytes, root) as file:
        try:
            with np.load(file, allow_pickle=False) as arrays:
                if not isinstance(arrays, np.lib.npyio.NpzFile):
                    raise Unreadable(path, "is no .npz file")
                assert arrays.zip is not None
                declared = sum(member.file_size for member in arrays.zip.infolist())
                if declared > max_bytes:
                    raise Unreadable(path, f"declares {declared:,} bytes of arrays, and at most {max_bytes:,} are read")
                yield arrays
        except NOT_AS_WRITTEN as error:
            raise Unreadable(path, f"is damaged: {error}") from error


def member(arrays: Any, name: str, path: Path) -> NDArray[Any]:
    """One array of an opened .npz file; Unreadable where its header declares other than its bytes hold."""
    if f"{name}.npy" not in arrays.zip.NameToInfo:
        raise Unreadable(path, f"holds no array '{name}'")
    try:
        content = arrays.zip.read(f"{name}.npy")
    except (OSError, *NOT_AS_WRITTEN) as error:
        raise Unreadable(path, f"is damaged: {error}") from error
    file = io.BytesIO(content)
    shape, fortran, dtype = _header(file, path)
    offset = file.tell()
    if math.prod(shape) * dtype.itemsize != len(content) - offset:
        raise Unreadable(path, f"is damaged: '{name}' declares {list(shape)} values of {dtype}, and holds others")
    values = np.frombuffer(bytearray(content[offset:]), dtype) if len(content) > offset else np.empty(0, dtype)
    return values.reshape(shape, order="F" if fortran else "C")


def header(arrays: Any, name: str, path: Path) -> tuple[tuple[int, ...], np.dtype[Any]]:
    """Shape and type of one array of an opened .npz file, from its header, which must agree with its bytes."""
    if f"{name}.npy" not in (members := arrays.zip.NameToInfo):
        raise Unreadable(path, f"holds no array '{name}'")
    try:
        with arrays.zip.open(f"{name}.npy") as file:
            shape, _, dtype = _header(file, path)
            offset = file.tell()
    except NOT_AS_WRITTEN as error:
        raise Unreadable(path, f"is damaged: {error}") from error
    if math.prod(shape) * dtype.itemsize != members[f"{name}.npy"].file_size - offset:
        raise Unreadable(path, f"is damaged: '{name}' declares {list(shape)} values of {dtype}, and holds others")
    return shape, dtype


def mapped(path: Path, root: Path | None = None) -> NDArray[Any]:
    """The array of a .npy file, mapped into memory; Unreadable where the file is not as long as it declares."""
    with opened(path, root=root) as file:
        shape, fortran, dtype = _header(file, path)
        offset, size = file.tell(), os.fstat(file.fileno()).st_size
        if math.prod(shape) * dtype.itemsize != size - offset:
            raise Unreadable(path, f"declares {list(shape)} values of {dtype}, and holds {size - offset:,} bytes")
        if not math.prod(shape):
            return np.empty(shape, dtype)
        return np.memmap(file, dtype, "r", offset, shape, "F" if fortran else "C")


@contextmanager
def growing(
    path: Path | None, shape: tuple[int, ...], dtype: Any = np.float32, root: Path | None = None
) -> Iterator[Callable[[NDArray[Any]], None]]:
    """A function that appends parts to a .npy file of that shape, which appears once all are there; without a path, to nothing.

    root: the store or run that the file is part of.
    """
    if path is None:
        yield lambda part: None
        return
    kind = np.dtype(dtype).newbyteorder("<")
    with replacing(path, root) as temporary, open(temporary, "wb") as file:
        np.lib.format.write_array_header_1_0(file, {"descr": kind.str, "fortran_order": False, "shape": shape})
        yield lambda part: part.astype(kind, copy=False).tofile(file)


def _header(file: BinaryIO | Any, path: Path) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    """(shape, whether columns come first, type) of what follows in an opened .npy file."""
    preamble = file.read(10)  # magic, version, and the header's length, in version 1 of two bytes, in version 2 of four
    if not preamble.startswith(np.lib.format.MAGIC_PREFIX):
        raise Unreadable(path, "is no NumPy array: it does not begin as .npy files do")
    preamble += file.read(2) if preamble[6:7] == b"\2" else b""
    length = int.from_bytes(preamble[8:], "little")
    if length > LONGEST_HEADER:
        raise Unreadable(path, f"has a header of {length:,} bytes, and at most {LONGEST_HEADER:,} are read")
    try:
        shape, fortran, dtype = _parsed_header(preamble + file.read(length))
    except (ValueError, KeyError, EOFError, OSError, MemoryError, RecursionError, SyntaxError, TypeError) as error:
        raise Unreadable(path, f"cannot be read as an array: {error}") from error
    if dtype.hasobject:
        raise Unreadable(path, "holds Python objects, which are never read")
    return shape, fortran, dtype


@lru_cache(1024)
def _parsed_header(header_bytes: bytes) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    """Cached: thousands of files have equal headers, and NumPy parses them slowly."""
    readers = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
    file = io.BytesIO(header_bytes)
    parsed: tuple[tuple[int, ...], bool, np.dtype[Any]] = readers[np.lib.format.read_magic(file)](file)
    return parsed
