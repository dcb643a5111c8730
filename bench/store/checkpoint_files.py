"""The checkpoint files of a run by their names: which exist, which are intact, and which one is evaluated."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

from bench.common.reading import inside, is_regular, sha256_of

NAME = re.compile(r"(step|best)-(\d+)-([0-9a-f]{12})\.pt")
"""Its kind (newest or best), its step, and the hash of its content."""
DIGITS = 12  # of the SHA-256 of a file, in its name


def name(word: str, step: int, content: bytes) -> str:
    """The file name of a checkpoint."""
    return f"{word}-{step:08d}-{digest(content)}.pt"


def digest(content: bytes) -> str:
    """The hash in the file names of checkpoints."""
    return hashlib.sha256(content).hexdigest()[:DIGITS]


def digest_of(path: Path) -> str | None:
    """The hash in a file's name; None for what is no checkpoint of ours."""
    match = NAME.fullmatch(path.name)
    return match[3] if match else None


def is_whole(path: Path) -> bool:
    """Whether the content has the hash in the file's name."""
    match = NAME.fullmatch(path.name)
    try:
        return match is not None and sha256_of(path, path.parent.parent)[:DIGITS] == match[3]
    except OSError:
        return False


def newest_first(folder: Path, word: str) -> list[Path]:
    """The checkpoints of a folder, "step" or "best" ones, newest first; at equal steps by the time of writing."""
    entries = [
        (int(match[2]), _mtime(path), path)
        for path in inside(folder)
        if (match := NAME.fullmatch(path.name)) and match[1] == word and is_regular(path)
    ]
    return [path for _, _, path in sorted(entries, reverse=True)]


def selected(folder: Path, select: str) -> list[Path]:
    """The checkpoints to evaluate, as the spec selects: use the first, or if that is damaged the next."""
    return newest_first(folder, "best" if select == "best" else "step")


def selected_name(folder: Path, select: str) -> str | None:
    """The file name of the checkpoint to evaluate, which holds a hash of its content; None if there is none."""
    return next((path.name for path in selected(folder, select)), None)


def _mtime(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:  # removed meanwhile
        return 0.0
