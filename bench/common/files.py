"""Writing so that a reader never sees half a file, whatever dies in the middle."""

import contextlib
import json
import os
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bench.common.errors import BenchError


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A temporary name beside `path` to write to; moved over `path` once the block ends well, removed otherwise."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(
        f".{path.name}.{uuid.uuid4().hex[:8]}{path.suffix}"
    )  # the suffix, since np.savez and PIL look at it
    try:
        yield temporary
        with open(temporary, "rb+") as written:
            os.fsync(written.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def write_bytes(path: Path, content: bytes) -> None:
    """The whole content or nothing."""
    with replacing(path) as temporary:
        temporary.write_bytes(content)


def write_json(path: Path, value: Any) -> None:
    """Indented JSON, the whole of it or nothing."""
    write_bytes(path, (json.dumps(value, indent=1) + "\n").encode())


def read_json(path: Path) -> Any:
    """The value in a JSON file; None if it is missing or damaged, which a reader of the store treats alike."""
    try:
        return json.loads(path.read_text())
    except (OSError, ValueError):
        return None


def writable(folder: Path) -> None:
    """Make sure that files can be written there, or say in words why not."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / f".probe-{uuid.uuid4().hex[:8]}"
        probe.write_bytes(b"")
        probe.unlink()
    except OSError as error:
        raise BenchError(
            f"cannot write to {folder}: {error.strerror}; choose another folder with --store or BENCH_STORE"
        ) from error
