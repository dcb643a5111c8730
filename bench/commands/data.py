"""prepare, data: putting data where runs find them, and looking at them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from bench.commands import options
from bench.errors import BenchError

data_app = typer.Typer(help="Which data sets are ready, and what is in them.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add the commands of this room."""
    app.command()(prepare)
    app.add_typer(data_app, name="data")


def prepare(
    what: Annotated[
        str, typer.Argument(metavar="NAME", help="mnist, moving_mnist, moving_mnist_fixed, kth, frames or videos.")
    ],
    source: Annotated[
        str | None, typer.Option(metavar="DIR", help="Where the files are. mnist is downloaded without it.")
    ] = None,
    name: Annotated[str | None, typer.Option(help="frames, videos: what to call the set, for --set data.name=...")] = None,
    size: Annotated[int | None, typer.Option(min=1, help="kth, frames, videos: side of the square frames in pixels.")] = None,
    grey: Annotated[bool | None, typer.Option("--grey", help="frames, videos: make colour grey.")] = None,
    centred: Annotated[
        bool | None, typer.Option("--centred", help="kth: the centred 120x120 pixels instead of the whole frame.")
    ] = None,
    train_persons: Annotated[str | None, typer.Option(help="kth: such as 1-16.")] = None,
    val_persons: Annotated[str | None, typer.Option(help="kth: taken out of the training persons, such as 15-16.")] = None,
    test_persons: Annotated[str | None, typer.Option(help="kth: such as 17-25.")] = None,
    clips: Annotated[
        int | None, typer.Option(min=1, help="moving_mnist: also freeze so many test clips into a fixed set.")
    ] = None,
    frames: Annotated[int | None, typer.Option(min=1, help="moving_mnist: length of the frozen clips.")] = None,
    only_t10k: Annotated[
        bool | None, typer.Option("--only-t10k", help="moving_mnist: split the 10,000 test digits three ways.")
    ] = None,
    skip_damaged: Annotated[bool | None, typer.Option("--skip-damaged", help="Leave out files that cannot be read.")] = None,
) -> None:
    """Put a data set where runs find it.

    Reads what was downloaded by hand, checks it and packs it under $BENCH_DATA (default ./data). Can be interrupted.
    """
    from rich.progress import Progress

    from bench.data.prepare import prepare as make

    given = {key: value for key, value in locals().items() if key not in ("what", "Progress", "make") and value is not None}
    with Progress(console=options.console(), transient=True) as progress:
        task = progress.add_task(what, total=None)
        lines = make(
            what, given, lambda done, total, item: progress.update(task, completed=done, total=total, description=item)
        )
    for line in lines:
        print(line)


@data_app.command(name="list")
def list_data(
    full: Annotated[bool, typer.Option("--full", help="Read every byte, to find files that have changed.")] = False,
    as_json: options.Json = False,
) -> None:
    """What is ready, what is missing, and what makes it."""
    from bench.data.listing import listing

    found = listing(full)
    if as_json:
        options.print_json([vars(entry) for entry in found])
        return
    width = max(len(_called(entry)) for entry in found)
    for entry in found:
        print(f"{_called(entry):<{width}}  {entry.state:<8} {entry.detail}")


@data_app.command()
def show(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A data set (`bench list data`).")],
    settings: Annotated[
        list[str] | None, typer.Option("--set", metavar="OPTION=VALUE", help="Its options: --set digits=3. Repeatable.")
    ] = None,
    clips: Annotated[int, typer.Option(help="Clips of each split.")] = 4,
    frames: Annotated[int, typer.Option(help="Their length.")] = 20,
    out: Annotated[Path, typer.Option(metavar="DIR", help="Where the pictures go.")] = Path("out"),
) -> None:
    """Pictures and counts of each split.

    Writes a contact sheet (PNG) and an animation (GIF) of some clips of each split, and counts clips, actions and persons.
    """
    from bench.data.show import show as draw
    from bench.spec import parsed

    given: dict[str, Any] = {}
    for setting in settings or []:
        key, equals, text = setting.removeprefix("data.").partition("=")
        if not equals:
            raise BenchError(f"--set takes OPTION=VALUE, such as digits=3; got '{setting}'")
        given[key] = parsed(text)
    for line in draw(name, given, out, clips, frames):
        print(line)


def _called(entry: Any) -> str:
    return entry.name + "".join(f" {key}={value}" for key, value in entry.options.items())
