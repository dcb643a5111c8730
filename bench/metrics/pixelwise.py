"""Errors between pixels: MSE, MAE and PSNR. Pixels are taken as given; protocols clamp or round them first."""

import torch
from torch import Tensor

from bench.metrics.views import Pixels, Views

CAP_DB = 100.0
"""The PSNR of an exact frame, which is infinite by definition and would make every mean infinite."""


def mse(prediction: Tensor, target: Tensor) -> Tensor:
    """Mean square error, [B, T, C, H, W] -> [B, T]: the mean over a frame's pixels and channels (not the sum)."""
    return frame_mean((prediction - target).square()).float()


def mae(prediction: Tensor, target: Tensor) -> Tensor:
    """Mean absolute error, [B, T, C, H, W] -> [B, T]: the mean over a frame's pixels and channels (not the sum)."""
    return frame_mean((prediction - target).abs()).float()


def psnr(prediction: Tensor, target: Tensor, data_range: float = 1.0) -> Tensor:
    """Peak signal-to-noise ratio in dB, [B, T, C, H, W] -> [B, T]. Peak `data_range`; the mean square error is over one frame,
    colours included (as scikit-image's peak_signal_noise_ratio). At most 100 dB, which is what identical frames score."""
    return psnr_of(frame_mean((prediction - target).square()), data_range).float()


def error_rule(views: Views, pixels: Pixels, power: int, summed: bool) -> Tensor:
    """The rule of MSE (power 2) and MAE (power 1): over each frame's pixels and channels the mean, or the sum."""
    mean = mean_square(views, pixels) if power == 2 else _mean_absolute(views, pixels)
    return mean * views.target.shape[2:].numel() if summed else mean


def psnr_rule(views: Views, pixels: Pixels, data_range: float) -> Tensor:
    """The rule of PSNR, against the data range, which is its peak."""
    return psnr_of(mean_square(views, pixels), data_range)


def mean_square(views: Views, pixels: Pixels) -> Tensor:
    """The mean square error of each frame, [B, T] in float64."""
    difference = views.difference(pixels)
    means: Tensor = views.once(("mean square", pixels), lambda: frame_mean(difference.square()))
    return means


def _mean_absolute(views: Views, pixels: Pixels) -> Tensor:
    difference = views.difference(pixels)
    means: Tensor = views.once(("mean absolute", pixels), lambda: frame_mean(difference.abs()))
    return means


def frame_mean(values: Tensor) -> Tensor:
    """The mean over each frame's pixels and channels, [B, T, C, H, W] -> [B, T] in float64: rows first, then their sums."""
    return values.sum(-1).double().sum((-2, -1)) / values.shape[-3:].numel()


def psnr_of(mean_square_error: Tensor, data_range: float = 1.0) -> Tensor:
    """The PSNR in dB that goes with a frame's mean square error, at most 100."""
    return (10 * torch.log10(data_range**2 / mean_square_error)).clamp(max=CAP_DB)
