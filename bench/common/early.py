"""Ctrl-C while the command line is still loading: prints one line instead of a traceback.

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
    """Give Ctrl-C back to Python, and so to the commands."""
    if _ours:
        signal.signal(signal.SIGINT, signal.default_int_handler)
