"""Every score of a batch of predictions, under all protocols in one pass."""

from collections.abc import Callable, Iterable
from functools import cache

import torch
from torch import Tensor

from bench.common.errors import BenchError
from bench.metrics.pixelwise import frame_mean, psnr_of
from bench.metrics.protocols import PROTOCOLS, Errors, Lpips, Pixels, Psnr, Ssim, checked
from bench.metrics.ssim import ssim_maps, ssim_of

CACHED = 2**17
"""Pixels scored at a time on a CPU: few enough that every step finds its input in the core's own cache."""
BATCHED = 2**22
"""Pixels scored at a time on a GPU: enough to fill it, and a gigabyte or two of float64 beside the model."""

Perceptual = Callable[[Tensor, Tensor], Tensor]
"""LPIPS: [B, T, C, H, W] twice, in the range that a protocol chooses -> [B, T]."""


@torch.no_grad()
def score(
    prediction: Tensor, target: Tensor, protocols: Iterable[str] = PROTOCOLS, lpips: Perceptual | None = None
) -> dict[str, Tensor]:
    """Scores per clip and frame, {"standard/psnr": [B, T] in float64, ...}.

    prediction: [B, T, C, H, W] as the model gave it, not clamped. target: the same shape, in [0, 1]. lpips: the network
    (`bench.metrics.lpips.load`); without it there are no LPIPS scores. What two protocols share is computed once. Works in
    chunks on the tensors' device, so that memory stays bounded.
    """
    if prediction.shape != target.shape or prediction.ndim != 5:
        found = f"{list(prediction.shape)} and {list(target.shape)}"
        raise BenchError(f"scores need predictions and targets of one shape [B, T, C, H, W], got {found}")
    names = checked(protocols)
    rows = [
        [_scores(*frames, names, lpips) for frames in zip(*row, strict=True)]
        for row in zip(_chunks(prediction), _chunks(target), strict=True)
    ]
    return {name: torch.cat([torch.cat([part[name] for part in row], 1) for row in rows]) for name in rows[0][0]}


def _chunks(clips: Tensor) -> list[tuple[Tensor, ...]]:
    """Rows of a few whole clips, or of one clip in pieces of a few frames: [b, t, C, H, W] each."""
    frames = max(1, (CACHED if clips.device.type == "cpu" else BATCHED) // clips.shape[2:].numel())
    return [row.split(frames, dim=1) for row in clips.split(max(1, frames // clips.shape[1]))]


def _scores(prediction: Tensor, target: Tensor, names: tuple[str, ...], lpips: Perceptual | None) -> dict[str, Tensor]:
    """All scores of one chunk. The functions within are cached: each view and each distinct score is computed once. None calls
    itself: in a circle they would keep the chunk in memory until the garbage collector came by."""
    raw = prediction.float(), target.float()

    @cache
    def clamped() -> tuple[Tensor, Tensor]:
        return raw[0].clamp(0, 1), raw[1]

    @cache
    def view(pixels: Pixels) -> tuple[Tensor, Tensor]:
        if pixels == "raw":
            return raw
        x, y = clamped()
        return (x, y) if pixels == "clamped" else (x.mul(255).round_(), y.mul(255).round_())

    @cache
    def difference(pixels: Pixels) -> Tensor:
        x, y = view(pixels)
        return x - y

    @cache
    def mean_square(pixels: Pixels) -> Tensor:
        return frame_mean(difference(pixels).square())

    @cache
    def errors(rule: Errors) -> dict[str, Tensor]:
        means = {"mse": mean_square(rule.pixels), "mae": frame_mean(difference(rule.pixels).abs())}
        sums = {f"{name}_sum": mean * prediction.shape[2:].numel() for name, mean in means.items()}
        return means | sums if rule.per_pixel else sums

    @cache
    def maps(pixels: Pixels) -> Tensor:
        return ssim_maps(*view(pixels))

    @cache
    def similarity(rule: Ssim) -> Tensor:
        return ssim_of(maps(rule.pixels), rule.data_range, rule.window).double()

    @cache
    def perceived(rule: Lpips) -> Tensor:
        assert lpips is not None
        return lpips(*(frames.mul(rule.high - rule.low).add_(rule.low) for frames in view("clamped"))).double()

    def ratio(rule: Psnr) -> Tensor:
        return psnr_of(mean_square(rule.pixels), rule.data_range)

    scores: dict[str, Tensor] = {}
    for name in names:
        protocol = PROTOCOLS[name]
        found = errors(protocol.errors) | {"psnr": ratio(protocol.psnr), "ssim": similarity(protocol.ssim)}
        if lpips is not None:
            found["lpips"] = perceived(protocol.lpips)
        scores |= {f"{name}/{metric}": found[metric] for metric in protocol.metrics() if metric in found}
    return scores
