"""Whether a copy of the suite's code is what its folder's name says, checked by whoever is about to execute it.

This file imports nothing of the suite, so that its text can be handed to a Python elsewhere (`python -I -c TEXT FOLDER DIGEST`)
that has no other code than the copy: the copy never vouches for itself.
"""

import hashlib
import json
import os
import shutil
import stat
import sys
from collections.abc import Iterator
from pathlib import Path

PACKAGES = ("bench", "lmc", "baselines", "experiments", "reports")
OTHER_FILES = ("code.json",)  # what else lies in a copy
COMPILED = "__pycache__"


class Broken(Exception):
    """A copy that is not what its name says; the message says in what."""


def fingerprint(root: Path) -> str:
    """A hash over the names and contents of the suite's files under `root`."""
    entries = [(str(path), digest((root / path).read_bytes())) for path in files(root)]
    return digest(json.dumps(entries).encode())


def files(root: Path) -> Iterator[Path]:
    """The suite's files under `root`, relative to it."""
    for package in PACKAGES:
        for path in sorted((root / package).rglob("*")):
            if path.is_file() and COMPILED not in path.parts and not path.name.startswith("."):
                yield path.relative_to(root)


def digest(content: bytes) -> str:
    """Twelve hex digits."""
    return hashlib.sha256(content).hexdigest()[:12]


def check(folder: Path, expected: str) -> None:
    """Broken unless the folder holds the code with that fingerprint and nothing else that Python would import.

    Compiled files are removed: they count for Python as the source does, and no hash tells that they belong to it.
    """
    if folder.is_symlink() or not folder.is_dir():
        raise Broken("is gone")
    if stray := sorted(set(os.listdir(folder)) - {*PACKAGES, *OTHER_FILES, COMPILED}):
        raise Broken(f"holds {stray[0]}, which is not of the suite")
    for inner, names, others in os.walk(folder):
        for name in (*names, *others):
            mode = os.lstat(os.path.join(inner, name)).st_mode
            if not stat.S_ISDIR(mode) and not stat.S_ISREG(mode):
                raise Broken(f"holds {name}, which is a link or no file")
        if COMPILED in names:
            names.remove(COMPILED)
            shutil.rmtree(os.path.join(inner, COMPILED), ignore_errors=True)
            if os.path.lexists(os.path.join(inner, COMPILED)):
                raise Broken("holds compiled files that cannot be removed")
    if (found := fingerprint(folder)) != expected:
        raise Broken(f"is not what its name says: its fingerprint is {found}")


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
