"""status: how far runs are."""

from __future__ import annotations

from typing import Annotated

import typer

from bench.commands import options, showing


def register(app: typer.Typer) -> None:
    """Add the commands of this room."""
    app.command()(status)


def status(
    name: Annotated[
        str | None, typer.Argument(metavar="[EXPERIMENT]", help="Only this experiment's runs. Default: all in the store.")
    ] = None,
    scale: options.Scale = "small",
    seeds: options.Seeds = None,
    only: options.Only = None,
    settings: options.Set = None,
    store_path: options.StorePath = None,
    as_json: options.Json = False,
) -> None:
    """How far runs are.

    Reads the store alone, so it works from any terminal, whoever started the runs.
    """
    from bench.plan import plan as planned
    from bench.plan import seen

    store = options.store(store_path)
    if name:
        items = planned(options.experiment(name, scale, seeds, only, settings), store)
    else:
        items = [seen(run) for run in store.runs()]
    if as_json:
        options.print_json([showing.as_dict(item) for item in items])
    elif items:
        showing.print_runs(items)
    else:
        print(f"no runs in {store.root} yet; `bench run ablation` starts some")
