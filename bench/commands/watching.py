"""status, logs, gc: how far runs are, what they say, and what of them nobody needs."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from bench.commands import options, showing


def register(app: typer.Typer) -> None:
    """Add the commands of this room."""
    app.command()(status)
    app.command()(logs)


def status(
    name: Annotated[
        str | None, typer.Argument(metavar="[EXPERIMENT]", help="Only this experiment's runs. Default: all in the store.")
    ] = None,
    watching: Annotated[
        bool, typer.Option("--watch", help="Keep looking, every second, until q or Ctrl-C; runs go on all the same.")
    ] = False,
    scale: options.Scale = "small",
    seeds: options.Seeds = None,
    only: options.Only = None,
    settings: options.Set = None,
    store_path: options.StorePath = None,
    as_json: options.Json = False,
) -> None:
    """How far runs are.

    Reads the store alone, so it works from any terminal, whoever started the runs. Where --watch has no terminal to draw on,
    it prints a line per change, until nothing goes on.
    """
    from bench.plan import plan as planned
    from bench.plan import seen

    store = options.store(store_path)
    experiment = options.experiment(name, scale, seeds, only, settings) if name else None
    if watching:
        from bench.watch import Board, watch

        watch(Board(store, experiment), options.console())
        return
    runs, unreadable = ([], []) if experiment else store.listing()
    items = planned(experiment, store) if experiment else [seen(run) for run in runs]
    if as_json:
        options.print_json([showing.as_dict(item) for item in items])
    elif items:
        showing.print_runs(items)
    else:
        print(f"no runs in {store.root} yet; `bench run ablation` starts some")
    for path, reason in unreadable:
        print(f"left out: {path.name}: {reason}", file=sys.stderr)


def logs(
    name: Annotated[str, typer.Argument(metavar="RUN", help="A run by name or part of it (`bench status` lists them).")],
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on with what the run says until it ends.")] = False,
    lines: Annotated[int, typer.Option("--lines", "-n", min=0, help="How many of its last lines to begin with.")] = 100,
    store_path: options.StorePath = None,
) -> None:
    """What a run has said.

    With -f, like `tail -f`: it ends when the run ends, and says how. Ctrl-C ends it at once; the run goes on.
    """
    from bench.logs import follow as followed
    from bench.logs import how_it_stands, last_lines

    run = options.store(store_path).find(name)
    text, end = last_lines(run, lines)
    sys.stdout.write(text)
    try:
        for more in followed(run, end) if follow else ():
            sys.stdout.write(more)
            sys.stdout.flush()
    except KeyboardInterrupt:
        print()
    print(f"{run.name}: {how_it_stands(run)}", file=sys.stderr)
