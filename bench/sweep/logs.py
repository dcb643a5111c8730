"""What a run has said, as it says it."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator

from bench.store.store import Run
from bench.sweep.plan import GOING_ON, seen

LOOK = 0.3  # seconds between two looks


def last_lines(run: Run, count: int) -> tuple[str, int]:
    """The last lines of a run's log, and where in the file they end."""
    try:
        with open(run.path / "log.txt", "rb") as file:
            lines = deque(file, maxlen=count)
            return b"".join(lines).decode(errors="replace"), file.tell()
    except OSError:
        return "", 0


def follow(run: Run, start: int) -> Iterator[str]:
    """What a run says from that place of its log on, until it has ended."""
    while True:
        going = seen(run).state in GOING_ON
        text = _from(run, start)
        whole = text[: text.rfind(b"\n") + 1] if going else text  # half a line may end in half a character
        if whole:
            start += len(whole)
            yield whole.decode(errors="replace")
        if not going:  # known before the last look, so that nothing it said is missed
            return
        time.sleep(LOOK)


def how_it_stands(run: Run) -> str:
    """The state of a run, and why."""
    item = seen(run)
    return f"{item.state} ({item.why})" if item.why else item.state


def _from(run: Run, start: int) -> bytes:
    try:
        with open(run.path / "log.txt", "rb") as file:
            file.seek(start)
            return file.read()
    except OSError:
        return b""
