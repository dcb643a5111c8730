"""Downloads a file with progress. Resumes an interrupted download; the file gets its name once it is complete and checked."""

from __future__ import annotations

import fcntl
import os
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

from bench.common.errors import BenchError

Progress = Callable[[int, int], None]
"""Called with the bytes received so far and the size of the file; 0 if that is unknown."""

BLOCK = 2**20  # bytes
TIMEOUT_S = 30.0  # without an answer
RANGE_NOT_SATISFIABLE = 416  # a server's answer to a request for bytes beyond the end


def download(
    url: str,
    target: Path,
    progress: Progress = lambda done, total: None,
    check: Callable[[Path], object] = lambda file: None,
    timeout_s: float = TIMEOUT_S,
) -> None:
    """Download a file; BenchError with the reason if that fails.

    After a broken connection the received part stays next to the target (`.NAME.part`), and the next call requests the rest.
    check: raises a BenchError for a wrong file, which is then removed.
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
    present_bytes = partial.stat().st_size if partial.exists() else 0
    request = urllib.request.Request(url, headers={"Range": f"bytes={present_bytes}-"}) if present_bytes else url
    try:
        answer = urllib.request.urlopen(request, timeout=timeout_s)
    except urllib.error.HTTPError as error:
        if error.code == RANGE_NOT_SATISFIABLE and present_bytes:  # either complete or part of another file, so start again
            partial.unlink()
            return _transfer(url, partial, progress, timeout_s)
        raise
    with answer, open(partial, "ab") as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        received = present_bytes if present_bytes and answer.status == 206 else 0  # 200: the server sends all of it again
        file.truncate(received)
        length = answer.headers.get("Content-Length")
        total = received + int(length) if length else 0
        while block := answer.read(BLOCK):
            file.write(block)
            received += len(block)
            progress(received, total)
        if received < total:
            raise OSError(f"it ended after {received:,} of {total:,} bytes; the same command asks for the rest")
        file.flush()
        os.fsync(file.fileno())
