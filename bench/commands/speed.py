"""speed: what things cost on this machine, each against a named peer in the same run."""

from __future__ import annotations

from importlib import import_module
from typing import Annotated

import typer

from bench.commands import options
from bench.errors import BenchError, did_you_mean, listed

MEASURES = {"metrics": "bench.speed.metrics", "data": "bench.speed.data"}


def register(app: typer.Typer) -> None:
    """Add the commands of this room."""
    app.command()(speed)


def speed(
    what: Annotated[str, typer.Argument(metavar="WHAT", help=f"{listed(MEASURES)}, or all.")] = "all",
    as_json: options.Json = False,
) -> None:
    """What things cost on this machine.

    Every figure is a ratio against a named peer, timed in turn with it in the same run.
    """
    from bench.provenance import processor

    if what != "all" and what not in MEASURES:
        raise BenchError(
            f"there is no measure '{what}'{did_you_mean(what, MEASURES) or '; there are ' + listed(MEASURES) + ' and all'}"
        )
    rows = [row for name, module in MEASURES.items() if what in ("all", name) for row in import_module(module).measure()]
    if as_json:
        options.print_json([row._asdict() for row in rows])
        return
    print(f"on {processor()}")
    for row in rows:
        print(f"{row.name}: {row.seconds * 1000:.1f} ms, {row.ratio:.1f} times as fast as {row.peer}")
