"""Runs a scheduler to its end, or until a signal asks for one."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Callable, Iterator

from rich.console import Console

from bench.sweep.scheduler import Scheduler


def run_to_end(scheduler: Scheduler, console: Console) -> bool:
    """Run until all runs have ended, or until Ctrl-C; say why if no more were started. Returns whether it was stopped."""

    def say(sentence: str) -> None:  # which may quote an error, with brackets in it
        console.print(sentence, markup=False, highlight=False, soft_wrap=True)

    with _interruptible(scheduler, say):
        scheduler.run()
    if scheduler.halted:
        say(f"no more runs are started: {scheduler.halted}")
    return scheduler.stopped_at is not None


@contextlib.contextmanager
def _interruptible(scheduler: Scheduler, say: Callable[[str], None]) -> Iterator[None]:
    """Within the block, Ctrl-C and SIGTERM let runs save their work and end; a second signal ends them at once."""

    def stop(number: int, frame: object) -> None:
        second_time = scheduler.stopped_at is not None
        say("stopping at once" if second_time else "stopping: runs are saving their work (Ctrl-C again ends them at once)")
        scheduler.stop()

    handlers = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
