"""Writing so that a reader never sees half a file, whatever dies in the middle."""

import contextlib
import errno
import hashlib
import json
import os
import stat
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

from bench.common.errors import BenchError
from bench.common.reading import SMALL, Unreadable, json_in, refuse_links

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)  # no room on the disk, in the quota, or for so large a file


@contextlib.contextmanager
def replacing(path: Path, root: Path | None = None) -> Iterator[Path]:
    """A temporary name beside `path` to write to; moved over `path` once the block ends well, removed otherwise.

    root: the run or store that the file is part of. It must still exist: a late writer does not create it again. Missing
    folders below it are created, and none of them may be a link.
    """
    if root is None:
        path.parent.mkdir(parents=True, exist_ok=True)
    else:
        make_folder(path.parent, root)
    temporary = path.with_name(
        f".{path.name}.{uuid.uuid4().hex[:8]}{path.suffix}"
    )  # the suffix, since np.savez and PIL look at it
    try:
        yield temporary
        with open(temporary, "rb+") as file:
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except OSError as error:
        if error.errno in FULL:  # what was being written, not what it was copied from
            raise OSError(error.errno, error.strerror, str(path)) from error
        raise
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink()


def make_folder(folder: Path, root: Path) -> None:
    """Make a folder below `root`, and those between the two; never the root itself, and never through a link."""
    refuse_links(folder, root)
    if folder == root:
        if not root.is_dir():
            raise FileNotFoundError(errno.ENOENT, "its directory is gone", str(root))
        return
    try:
        folder.mkdir(exist_ok=True)
    except FileNotFoundError:
        make_folder(folder.parent, root)
        folder.mkdir(exist_ok=True)


def appending(path: Path) -> BinaryIO:
    """Open a file to append to, unbuffered; create it if it is missing. OSError for a link and for anything but a file."""
    handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, 0o666)
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise Unreadable(path, "is no regular file")
    return os.fdopen(handle, "ab", buffering=0)


def write_bytes(path: Path, content: bytes, root: Path | None = None) -> None:
    """The whole content or nothing; root: as for `replacing`."""
    with replacing(path, root) as temporary:
        temporary.write_bytes(content)


def write_json(path: Path, value: Any, root: Path | None = None) -> None:
    """Indented JSON, the whole of it or nothing; root: as for `replacing`."""
    write_bytes(path, (json.dumps(value, indent=1) + "\n").encode(), root)


def read_json(path: Path, root: Path | None = None, max_bytes: int = SMALL) -> Any:
    """The value in a JSON file; None if it is missing or damaged, for readers that treat these alike (else `json_in`)."""
    try:
        return json_in(path, root, max_bytes)
    except OSError:
        return None


def slug(name: str, max_length: int = 60) -> str:
    """A name as part of a file's name: letters, digits and hyphens. One that is cut off ends with a hash of the whole."""
    safe_name = "".join(sign if sign.isascii() and (sign.isalnum() or sign in "_") else "-" for sign in name)
    if len(safe_name) <= max_length:
        return safe_name
    digest = hashlib.sha256(name.encode(errors="replace")).hexdigest()[:8]
    return f"{safe_name[: max_length - 9]}-{digest}"


def writable(folder: Path) -> None:
    """Make sure that files can be written to a folder; BenchError with the reason otherwise."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / f".probe-{uuid.uuid4().hex[:8]}"
        probe.write_bytes(b"")
        probe.unlink()
    except OSError as error:
        raise BenchError(
            f"cannot write to {folder}: {error.strerror}; choose another folder with --store or BENCH_STORE"
        ) from error
