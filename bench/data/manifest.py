"""The files of a prepared data set with their checksums, so that a changed file is noticed before training.

A folder with a manifest is ready: the manifest is written last, after all files that it names.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from bench.common.errors import BenchError, Blocked
from bench.common.files import read_json, write_json

NAME = "manifest.json"


@dataclass(frozen=True)
class Manifest:
    """A prepared folder, described.

    settings: all that decides the content. files: name -> bytes, mtime_ns, sha256. notes: what readers of scores should know.
    """

    settings: dict[str, Any]
    files: dict[str, dict[str, Any]]
    notes: list[str]

    @property
    def checksum(self) -> str:
        """Twelve hex digits that change with any file's content or any setting; the same wherever the folder is copied."""
        content = {name: record["sha256"] for name, record in self.files.items()}
        text = json.dumps([self.settings, content], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:12]


def seal(folder: Path, files: Iterable[str], settings: Mapping[str, Any], notes: Iterable[str] = ()) -> Manifest:
    """Declare a folder ready: hash its files and write the manifest."""
    records = {}
    for name in files:
        stat = (folder / name).stat()
        digest = sha256(folder / name, stat.st_size, stat.st_mtime_ns)
        records[name] = {"bytes": stat.st_size, "mtime_ns": stat.st_mtime_ns, "sha256": digest}
    manifest = Manifest(dict(settings), records, list(notes))
    write_json(folder / NAME, {"settings": manifest.settings, "files": manifest.files, "notes": manifest.notes})
    return manifest


def find(folder: Path) -> Manifest | None:
    """The manifest of a folder, without checking its files; None if the folder is not ready."""
    values = read_json(folder / NAME)
    if not isinstance(values, dict) or not {"settings", "files", "notes"} <= values.keys():
        return None
    return Manifest(values["settings"], values["files"], values["notes"])


def opened(folder: Path, subject: str, command: str, full: bool = False) -> Manifest:
    """The manifest of a ready folder whose files are as they were prepared.

    subject: the data set, for the message. command: makes the folder. full: read every byte; otherwise a file is read only
    where its time has changed (as it does when a folder is copied to another machine).
    """
    manifest = find(folder)
    if manifest is None and (folder / NAME).exists():
        raise BenchError(f"{folder / NAME} is damaged; remove the folder and prepare {subject} again: `{command}`")
    if manifest is None:
        raise Blocked(f"{subject} is not in {folder}; `{command}` puts it there")
    for name, record in manifest.files.items():
        if reason := _changed(folder / name, record, full):
            raise BenchError(
                f"{folder / name} {reason} since {subject} was prepared; remove {folder} and prepare it again: `{command}`"
            )
    return manifest


def _changed(path: Path, record: Mapping[str, Any], full: bool) -> str:
    if not path.exists():
        return "has disappeared"
    stat = path.stat()
    if stat.st_size != record["bytes"]:
        return f"has changed ({stat.st_size} bytes instead of {record['bytes']})"
    if stat.st_mtime_ns == record["mtime_ns"] and not full:
        return ""
    file_hash = sha256.__wrapped__ if full else sha256
    return (
        "" if file_hash(path, stat.st_size, stat.st_mtime_ns) == record["sha256"] else "has changed (same size, other content)"
    )


@cache
def sha256(path: Path, size: int, mtime_ns: int) -> str:
    """A file's checksum, cached by size and time, so that a copied set is read once per process."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
