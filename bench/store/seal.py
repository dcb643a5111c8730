"""Checks that a copy of the suite's code has the hash in its folder's name, before it is executed.

This file imports nothing of the suite, so that its text can be handed to a Python elsewhere (`python -I -c TEXT FOLDER DIGEST`)
that has no other code than the copy: the copy never checks itself.
"""

import hashlib
import json
import os
import shutil
import stat
import sys
import time
from collections.abc import Iterator
from pathlib import Path

PACKAGES = ("bench", "lmc", "baselines", "experiments", "reports")
OTHER_FILES = ("code.json",)  # what else lies in a copy
COMPILED = "__pycache__"
TRIES = 5  # at removing compiled files


class Broken(Exception):
    """A copy that does not have the hash in its name; the message says what is wrong."""


def fingerprint(root: Path) -> str:
    """A hash over the names and contents of the suite's files under `root`."""
    entries = [(str(path), digest((root / path).read_bytes())) for path in files(root)]
    return digest(json.dumps(entries).encode())


def files(root: Path) -> Iterator[Path]:
    """The suite's files under `root`, relative to it."""
    for package in PACKAGES:
        paths = []
        for inner, folder_names, file_names in os.walk(root / package):
            folder_names[:] = [name for name in folder_names if name != COMPILED]  # others may be removing it just now
            paths += [Path(inner, name) for name in file_names if not name.startswith(".")]
        for path in sorted(paths):
            if path.is_file():
                yield path.relative_to(root)


def digest(content: bytes) -> str:
    """Twelve hex digits."""
    return hashlib.sha256(content).hexdigest()[:12]


def check(folder: Path, expected: str) -> None:
    """Broken unless the folder holds the code with that fingerprint and nothing else that Python would import.

    Compiled files are removed: Python would execute them, and the hash does not cover them.
    """
    if folder.is_symlink() or not folder.is_dir():
        raise Broken("is gone")
    if stray := sorted(set(os.listdir(folder)) - {*PACKAGES, *OTHER_FILES, COMPILED}):
        raise Broken(f"holds {stray[0]}, which is not of the suite")
    for inner, folder_names, file_names in os.walk(folder):
        if COMPILED in folder_names:
            folder_names.remove(COMPILED)
            _remove(os.path.join(inner, COMPILED))
        for name in (*folder_names, *file_names):
            mode = os.lstat(os.path.join(inner, name)).st_mode
            if not stat.S_ISDIR(mode) and not stat.S_ISREG(mode):
                raise Broken(f"holds {name}, which is a link or no file")
    if (actual := fingerprint(folder)) != expected:
        raise Broken(f"is not what its name says: its fingerprint is {actual}")


def _remove(compiled: str) -> None:
    """Remove compiled files; other jobs may be doing the same, or be writing some."""
    for _ in range(TRIES):
        shutil.rmtree(compiled, ignore_errors=True)
        if not os.path.lexists(compiled):
            return
        time.sleep(0.1)
    raise Broken("holds compiled files that cannot be removed")


def main() -> int:
    """Exit code 0 if the folder is what it should be."""
    try:
        check(Path(sys.argv[1]), sys.argv[2])
    except (Broken, OSError) as error:
        print(f"the copy of the code in {sys.argv[1]} {error}; nothing of it is executed", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
