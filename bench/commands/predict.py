"""predict: the frames that a model predicts after those of a user."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated

import typer

from bench.commands import _options, _output
from bench.common.errors import BenchError
from reports.quantities import several

SHOWN = 8  # names of written files


def predict_(
    run_or_checkpoint: Annotated[
        str, typer.Argument(metavar="RUN|CHECKPOINT", help="A run (`bench status` lists them) or a checkpoint file.")
    ],
    source: Annotated[
        Path, typer.Argument(metavar="INPUT", help="A folder of frames, a video, or a .npy array [T,C,H,W] or [B,T,C,H,W].")
    ],
    horizon: Annotated[
        int | None,
        typer.Option(metavar="N", min=1, help="Frames to predict. Default: those that the input has after the context."),
    ] = None,
    context: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="Frames that the model sees. Default: as in training, or 10.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Where the pictures go. Default: predictions/RUN-INPUT, by their names.")
    ] = None,
    array: Annotated[
        Path | None, typer.Option(metavar="FILE.npy", help="Also save the unclamped float32 predictions, in a new file.")
    ] = None,
    pictures: Annotated[
        int | None, typer.Option(metavar="N", min=0, help="How many clips of an array get pictures. Default: all.")
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="The model of another code base's checkpoint, where the file does not tell."),
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="NAME=VALUE",
            help="A setting of the model, where another code base's checkpoint does not tell it: model.window=3. Repeatable.",
        ),
    ] = None,
    ranges: _options.Range = None,
    layout: _options.Layout = None,
    store_path: _options.StorePath = None,
) -> None:
    """Predict the frames that follow.

    CHECKPOINT may be of another code base (OpenSTL, PredRNN, PhyDNet, ...): its content tells the model. docs/checkpoints.md
    lists what loads.

    Writes PNG frames, a strip of all of them, and a GIF; beside the truth if the input has frames after the context. Any number
    of clips takes the same memory. What is not finite is magenta in the pictures; exit code 1 if no predicted frame is finite.
    """
    from bench.common.arrays import growing
    from bench.common.machine import default_device
    from bench.data.layout import parse_layout
    from bench.data.value_range import parse_ranges
    from bench.external import models
    from bench.external.frames import read
    from bench.external.predict import Tally, forget_clips, predict, refuse_lost_files, write
    from bench.external.side import Reading

    if pictures == 0 and not array:
        raise BenchError("nothing to write: --pictures is 0 and there is no --array")
    if array and not array.name:
        raise BenchError(f"--array {array} is a folder; name a file, such as predictions.npy")
    array = array and array.with_name(array.name.removesuffix(".npy") + ".npy")
    refuse_lost_files(source, out, array)
    clips = read(source, Reading(parse_layout(layout) if layout else None), parse_ranges(ranges or []))
    device = default_device()
    trained = models.find(run_or_checkpoint, _options.store(store_path), model, settings or [])
    _output.say((*trained.remarks, *trained.changes))
    if out is None:
        refuse_lost_files(source, out := _own_folder(trained.name, source), None)
    shape = (trained.channels or clips.shape[2], *clips.shape[3:])
    context_length = context or trained.context or 10
    network = trained.build(shape, device, context_length)
    _output.say([*trained.size_notes(shape), *clips.channel_notes(shape[0], trained.name)])
    ahead = horizon or max(clips.shape[1] - context_length, 0) or trained.horizon or 10
    drawn, number, paths, tally = len(clips) if pictures is None else pictures, 0, [], Tally()
    if drawn and shape[0] not in (1, 3):
        raise BenchError(f"frames of {shape[0]} channels are no pictures; use --pictures 0 --array FILE.npy")
    with growing(array, (len(clips), ahead, *shape)) as append:
        for batch, predictions in predict(network, clips, shape[0], context_length, ahead, device, trained.precision):
            append(predictions)
            tally.add(predictions)
            for clip, prediction in zip(batch, predictions, strict=True):
                if number < drawn:
                    folder = out / f"clip_{number:05d}" if len(clips) > 1 else out
                    paths += write(folder, clip, prediction, context_length)
                number += 1
    if drawn:
        forget_clips(out, drawn if len(clips) > 1 else 0)
    model_name = f"{trained.name} ({trained.unfinished})" if trained.unfinished else trained.name
    print(f"{model_name}: {several(len(clips), 'clip')}, {several(context_length, 'frame')} seen, {ahead} predicted")
    for path in [*paths[:SHOWN], *([array] if array else [])]:
        print(f"  {path}")
    if len(paths) > SHOWN:
        print(f"  and so on, for {several(min(drawn, len(clips)), 'clip')} in {out}")
    _output.say(tally.notes())
    if not tally.finite_frames:
        raise typer.Exit(1)


def _own_folder(name: str, source: Path) -> Path:
    """The folder of a prediction if the user names none: named after the run or the model's file, and the input."""
    words = [Path(name).stem, source.resolve().stem]
    return Path("predictions") / "-".join(re.sub(r"[^\w.-]+", "_", word) for word in words)
