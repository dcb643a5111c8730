"""report: tables from the store, and whether a document still says what they say."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bench.commands import options, selecting
from bench.errors import BenchError

if TYPE_CHECKING:
    from bench.commands.selecting import Selection
    from bench.store import Store
    from reports.table import Table

SUFFIXES = {".md": "markdown", ".csv": "csv", ".tex": "latex", ".html": "html", ".json": "json", ".txt": "terminal"}


def register(app: typer.Typer) -> None:
    """Add the commands of this room."""
    app.command()(report)


def report(
    name: options.Name,
    metrics: Annotated[
        str, typer.Option(help="Comma separated: psnr, ssim, lpips, mse, mae (`bench list metrics`).")
    ] = "psnr,ssim,lpips",
    protocol: selecting.Protocol = "standard",
    frames: Annotated[
        str | None, typer.Option(help="More columns beside the mean over the horizon: 1,5,10 or 1-5,6-10 or every:5 or all.")
    ] = None,
    form: Annotated[
        str | None, typer.Option("--format", help="terminal, markdown, csv, latex, html or json. Default: by --out.")
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(metavar="FILE|DIR", help="A file for the table; a folder for everything: tables, figures, index.html."),
    ] = None,
    published: Annotated[
        bool, typer.Option("--published", help="Published numbers of the same task beside ours, greyed.")
    ] = False,
    costs: Annotated[bool, typer.Option("--costs", help="What each variant cost, instead of its scores.")] = False,
    memory: Annotated[
        bool, typer.Option("--memory", help="How LMC-Memory's slots are addressed, instead of scores; a folder has it anyway.")
    ] = False,
    differences: selecting.Differences = False,
    guests: selecting.With = None,
    label: selecting.Label = None,
    check: Annotated[
        str | None,
        typer.Option(
            metavar="FILE[:FIRST-LAST]",
            help="Instead of a table: which numbers in the tables of FILE (.md, .tex, .html; of some lines) the store denies.",
        ),
    ] = None,
    scale: options.Scale = "small",
    seeds: options.Seeds = None,
    only: options.Only = None,
    settings: options.Set = None,
    store_path: options.StorePath = None,
) -> None:
    """The table of an experiment.

    Means over the horizon, and per frame on request. Every number carries its protocol; missing and failed runs are named.
    With --check the exit code is 1 if a number in the document differs from the store's at the precision that is printed.
    """
    from bench.files import write_bytes
    from reports.ablation import ablation
    from reports.beside import with_published
    from reports.ledger import ledger
    from reports.render import grid, render
    from reports.table import table

    names, protocols, store = selecting.metrics(metrics), selecting.protocols(protocol), options.store(store_path)
    experiment = options.experiment(name, scale, seeds, only, settings)
    chosen = selecting.select(name, experiment, store, protocols, label, guests or [])
    found = chosen.results
    if out and not out.suffix:
        if differences or costs or memory or published or frames:
            raise BenchError(
                "a folder gets everything: --differences, --costs, --memory, --published and --frames are for single tables"
            )
        _everything(chosen, store, out, protocols[0], label, guests or [])
        return
    try:
        shown = (ablation if differences else table)(found, names, protocols, selecting.frames(frames, found.facts.horizon))
        shown = ledger(found) if costs else with_published(shown, found) if published else shown
        shown = _memory(chosen) if memory else shown
        form = form or (SUFFIXES.get(out.suffix, "") if out else "terminal")
        text = "" if form == "terminal" and not out else render(shown, form)
    except ValueError as error:
        raise BenchError(str(error)) from error
    if out:
        write_bytes(out, text.encode())
        print(f"wrote {out}")
    elif text:
        sys.stdout.write(text if text.endswith("\n") else text + "\n")
    else:
        options.console().print(grid(shown))


def _memory(chosen: Selection) -> Table:
    """The table of what memories do; a BenchError where no variant has one."""
    from bench.analysis import memories
    from reports.memory import memory_table

    found = memories(chosen.items, _tell)
    if not found.variants:
        raise BenchError(f"no variant of {chosen.experiment.name} is an LMC-Memory with a memory to look into")
    return memory_table(chosen.results, found)


def _tell(line: str) -> None:
    """What takes a while, beside the report itself."""
    print(line, file=sys.stderr, flush=True)


def _everything(chosen: Selection, store: Store, folder: Path, protocol: str, label: str | None, names: list[str]) -> None:
    """Write tables, figures and the page, with all protocols to choose from."""
    from bench import gallery
    from bench.analysis import memories
    from bench.metrics.protocols import PROTOCOLS
    from bench.results import guests, results
    from reports.bundle import bundle

    experiment, items = chosen.experiment, chosen.items
    found = results(experiment, items, tuple(PROTOCOLS), label, guests(store, items, names))
    shots = gallery.pictures(items, found)
    configurations, sizes = gallery.configurations(experiment), gallery.sizes(experiment)
    written = bundle(found, folder, protocol, configurations, shots, sizes, memories(items, _tell))
    print(f"wrote {len(written)} files to {folder}; open {folder / 'index.html'}")
