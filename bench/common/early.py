"""Ctrl-C while the command line is still being loaded: a line instead of a traceback through files that nobody asked for.

Imported before everything else by `bench.cli`, which calls `over()` once all is loaded.
"""

import os
import signal
import threading


def _end(number: int, frame: object) -> None:
    os.write(2, b"interrupted before anything had begun\n")
    os._exit(130)


_ours = threading.current_thread() is threading.main_thread() and signal.getsignal(signal.SIGINT) is signal.default_int_handler
if _ours:
    signal.signal(signal.SIGINT, _end)


def over() -> None:
    """From now on Ctrl-C is Python's again, and the commands' own."""
    if _ours:
        signal.signal(signal.SIGINT, signal.default_int_handler)
