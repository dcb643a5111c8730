"""Predicted frames of any clip, as pictures, an animation beside the ground truth, and numbers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from bench.errors import BenchError
from bench.files import replacing
from bench.pictures import image, save_gif, save_png, side_by_side, strip

BATCH = 16


@torch.inference_mode()
def predict(
    model: nn.Module, clips: NDArray[np.float32], context: int, horizon: int, device: torch.device
) -> NDArray[np.float32]:
    """The `horizon` frames after the first `context` of clips [B, T, C, H, W], not clamped: [B, horizon, C, H, W]."""
    least = int(getattr(model, "min_context", 1))
    if context < least:
        raise BenchError(f"the model needs at least {least} context frames, got {context}")
    if clips.shape[1] < context:
        raise BenchError(
            f"the input has {clips.shape[1]} frames, fewer than the {context} of context; give more, or a smaller --context"
        )
    known = torch.from_numpy(clips[:, :context])
    return np.concatenate([model(part.to(device), horizon).float().cpu().numpy() for part in known.split(BATCH)])


def write(out: Path, clips: NDArray[np.float32], predictions: NDArray[np.float32], context: int) -> list[Path]:
    """Per clip a folder of PNG frames, a strip of all of them, and a GIF beside the truth as far as that is known."""
    written = []
    for number, (clip, prediction) in enumerate(zip(clips, predictions, strict=True)):
        folder = out / f"clip_{number:05d}" if len(clips) > 1 else out
        for t, frame in enumerate(prediction):
            save_png(image(frame), folder / f"predicted_{context + t:05d}.png")
        truth = clip[context : context + len(prediction)]
        rows = {"context": clip[:context], "truth": truth, "prediction": prediction}
        starts = {"truth": context, "prediction": context}
        save_png(strip({label: row for label, row in rows.items() if len(row)}, starts), folder / "strip.png")
        whole = np.concatenate([clip[:context], prediction])
        beside = {"truth": clip[: len(whole)], "prediction": whole} if len(truth) == len(prediction) else {"prediction": whole}
        save_gif(side_by_side(beside), folder / "prediction.gif")
        written += [folder / "strip.png", folder / "prediction.gif"]
    return written


def write_array(path: Path, predictions: NDArray[np.float32]) -> None:
    """The unclamped float32 predictions [B, horizon, C, H, W] as a .npy file."""
    with replacing(path if path.suffix == ".npy" else path.with_name(path.name + ".npy")) as temporary:
        np.save(temporary, predictions)
