"""Files that are either whole or not there."""

import os
import uuid
from collections.abc import Iterable
from pathlib import Path


def write(path: Path, data: bytes) -> Path:
    """Write a file at once, its folder too if it is missing; whoever reads it meanwhile sees the old one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    half = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}.part")
    try:
        with open(half, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(half, path)
    finally:
        half.unlink(missing_ok=True)
    return path


def unfinished(folder: Path, names: str) -> Iterable[Path]:
    """What a writer of files of such names (a pattern) has left that was killed in the middle."""
    return folder.glob(f".{names}.*.part")
