"""The files of checkpoints, by their names alone: which there are, which are whole, and which one a run is judged by."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

from bench.common.reading import inside, is_regular, sha256_of

NAME = re.compile(r"(step|best)-(\d+)-([0-9a-f]{12})\.pt")
"""What it is of, at which step, and the hash of its content."""


def name(word: str, step: int, content: bytes) -> str:
    """What a checkpoint is called."""
    return f"{word}-{step:08d}-{digest(content)}.pt"


def digest(content: bytes) -> str:
    """The hash that names bear."""
    return hashlib.sha256(content).hexdigest()[:12]


def is_whole(path: Path) -> bool:
    """Whether the content is what the name says."""
    match = NAME.fullmatch(path.name)
    try:
        return match is not None and sha256_of(path, path.parent.parent)[:12] == match[3]
    except OSError:
        return False


def newest_first(folder: Path, word: str) -> list[Path]:
    """The checkpoints of a folder, "step" or "best" ones; of several at one step the one that was written last."""
    found = [
        (int(match[2]), _written(path), path)
        for path in inside(folder)
        if (match := NAME.fullmatch(path.name)) and match[1] == word and is_regular(path)
    ]
    return [path for _, _, path in sorted(found, reverse=True)]


def selected(folder: Path, select: str) -> list[Path]:
    """Those that a finished run is judged by, as its spec selects: the first one, or where that is damaged the next."""
    return newest_first(folder, "best" if select == "best" else "step")


def _written(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:  # removed meanwhile
        return 0.0
