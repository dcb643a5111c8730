"""What a run has said, as it says it, and how far its training is meanwhile."""

from __future__ import annotations

import time
from collections.abc import Iterator

from bench.common.reading import MIB, opened, tail
from bench.store.store import Run
from bench.sweep.plan import ACTIVE, run_status
from bench.sweep.run_table import Pace

LONGEST = 8 * MIB  # bytes of a log that are read at once
POLL_S = 0.3  # seconds between two looks
STEPS_S = 2.0  # seconds at least between two lines about steps


def last_lines(run: Run, count: int) -> tuple[str, int]:
    """The last lines of a run's log, as far as they stand in its last megabytes, and where in the file they end."""
    try:
        written, end = tail(run.path / "log.txt", LONGEST, run.path)
    except FileNotFoundError:
        return "", 0
    lines = written.splitlines(keepends=True)[-count:] if count else []
    return b"".join(lines).decode(errors="replace"), end


def follow(run: Run, start: int) -> Iterator[str]:
    """What a run says from that place of its log on, and a line about each new step that it logs, until it has ended."""
    shown, due = Pace.of(run), 0.0
    while True:
        going = run_status(run).state in ACTIVE
        text = _from(run, start)
        whole = text[: text.rfind(b"\n") + 1] if going else text  # half a line may end in half a character
        if whole:
            start += len(whole)
            yield whole.decode(errors="replace")
        pace = Pace.of(run) if time.monotonic() >= due else None
        if pace is not None and (shown is None or (pace.step, pace.psnr) != (shown.step, shown.psnr)):
            shown, due = pace, time.monotonic() + STEPS_S
            yield f"{pace.figures(run.spec.steps)}\n"
        if not going and len(text) < LONGEST:  # known before the last look, so that nothing it said is missed
            return
        time.sleep(POLL_S)


def how_it_stands(run: Run) -> str:
    """The state of a run, and why."""
    planned = run_status(run)
    return f"{planned.state} ({planned.why})" if planned.why else planned.state


def _from(run: Run, start: int) -> bytes:
    try:
        with opened(run.path / "log.txt", root=run.path) as file:
            file.seek(start)
            return file.read(LONGEST)
    except OSError:
        return b""
