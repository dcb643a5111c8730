"""Fetching a file: with progress, from where an earlier try has ended, and under its name only once it is whole and right."""

from __future__ import annotations

import fcntl
import os
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

from bench.common.errors import BenchError

Progress = Callable[[int, int], None]
"""Called with the bytes that are here and the bytes that there will be; 0 if nobody knows."""

BLOCK = 2**20  # bytes
TIMEOUT_S = 30.0  # without an answer
NOTHING_LEFT = 416  # what a server says to whoever asks for bytes behind the last one


def download(
    url: str,
    target: Path,
    progress: Progress = lambda done, total: None,
    check: Callable[[Path], object] = lambda file: None,
    timeout_s: float = TIMEOUT_S,
) -> None:
    """Fetch a file, or say in a BenchError why it cannot be had.

    What has come before the connection broke stays beside the target (`.NAME.part`), and the next try asks for the rest.
    check: refuses a file that is not the wanted one by a BenchError; nothing is left of it.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(f".{target.name}.part")
    try:
        _transfer(url, partial, progress, timeout_s)
    except BlockingIOError:
        raise BenchError(f"another process is downloading {target}; wait for it") from None
    except (OSError, ValueError) as error:
        raise BenchError(f"{url} cannot be downloaded ({getattr(error, 'reason', None) or error})") from error
    try:
        check(partial)
    except BenchError:
        partial.unlink()
        raise
    os.replace(partial, target)


def _transfer(url: str, partial: Path, progress: Progress, timeout_s: float) -> None:
    there = partial.stat().st_size if partial.exists() else 0
    rest = urllib.request.Request(url, headers={"Range": f"bytes={there}-"}) if there else url
    try:
        answer = urllib.request.urlopen(rest, timeout=timeout_s)
    except urllib.error.HTTPError as error:
        if error.code == NOTHING_LEFT and there:  # all of it, or of another file: what it is cannot be told
            partial.unlink()
            return _transfer(url, partial, progress, timeout_s)
        raise
    with answer, open(partial, "ab") as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        done = there if there and answer.status == 206 else 0  # 200: the server sends all of it again
        file.truncate(done)
        length = answer.headers.get("Content-Length")
        total = done + int(length) if length else 0
        while block := answer.read(BLOCK):
            file.write(block)
            done += len(block)
            progress(done, total)
        if done < total:
            raise OSError(f"it ended after {done:,} of {total:,} bytes; the same command asks for the rest")
        file.flush()
        os.fsync(file.fileno())
