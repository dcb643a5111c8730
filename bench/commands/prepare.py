"""prepare: checks data that were downloaded, and packs them where runs look for them."""

from __future__ import annotations

from typing import Annotated

import typer

from bench.commands import _output


def prepare_(
    kind: Annotated[
        str, typer.Argument(metavar="NAME", help="mnist, moving_mnist, moving_mnist_fixed, kth, frames or videos.")
    ],
    source: Annotated[
        str | None, typer.Option(metavar="DIR", help="Where the files are. mnist is downloaded without it.")
    ] = None,
    name: Annotated[
        str | None, typer.Option(metavar="NAME", help="frames, videos: what to call the set, for --set data.name=...")
    ] = None,
    size: Annotated[
        str | None,
        typer.Option(
            metavar="N|WxH", help="kth, frames, videos: side of square frames in pixels; frames, videos: such as 64x48."
        ),
    ] = None,
    crop: Annotated[
        str | None,
        typer.Option(metavar="N|WxH", help="frames, videos: the centred part to keep before resizing, such as 120x120."),
    ] = None,
    value_range: Annotated[
        str | None,
        typer.Option("--range", metavar="LOW..HIGH", help="frames: black and white of 16-bit pictures, such as 0..65535."),
    ] = None,
    layout: Annotated[
        str | None,
        typer.Option(metavar="AXES", help="moving_mnist_fixed: axes of an array that is not as published, such as NTHW."),
    ] = None,
    allow_leak: Annotated[
        bool | None, typer.Option("--allow-leak", help="frames, videos: let a video be in two splits.")
    ] = None,
    grey: Annotated[bool | None, typer.Option("--grey", help="frames, videos: make colour grey.")] = None,
    centred: Annotated[
        bool | None, typer.Option("--centred", help="kth: the centred 120x120 pixels instead of the whole frame.")
    ] = None,
    train_persons: Annotated[
        str | None, typer.Option(metavar="PERSONS", help="kth: persons of the training clips, such as 1-16.")
    ] = None,
    val_persons: Annotated[
        str | None,
        typer.Option(
            metavar="PERSONS", help="kth: persons of the validation clips, taken out of the training persons, such as 15-16."
        ),
    ] = None,
    test_persons: Annotated[
        str | None, typer.Option(metavar="PERSONS", help="kth: persons of the test clips, such as 17-25.")
    ] = None,
    cut: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", help="kth: whose test clips: suite, thuml, thuml_videos, vptr or svg (`bench data show kth`)."
        ),
    ] = None,
    clips: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="moving_mnist: also freeze so many test clips into a fixed set.")
    ] = None,
    frames: Annotated[int | None, typer.Option(metavar="N", min=1, help="moving_mnist: frames of each frozen clip.")] = None,
    only_t10k: Annotated[
        bool | None, typer.Option("--only-t10k", help="moving_mnist: split the 10,000 test digits three ways.")
    ] = None,
    skip_damaged: Annotated[bool | None, typer.Option("--skip-damaged", help="Leave out files that cannot be read.")] = None,
) -> None:
    """Prepare a data set so that runs find it.

    Reads what was downloaded by hand, checks it and packs it under $BENCH_DATA (default ./data). Can be interrupted.

    What --source holds. videos: folders train, val and test of video files (without val some of train are held out). frames:
    the same folders with a folder of pictures for each video, such as train/video_00000/frame_00000.jpg. kth: the videos, or
    the six folders of actions that they are in, and 00sequences.txt. mnist: its four files.
    """
    options = {key: value for key, value in locals().items() if key != "kind" and value is not None}

    from bench.data.preparing.prepare import prepare

    if value_range is not None:
        options["range"] = options.pop("value_range")
    if size is not None and size.isascii() and size.isdigit():
        options["size"] = int(size)
    with _output.progress(kind) as progress:
        lines = prepare(kind, options, progress)
    for line in lines:
        print(line)
