"""Files that are either whole or not there."""

import os
from pathlib import Path


def write(path: Path, data: bytes) -> Path:
    """Write a file at once, its folder too if it is missing; whoever reads it meanwhile sees the old one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    half = path.with_name(unfinished(path.name))
    with open(half, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    os.replace(half, path)
    return path


def unfinished(name: str) -> str:
    """What a file is called while it is being written."""
    return f".{name}.part"
