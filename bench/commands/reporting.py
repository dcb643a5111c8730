"""report: tables from the store."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bench.commands import options
from bench.errors import BenchError, did_you_mean, listed

if TYPE_CHECKING:
    from bench.experiment import Experiment
    from bench.plan import Item

SUFFIXES = {".md": "markdown", ".csv": "csv", ".tex": "latex", ".html": "html", ".json": "json", ".txt": "terminal"}


def register(app: typer.Typer) -> None:
    """Add the commands of this room."""
    app.command()(report)


def report(
    name: options.Name,
    metrics: Annotated[
        str, typer.Option(help="Comma separated: psnr, ssim, lpips, mse, mae (`bench list metrics`).")
    ] = "psnr,ssim,lpips",
    protocol: Annotated[
        str, typer.Option(help="By which conventions; several only with a comma, and then every cell is marked.")
    ] = "standard",
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
    differences: Annotated[
        bool, typer.Option("--differences", help="Show each variant's paired difference to the first one.")
    ] = False,
    label: Annotated[str | None, typer.Option(help="Only clips that show this: on KTH an action, such as walking.")] = None,
    scale: options.Scale = "small",
    seeds: options.Seeds = None,
    only: options.Only = None,
    settings: options.Set = None,
    store_path: options.StorePath = None,
) -> None:
    """The table of an experiment.

    Means over the horizon, and per frame on request. Every number carries its protocol; missing and failed runs are named.
    """
    from bench.files import write_bytes
    from bench.metrics import METRICS
    from bench.metrics.protocols import checked
    from bench.plan import plan
    from bench.results import results
    from bench.store import FINISHED
    from reports.ablation import ablation
    from reports.beside import with_published
    from reports.ledger import ledger
    from reports.render import grid, render
    from reports.table import table

    names = [word.strip() for word in metrics.split(",")]
    for word in names:
        if word not in METRICS:
            raise BenchError(f"there is no metric '{word}'{did_you_mean(word, METRICS) or '; there are ' + listed(METRICS)}")
    protocols = checked(word.strip() for word in protocol.split(","))
    experiment = options.experiment(name, scale, seeds, only, settings)
    items = plan(experiment, options.store(store_path))
    if not any(item.state == FINISHED for item in items):
        raise BenchError(f"no run of {experiment.name} (scale {scale}) is finished yet; `bench run {name}` trains them")
    found = results(experiment, items, protocols, label)
    if out and not out.suffix:
        if differences or costs or published or frames:
            raise BenchError("a folder gets everything: --differences, --costs, --published and --frames are for single tables")
        _everything(experiment, items, out, protocols[0], label)
        return
    try:
        shown = (ablation if differences else table)(found, names, protocols, _frames(frames, found.facts.horizon))
        shown = ledger(found) if costs else with_published(shown, found) if published else shown
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


def _everything(experiment: Experiment, items: list[Item], folder: Path, protocol: str, label: str | None) -> None:
    """Write tables, figures and the page, with all protocols to choose from."""
    from bench import gallery
    from bench.metrics.protocols import PROTOCOLS
    from bench.results import results
    from reports.bundle import bundle

    found = results(experiment, items, tuple(PROTOCOLS), label)
    shots = gallery.pictures(items, found)
    written = bundle(found, folder, protocol, gallery.configurations(experiment), shots, gallery.sizes(experiment))
    print(f"wrote {len(written)} files to {folder}; open {folder / 'index.html'}")


def _frames(text: str | None, horizon: int) -> list[int | tuple[int, int]]:
    from reports.table import every

    if not text:
        return []
    if text == "all":
        return list(every(1, horizon))
    try:
        if text.startswith("every:"):
            return list(every(int(text.removeprefix("every:")), horizon))
        chosen: list[int | tuple[int, int]] = []
        for word in text.split(","):
            first, dash, last = word.partition("-")
            chosen.append((int(first), int(last)) if dash else int(first))
        return chosen
    except ValueError:
        raise BenchError(f"--frames takes 1,5,10 or 1-5,6-10 or every:5 or all, got '{text}'") from None
