"""speed: how fast things are on this machine, each compared with a named peer in the same run."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from bench.commands import _options, _output
from bench.common.errors import BenchError, did_you_mean, listed

WHAT = "models, train, threads, metrics, data, schedule"
SETTINGS = {"train": {"scale", "precision", "compile", "device", "batch", "recipe"}, "threads": {"scale", "precision"}}


def speed(
    measure: Annotated[str, typer.Argument(metavar="WHAT", help=f"{WHAT}, or all.")] = "all",
    scale: Annotated[
        Literal["small", "paper-size"] | None,
        typer.Option(help="train, threads: the small recipe, or the paper's model (minutes). Default: small."),
    ] = None,
    precision: Annotated[
        Literal["float32", "bf16"] | None,
        typer.Option(
            help="train, threads: only this precision. Default: float32, and bf16 if the processor has instructions for it."
        ),
    ] = None,
    compile: Annotated[bool, typer.Option("--compile", help="train: with torch.compile.")] = False,
    device: Annotated[
        Literal["cpu", "cuda"] | None, typer.Option(help="train: the device. Default: the GPU, if there is one.")
    ] = None,
    batch: Annotated[int | None, typer.Option(min=1, metavar="N", help="train: batch size. Default: the recipe's.")] = None,
    recipe: Annotated[
        Literal["moving_mnist", "kth"] | None,
        typer.Option(help="train: with --scale paper-size on a GPU, only this published recipe. Default: both."),
    ] = None,
    against: Annotated[
        Path | None,
        typer.Option("--compare", metavar="RESULT.json", help="Compare with an earlier result; exit code 1 if slower."),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(metavar="FILE.json", help="Where to write the result, besides the store; again after every row."),
    ] = None,
    last: Annotated[bool, typer.Option("--last", help="Print the newest result in the store and measure nothing.")] = False,
    as_json: _options.Json = False,
    store_path: _options.StorePath = None,
) -> None:
    """Measure what things cost on this machine.

    Every figure is a ratio against a named peer, timed in turn with it in the same run. Results are kept in the store, under
    speed/. With --compare, a figure below 0.9 times the earlier one is flagged. What cannot be measured is a row that says why;
    then the exit code is 1.
    """
    from bench.common.files import write_json
    from bench.speed import results
    from bench.speed.timing import NotMeasured

    if measure not in ("all", *results.MEASURES):
        hint = did_you_mean(measure, results.MEASURES) or f"; there are {listed(results.MEASURES)} and all"
        raise BenchError(f"there is no measure '{measure}'{hint}")
    settings: dict[str, Any] = {"scale": scale, "precision": precision, "compile": compile or None}
    settings |= {"device": device, "batch": batch, "recipe": recipe}
    chosen = {name: value for name, value in settings.items() if value is not None}
    if last and chosen:
        raise BenchError(f"--last measures nothing, so --{next(iter(chosen))} does not go with it")
    for name in chosen:
        if measure != "all" and name not in SETTINGS.get(measure, ()):
            takers = listed(f"`bench speed {taker}`" for taker, names in SETTINGS.items() if name in names)
            raise BenchError(f"--{name} is a setting of {takers}, not of `bench speed {measure}`")
    earlier = results.read(against) if against else None
    root = _options.store(store_path).root
    if last:
        values = results.read(results.newest(root, measure))
        rows_by_measure = {name: rows for name, rows in results.from_json(values).items() if measure in ("all", name)}
    else:
        for rows_by_measure in _measured(measure, chosen):
            if out:  # what is stopped at a time limit loses only the row that it was at
                write_json(out, results.to_json(rows_by_measure))
        values = results.to_json(rows_by_measure)
        print(f"kept in {results.keep(root, measure, values)}", file=sys.stderr)
    if out:
        write_json(out, values)
    compared = list(results.changes(rows_by_measure, earlier)) if earlier else None
    if as_json:
        extra = {} if compared is None else {"compared": [{**vars(change), "slower": change.slower} for change in compared]}
        _output.print_json({**values, **extra})
    else:
        _print(rows_by_measure, values, compared)
    not_measured = any(isinstance(row, NotMeasured) for rows in rows_by_measure.values() for row in rows)
    sys.exit(int(not_measured or any(change.slower for change in compared or ())))


def _measured(measure: str, chosen: dict[str, Any]) -> Iterator[dict[str, list[Any]]]:
    """The rows so far of one measure or of all, again with every row that is added."""
    from bench.speed.results import MEASURES

    rows_by_measure: dict[str, list[Any]] = {}
    for name, module in MEASURES.items():
        if measure in ("all", name):
            rows_by_measure[name] = []
            for row in import_module(module).measure(**{key: chosen[key] for key in SETTINGS.get(name, set()) & chosen.keys()}):
                rows_by_measure[name].append(row)
                yield rows_by_measure


def _print(rows_by_measure: dict[str, list[Any]], values: dict[str, Any], compared: list[Any] | None) -> None:
    from bench.speed.tables import show

    machine = values["machine"]
    show(rows_by_measure, ", ".join([machine["processor"], *machine["accelerators"]]), _output.console())
    if compared is not None:
        print("nothing to compare: no row of the same name" if not compared else "against the earlier result:")
        for change in compared:
            print(f"  {change.format_row()}")
