"""Figures printed beside the rest of a report: matplotlib takes as long as all of the numbers, so it gets a core of its own."""

import os
import pickle
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from matplotlib.figure import Figure

from reports.files import unfinished
from reports.style import save


@contextmanager
def printing(figures: Mapping[str, Figure], folder: Path) -> Iterator[Callable[[], list[Path]]]:
    """Write each figure as `folder/name.pdf` and so on in another process, which never outlives the block.

    Gives what waits for the files and names them; an OSError where one could not be written.
    """
    with tempfile.TemporaryFile() as order:  # a file, because a pipe holds less than one figure
        pickle.dump((dict(figures), folder), order)
        order.seek(0)
        words = [sys.executable, "-P", "-m", "reports.printing"]
        process = subprocess.Popen(words, stdin=order, stdout=subprocess.PIPE, start_new_session=True)  # Ctrl-C is ours to hear

    def written() -> list[Path]:
        answer = process.communicate()[0]
        if process.returncode:
            raise subprocess.CalledProcessError(process.returncode, process.args)
        paths: list[Path] | OSError = pickle.loads(answer)
        if isinstance(paths, OSError):
            raise paths
        return paths

    with process:
        try:
            yield written
        finally:
            process.kill()
            process.wait()
            for half in (half for name in figures for half in unfinished(folder, f"{name}.*")):
                half.unlink(missing_ok=True)


def main() -> None:
    """Print what stdin orders, and tell the names of the files, or why one could not be written."""
    threading.Thread(target=_end_with, args=(os.getppid(),), daemon=True).start()
    figures, folder = pickle.load(sys.stdin.buffer)
    answer: list[Path] | OSError
    try:
        answer = [path for name, figure in figures.items() for path in save(figure, folder, name)]
    except OSError as error:
        answer = error
    try:
        pickle.dump(answer, sys.stdout.buffer)
        sys.stdout.flush()
    except BrokenPipeError:
        os._exit(1)


def _end_with(parent: int) -> None:
    """End once the process that ordered the figures is dead, even by SIGKILL."""
    while os.getppid() == parent:
        time.sleep(0.5)
    os._exit(1)


if __name__ == "__main__":
    main()
