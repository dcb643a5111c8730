"""Errors between pixels: MSE, MAE and PSNR. Pixels are taken as given; protocols clamp or round them first."""

import torch
from torch import Tensor

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


def frame_mean(values: Tensor) -> Tensor:
    """The mean over each frame's pixels and channels, [B, T, C, H, W] -> [B, T] in float64: rows first, then their sums."""
    return values.sum(-1).double().sum((-2, -1)) / values.shape[-3:].numel()


def psnr_of(mean_square_error: Tensor, data_range: float = 1.0) -> Tensor:
    """The PSNR in dB that goes with a frame's mean square error, at most 100."""
    return (10 * torch.log10(data_range**2 / mean_square_error)).clamp(max=CAP_DB)
