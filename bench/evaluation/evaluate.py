"""Rollouts over fixed clips, scored per clip and frame under every protocol at once."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from bench.common.arrays import growing
from bench.common.errors import BenchError
from bench.data.base import Dataset, Split
from bench.evaluation.scores import Scores
from bench.evaluation.sets import SetScorer
from bench.metrics.full_float32 import full_float32
from bench.metrics.protocols import PROTOCOLS, score_names
from bench.metrics.score import load_networks, score
from bench.spec.experiment import Evaluation
from bench.spec.runspec import Precision, RunSpec

CHUNK_PIXELS = 4_000_000  # per chunk of clips; bounds memory whatever the number of clips
GENERATED_CLIPS = 1000  # that are scored of a data set without end, unless a number is named
Pair = tuple[Tensor, Tensor]
"""Predictions, not clamped, and their targets, [B, T, C, H, W] each."""


@torch.inference_mode()
def validate(model: nn.Module, data: Dataset, spec: RunSpec, device: torch.device) -> dict[str, float]:
    """Mean PSNR (dB) and SSIM over the first clips of the validation split, protocol `standard`."""
    model.eval()
    count = clips_to_score(data, Evaluation(clips=spec.validation_clips, horizon=spec.horizon, split="val"), spec.context)
    totals = {"psnr": 0.0, "ssim": 0.0}
    for prediction, target in predictions(model, data, "val", count, spec.context, spec.horizon, device, spec.precision):
        scores = score(prediction, target, ["standard"])
        for name in totals:
            totals[name] += float(scores[f"standard/{name}"].sum())
    return {name: total / (count * spec.horizon) for name, total in totals.items()}


def evaluate(
    model: nn.Module,
    data: Dataset,
    context: int,
    evaluation: Evaluation,
    device: torch.device,
    precision: Precision = "float32",
    keep: Path | None = None,
    on_clips: Callable[[int, int], None] = lambda done, total: None,
) -> Scores:
    """Score a model on the fixed clips of a split.

    keep: where to store the predictions, float32 [clip, frame, C, H, W], or None; it is the stored frames that are scored, so
    that scoring them again gives the same numbers. on_clips: called with (scored clips, all clips) after every chunk; it may
    raise to stop.
    """
    model.eval()
    assert evaluation.horizon is not None
    count = clips_to_score(data, evaluation, context)
    pairs = predictions(model, data, evaluation.split, count, context, evaluation.horizon, device, precision)
    metadata = metadata_of(data, evaluation, context, count)
    with growing(keep, (count, evaluation.horizon, *data.shape), root=keep and keep.parent.parent) as append:

        def stored(pair: Pair) -> Pair:
            append(pair[0].cpu().numpy())
            return pair

        return scored(map(stored, pairs) if keep else pairs, count, metadata, device, on_clips, evaluation.metrics)


@torch.inference_mode()
def scored(
    pairs: Iterable[Pair],
    count: int,
    metadata: dict[str, Any],
    device: torch.device,
    on_clips: Callable[[int, int], None] = lambda scored_clips, total: None,
    sets: Sequence[str] = (),
) -> Scores:
    """The scores of `count` clips that come in chunks, under all protocols, with metadata that say where they come from.

    sets: metrics of the whole set of clips, which are computed as well.
    """
    names, scored_clips = score_names(), 0
    parts: list[np.ndarray] = []
    networks: dict[str, Any] = {}
    descriptions: dict[str, str] = {}
    of_set = SetScorer(sets)
    digest = hashlib.sha256()
    for prediction, target in pairs:
        if not parts:
            channels, height, width = target.shape[2:]
            networks, descriptions = load_networks((channels, height, width), device)
        # sums depend on the order of their terms: contiguous tensors give the same scores whatever layout a model returns
        with full_float32():  # LPIPS and scores of sets are convolutions
            columns = score(prediction.contiguous(), target.contiguous(), networks=networks)
        empty = np.full(target.shape[:2], np.nan, np.float32)
        parts.append(np.stack([columns[name].float().cpu().numpy() if name in columns else empty for name in names], -1))
        digest.update(target_bytes(target))
        with full_float32():
            of_set.add(prediction, target, lambda part, scored_clips=scored_clips: on_clips(scored_clips + part, count))  # type: ignore[misc]
        scored_clips += len(target)
        on_clips(scored_clips, count)
    features = of_set.features()
    metadata = {
        **metadata,
        "protocols": {name: protocol.version for name, protocol in PROTOCOLS.items()},
        **{name: description if name in networks else "" for name, description in descriptions.items()},
        **{f"{name}_missing": "" if name in networks else description for name, description in descriptions.items()},
        **({"sets": of_set.metadata} if sets else {}),
        "targets": digest.hexdigest()[:12],  # what was to be predicted: scores are comparable where this agrees
    }
    return Scores(np.concatenate(parts), names, metadata, features)


def target_bytes(target: Tensor) -> bytes:
    """Frames as the bytes that are hashed; equal hashes mean that two scores are of the same clips."""
    return target.mul(255).round().to(torch.uint8).cpu().numpy().tobytes()


def metadata_of(data: Dataset, evaluation: Evaluation, context: int, count: int) -> dict[str, Any]:
    """Metadata of an evaluation that are known before it begins."""
    return {
        "data": data.conventions(),
        "fingerprint": data.split_fingerprint(evaluation.split),
        "split": evaluation.split,
        "context": context,
        "labels": data.labels(evaluation.split, context + (evaluation.horizon or 0), count) or [],
    }


def default_clips(data: Dataset, split: Split, frames: int) -> int | None:
    """How many clips to score where no number is named: all (None), or 1,000 where they are generated without end."""
    return GENERATED_CLIPS if data.count(split, frames) is None else None


def clips_to_score(data: Dataset, evaluation: Evaluation, context: int) -> int:
    """How many clips an evaluation scores: as many as requested, at most all of the split."""
    assert evaluation.horizon is not None
    available = data.count(evaluation.split, context + evaluation.horizon)
    if available == 0:
        needed = f"{context} + {evaluation.horizon} frames"
        raise BenchError(f"no clip of the {evaluation.split} split has {needed}; shorten the horizon")
    if available is None and evaluation.clips is None:
        raise BenchError("this data set is generated without end: say how many clips to score (clips=...)")
    return min(n for n in (available, evaluation.clips) if n is not None)


@torch.inference_mode()
def predictions(
    model: nn.Module,
    data: Dataset,
    split: Split,
    count: int,
    context: int,
    horizon: int,
    device: torch.device,
    precision: Precision = "float32",
) -> Iterator[Pair]:
    """A model's predictions of a split's first `count` clips with their targets, in chunks that fit into memory."""
    for clips in chunked(data, split, count, context + horizon, device):
        with autocast(precision, device):  # the model alone: scores are never computed in low precision
            predicted = model(clips[:, :context], horizon)
        yield predicted.float(), clips[:, context:]


def autocast(precision: Precision, device: torch.device) -> contextlib.AbstractContextManager[Any]:
    """The precision in which a model computes."""
    return torch.autocast(device.type, torch.bfloat16) if precision == "bf16" else contextlib.nullcontext()


def chunked(data: Dataset, split: Split, count: int, frames: int, device: torch.device) -> Iterator[Tensor]:
    """A split's first `count` clips in chunks; results do not depend on the size of the chunks."""
    size = max(1, CHUNK_PIXELS // (frames * data.shape[0] * data.shape[1] * data.shape[2]))
    for first in range(0, count, size):
        yield data.clips(split, first, min(first + size, count), frames).to(device)
