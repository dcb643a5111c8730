"""Structural similarity (Wang et al., "Image quality assessment", IEEE Transactions on Image Processing 2004), batched.

Variances are small differences of large squares, which float32 resolves badly. Two measures keep five decimals without the cost
of float64. All terms are expressed by the sum and the difference of the two frames, so that errors of their variances are alike
in numerator and denominator. And weighted means are built by interpolation, which is exact wherever a frame is flat.
"""

import math
from typing import Literal

import torch
from torch import Tensor

from bench.common.errors import BenchError
from bench.metrics.views import Pixels, Views

Window = Literal["gaussian", "uniform"]
"""Gaussian 11x11, sigma 1.5, population covariance; or uniform 7x7, sample covariance."""

SIGMA = 1.5
WINDOWS: dict[Window, list[float]] = {
    "gaussian": [math.exp(-(distance**2) / (2 * SIGMA**2)) for distance in range(-5, 6)],
    "uniform": [1.0] * 7,
}
"""Weights along either dimension; a window is their product with themselves."""
K1, K2 = 0.01, 0.03


def refuse_small_frames(height: int, width: int, window: Window = "gaussian") -> None:
    """BenchError if no window lies wholly inside a frame."""
    size = len(WINDOWS[window])
    if min(height, width) < size:
        raise BenchError(f"SSIM with the {window} window needs frames of at least {size}x{size} pixels, got {width}x{height}")


def ssim(prediction: Tensor, target: Tensor, data_range: float = 1.0, window: Window = "gaussian") -> Tensor:
    """Structural similarity in [-1, 1], [B, T, C, H, W] -> [B, T]: the mean over all windows that lie wholly inside the frame.

    window: "gaussian" is 11x11 with sigma 1.5 and population covariance, as published; "uniform" is 7x7 with sample
    covariance, scikit-image's default. data_range: of the pixels, or 2 for what scikit-image <= 0.19 took float frames to be.
    Colour as scikit-image with channel_axis: each channel on its own, then their mean.
    """
    return ssim_of(ssim_maps(prediction, target), data_range, window)


def ssim_rule(views: Views, pixels: Pixels, data_range: float, window: Window) -> Tensor:
    """The rule of SSIM; the data range sets its two constants."""
    frames = views.frames(pixels)
    return ssim_of(views.once(("ssim maps", pixels), lambda: ssim_maps(*frames)), data_range, window)


def ssim_maps(prediction: Tensor, target: Tensor) -> Tensor:
    """What SSIM takes window means of, whatever the window: x + y, x - y and their squares, [4, H, W, B, T, C] in float32.

    Pixels come first, so that a window slides over a whole batch of contiguous memory.
    """
    x, y = _pixels_first(prediction), _pixels_first(target)
    maps = x.new_empty((4, *x.shape))
    torch.add(x, y, out=maps[0])
    torch.sub(x, y, out=maps[1])
    torch.mul(maps[:2], maps[:2], out=maps[2:])
    return maps


def ssim_of(maps: Tensor, data_range: float, window: Window) -> Tensor:
    """`ssim` of two frames, from their `ssim_maps`."""
    weights = WINDOWS[window]
    size, (height, width) = len(weights), maps.shape[1:3]
    refuse_small_frames(height, width, window)
    means = _mean_along(_mean_along(maps, 1, weights), 2, weights)
    sample = size**2 / (size**2 - 1) if window == "uniform" else 1
    return _similarity(means, data_range, sample).mean((0, 1, -1))


def _pixels_first(clips: Tensor) -> Tensor:
    """[B, T, C, H, W] -> [H, W, B, T, C], as the transpose of a matrix, which torch does fast."""
    rows = clips.float().flatten(3).flatten(0, 2)
    return rows.t().contiguous().view(*clips.shape[3:], *clips.shape[:3])


def _similarity(means: Tensor, data_range: float, sample: float) -> Tensor:
    """The similarity of each window from its means of s = x + y, d = x - y, s^2 and d^2 [4, ...].

    Wang's formula with 4 xy = s^2 - d^2 and 2 (x^2 + y^2) = s^2 + d^2. sample: sample covariance over population covariance.
    """
    squares = means[:2].square()
    s_square, d_square = squares
    s_variance, d_variance = means[2:].sub_(squares)
    s_square.add_(2 * (K1 * data_range) ** 2)
    s_variance.add_(2 * (K2 * data_range) ** 2 / sample)
    numerator = (s_square - d_square).mul_(s_variance - d_variance)
    return numerator.div_(s_square.add_(d_square).mul_(s_variance.add_(d_variance)))


def _mean_along(maps: Tensor, dim: int, weights: list[float]) -> Tensor:
    """The weighted mean of neighbours along one dimension; with n weights its length falls by n - 1."""
    first, second, *neighbours = maps.unfold(dim, len(weights), 1).unbind(-1)
    total = weights[0] + weights[1]
    mean = torch.lerp(first, second, weights[1] / total)
    for neighbour, weight in zip(neighbours, weights[2:], strict=True):
        total += weight
        mean.lerp_(neighbour, weight / total)
    return mean
