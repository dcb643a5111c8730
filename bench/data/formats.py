"""Which files each command reads, by their suffixes. docs/tutorials/video.md shows it as a table."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

PICTURES = (".png", ".jpg", ".jpeg", ".bmp", ".webp", ".tif", ".tiff")
VIDEOS = (".avi", ".mp4", ".m4v", ".mov", ".mkv", ".webm", ".gif")
READ_BY: dict[str, tuple[str, ...]] = {
    "bench prepare frames": PICTURES,
    "bench prepare videos": VIDEOS,
    "bench predict": (*PICTURES, *VIDEOS, ".npy"),
    "bench eval --predictions": (*PICTURES, ".npy", ".npz"),
}
"""The suffixes of the files that a command reads; pictures are read from a folder of them."""


def read_elsewhere(paths: Iterable[Path], command: str) -> str:
    """Which other commands read some files that `command` does not, for the end of its message; empty where none does."""
    suffixes = dict.fromkeys(suffix for path in paths if (suffix := path.suffix.lower()) not in READ_BY[command])
    hints = []
    for suffix in suffixes:
        readers = [f"`{other}`" for other, readable in READ_BY.items() if suffix in readable]
        hints += [f"{suffix} is read by {', '.join(readers)}"] if readers else []
    return "".join(f"; {hint}" for hint in hints)
