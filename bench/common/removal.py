"""Deleting inside a folder, and nowhere else: no link is followed, whatever its name, and whatever replaces it meanwhile."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def remove(path: Path, root: Path) -> None:
    """Delete a file, a link (not what it points to) or a whole directory below `root`.

    An OSError where a folder on the way from the root is a link or not there; a ValueError for a path outside of the root.
    """
    with _holding(path.parent, root) as folder:
        try:
            os.unlink(path.name, dir_fd=folder)
        except (IsADirectoryError, PermissionError):  # Linux says the first, macOS the second
            shutil.rmtree(path.name, dir_fd=folder)


def move(path: Path, target: Path, root: Path) -> None:
    """Rename something below `root` to another place below it, under the same conditions."""
    with _holding(path.parent, root) as source, _holding(target.parent, root) as folder:
        os.rename(path.name, target.name, src_dir_fd=source, dst_dir_fd=folder)


@contextmanager
def _holding(folder: Path, root: Path) -> Iterator[int]:
    """A handle on a folder, reached from the root without following a link."""
    parts = folder.relative_to(root).parts
    if ".." in parts:
        raise ValueError(f"{folder} is not in {root}")
    handle = os.open(root, os.O_RDONLY | os.O_DIRECTORY)
    try:
        for part in parts:
            inner = os.open(part, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=handle)
            os.close(handle)
            handle = inner
        yield handle
    finally:
        os.close(handle)
