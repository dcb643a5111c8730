"""Finds the files that a data set is prepared from, and explains what is wrong with them."""

from collections.abc import Iterable
from pathlib import Path
from typing import Protocol

from bench.common.errors import BenchError
from bench.data.frame_order import in_natural_order


class Progress(Protocol):
    """Called with the number of finished items, the number of all, and the name of the current one."""

    def __call__(self, done: int, total: int, name: str) -> None: ...


SPLITS = ("train", "val", "test")
SPLIT_NAMES = {
    "train": ("train", "training"),
    "val": ("val", "valid", "validation", "validate", "dev"),
    "test": ("test", "testing"),
}
"""The names of the folders of each split."""


class Damaged(BenchError):
    """A source file that cannot be read to its end. Preparing names it, and leaves it out only with --skip-damaged."""


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
    """The content of a folder in natural order, without hidden files, which operating systems add."""
    return in_natural_order(path for path in folder.iterdir() if not path.name.startswith("."))


def split_folders(source: Path) -> tuple[dict[str, Path], list[str]]:
    """The folders train, val and test of a source, by these or other usual names; val may be missing. A wrong level is refused.

    Returns notes about the folders that are no split, too.
    """
    splits, other_folders = _splits_in(source)
    if {"train", "test"} <= splits.keys():
        return splits, [f"not a split, left out: {path}" for path in other_folders]
    if split_of(source.name):
        raise BenchError(
            f"{source} is one split of a data set; use --source {source.parent}, which holds the folders {_split_names()}"
        )
    for inner in sorted(path for path in source.iterdir() if path.is_dir()):
        if {"train", "test"} <= _splits_in(inner)[0].keys():
            raise BenchError(f"{source} has no folders {_split_names()}, but {inner} has; use --source {inner}")
    missing = " and ".join(f"'{split}'" for split in ("train", "test") if split not in splits)
    raise BenchError(f"{source} has no folder {missing}; put the videos into folders {_split_names()} (val may be missing)")


def split_of(name: str) -> str | None:
    """The split that a folder of that name holds; None for any other name."""
    return next((split for split, names in SPLIT_NAMES.items() if name.lower() in names), None)


def _splits_in(folder: Path) -> tuple[dict[str, Path], list[Path]]:
    """The folders of splits in a folder, and its other folders."""
    splits: dict[str, Path] = {}
    other_folders = []
    for path in within(folder):
        split = split_of(path.name) if path.is_dir() else None
        if split is None:
            other_folders += [path] if path.is_dir() else []
        elif split in splits:
            raise BenchError(f"{splits[split]} and {path} are both the {split} split by their names; keep one of them")
        else:
            splits[split] = path
    return splits, other_folders


def with_validation(videos: dict[str, list[Path]], source: Path) -> dict[str, list[Path]]:
    """The videos of all three splits. Without a val folder every tenth training video, and at least one, becomes validation."""
    if "val" in videos:
        return videos
    held_out = videos["train"][9::10] or videos["train"][-1:]
    training = [video for video in videos["train"] if video not in held_out]
    if not training:
        raise BenchError(
            f"{source / 'train'} has a single video, so none can be held out for validation; add a folder {source / 'val'}"
        )
    return {"train": training, "val": held_out, "test": videos["test"]}


def stamp(path: Path) -> list[tuple[str, int, int]]:
    """Name, bytes and time of a file, or of every file in a folder: what tells that a source has changed."""
    files: Iterable[Path] = sorted(path.iterdir()) if path.is_dir() else [path]
    return [(file.name, file.stat().st_size, file.stat().st_mtime_ns) for file in files if file.is_file()]


def _split_names() -> str:
    return ", ".join(f"'{split}'" for split in SPLITS)
