"""Who owns a run directory: at most one process at a time, also across hosts that share the folder.

Leases are numbered files: whoever creates `lease-7` owns the run after lease 6 was released or its owner died. Creating a file
exclusively is atomic on every file system that matters, so of two takers exactly one wins, and an owner that was believed
dead finds a higher number than its own and stops.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import re
import socket
import threading
import time
import uuid
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from bench.common.files import write_json
from bench.common.reading import json_at

NAME = re.compile(r"lease-(\d{1,9})")
HEARTBEAT = 5.0  # seconds between two signs of life
SILENCE = 60.0  # seconds without one after which an owner on another host counts as dead
WATCH = 2.5  # heartbeats that a taker waits for a sign of life from such an owner: clocks of two hosts may differ

_observed: dict[str, tuple[float, float, bool]] = {}
"""Leases that are silent by the clock: last beat, when this process first saw it (monotonic), whether it has seen another."""


@dataclass
class Lease:
    """Ownership of a run directory, kept alive by a thread until released."""

    path: Path
    token: str = ""  # that its file holds: one of the same number may be somebody else's, in a directory that was made anew
    lost: bool = False

    def is_lost(self) -> bool:
        """Whether the directory is somebody else's now, or gone: nothing more may be written. What is lost stays lost."""
        self.lost = self.lost or not self.path.exists()
        return self.lost

    def __post_init__(self) -> None:
        self._ended = threading.Event()
        threading.Thread(target=self._beat, daemon=True).start()

    def _beat(self) -> None:
        while not self._ended.wait(HEARTBEAT):
            if self.lost or not self._is_ours():
                self.lost = True
                return
            try:
                os.utime(self.path)
            except OSError:
                self.lost = True  # the run directory is gone

    def _is_ours(self) -> bool:
        """Whether the file still holds the token, and no newer lease is there."""
        owner = _read_in(self.path.parent, self.path.name)
        ours = owner is not None and owner.get("token", "") == self.token
        return ours and _number(self.path) >= _newest(self.path.parent)

    def release(self) -> None:
        """Let the next owner in at once."""
        self._ended.set()
        if not self.is_lost() and self._is_ours():
            with contextlib.suppress(OSError):  # on a full disk: the end of this process says the same
                write_json(self.path, {**_owner(self.token), "released": True}, self.path.parent)


def take(folder: Path) -> Lease | None:
    """Own the run directory, or None where somebody else who is alive does."""
    newest = _newest(folder)
    if newest >= 0 and is_owned(folder):
        return None
    path = folder / f"lease-{newest + 1}"
    try:
        handle = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o644)
    except FileExistsError:
        return None  # somebody was faster
    try:
        token = uuid.uuid4().hex
        with os.fdopen(handle, "w") as file:
            json.dump(_owner(token), file)
    except OSError:
        path.unlink(missing_ok=True)  # on a full disk: an empty lease would look like an owner
        raise
    if _newest(folder) != newest + 1:  # so slow that others have come and gone: their number stands
        path.unlink(missing_ok=True)
        return None
    for number in range(max(0, newest - 1), newest + 1):
        with contextlib.suppress(OSError):  # gone already, or a directory of that name
            (folder / f"lease-{number}").unlink()
    return Lease(path, token)


def holder(folder: Path) -> str | None:
    """Who owns the run directory now ('host, process 123'), None if nobody alive does."""
    newest = _newest(folder)
    if newest < 0:
        return None
    name = f"lease-{newest}"
    owner = _read_in(folder, name)
    try:
        modified = os.lstat(f"{folder}{os.sep}{name}").st_mtime
    except OSError:
        return None
    silent = time.time() - modified
    if not owner:  # just being written, or damaged
        return "another process" if abs(silent) < SILENCE else None
    path = f"{folder}{os.sep}{name}"
    if owner.get("released"):
        _observed.pop(path, None)
        return None
    if _local_status(owner):
        alive = _start_of(owner["process"]) == owner["started"]
    else:
        alive = abs(silent) < SILENCE or _beats(path, modified)
    return f"{owner['host']}, process {owner['process']}" if alive else None


def is_owned(folder: Path) -> bool:
    """Whether somebody who is alive owns the run directory. Watches an owner on another host that is dead by the clock for some
    seconds, since the clocks of two hosts may differ."""
    if holder(folder):
        return True
    while is_undecided(folder):
        time.sleep(HEARTBEAT / 5)
    return holder(folder) is not None


def is_undecided(folder: Path) -> bool:
    """Whether the owner is dead by the clock alone, and this process has not watched it long enough to know."""
    if holder(folder):
        return False
    _, since, _ = _observed.get(f"{folder}{os.sep}lease-{_newest(folder)}", (0.0, -math.inf, False))
    return time.monotonic() - since < WATCH * HEARTBEAT


def _beats(path: str, modified: float) -> bool:
    """Whether this process has seen the lease change, the last time not long ago: it is alive, whatever its clock says."""
    now = time.monotonic()
    last_beat, since, beating = _observed.get(path, (modified, now, False))
    if modified != last_beat:
        since, beating = now, True
    _observed[path] = (modified, since, beating)
    return beating and now - since < SILENCE


def _read_in(folder: Path, name: str) -> dict[str, Any] | None:
    """The owner that a lease names; None if the file is missing, empty or not of the expected form."""
    try:
        owner = json_at(folder, name)
    except OSError:
        return None
    if isinstance(owner, dict) and owner.get("released") is True:
        return owner
    if not isinstance(owner, dict) or type(owner.get("process")) is not int or not isinstance(owner.get("host"), str):
        return None
    well_formed = isinstance(owner.get("started"), str | None) and isinstance(owner.get("space"), str | None)
    return owner if well_formed and "started" in owner else None


def _owner(token: str) -> dict[str, object]:
    process = {"process": os.getpid(), "started": _start_of(os.getpid())}
    return {"host": socket.gethostname(), "space": _space(), **process, "token": token}


def _local_status(owner: dict[str, Any]) -> bool:
    """Whether the owner's process id is of this boot and process namespace, so that it can be looked up here."""
    return owner.get("space") == _space() and owner["started"] is not None


@cache
def _space() -> str | None:
    """Names the boot and the process namespace, since two containers may share a host name. None without /proc."""
    try:
        return f"{Path('/proc/sys/kernel/random/boot_id').read_text().strip()} {os.readlink('/proc/self/ns/pid')}"
    except OSError:
        return None


def _start_of(process: int) -> str | None:
    """When a process of this host started, in clock ticks since boot; None if it does not run. Tells a reused id apart."""
    try:
        fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] in "ZX" else fields[19]


def _newest(folder: Path) -> int:
    try:
        numbers = (number_of(name) for name in os.listdir(folder) if name.startswith("lease-"))
        return max((number for number in numbers if number is not None), default=-1)
    except OSError:
        return -1


def _number(path: Path) -> int:
    return number_of(path.name) or 0


def number_of(name: str) -> int | None:
    """The number of a lease by its file's name; None for what is no lease."""
    match = NAME.fullmatch(name)
    return int(match[1]) if match else None
