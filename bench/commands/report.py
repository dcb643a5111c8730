"""report: tables and figures of an experiment, and whether the tables of a document agree with the store."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bench.commands import _checked_document, _options, _output, _report_folder, _report_options, _searches, _selection
from bench.common.errors import BenchError, listed
from bench.common.search_names import SEARCH

if TYPE_CHECKING:
    from bench.commands._selection import Selection
    from bench.store.store import Store
    from reports.table import Table

METRICS = "psnr,ssim,lpips"
PICTURES = (".png", ".svg", ".pdf")
SUFFIXES = {**_checked_document.KINDS, ".csv": "csv", ".json": "json", ".txt": "terminal"}


def _known_format(form: str | None) -> str | None:
    """A format that `--format` names; a BenchError if there is none of that name."""
    from reports.render import known

    try:
        return form and known(form)
    except ValueError as error:
        raise BenchError(str(error)) from error


def report(
    name: _options.Name,
    metrics: Annotated[
        str,
        typer.Option(
            metavar="NAMES", help="Comma separated: psnr, ssim, lpips, fvd, mse, mae, mse_sum, mae_sum (`bench list metrics`)."
        ),
    ] = METRICS,
    protocol: _selection.Protocol = "standard",
    frames: Annotated[
        str | None,
        typer.Option(
            metavar="FRAMES", help="More columns beside the mean over the horizon: 1,5,10 or 1-5,6-10 or every:5 or all."
        ),
    ] = None,
    form: Annotated[
        str | None,
        typer.Option(
            "--format",
            metavar="FORMAT",
            callback=_known_format,
            help="terminal, markdown, csv, latex (a document), tabular (LaTeX to be \\input), html or json. Default: by --out.",
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(metavar="FILE|DIR", help="A file for the table; a folder for everything: tables, figures, index.html."),
    ] = None,
    published: Annotated[
        bool, typer.Option("--published", help="Published numbers of the same task beside ours, greyed.")
    ] = False,
    costs: Annotated[bool, typer.Option("--costs", help="Show what each variant cost instead of its scores.")] = False,
    memory: Annotated[
        bool, typer.Option("--memory", help="Show how LMC-Memory's slots are addressed instead of scores; a folder has both.")
    ] = False,
    claims: Annotated[
        bool, typer.Option("--claims", help="Show the experiment's claims, with verdicts over all seeds, instead of scores.")
    ] = False,
    differences: _selection.Differences = False,
    external_results: _selection.With = None,
    label: _selection.Label = None,
    check: Annotated[
        str | None,
        typer.Option(
            metavar="FILE[:FIRST-LAST]",
            help="Instead of a table: which numbers in the tables of FILE (.md, .tex, .html) differ from the store's.",
        ),
    ] = None,
    ignore_unchecked: Annotated[
        bool, typer.Option("--ignore-unchecked", help="With --check: do not fail for numbers that cannot be compared.")
    ] = False,
    scale: _options.Scale = "small",
    seeds: _options.Seeds = None,
    only: _options.Only = None,
    settings: _options.Set = None,
    store_path: _options.StorePath = None,
) -> None:
    """Print the table of an experiment, or of a search (tune:lmc).

    Means over the horizon, and per frame on request. Every number carries its protocol; missing and failed runs are named.
    With --check the exit code is 1 if a number in a table of the document differs from the store's at the precision that is
    printed, or is compared with nothing. Numbers in sentences are not checked.
    """
    options_in_use = {
        "--metrics": metrics != METRICS, "--protocol": protocol != "standard", "--frames": frames, "--published": published,
        "--costs": costs, "--memory": memory, "--claims": claims, "--differences": differences, "--with": external_results,
        "--label": label, "--check": check, "--ignore-unchecked": ignore_unchecked, "--seeds": seeds, "--only": only,
        "--set": settings, "--out": out, "--format": form,
    }  # fmt: skip
    if name.startswith(SEARCH):
        if unused := [option for option, value in options_in_use.items() if value and option not in ("--out", "--format")]:
            raise BenchError(f"{listed(unused)}: not for a search; `bench report {name}` takes --out, --format and --scale")
        _search(name.removeprefix(SEARCH), scale, out, form, _options.store(store_path))
        return
    _report_options.refuse_unused(options_in_use)
    names, protocols, store = _selection.metrics(metrics), _selection.protocols(protocol), _options.store(store_path)
    choice = _options.Choice(name, scale, seeds, only, settings)
    experiment = choice.experiment()
    folder = out is not None and _is_folder(out)
    if seeds is None and (claims or (folder and experiment.claims) or (check and _checked_document.holds_claims(check))):
        experiment = _options.with_all_seeds(experiment)  # what was added for a claim belongs to its verdict
    training = choice.command("run")
    chosen = _selection.select(experiment, store, protocols, label, external_results or [], training, names)
    if check:
        sys.exit(_checked_document.compare(chosen, check, protocols, form, ignore_unchecked))
    if out and folder:
        _report_options.refuse_options_of_single_tables(options_in_use, len(protocols))
        remade = choice.command("report", anywhere=True)
        part = ", ".join(filter(None, [label, choice.part]))
        _report_folder.write(chosen, store, out, f"{remade} --out {shlex.quote(out.name)}", part)
    elif claims:
        _claims(chosen, out, form)
    else:
        try:
            shown = _table(chosen, names, frames, costs, memory, differences, published)
        except ValueError as error:
            raise BenchError(str(error)) from error
        _show(shown, out, form)


def _search(name: str, scale: str, out: Path | None, form: str | None, store: Store) -> None:
    if out and form and _is_folder(out):
        raise BenchError("a folder gets all tables in every format; --format is for a file or the terminal")
    form = form or ("" if out and _is_folder(out) else _format(out) if out else "terminal")
    _searches.show(name, scale, out, form, store)


def _table(
    chosen: Selection, metrics: list[str], frames: str | None, costs: bool, memory: bool, differences: bool, published: bool
) -> Table:
    """The one table that the options ask for; a ValueError if it cannot be made."""
    from reports.costs import cost_table, with_warnings
    from reports.differences_table import differences_table
    from reports.published_rows import with_published
    from reports.scores_table import scores_table

    results = chosen.results
    if costs:
        return cost_table(results)
    if memory:
        return _memory(chosen)
    spans = _selection.frames(frames, results.metadata.horizon)
    scores = (differences_table if differences else scores_table)(results, metrics, chosen.protocols, spans)
    scores = with_warnings(scores, results)
    return with_published(scores, results) if published else scores


def _show(table: Table, out: Path | None, form: str | None) -> None:
    """Write the table to a file, or print it: on a terminal as wide as that is."""
    from bench.common.console import has_bold
    from bench.common.display import plain
    from bench.common.files import write_bytes
    from bench.common.wrapping import stated_width
    from reports.render import grid, render

    form = form or (_format(out) if out else "terminal")
    console = _output.console()
    width = console.width if console.is_terminal else stated_width()
    if form == "terminal" and not out and width:
        console.print(grid(table, width, has_bold(console)), width=width)
        return
    try:
        text = render(table, form)
    except ValueError as error:
        raise BenchError(str(error)) from error
    if out:
        write_bytes(out, plain(text).encode())
        print(f"wrote {out}")
    else:
        _output.print_as_it_is(text)


def _is_folder(out: Path) -> bool:
    return out.is_dir() or not out.suffix


def _format(out: Path) -> str:
    """The format that a file's name asks for."""
    if out.suffix not in SUFFIXES:
        raise BenchError(
            f"--out takes a folder or a file that ends in {', '.join(SUFFIXES)}, got {out}; "
            "make a folder first if its name has a dot, or name the --format of a file"
        )
    return SUFFIXES[out.suffix]


def _claims(chosen: Selection, out: Path | None, form: str | None) -> None:
    """Print the claims with their verdicts, or write them to a file: a picture if its name ends in .png, .svg or .pdf."""
    from bench.common.files import write_bytes
    from reports.claims_figure import claims_figure
    from reports.claims_grid import claims_grid, claims_text
    from reports.style import printed

    with _output.doing() as tell:
        results, judged = chosen.judged(tell)
    if out and out.suffix in PICTURES:
        write_bytes(out, printed(claims_figure(results, judged), out.suffix.removeprefix(".")))
        print(f"wrote {out}")
        return
    form = form or (_format(out) if out else "terminal")
    if out:
        write_bytes(out, claims_text(results, judged, form).encode())
        print(f"wrote {out}")
    elif form == "terminal":
        _output.console().print(claims_grid(results, judged))
    else:
        _output.print_as_it_is(claims_text(results, judged, form))


def _memory(chosen: Selection) -> Table:
    """The table of how memory slots are addressed; a BenchError if no variant has a memory."""
    from reports.memory_table import memory_table

    with _output.doing() as tell:
        memories = chosen.memories(tell)
    if not memories.variants:
        raise BenchError(f"no variant of {chosen.experiment.name} is an LMC-Memory with a memory to look into")
    return memory_table(chosen.results, memories)
