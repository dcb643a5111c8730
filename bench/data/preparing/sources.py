"""Finding the files that a data set is prepared from, and saying in words what is wrong with them."""

import re
from collections.abc import Callable, Iterable
from pathlib import Path

from bench.common.errors import BenchError

Progress = Callable[[int, int, str], None]
"""Told how many of how many are done, and what is being worked at."""

SPLITS = ("train", "val", "test")


class Damaged(BenchError):
    """One source file that cannot be read to its end. Preparing names it, and leaves it out only when told to."""


def source_folder(source: str | None, command: str, holds: str) -> Path:
    """The folder that `--source` names. holds: what is expected in it, for the message."""
    if not source:
        raise BenchError(f"`{command}` needs --source DIR, the folder that holds {holds}")
    folder = Path(source)
    if not folder.is_dir():
        state = "is a file" if folder.exists() else "does not exist"
        raise BenchError(f"--source {source} {state}; it must be the folder that holds {holds}")
    return folder


def within(folder: Path) -> list[Path]:
    """What a folder holds, in natural order, but for what is hidden: systems leave files of their own behind."""
    return sorted((path for path in folder.iterdir() if not path.name.startswith(".")), key=natural)


def natural(path: Path) -> list[int | str]:
    """A key that sorts frame_2 before frame_10."""
    return [int(piece) if piece.isdigit() else piece.lower() for piece in re.split(r"(\d+)", path.name)]


def split_folders(source: Path) -> dict[str, Path]:
    """The folders train, val and test of a source; val may be missing. A wrong folder level is a BenchError."""
    found = {split: source / split for split in SPLITS if (source / split).is_dir()}
    if {"train", "test"} <= found.keys():
        return found
    if source.name in SPLITS:
        raise BenchError(
            f"{source} is one split of a data set; use --source {source.parent}, which holds the folders {_wanted()}"
        )
    for inner in sorted(path for path in source.iterdir() if path.is_dir()):
        if (inner / "train").is_dir() and (inner / "test").is_dir():
            raise BenchError(f"{source} has no folders {_wanted()}, but {inner} has; use --source {inner}")
    missing = " and ".join(f"'{split}'" for split in ("train", "test") if split not in found)
    raise BenchError(f"{source} has no folder {missing}; put the videos into folders {_wanted()} (val may be missing)")


def with_validation(videos: dict[str, list[Path]], source: Path) -> dict[str, list[Path]]:
    """The videos of all three splits. Without a val folder every tenth training video, and at least one, becomes validation."""
    if "val" in videos:
        return videos
    held_out = videos["train"][9::10] or videos["train"][-1:]
    kept = [video for video in videos["train"] if video not in held_out]
    if not kept:
        raise BenchError(
            f"{source / 'train'} has a single video, so none can be held out for validation; add a folder {source / 'val'}"
        )
    return {"train": kept, "val": held_out, "test": videos["test"]}


def stamp(path: Path) -> list[tuple[str, int, int]]:
    """Name, bytes and time of a file, or of every file in a folder: what tells that a source has changed."""
    files: Iterable[Path] = sorted(path.iterdir()) if path.is_dir() else [path]
    return [(file.name, file.stat().st_size, file.stat().st_mtime_ns) for file in files if file.is_file()]


def _wanted() -> str:
    return ", ".join(f"'{split}'" for split in SPLITS)
