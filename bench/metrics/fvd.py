"""FVD (Unterthiner et al., "Towards Accurate Generative Models of Video: A New Metric and Challenges", 2018).

The distance between two sets of clips: the Fréchet distance between the Gaussians fitted to the logits of a network that
recognises 400 human actions (I3D). It is a score of a set of clips. With few clips (below about 2,000) it is biased upwards, so
it is comparable only between sets of the same size.

Protocol `fvd2018`: the predicted frames alone, at least 10, clamped to [0, 1], grey repeated to three channels, resized
bilinearly so that the shorter side has 224 pixels, the centre cut out, moved to [-1, 1].
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import interpolate

from bench.metrics import networks, weights
from bench.metrics.i3d import I3D

SIDE = 224  # pixels
AT_ONCE = {"cpu": 8, "cuda": 16}  # clips; a clip of 10 frames takes some 60 MB on its way through the network


def load(shape: tuple[int, int, int], device: torch.device) -> tuple[Callable[[Tensor], Tensor] | None, str]:
    """A function from clips [B, T, C, H, W] in [0, 1] to logits [B, 400], and, for footnotes, the network that it uses.

    None and the reason if the network is not available.
    """
    if shape[0] not in (1, 3):
        return None, f"it needs frames of 1 or 3 channels, these have {shape[0]}"
    available, description = weights.availability(networks.I3D)
    if not available:
        return None, description
    network = I3D(weights.tensors(networks.I3D)).to(device)

    @torch.inference_mode()
    def features(clips: Tensor) -> Tensor:
        parts = clips.split(AT_ONCE["cpu" if clips.device.type == "cpu" else "cuda"])
        return torch.cat([network(prepared(part)) for part in parts])

    return features, description


def prepared(clips: Tensor) -> Tensor:
    """Clips [B, T, C, H, W] in [0, 1] as the network takes them: [B, C, T, 224, 224] in [-1, 1]."""
    batch, frames, channels, height, width = clips.shape
    scale = SIDE / min(height, width)
    size = max(SIDE, round(height * scale)), max(SIDE, round(width * scale))
    resized = interpolate(clips.float().flatten(0, 1).clamp(0, 1), size, mode="bilinear", align_corners=False)
    top, left = (size[0] - SIDE) // 2, (size[1] - SIDE) // 2
    cropped = resized[..., top : top + SIDE, left : left + SIDE].mul(2).sub(1)
    return cropped.view(batch, frames, channels, SIDE, SIDE).transpose(1, 2)


def frechet_distance(predicted: NDArray[np.floating], true: NDArray[np.floating]) -> float:
    """|m - m'|^2 + Tr(S + S' - 2 (S S')^(1/2)) of features [N, D] and [M, D], their means m and sample covariances S.

    The last trace is the sum of the singular values of X X'^T / sqrt((N - 1) (M - 1)), where X are the features minus their
    mean. This needs no root of the covariances, which are singular for fewer clips than dimensions.
    """
    means, centred = [], []
    for features in (predicted, true):
        values = features.astype(np.float64)
        means.append(values.mean(0))
        centred.append((values - means[-1]) / np.sqrt(max(len(values) - 1, 1)))
    x, y = (values if len(values) <= values.shape[1] else _root(values) for values in centred)
    shared = float(np.linalg.norm(x @ y.T, "nuc"))
    spreads = sum(float(np.square(values).sum()) for values in centred)
    return float(np.square(means[0] - means[1]).sum() + spreads - 2 * shared)


def _root(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """R [D, D] with R'R = X'X, which stands for X [N, D] wherever only covariances count."""
    return np.asarray(np.linalg.qr(values, mode="r"))
