"""Files that are either whole or not there."""

import os
from pathlib import Path


def write(path: Path, data: bytes) -> Path:
    """Write a file at once, its folder too if it is missing; whoever reads it meanwhile sees the old one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.name}.part")
    with open(unfinished, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    os.replace(unfinished, path)
    return path
