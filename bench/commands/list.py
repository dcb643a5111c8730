"""list: what there is to choose from."""

from __future__ import annotations

from contextlib import suppress
from typing import Annotated, Any

import typer

from bench.commands import _listing, _options, _output
from bench.common.errors import BenchError, did_you_mean, listed

KINDS = (
    "experiments", "spaces", "models", "learners", "data", "metrics", "protocols", "optimizers", "schedules", "executors",
    "checkpoints",
)  # fmt: skip
IN_FULL = ("experiments", "spaces")  # whose entries have a table of their own


def list_(
    kind: Annotated[str, typer.Argument(metavar="KIND", help=", ".join(KINDS))] = "experiments",
    names: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="NAME",
            help="Only these entries. Of experiments or spaces one, in full: its variants or choices; it may be a Python file.",
        ),
    ] = None,
    scale: _options.Scale = "small",
    store_path: _options.StorePath = None,
    as_bibtex: Annotated[
        bool, typer.Option("--bibtex", help="Print what to cite for these models, data sets or metrics, as BibTeX.")
    ] = False,
    as_json: _options.Json = False,
) -> None:
    """List what there is to choose from.

    Names, what each is for, and the options it takes. `bench list experiments ablation` lists an experiment's variants,
    `bench list spaces lmc` what a search may change.
    """
    if kind not in KINDS:
        raise BenchError(f"there is no list of '{kind}'{did_you_mean(kind, KINDS) or '; there are ' + listed(KINDS)}")
    if scale != "small" and (not names or kind not in IN_FULL):
        raise BenchError("--scale goes with one experiment or one space: bench list experiments ablation --scale medium")
    if kind in IN_FULL and len(names or ()) > 1:
        raise BenchError(f"of {kind} one is shown in full at a time, got {listed(names or ())}")
    if names:
        rows = [row for name in dict.fromkeys(names) for row in _entry(kind, name, scale, as_json)]
    else:
        rows = _rows(kind, as_json)
    if as_bibtex:
        from reports.bibliography import bibtex

        if not (text := bibtex(next(iter(row.values())) for row in rows)):
            raise BenchError(f"there is nothing to cite for {kind}; --bibtex knows models, data and metrics")
        _output.print_as_it_is(text)
        return
    if as_json:
        if kind == "models":
            from bench.spec.component import Component
            from bench.training.flops import on_meta, parameters

            for row in rows:  # at the Moving-MNIST configuration: default options, 10 -> 10 frames of 64x64x1
                with suppress(BenchError, RuntimeError):  # somebody's model may need options, or be broken
                    row["parameters"] = parameters(on_meta(Component(row["name"]), (1, 64, 64), context=10, horizon=10))
        _output.print_json(rows)
        return
    from bench.common.whole_tables import table_of

    heads = list(rows[0])
    table = table_of(heads, folded=heads[1:])
    for row in rows:
        table.add_row(*(_shown(value) for value in row.values()))
    _output.console().print(table, highlight=False)


def _entry(kind: str, name: str, scale: str, as_json: bool) -> list[dict[str, Any]]:
    """An entry in full: the variants of an experiment, the choices of a space; of the other lists, its row."""
    if kind == "experiments":
        return _listing.variants(name, scale, as_json)
    if kind == "spaces":
        return _listing.choices(name, scale)
    if ":" in name and kind not in ("metrics", "protocols", "checkpoints"):
        return [_described(_of_catalog(kind), name)]
    from bench.spec import catalog

    if _of_catalog(kind) in catalog.CATALOG:
        return [_described(_of_catalog(kind), catalog.canonical(_of_catalog(kind), name))]
    rows = _rows(kind, as_json)
    names = [next(iter(row.values())) for row in rows]
    canonical = name.lower().replace("-", "_")
    if canonical not in names:
        raise BenchError(
            f"there is no '{name}' among the {kind}{did_you_mean(canonical, names) or '; there are ' + listed(names)}"
        )
    return [rows[names.index(canonical)]]


def _rows(kind: str, as_json: bool = False) -> list[dict[str, Any]]:
    if kind == "experiments":
        return _listing.experiments(as_json)
    if kind == "spaces":
        return _listing.spaces(as_json)
    if kind == "metrics":
        from bench.metrics import METRICS, set_metrics

        return [
            {
                "metric": name,
                "label": metric.label,
                "unit": metric.shown_unit,
                "better": {"up": "higher", "down": "lower"}[metric.direction],
                "of": "the whole set, when asked for" if name in set_metrics() else "each frame",
            }
            for name, metric in METRICS.items()
        ]
    if kind == "protocols":
        from bench.metrics.protocols import PROTOCOLS

        return [{"protocol": name, "version": p.version, "used by": p.used_by} for name, p in PROTOCOLS.items()]
    if kind == "checkpoints":
        return _checkpoints(as_json)
    from bench.spec import catalog

    rows: list[dict[str, Any]] = []
    for name in catalog.names(_of_catalog(kind)):
        try:
            rows.append(_described(_of_catalog(kind), name))
        except BenchError as error:  # of an installed package that is broken: the other entries are listed all the same
            rows.append({"name": name, "what": f"cannot be used: {error}", "options": {}})
    return rows


def _of_catalog(kind: str) -> str:
    """What the catalogue calls a list."""
    return "datasets" if kind == "data" else kind


def _described(kind: str, name: str) -> dict[str, Any]:
    """A name of the catalogue, or a class named in full."""
    from bench.spec import catalog

    return {"name": name, "what": catalog.purpose(kind, name), "options": catalog.defaults(kind, name)}


def _checkpoints(as_json: bool) -> list[dict[str, Any]]:
    """The published checkpoints that `bench reproduce` knows; for a script with addresses and sources."""
    from bench.external.published import rows

    shown: list[dict[str, Any]] = []
    for row in rows():
        scores = {metric: float(value) for metric, value in row.scores.items()}
        plain: dict[str, Any] = {"checkpoint": row.name, "model": row.model or "told by the file", "data": row.data.name}
        plain |= {"frames": f"{row.context} -> {row.horizon}", "protocol": row.protocol, "published": scores}
        plain["MB"] = float(row.megabytes) if row.megabytes and as_json else row.megabytes
        plain["here"] = "yes" if row.path.is_file() else "no"
        if as_json:
            plain |= {"here": row.path.is_file(), "title": row.title, "address": row.address, "source": row.source}
            plain |= {"obstacle": row.obstacle, "note": row.note}
        shown.append(plain)
    return shown


def _shown(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, dict):
        return ", ".join(f"{key}={setting}" for key, setting in value.items()) or "-"
    return str(value)
