"""speed: what things cost on this machine, each against a named peer in the same run."""

from __future__ import annotations

from importlib import import_module
from typing import Annotated, Any

import typer

from bench.commands import options
from bench.errors import BenchError, did_you_mean, listed

MEASURES = {
    "models": "bench.speed.models",
    "metrics": "bench.speed.metrics",
    "data": "bench.speed.data",
    "schedule": "bench.speed.schedule",
}


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

    if what not in ("all", *MEASURES):
        hint = did_you_mean(what, MEASURES) or f"; there are {listed(MEASURES)} and all"
        raise BenchError(f"there is no measure '{what}'{hint}")
    found = {name: list(import_module(module).measure()) for name, module in MEASURES.items() if what in ("all", name)}
    if as_json:
        rows = {
            name: [row._asdict() if hasattr(row, "_asdict") else vars(row) for row in measured]
            for name, measured in found.items()
        }
        options.print_json({"processor": processor(), **rows})
        return
    print(f"on {processor()}")
    for name, measured in found.items():
        if name == "models":
            _print_models(measured)
            continue
        for row in measured:
            if hasattr(row, "in_words"):
                print(row.in_words())
                continue
            print(f"{row.name}: {row.seconds * 1000:.1f} ms, {row.ratio:.1f} times as fast as {row.peer}")


def _print_models(rows: list[Any]) -> None:
    from rich import box
    from rich.table import Table

    heads = ("model", "parameters", "GFLOP/clip", "public code's", "CPU s/clip", "public code's", "of a matrix product's speed")
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for number, head in enumerate(heads):
        table.add_column(head, justify="left" if number == 0 else "right")
    for row in rows:
        table.add_row(
            row.model, f"{row.parameters:,}", f"{row.gflops:.1f}", _or_none(row.public_gflops, "{:.1f}"),
            f"{row.seconds:.2f}", _or_none(row.public_seconds, "{:.2f}"), f"{row.share:.0%}",
        )  # fmt: skip
    options.console().print(table)
    print("one clip of 10 -> 10 frames of 64x64x1, batch 1, one core; the public codes' seconds are of a 2-core AMD EPYC")


def _or_none(value: float | None, form: str) -> str:
    return "-" if value is None else form.format(value)
