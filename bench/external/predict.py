"""Predicts frames of any clips, and writes them as pictures and as an animation beside the ground truth."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Collection, Iterator
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from bench.common.errors import BenchError
from bench.common.images import image, save_gif, save_png, side_by_side, strip
from bench.evaluation.evaluate import autocast
from bench.external.failing import failing_in_words
from bench.external.frames import BATCH, UserClips, fitted
from bench.spec.runspec import Precision
from bench.training.model import min_context
from reports.quantities import several

FloatFrames = NDArray[np.float32]
STRIP, ANIMATION = "strip.png", "prediction.gif"


def refuse_lost_files(source: Path, out: Path | None, array: Path | None) -> None:
    """BenchError if predictions could not be written to `out` and `array`, or only over the input or over an earlier array."""
    if array and array.exists() and source.exists() and array.samefile(source):
        raise BenchError(f"--array {array} is the input, which the predictions would replace; choose another name")
    if array and (array.exists() or array.is_symlink()):
        raise BenchError(f"--array {array} is there already; choose another name, or remove it")
    for option, folder in (("--out", out), ("--array", array and array.parent)):
        existing_path = folder and next(
            (path for path in (folder, *folder.parents) if path.exists() or path.is_symlink()), None
        )
        if existing_path and not existing_path.is_dir():
            raise BenchError(
                f"{option} {folder}: {existing_path} is no folder, and the predictions go into one; choose another"
            )
    if out and _is_written(source.resolve(), out.resolve()):
        raise BenchError(f"--out {out} is where the input's frames are, and the next prediction would read these as well")


def _is_written(source: Path, out: Path) -> bool:
    """Whether predictions into a folder replace the input: its pictures, an animation, or a clip of an earlier prediction."""
    replaced = source.name == ANIMATION or re.fullmatch(r"clip_\d{5}", source.name)
    return source == out or bool(replaced and source.parent == out)


class Tally:
    """Counts the predicted frames and clips that hold a number which is not finite."""

    def __init__(self) -> None:
        self.clips = self.frames = self.finite_clips = self.finite_frames = 0

    def add(self, predictions: FloatFrames) -> None:
        """Count some clips, [b, T, C, H, W]."""
        finite = np.asarray(np.isfinite(predictions).all(axis=(2, 3, 4)))
        self.clips, self.finite_clips = self.clips + len(finite), self.finite_clips + int(finite.all(1).sum())
        self.frames, self.finite_frames = self.frames + finite.size, self.finite_frames + int(finite.sum())

    def notes(self) -> list[str]:
        """A sentence if there are such frames."""
        lost_frames, lost_clips = self.frames - self.finite_frames, self.clips - self.finite_clips
        frames = f"{lost_frames} of {several(self.frames, 'predicted frame')}"
        return [f"warning: not finite: {frames}, in {lost_clips} of {several(self.clips, 'clip')}"] if lost_frames else []


@torch.inference_mode()
def predict(
    model: nn.Module,
    clips: UserClips,
    channels: int,
    context: int,
    horizon: int,
    device: torch.device,
    precision: Precision = "float32",
) -> Iterator[tuple[FloatFrames, FloatFrames]]:
    """Yield clips [b, T, C, H, W] and the predicted `horizon` frames after their first `context`, not clamped, batch by batch.

    Only a batch is in memory at a time. channels: of the model; clips are converted to grey, or grey is repeated, to fit.
    """
    least = min_context(model)
    if context < least:
        raise BenchError(f"the model needs at least {least} context frames, got {context}")
    if clips.shape[1] < context:
        smaller = f", or a smaller --context (from {least} up)" if clips.shape[1] >= least else ""
        raise BenchError(f"the input has {clips.shape[1]} frames, fewer than the {context} of context; give more{smaller}")
    for first in range(0, len(clips), BATCH):
        batch = fitted(clips[first : first + BATCH], channels)
        context_frames = torch.from_numpy(batch[:, :context]).to(device)
        with failing_in_words(model, context, context_frames.shape[2:]), autocast(precision, device):
            predicted = model(context_frames, horizon)
        if predicted.shape != (len(batch), horizon, *context_frames.shape[2:]):
            due = [len(batch), horizon, *context_frames.shape[2:]]
            raise BenchError(f"{type(model).__name__} returned frames of {list(predicted.shape)}, where {due} were due")
        yield batch, predicted.float().cpu().numpy()


def write(folder: Path, clip: FloatFrames, prediction: FloatFrames, context: int) -> list[Path]:
    """PNG frames of one clip's prediction, a strip of all its frames, and a GIF beside the truth as far as that is known."""
    forget(folder, {f"predicted_{context + t:05d}.png" for t in range(len(prediction))})
    for t, frame in enumerate(prediction):
        save_png(image(frame), folder / f"predicted_{context + t:05d}.png")
    truth = clip[context : context + len(prediction)]
    rows = {"context": clip[:context], "truth": truth, "prediction": prediction}
    starts = {"truth": context, "prediction": context}
    save_png(strip({label: row for label, row in rows.items() if len(row)}, starts), folder / STRIP)
    whole = np.concatenate([clip[:context], prediction])
    strips = {"truth": clip[: len(whole)], "prediction": whole} if len(truth) == len(prediction) else {"prediction": whole}
    save_gif(side_by_side(strips), folder / ANIMATION)
    return [folder / STRIP, folder / ANIMATION]


def forget(folder: Path, but: Collection[str] = ()) -> None:
    """Remove the frames of an earlier prediction of a clip, which would mix with those of a new one."""
    for path in folder.glob(f"predicted_{'[0-9]' * 5}.png"):
        if path.name not in but:
            path.unlink()


def forget_clips(out: Path, count: int) -> None:
    """Remove the pictures of the clips from number `count` on, which an earlier prediction of more clips has left."""
    for folder in out.glob(f"clip_{'[0-9]' * 5}"):
        if int(folder.name.removeprefix("clip_")) >= count:
            forget(folder)
            for name in (STRIP, ANIMATION):
                (folder / name).unlink(missing_ok=True)
            with contextlib.suppress(OSError):  # it holds other files of the user
                folder.rmdir()
