"""rescore, weights: scores made again, and what LPIPS needs."""

from __future__ import annotations

from typing import Annotated

import typer

from bench.commands import options, selecting, weights
from bench.errors import BenchError


def register(app: typer.Typer) -> None:
    """Add the commands of this room."""
    app.command()(rescore)
    app.add_typer(weights.app, name="weights")


def rescore(
    name: Annotated[str, typer.Argument(metavar="EXPERIMENT", help="Whose finished runs are scored again.")],
    protocol: selecting.Protocols = None,
    guests: selecting.With = None,
    scale: options.Scale = "small",
    seeds: options.Seeds = None,
    only: options.Only = None,
    settings: options.Set = None,
    store_path: options.StorePath = None,
) -> None:
    """Make scores again, without training.

    From the predictions that runs have kept, else from their checkpoints. Fills in LPIPS once its backbone is there. --with
    scores again what `bench eval --name` has kept.
    """
    from bench.metrics.protocols import PROTOCOLS, checked
    from bench.plan import plan, unique
    from bench.reporting.results import guests as find_guests
    from bench.scoring.rescore import rescore as make_again
    from bench.scoring.rescore import rescore_guest
    from bench.train import default_device

    chosen = checked(protocol.split(",") if protocol else PROTOCOLS)
    store = options.store(store_path)
    items = unique(plan(options.experiment(name, scale, seeds, only, settings), store))
    trained = [item for item in items if item.run.status().trained]
    if not trained:
        training = options.command("run", name, scale, seeds, only, settings)
        raise BenchError(f"no run of {name} (scale {scale}) is trained yet; `{training}` trains them")
    for number, item in enumerate(trained, 1):
        for evaluation in item.evaluations:
            source = make_again(item.run, evaluation, chosen, default_device())
            print(f"[{number}/{len(trained)}] {item.label}, seed {item.seed}: scored again from {source}", flush=True)
    for guest in find_guests(store, items, guests or []):
        rescore_guest(guest, items[0], chosen, default_device())
        print(f"{guest.name}, seed {guest.seed}: scored again from kept predictions", flush=True)
