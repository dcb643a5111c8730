"""Who owns a run directory: at most one process at a time, also across hosts that share the folder.

Leases are numbered files: whoever creates `lease-7` owns the run after lease 6 was released or its owner died. Creating a file
exclusively is atomic on every file system that matters, so of two takers exactly one wins, and an owner that was believed
dead finds a higher number than its own and stops.
"""

from __future__ import annotations

import json
import os
import socket
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from bench.files import read_json, write_json

HEARTBEAT = 5.0  # seconds between two signs of life
SILENCE = 60.0  # seconds without one after which an owner on another host counts as dead


@dataclass
class Lease:
    """Ownership of a run directory, kept alive by a thread until released."""

    path: Path
    lost: bool = False

    def __post_init__(self) -> None:
        self._ended = threading.Event()
        threading.Thread(target=self._beat, daemon=True).start()

    def _beat(self) -> None:
        while not self._ended.wait(HEARTBEAT):
            try:
                os.utime(self.path)
                self.lost = _number(self.path) < _newest(self.path.parent)
            except OSError:
                self.lost = True  # the run directory is gone

    def release(self) -> None:
        """Let the next owner in at once."""
        self._ended.set()
        if self.path.exists() and not self.lost:
            write_json(self.path, {**_owner(), "released": True})


def take(folder: Path) -> Lease | None:
    """Own the run directory, or None where somebody else who is alive does."""
    newest = _newest(folder)
    if newest >= 0 and holder(folder):
        return None
    path = folder / f"lease-{newest + 1}"
    try:
        handle = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o644)
    except FileExistsError:
        return None  # somebody was faster
    try:
        with os.fdopen(handle, "w") as file:
            json.dump(_owner(), file)
    except OSError:
        path.unlink(missing_ok=True)  # on a full disk: an empty lease would look like an owner
        raise
    if _newest(folder) != newest + 1:  # so slow that others have come and gone: their number stands
        path.unlink(missing_ok=True)
        return None
    for number in range(max(0, newest - 1), newest + 1):
        (folder / f"lease-{number}").unlink(missing_ok=True)
    return Lease(path)


def holder(folder: Path) -> str | None:
    """Who owns the run directory now ('host, process 123'), None if nobody alive does."""
    newest = _newest(folder)
    if newest < 0:
        return None
    path = folder / f"lease-{newest}"
    owner = read_json(path)
    try:
        silent = time.time() - path.stat().st_mtime
    except OSError:
        return None
    if not owner:  # just being written
        return "another process" if silent < SILENCE else None
    if owner.get("released"):
        return None
    seen_here = owner["host"] == socket.gethostname() and owner["started"] is not None  # without /proc the heartbeat tells
    alive = _start_of(owner["process"]) == owner["started"] if seen_here else silent < SILENCE
    return f"{owner['host']}, process {owner['process']}" if alive else None


def _owner() -> dict[str, object]:
    return {"host": socket.gethostname(), "process": os.getpid(), "started": _start_of(os.getpid())}


def _start_of(process: int) -> str | None:
    """When a process of this host started, in clock ticks since boot; None if it does not run. Tells a reused id apart."""
    try:
        fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] in "ZX" else fields[19]


def _newest(folder: Path) -> int:
    try:
        return max((_number(path) for path in folder.glob("lease-*")), default=-1)
    except OSError:
        return -1


def _number(path: Path) -> int:
    return int(path.name.rpartition("-")[2])
