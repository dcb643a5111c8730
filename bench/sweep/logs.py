"""Shows a run's log while it grows, with lines about the progress of its training."""

from __future__ import annotations

import time
from collections.abc import Iterator

from bench.common.reading import MIB, opened, tail
from bench.store.run import Run
from bench.sweep.plan import ACTIVE, run_status
from bench.sweep.run_table import Pace

LONGEST = 8 * MIB  # bytes of a log that are read at once
POLL_S = 0.3  # seconds between two reads of the log
STEPS_S = 2.0  # seconds at least between two lines about steps


def last_lines(run: Run, count: int) -> tuple[str, int]:
    """The last lines of a run's log, from its last megabytes, and the position in the file where they end."""
    try:
        log_end, end = tail(run.path / "log.txt", LONGEST, run.path)
    except FileNotFoundError:
        return "", 0
    lines = log_end.splitlines(keepends=True)[-count:] if count else []
    return b"".join(lines).decode(errors="replace"), end


def follow(run: Run, start: int) -> Iterator[str]:
    """New text of a run's log from a position on, and a line about each newly logged step, until the run has ended."""
    shown, due = Pace.of(run), 0.0
    while True:
        is_active = run_status(run).state in ACTIVE
        text = _from(run, start)
        complete = text[: text.rfind(b"\n") + 1] if is_active else text  # half a line may end in half a character
        if complete:
            start += len(complete)
            yield complete.decode(errors="replace")
        pace = Pace.of(run) if time.monotonic() >= due else None
        if pace is not None and (shown is None or (pace.step, pace.psnr) != (shown.step, shown.psnr)):
            shown, due = pace, time.monotonic() + STEPS_S
            yield f"{pace.figures(run.spec.steps)}\n"
        if not is_active and len(text) < LONGEST:  # checked before the log was read, so that no text is missed
            return
        time.sleep(POLL_S)


def how_it_stands(run: Run) -> str:
    """The state of a run with the reason."""
    planned = run_status(run)
    return f"{planned.state} ({planned.why})" if planned.why else planned.state


def _from(run: Run, start: int) -> bytes:
    try:
        with opened(run.path / "log.txt", root=run.path) as file:
            file.seek(start)
            return file.read(LONGEST)
    except OSError:
        return b""
