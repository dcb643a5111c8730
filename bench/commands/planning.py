"""plan: what would happen, and what it would cost."""

from __future__ import annotations

import typer

from bench.commands import options, showing


def register(app: typer.Typer) -> None:
    """Add the commands of this room."""
    app.command()(plan)


def plan(
    name: options.Name,
    scale: options.Scale = "small",
    seeds: options.Seeds = None,
    only: options.Only = None,
    settings: options.Set = None,
    store_path: options.StorePath = None,
    as_json: options.Json = False,
) -> None:
    """What would run, and why.

    Prints every run of an experiment with its state, and what `bench run` would do. Changes nothing.
    """
    from bench.plan import TO_DO, prediction_bytes, unique
    from bench.plan import plan as planned

    store = options.store(store_path)
    items = planned(options.experiment(name, scale, seeds, only, settings), store)
    if as_json:
        options.print_json([showing.as_dict(item) for item in items])
        return
    showing.print_runs(items)
    to_do = [item for item in unique(items) if item.state in TO_DO]
    steps = sum(item.spec.steps - int(item.run.latest().get("step", 0)) for item in to_do)
    print(f"\n{len(to_do)} of {len(unique(items))} runs to do, {steps:,} training steps, in {store.root}")
    if kept := sum(map(prediction_bytes, to_do)):
        print(f"their test predictions will be kept: {kept / 2**20:.1f} MiB")
