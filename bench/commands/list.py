"""list, doctor: what there is to choose from, and what this machine has."""

from __future__ import annotations

import sys
from contextlib import suppress
from typing import Annotated, Any

import typer

from bench.commands import options
from bench.errors import BenchError, did_you_mean, listed

KINDS = ("experiments", "models", "learners", "data", "metrics", "protocols", "optimizers", "schedules", "executors")


def register(app: typer.Typer) -> None:
    """Add the commands of this room."""
    app.command(name="list")(list_names)
    app.command()(doctor)


def list_names(
    kind: Annotated[str, typer.Argument(metavar="KIND", help=", ".join(KINDS))] = "experiments",
    as_json: options.Json = False,
) -> None:
    """What there is to choose from.

    Names, what each is for, and the options it takes.
    """
    if kind not in KINDS:
        raise BenchError(f"there is no list of '{kind}'{did_you_mean(kind, KINDS) or '; there are ' + listed(KINDS)}")
    rows = _rows(kind)
    if as_json:
        if kind == "models":
            from bench.costs.counted import on_meta, parameters
            from bench.spec import Part

            for row in rows:  # at the Moving-MNIST configuration: default options, 10 -> 10 frames of 64x64x1
                with suppress(BenchError, RuntimeError):  # somebody's model may need options, or be broken
                    row["parameters"] = parameters(on_meta(Part(row["name"]), (1, 64, 64), context=10, horizon=10))
        options.print_json(rows)
        return
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for number, column in enumerate(rows[0]):
        table.add_column(column, no_wrap=number == 0)
    for row in rows:
        table.add_row(*(_shown(value) for value in row.values()))
    options.console().print(table, highlight=False)


def doctor(as_json: options.Json = False, store_path: options.StorePath = None) -> None:
    """What this machine has.

    Devices, packages, disk, store, LPIPS backbone and data, and what to do about what is missing.
    """
    from bench.doctor import examine

    found = examine(options.store(store_path))
    if as_json:
        options.print_json([vars(finding) for finding in found])
        return
    width = max(len(finding.what) for finding in found)
    marks = (
        {"good": "✓", "note": "•", "bad": "✗"}
        if sys.stdout.encoding.lower().startswith("utf")
        else {"good": "+", "note": "-", "bad": "!"}
    )
    for finding in found:
        print(f"{marks[finding.verdict]} {finding.what:<{width}}  {finding.found}")
        if finding.cure:
            print(f"  {'':<{width}}  {finding.cure}")
    if any(finding.verdict == "bad" for finding in found):
        sys.exit(1)


def _rows(kind: str) -> list[dict[str, Any]]:
    if kind == "experiments":
        from bench.experiment import describe, names

        return [{"experiment": name, "question": describe(name)} for name in names()]
    if kind == "metrics":
        from bench.metrics import METRICS

        return [{"metric": name, "label": m.label, "unit": m.unit, "better": m.better} for name, m in METRICS.items()]
    if kind == "protocols":
        from bench.metrics.protocols import PROTOCOLS

        return [{"protocol": name, "version": p.version, "used by": p.used_by} for name, p in PROTOCOLS.items()]
    from bench import catalog

    real = "datasets" if kind == "data" else kind
    rows: list[dict[str, Any]] = []
    for name in catalog.names(real):
        try:
            rows.append({"name": name, "what": catalog.purpose(real, name), "options": catalog.defaults(real, name)})
        except BenchError as error:  # of an installed package: the others are there all the same
            rows.append({"name": name, "what": f"cannot be used: {error}", "options": {}})
    return rows


def _shown(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key}={setting}" for key, setting in value.items()) or "-"
    return str(value)
