"""Finding the files that a data set is prepared from, and saying in words what is wrong with them."""

from collections.abc import Iterable
from pathlib import Path
from typing import Protocol

from bench.common.errors import BenchError
from bench.data.frame_order import in_natural_order


class Progress(Protocol):
    """Told how many of how many are done, and what is being worked at."""

    def __call__(self, done: int, total: int, what: str) -> None: ...


SPLITS = ("train", "val", "test")
SPLIT_NAMES = {
    "train": ("train", "training"),
    "val": ("val", "valid", "validation", "validate", "dev"),
    "test": ("test", "testing"),
}
"""What the folders of splits are called."""


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
    """What a folder holds, numbers in names by their value, but for what is hidden: systems leave files of their own behind."""
    return in_natural_order(path for path in folder.iterdir() if not path.name.startswith("."))


def split_folders(source: Path) -> tuple[dict[str, Path], list[str]]:
    """The folders train, val and test of a source, by these or other usual names; val may be missing. A wrong level is refused.

    Returns notes about the folders that are no split, too.
    """
    found, others = _splits_in(source)
    if {"train", "test"} <= found.keys():
        return found, [f"not a split, left out: {path}" for path in others]
    if split_of(source.name):
        raise BenchError(
            f"{source} is one split of a data set; use --source {source.parent}, which holds the folders {_wanted()}"
        )
    for inner in sorted(path for path in source.iterdir() if path.is_dir()):
        if {"train", "test"} <= _splits_in(inner)[0].keys():
            raise BenchError(f"{source} has no folders {_wanted()}, but {inner} has; use --source {inner}")
    missing = " and ".join(f"'{split}'" for split in ("train", "test") if split not in found)
    raise BenchError(f"{source} has no folder {missing}; put the videos into folders {_wanted()} (val may be missing)")


def split_of(name: str) -> str | None:
    """The split that a folder of that name holds; None for any other name."""
    return next((split for split, names in SPLIT_NAMES.items() if name.lower() in names), None)


def _splits_in(folder: Path) -> tuple[dict[str, Path], list[Path]]:
    """The folders of splits in a folder, and its other folders."""
    found: dict[str, Path] = {}
    others = []
    for path in within(folder):
        split = split_of(path.name) if path.is_dir() else None
        if split is None:
            others += [path] if path.is_dir() else []
        elif split in found:
            raise BenchError(f"{found[split]} and {path} are both the {split} split by their names; keep one of them")
        else:
            found[split] = path
    return found, others


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
