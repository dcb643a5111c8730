"""Structural similarity (Wang et al., "Image quality assessment", IEEE Transactions on Image Processing 2004), batched.

Variances are small differences of large squares, which float32 resolves badly. Two habits keep five decimals without
the cost of float64. Everything is said in the sum and the difference of the two frames, whose variances err in numerator and
denominator alike. And weighted means are built by interpolation, which is exact wherever a frame is flat.
"""

import math

import torch
from torch import Tensor

from bench.errors import BenchError
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
    x, y = pixels_first(prediction), pixels_first(target)
    maps = x.new_empty((4, *x.shape))
    torch.add(x, y, out=maps[0])
    torch.sub(x, y, out=maps[1])
    torch.mul(maps[:2], maps[:2], out=maps[2:])
    means = _mean_along(_mean_along(maps, 1, window), 2, window)
    sample = size**2 / (size**2 - 1) if window == "uniform" else 1
    return _similarity(means, data_range, sample).mean((0, 1, -1))


def pixels_first(clips: Tensor) -> Tensor:
    """[B, T, C, H, W] -> [H, W, B, T, C] in float32, contiguous: so a window slides over whole batches at a time."""
    return clips.float().permute(3, 4, 0, 1, 2).contiguous()


def _similarity(means: Tensor, data_range: float, sample: float) -> Tensor:
    """The similarity of each window from its means of s = x + y, d = x - y, s^2 and d^2 [4, ...].

    Wang's formula with 4 xy = s^2 - d^2 and 2 (x^2 + y^2) = s^2 + d^2. sample: sample covariance over population covariance.
    """
    s_square, d_square = means[:2].square()
    s_variance, d_variance = means[2:] - means[:2].square()
    s_square.add_(2 * (K1 * data_range) ** 2)
    s_variance.add_(2 * (K2 * data_range) ** 2 / sample)
    numerator = (s_square - d_square).mul_(s_variance - d_variance)
    return numerator.div_(s_square.add_(d_square).mul_(s_variance.add_(d_variance)))


def _mean_along(maps: Tensor, dim: int, window: Window) -> Tensor:
    """The window's weighted mean of neighbours along one dimension, which gets shorter by the window's size less one."""
    if window == "uniform":  # of 2, of 4, of 4 + 2, of 4 + 2 + 1
        one, next_one = _neighbours(maps, 2, dim)
        two = torch.lerp(one, next_one, 0.5)
        first, _, third, _, fifth, _ = _neighbours(two, 6, dim)
        last = _neighbours(maps, 7, dim)[-1]
        return torch.lerp(first, third, 0.5).lerp_(fifth, 1 / 3).lerp_(last, 1 / 7)
    size = SIZES["gaussian"]
    weights = [math.exp(-((k - size // 2) ** 2) / (2 * SIGMA**2)) for k in range(size)]
    first, second, *others = _neighbours(maps, size, dim)
    mean, total = torch.lerp(first, second, weights[1] / sum(weights[:2])), sum(weights[:2])
    for weight, neighbour in zip(weights[2:], others, strict=True):
        total += weight
        mean.lerp_(neighbour, weight / total)
    return mean


def _neighbours(maps: Tensor, size: int, dim: int) -> tuple[Tensor, ...]:
    """The first, second, ... value of every run of `size` along `dim`, as views."""
    return maps.unfold(dim, size, 1).unbind(-1)
