"""Structural similarity (Wang et al., "Image quality assessment", IEEE Transactions on Image Processing 2004), batched.

Window sums are exact to float64: variances are small differences of large squares, and float32 would lose the fourth decimal
on bright, nearly flat frames.
"""

import math

import torch
from torch import Tensor

from bench.errors import BenchError
from bench.metrics.pixelwise import answer_type
from bench.metrics.protocols import Window

SIGMA = 1.5
SIZES = {"gaussian": 11, "uniform": 7}
K1, K2 = 0.01, 0.03


def ssim(prediction: Tensor, target: Tensor, data_range: float = 1.0, window: Window = "gaussian") -> Tensor:
    """Structural similarity in [-1, 1], [B, T, C, H, W] -> [B, T]: the mean over all windows that lie wholly inside the frame.

    window: "gaussian" is 11x11 with sigma 1.5 and population covariance, as published; "uniform" is 7x7 with sample
    covariance, scikit-image's default. data_range: of the pixels, or 2 for what scikit-image <= 0.19 took float frames to be.
    Colour as scikit-image with channel_axis: each channel on its own, then their mean.
    """
    size = SIZES[window]
    height, width = prediction.shape[-2:]
    if min(height, width) < size:
        raise BenchError(f"SSIM with the {window} window needs frames of at least {size}x{size} pixels, got {height}x{width}")
    sums = _window_sums(_maps(pixels_first(prediction), pixels_first(target)), window)
    weight, sample = (size**2, size**2 / (size**2 - 1)) if window == "uniform" else (1, 1)
    return _similarity(sums, data_range, weight, sample).mean((0, 1, -1)).to(answer_type(prediction))


def pixels_first(clips: Tensor) -> Tensor:
    """[B, T, C, H, W] -> [H, W, B, T, C] in float64: a window moves over whole batches of contiguous memory."""
    return clips.permute(3, 4, 0, 1, 2).to(torch.float64, memory_format=torch.contiguous_format)


def _maps(x: Tensor, y: Tensor) -> Tensor:
    """The four maps whose window sums SSIM is made of: x, y, x^2 + y^2 and xy, [4, H, W, B, T, C]."""
    maps = x.new_empty((4, *x.shape))
    maps[0], maps[1] = x, y
    torch.mul(x, x, out=maps[2]).addcmul_(y, y)
    torch.mul(x, y, out=maps[3])
    return maps


def _similarity(sums: Tensor, data_range: float, weight: float, sample: float) -> Tensor:
    """The similarity of each window from its four sums.

    weight: of a whole window, by which sums exceed means. sample: sample over population covariance. Both move into the two
    constants (numerator and denominator share them), which leaves few operations per pixel.
    """
    x, y, squares, product = sums
    c1 = (K1 * data_range) ** 2 * weight**2
    c2 = (K2 * data_range) ** 2 * weight / sample
    sums_product = x * y
    sums_squares = (x * x).addcmul_(y, y)
    covariance = product.sub(sums_product, alpha=1 / weight).add_(c2 / 2)
    variances = squares.sub(sums_squares, alpha=1 / weight).add_(c2)
    luminance = sums_product.add_(c1 / 2).div_(sums_squares.add_(c1))
    return covariance.div_(variances).mul_(luminance).mul_(4)  # both numerators were halved


def _window_sums(maps: Tensor, window: Window) -> Tensor:
    """The weighted sum over every window inside the frame, [4, H, W, ...] -> [4, H - size + 1, W - size + 1, ...]."""
    return _along(_along(maps, 1, window), 2, window)


def _along(maps: Tensor, dim: int, window: Window) -> Tensor:
    """The weighted sums of as many neighbours along one dimension as the window has."""
    size = SIZES[window]
    length = maps.shape[dim] - size + 1
    if window == "uniform":  # 7 = 4 + 2 + 1: four additions
        two = maps.narrow(dim, 0, length + 5) + maps.narrow(dim, 1, length + 5)
        four = two.narrow(dim, 0, length) + two.narrow(dim, 2, length)
        return four.add_(two.narrow(dim, 4, length)).add_(maps.narrow(dim, 6, length))
    weights = [math.exp(-((k - size // 2) ** 2) / (2 * SIGMA**2)) for k in range(size)]
    total = maps.narrow(dim, 0, length) * (weights[0] / sum(weights))
    for k, weight in enumerate(weights[1:], start=1):
        total.add_(maps.narrow(dim, k, length), alpha=weight / sum(weights))
    return total
