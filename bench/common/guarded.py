"""A child process that never outlives its parent, however that ends: `python -m bench.common.guarded COMMAND ...`.

The parent holds the other end of this process's standard input. The end of it means that the parent is gone, even by SIGKILL,
and the command's whole process group is ended.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence

GRACE = 5.0  # seconds between SIGTERM and SIGKILL


def run(command: Sequence[str], environment: Mapping[str, str]) -> int:
    """Run a command until it ends or this process does; its exit code. Ctrl-C ends it."""
    guarded = [sys.executable, "-P", "-m", "bench.common.guarded", *command]
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    with subprocess.Popen(guarded, stdin=subprocess.PIPE, env=dict(environment)) as child:

        def end(number: int, frame: object) -> None:
            assert child.stdin is not None
            child.stdin.close()  # tells the guard to end the command

        try:
            for number in handlers:
                signal.signal(number, end)
            return child.wait()
        finally:
            for number, handler in handlers.items():
                signal.signal(number, handler)


def main() -> int:
    """The guard: starts the command, and ends it when the parent has gone."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)  # the parent receives them and closes the pipe
    command = subprocess.Popen(
        sys.argv[1:], stdin=subprocess.DEVNULL, start_new_session=True,
        preexec_fn=lambda: [signal.signal(number, signal.SIG_DFL) for number in (signal.SIGINT, signal.SIGTERM)],
    )  # fmt: skip

    def watch() -> None:
        while os.read(0, 1):
            pass
        _signal(command, signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            command.wait(GRACE)
        _signal(command, signal.SIGKILL)

    threading.Thread(target=watch, daemon=True).start()
    code = command.wait()
    _signal(command, signal.SIGKILL)  # processes that it has left behind
    return code if code >= 0 else 128 - code


def _signal(command: subprocess.Popen[bytes], number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(command.pid, number)


if __name__ == "__main__":
    sys.exit(main())
