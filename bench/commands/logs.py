"""logs: the log of a run."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from bench.commands import _options


def logs(
    name: Annotated[str, typer.Argument(metavar="RUN", help="A run, by its name or a part of it (`bench status` lists them).")],
    following: Annotated[
        bool, typer.Option("--follow", "-f", help="Follow the log, and the steps of training, until the run ends.")
    ] = False,
    lines: Annotated[int, typer.Option("--lines", "-n", metavar="N", min=0, help="How many of the last lines to show.")] = 100,
    store_path: _options.StorePath = None,
) -> None:
    """Show the log of a run.

    With -f, like `tail -f`, with a line for each step that training logs (at most one in two seconds): it ends when the run
    ends, and says how. Ctrl-C ends it at once; the run continues.
    """
    from bench.store.run_names import find_run
    from bench.sweep.logs import follow, how_it_stands, last_lines

    run = find_run(_options.store(store_path), name)
    text, end = last_lines(run, lines)
    sys.stdout.write(text)
    try:
        for more in follow(run, end) if following else ():
            sys.stdout.write(more)
            sys.stdout.flush()
    except KeyboardInterrupt:
        print()
    print(f"{run.name}: {how_it_stands(run)}", file=sys.stderr)
