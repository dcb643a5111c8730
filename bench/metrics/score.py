"""Every score of a batch of predictions, under all protocols in one pass."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import torch
from torch import Tensor

from bench.common.errors import BenchError
from bench.metrics import frame_metrics
from bench.metrics.metric import loaded
from bench.metrics.protocols import PROTOCOLS, checked, metrics_of
from bench.metrics.views import Views

CACHED = 2**17
"""Pixels scored at a time on a CPU: few enough that every step finds its input in the core's own cache."""
BATCHED = 2**22
"""Pixels scored at a time on a GPU: enough to fill it, and a gigabyte or two of float64 beside the model."""

Perceptual = Callable[[Tensor, Tensor], Tensor]
"""LPIPS: [B, T, C, H, W] twice, in the range that a protocol chooses -> [B, T]."""


@torch.no_grad()
def score(
    prediction: Tensor,
    target: Tensor,
    protocols: Iterable[str] = PROTOCOLS,
    networks: Mapping[str, Any] | None = None,
) -> dict[str, Tensor]:
    """Scores per clip and frame, {"standard/psnr": [B, T] in float64, ...}.

    prediction: [B, T, C, H, W] as the model gave it, not clamped. target: the same shape, in [0, 1]. networks: what some
    metrics need besides the frames, by metric (`load_networks`); a metric whose network is missing is left out. Results that
    two protocols share are computed once. Works in chunks on the tensors' device, so that memory stays bounded.
    """
    if prediction.shape != target.shape or prediction.ndim != 5:
        shapes = f"{list(prediction.shape)} and {list(target.shape)}"
        raise BenchError(f"scores need predictions and targets of one shape [B, T, C, H, W], got {shapes}")
    names = checked(protocols)
    rows = [
        [_scores(Views(*frames, networks or {}), names) for frames in zip(*row, strict=True)]
        for row in zip(_chunks(prediction), _chunks(target), strict=True)
    ]
    return {name: torch.cat([torch.cat([part[name] for part in row], 1) for row in rows]) for name in rows[0][0]}


def load_networks(shape: tuple[int, int, int], device: torch.device) -> tuple[dict[str, Any], dict[str, str]]:
    """The networks that metrics need for frames (C, H, W), by metric, as far as available; and for footnotes, for each metric
    that needs one, a description of the network or the reason why it is missing."""
    networks: dict[str, Any] = {}
    description: dict[str, str] = {}
    for name, metric in frame_metrics().items():
        if metric.load:
            network, description[name] = loaded(metric.load)(shape, device)
            networks |= {} if network is None else {name: network}
    return networks, description


def _chunks(clips: Tensor) -> list[tuple[Tensor, ...]]:
    """Rows of a few whole clips, or of one clip in pieces of a few frames: [b, t, C, H, W] each."""
    frames = max(1, (CACHED if clips.device.type == "cpu" else BATCHED) // clips.shape[2:].numel())
    return [row.split(frames, dim=1) for row in clips.split(max(1, frames // clips.shape[1]))]


def _scores(views: Views, protocols: Iterable[str]) -> dict[str, Tensor]:
    """All scores of one chunk; protocols with equal rules share them."""
    scores: dict[str, Tensor] = {}
    metrics = frame_metrics()
    for protocol in protocols:
        for name in metrics_of(protocol):
            metric = metrics[name]
            if not metric.load or name in views.networks:
                rule = metric.rules[protocol]
                scores[f"{protocol}/{name}"] = views.once(rule, lambda rule=rule: rule(views).double())  # type: ignore[misc]
    return scores
