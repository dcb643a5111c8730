"""status: how far runs are."""

from __future__ import annotations

from typing import Annotated

import typer

from bench.commands import _options, _output, _store_table, _tables
from bench.common.errors import BenchError


def status(
    name: Annotated[
        str | None, typer.Argument(metavar="EXPERIMENT", help="Only this experiment's runs. Default: all in the store.")
    ] = None,
    watching: Annotated[
        bool, typer.Option("--watch", help="Refresh every second until q or Ctrl-C; the runs are not affected.")
    ] = False,
    scale: _options.Scale = "small",
    seeds: _options.Seeds = None,
    only: _options.Only = None,
    settings: _options.Set = None,
    store_path: _options.StorePath = None,
    as_json: _options.Json = False,
) -> None:
    """Show the progress of runs.

    Without an experiment, every run of the store: what experiments call it, the settings that set it apart from other runs of
    that variant and seed, its newest validation score, and how long ago it last wrote something (age). Reads the store alone,
    so it works from any terminal, whoever started the runs. Where --watch has no terminal to draw on, it prints a line per
    change, until nothing is running; it waits some seconds for a run to start.
    """
    from bench.sweep.plan import plan, run_status

    store = _options.store(store_path)
    experiment = _options.Choice(name, scale, seeds, only, settings).experiment() if name else None
    if watching and as_json:
        raise BenchError("--watch shows every change on a terminal; --json prints the state once: leave out one of them")
    if watching:
        from bench.sweep.watch import StoreView, watch

        watch(StoreView(store, experiment), _output.console())
        return
    runs, unreadable = ([], []) if experiment else store.listing()
    planned_runs = plan(experiment, store) if experiment else [run_status(run) for run in runs]
    if as_json:
        damaged = [{"run": path.name, "path": str(path), "state": "damaged", "why": why} for path, why in unreadable]
        descriptions = _store_table.described([planned.run for planned in planned_runs])
        rows = [{**_tables.as_dict(planned), **about} for planned, about in zip(planned_runs, descriptions, strict=True)]
        _output.print_json([*rows, *damaged])
    elif experiment:
        _tables.print_runs(planned_runs)
    elif planned_runs or unreadable:
        _store_table.print_store(planned_runs, unreadable)
    else:
        print(f"no runs in {store.root} yet; `bench run ablation` starts some")
