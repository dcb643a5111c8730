"""data: which data sets are ready, and what is in them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from bench.commands import _options, _output

app = typer.Typer(help="Which data sets are ready, and what is in them.", no_args_is_help=True)
Name = Annotated[str, typer.Argument(metavar="NAME", help="A data set (`bench list data`).")]
Options = Annotated[
    list[str] | None, typer.Option("--set", metavar="OPTION=VALUE", help="Its options: --set digits=3. Repeatable.")
]


@app.command(name="list")
def list_data(
    full: Annotated[bool, typer.Option("--full", help="Read every byte, to find files that have changed.")] = False,
    as_json: _options.Json = False,
) -> None:
    """List data sets: ready or missing, and how to get them."""
    from bench.data.preparing.listing import listing

    entries = listing(full)
    if as_json:
        _output.print_json([vars(entry) for entry in entries])
        return
    width = max(len(_called(entry)) for entry in entries)
    for entry in entries:
        print(f"{_called(entry):<{width}}  {entry.state:<8} {entry.detail}")


@app.command("show")
def show_(
    name: Name,
    settings: Options = None,
    clips: Annotated[int, typer.Option(metavar="N", help="Clips of each split.")] = 4,
    frames: Annotated[int, typer.Option(metavar="N", help="Frames of each clip.")] = 20,
    out: Annotated[
        Path, typer.Option(metavar="DIR", help="Where the pictures go, into a folder named after the data set.")
    ] = Path("pictures"),
) -> None:
    """Draw clips of each split and count them.

    Writes a contact sheet (PNG) and an animation (GIF) of some clips of each split, and counts clips, actions and persons.
    """
    from bench.commands._data_set import with_settings
    from bench.data.preparing.show import show
    from bench.spec.component import Component

    for line in show(name, with_settings(Component(name), settings or []).options, out, clips, frames):
        print(line)


@app.command("export")
def export_(
    name: Name,
    settings: Options = None,
    context: Annotated[int, typer.Option(metavar="N", min=1, help="Frames that a model sees.")] = 10,
    horizon: Annotated[int, typer.Option(metavar="N", min=1, help="Frames to predict.")] = 10,
    split: Annotated[str, typer.Option(metavar="SPLIT", help="test or val.")] = "test",
    clips: Annotated[int | None, typer.Option(metavar="N", min=1, help="How many clips. Default: all that there are.")] = None,
    out: Annotated[
        Path, typer.Option(metavar="DIR|FILE.npz", help="A folder of PNG files for each clip, or one array of all clips.")
    ] = Path("clips"),
) -> None:
    """Export the clips that models are scored on, for other code bases.

    Writes them in the suite's order, with names that tell which clip is which, and a manifest. Predictions that bear these
    names are scored by `bench eval --predictions`.
    """
    from bench.commands._data_set import chosen_split, dataset, with_settings
    from bench.data.preparing.export import export
    from bench.spec.component import Component

    chosen = chosen_split(split)
    component = with_settings(Component(name), settings or [])
    with _output.progress("exporting") as progress:
        lines = export(dataset(component), component.name, component.options, chosen, context, horizon, clips, out, progress)
    for line in lines:
        print(line)


def _called(entry: Any) -> str:
    return entry.name + "".join(f" {key}={value}" for key, value in entry.options.items())
