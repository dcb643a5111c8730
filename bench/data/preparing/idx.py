"""MNIST's file format IDX: a magic number, the sizes of the dimensions, then the bytes. Gzipped or not."""

import gzip
import io
import struct
import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench.common import reading
from bench.common.errors import BenchError

MOST = 2**28  # bytes of an IDX file; MNIST's largest has 47 million

UNSIGNED_BYTE = 8  # the magic number's third byte: the type of the elements


def read_idx(path: Path) -> NDArray[np.uint8]:
    """The array of bytes in an IDX file. A file that is not whole is a BenchError that names it."""
    try:
        content = reading.content(path, MOST)
        if content[:2] == b"\x1f\x8b":
            content = gzip.GzipFile(fileobj=io.BytesIO(content)).read(MOST + 1)
        if len(content) > MOST:
            raise BenchError(f"{path} unpacks to more than {MOST:,} bytes; MNIST's files are smaller")
    except (OSError, EOFError, zlib.error) as error:
        raise BenchError(f"{path} cannot be read ({error}); fetch the file again") from error
    if len(content) < 4 or content[:2] != b"\0\0" or content[2] != UNSIGNED_BYTE:
        raise BenchError(f"{path} is not an IDX file of bytes, which MNIST's files are; fetch the file again")
    dimensions = content[3]
    start = 4 + 4 * dimensions
    if len(content) < start:
        raise BenchError(f"{path} ends within its header; fetch the file again")
    shape = struct.unpack(f">{dimensions}I", content[4:start])
    expected = start + int(np.prod(shape, dtype=np.int64))
    if len(content) != expected:
        raise BenchError(f"{path} has {len(content)} bytes where its header says {expected}; fetch the file again")
    return np.frombuffer(content, np.uint8, offset=start).reshape(shape)


def idx_bytes(array: NDArray[np.uint8]) -> bytes:
    """The array as an IDX file, the inverse of `read_idx`."""
    header = struct.pack(f">BBBB{array.ndim}I", 0, 0, UNSIGNED_BYTE, array.ndim, *array.shape)
    return header + array.tobytes()
