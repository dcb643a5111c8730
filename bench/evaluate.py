"""Rollouts over fixed clips, scored per clip and frame under every protocol at once."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from bench.data.base import Dataset, Split
from bench.errors import BenchError
from bench.experiment import Evaluation
from bench.files import replacing
from bench.metrics import lpips
from bench.metrics.protocols import PROTOCOLS, score_names
from bench.metrics.score import score
from bench.scores import Scores
from bench.spec import RunSpec

CHUNK_PIXELS = 4_000_000  # per chunk of clips; bounds memory whatever the number of clips


@torch.inference_mode()
def validate(model: nn.Module, data: Dataset, spec: RunSpec, device: torch.device) -> dict[str, float]:
    """Mean PSNR (dB) and SSIM over the first clips of the validation split, protocol `standard`."""
    model.eval()
    frames = spec.context + spec.horizon
    found = data.count("val", frames)
    count = spec.validation_clips if found is None else min(found, spec.validation_clips)
    totals: dict[str, float] = {}
    for first, last in chunks(count, frames, data.shape):
        clips, prediction = predicted(model, data, "val", first, last, spec.context, spec.horizon, device)
        target = clips[:, spec.context :]
        scores = score(prediction, target, ["standard"])
        for name in ("psnr", "ssim"):
            totals[name] = totals.get(name, 0.0) + float(scores[f"standard/{name}"].sum())
    return {name: total / (count * spec.horizon) for name, total in totals.items()}


@torch.inference_mode()
def evaluate(
    model: nn.Module,
    data: Dataset,
    context: int,
    evaluation: Evaluation,
    device: torch.device,
    keep: Path | None = None,
    on_clips: Callable[[int, int], None] = lambda done, total: None,
) -> Scores:
    """Score a model on the fixed clips of a split.

    keep: where to store the predictions, float16 [clip, frame, C, H, W], or None. on_clips: called with (done, total) after
    every chunk; it may raise to stop.
    """
    model.eval()
    assert evaluation.horizon is not None
    count = clips_to_score(data, evaluation, context)
    shape = (count, evaluation.horizon, *data.shape)
    perceptual, lpips_source = lpips.load(data.shape, device)
    names = score_names()
    values = np.full((count, evaluation.horizon, len(names)), np.nan, np.float32)
    with _array(keep, shape) as kept:
        for first, last in chunks(count, context + evaluation.horizon, data.shape):
            clips, prediction = predicted(model, data, evaluation.split, first, last, context, evaluation.horizon, device)
            for name, column in score(prediction, clips[:, context:], lpips=perceptual).items():
                values[first:last, :, names.index(name)] = column.float().cpu().numpy()
            if kept is not None:
                kept[first:last] = prediction.to(torch.float16).cpu().numpy()
            on_clips(last, count)
    facts = {
        "protocols": {name: protocol.version for name, protocol in PROTOCOLS.items()},
        "lpips": lpips_source if perceptual else "",
        "lpips_missing": "" if perceptual else lpips_source,
        "fingerprint": data.fingerprint(),
        "split": evaluation.split,
        "context": context,
        "labels": (data.labels(evaluation.split, context + evaluation.horizon) or [])[:count],
    }
    return Scores(values, names, facts)


def clips_to_score(data: Dataset, evaluation: Evaluation, context: int) -> int:
    """How many clips an evaluation covers: as many as asked, or all that there are."""
    assert evaluation.horizon is not None
    found = data.count(evaluation.split, context + evaluation.horizon)
    if found == 0:
        raise BenchError(
            f"no clip of the {evaluation.split} split has {context} + {evaluation.horizon} frames; shorten the horizon"
        )
    if found is None and evaluation.clips is None:
        raise BenchError("this data set is generated without end: say how many clips to score (clips=...)")
    return min(n for n in (found, evaluation.clips) if n is not None)


def chunks(count: int, frames: int, shape: tuple[int, int, int]) -> Iterator[tuple[int, int]]:
    """(first, last) of runs of clips small enough for memory; scores do not depend on where they are cut."""
    size = max(1, CHUNK_PIXELS // (frames * shape[0] * shape[1] * shape[2]))
    for first in range(0, count, size):
        yield first, min(first + size, count)


@torch.inference_mode()
def predicted(
    model: nn.Module, data: Dataset, split: Split, first: int, last: int, context: int, horizon: int, device: torch.device
) -> tuple[Tensor, Tensor]:
    """Clips first ... last-1 of a split and the model's predictions of their last `horizon` frames, not clamped."""
    clips = data.clips(split, first, last, context + horizon).to(device)
    return clips, model(clips[:, :context], horizon).float()


@contextlib.contextmanager
def _array(path: Path | None, shape: tuple[int, ...]) -> Iterator[np.ndarray | None]:
    """A float16 array on disk to fill; it appears under its name once it is complete."""
    if path is None:
        yield None
        return
    with replacing(path) as temporary:
        array = np.lib.format.open_memmap(temporary, mode="w+", dtype=np.float16, shape=shape)
        yield array
        array.flush()
