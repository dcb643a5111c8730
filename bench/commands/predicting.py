"""predict: what a model makes of frames of one's own."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bench.commands import options


def register(app: typer.Typer) -> None:
    """Add the commands of this room."""
    app.command()(predict)


def predict(
    what: Annotated[
        str, typer.Argument(metavar="RUN|CHECKPOINT", help="A run (`bench status` lists them) or a checkpoint file.")
    ],
    source: Annotated[
        Path, typer.Argument(metavar="INPUT", help="A folder of frames, a video, or a .npy array [T,C,H,W] or [B,T,C,H,W].")
    ],
    horizon: Annotated[
        int | None, typer.Option(min=1, help="Frames to predict. Default: those that the input has after the context.")
    ] = None,
    context: Annotated[
        int | None, typer.Option(min=1, help="Frames that the model sees. Default: as in training, 10 for foreign files.")
    ] = None,
    out: Annotated[Path, typer.Option(metavar="DIR", help="Where the pictures go.")] = Path("out"),
    array: Annotated[Path | None, typer.Option(metavar="FILE.npy", help="Also save the unclamped float32 predictions.")] = None,
    model: Annotated[str | None, typer.Option(help="What model a foreign checkpoint is of, such as lmc.")] = None,
    settings: options.Set = None,
    store_path: options.StorePath = None,
) -> None:
    """Predict the frames that follow.

    Writes PNG frames, a strip of all of them, and a GIF; beside the truth where the input goes on after the context.
    """
    from bench import predict as predicting
    from bench import trained
    from bench.inputs import fitted, read
    from bench.train import default_device

    clips = read(source)
    device = default_device()
    found = trained.find(what, options.store(store_path), model, settings or [])
    clips = fitted(clips, found.channels or clips.shape[2])
    seen = context or found.context or 10
    network = found.build(clips.shape[2:], device, seen)
    ahead = horizon or max(clips.shape[1] - seen, 0) or found.horizon or 10
    predictions = predicting.predict(network, clips, seen, ahead, device)
    written = predicting.write(out, clips, predictions, seen)
    if array:
        predicting.write_array(array, predictions)
        written.append(array)
    print(f"{found.name}: {len(clips)} clip(s), {seen} frames seen, {ahead} predicted")
    for path in written:
        print(f"  {path}")
