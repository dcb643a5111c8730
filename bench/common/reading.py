"""Reading files that somebody else may have written: regular files alone, no larger than a stated size, no links in a store.

A pipe or a device in the place of a file would make a reader wait for ever, a link would have it read what lies outside the
store, and a file of a terabyte fills the memory. All of these are refused before anything is read.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedReader
from pathlib import Path
from typing import Any

from bench.common.errors import BenchError

MIB = 2**20
SMALL = 1 * MIB  # bytes: status, spec, lease and what else holds a handful of values
LARGE = 256 * MIB  # bytes: provenance with a whole diff, metrics of a long run, logs
KINDS = {
    stat.S_IFDIR: "a directory", stat.S_IFIFO: "a pipe", stat.S_IFCHR: "a device", stat.S_IFBLK: "a device",
    stat.S_IFSOCK: "a socket", stat.S_IFLNK: "a link",
}  # fmt: skip


class Unreadable(BenchError, OSError):
    """A file that exists but cannot be used. Also an OSError, for callers that can do without the file."""

    def __init__(self, path: Path | str, why: str):
        super().__init__(errno.EINVAL, why, str(path))

    def __str__(self) -> str:
        return f"{self.filename} {self.strerror}"


@contextmanager
def opened(path: Path, max_bytes: int | None = None, root: Path | None = None) -> Iterator[BufferedReader]:
    """A regular file, opened for reading. Anything else is Unreadable; a missing one is a FileNotFoundError.

    max_bytes: largest size that is read. root: the store or run that the file is part of. Neither the file nor a folder
    between the two may be a link then; without a root, links of the user's own are followed.
    """
    with os.fdopen(_opened(path, max_bytes, root)[0], "rb") as file:
        yield file


def content(path: Path, max_bytes: int = SMALL, root: Path | None = None) -> bytes:
    """All bytes of a regular file; see `opened`."""
    return _all_of(*_opened(path, max_bytes, root))


def _all_of(handle: int, size: int) -> bytes:
    try:
        pieces = [os.read(handle, size)]
        while (remaining := size - sum(map(len, pieces))) > 0 and (piece := os.read(handle, remaining)):  # of a large one
            pieces.append(piece)
        return b"".join(pieces)
    finally:
        os.close(handle)


def _opened(path: Path, max_bytes: int | None, root: Path | None) -> tuple[int, int]:
    if root is None:
        return _regular(path, max_bytes, 0)
    refuse_links(path.parent, root)
    return _regular(path, max_bytes, os.O_NOFOLLOW)


def _regular(path: Path | str, max_bytes: int | None, nofollow: int) -> tuple[int, int]:
    """A handle on a regular file, and its size; written for speed, since one table opens thousands of files."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | nofollow)
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise Unreadable(path, "is a link, and links in a store are not followed") from error
        if error.errno in (errno.ENXIO, errno.EISDIR):  # a socket; a directory
            raise Unreadable(path, "is no regular file") from error
        raise
    metadata = os.fstat(handle)
    why = ""
    if not stat.S_ISREG(metadata.st_mode):
        why = f"is {KINDS.get(stat.S_IFMT(metadata.st_mode), 'something else')}, not a regular file"
    elif max_bytes is not None and metadata.st_size > max_bytes:
        why = f"has {metadata.st_size:,} bytes, and at most {max_bytes:,} are read"
    if why:
        os.close(handle)
        raise Unreadable(path, why)
    return handle, metadata.st_size


def sha256_of(path: Path, root: Path | None = None) -> str:
    """The SHA-256 of a regular file, of any size; see `opened`."""
    with opened(path, root=root) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def tail(path: Path, count: int, root: Path | None = None) -> tuple[bytes, int]:
    """The last `count` bytes of a regular file, however large it is, and how large that is."""
    with opened(path, root=root) as file:
        size = os.fstat(file.fileno()).st_size
        file.seek(max(0, size - count))
        return file.read(count), size


def parsed(text: bytes, path: Path | str) -> Any:
    """The value that JSON text stands for; Unreadable, naming the file, where it is no JSON or nested without end."""
    try:
        return json.loads(text)
    except RecursionError:
        raise Unreadable(path, "is nested too deeply to be read") from None
    except ValueError as error:
        raise Unreadable(path, f"is not JSON ({error})") from error


def json_at(folder: Path, name: str) -> Any:
    """As `json_in`, for a file in a run's folder, neither of which may be a link. Makes no Path, which would take time."""
    if os.path.islink(folder):
        raise Unreadable(folder, "is a link, and links in a store are not followed")
    path = f"{folder}{os.sep}{name}"
    try:
        text = _all_of(*_regular(path, SMALL, os.O_NOFOLLOW))
    except (FileNotFoundError, NotADirectoryError):
        return None
    return parsed(text, path)


def tail_at(folder: Path, name: str, count: int) -> bytes:
    """The last `count` bytes of a file in a run's folder, at most; as `json_at`, neither may be a link."""
    if os.path.islink(folder):
        raise Unreadable(folder, "is a link, and links in a store are not followed")
    handle, size = _regular(f"{folder}{os.sep}{name}", None, os.O_NOFOLLOW)
    try:
        return os.pread(handle, count, max(0, size - count))
    finally:
        os.close(handle)


def json_in(path: Path, root: Path | None = None, max_bytes: int = SMALL) -> Any:
    """The value in a JSON file; None where there is no file. A damaged one is Unreadable."""
    try:
        text = content(path, max_bytes, root)
    except (FileNotFoundError, NotADirectoryError):
        return None
    return parsed(text, path)


def is_regular(path: Path) -> bool:
    """Whether a regular file lies there; a link to one is none."""
    try:
        return stat.S_ISREG(os.lstat(path).st_mode)
    except OSError:
        return False


def is_folder(path: Path) -> bool:
    """Whether a directory lies there; a link to one is none."""
    try:
        return stat.S_ISDIR(os.lstat(path).st_mode)
    except OSError:
        return False


def inside(folder: Path, follow: bool = False) -> list[Path]:
    """What a directory holds, by name; nothing where there is none, or unless `follow`, where it is a link."""
    try:
        return sorted(folder.iterdir()) if follow or is_folder(folder) else []
    except OSError:
        return []


def refuse_links(folder: Path, root: Path) -> None:
    """Unreadable if `folder`, the root, or a folder between the two is a link. (A store that is one: see `Store.root`.)"""
    if folder == root:  # most often
        if os.path.islink(folder):
            raise Unreadable(folder, "is a link, and links in a store are not followed")
        return
    while len(folder.parts) >= len(root.parts):
        if os.path.islink(folder):
            raise Unreadable(folder, "is a link, and links in a store are not followed")
        folder = folder.parent
