"""LPIPS (Zhang et al., "The Unreasonable Effectiveness of Deep Features as a Perceptual Metric", CVPR 2018), AlexNet, v0.1.

The network is defined here, so that scoring imports neither torchvision nor lpips. Only the five small linear heads are read
from the installed lpips package, and AlexNet's convolutions from the file that `bench weights` keeps.
"""

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize

from bench.common.errors import BenchError
from bench.metrics import weights
from bench.metrics.networks import ALEXNET
from bench.metrics.views import Views

SMALLEST = 31
"""Pixels per side below which AlexNet's second pooling has nothing left to pool."""
WIDTHS = (64, 192, 384, 256, 256)


class LPIPS(nn.Module):
    """A distance between frames that agrees with human judgement; 0 for identical frames.

    features: AlexNet's convolutions, {"0.weight", "0.bias", "3.weight", ...}. heads: per layer, the weight of each channel.
    """

    shift: Tensor
    scale: Tensor

    def __init__(self, features: Mapping[str, Tensor], heads: list[Tensor]):
        super().__init__()
        self.features = alexnet_features()
        self.features.load_state_dict(features)
        self.heads = nn.ParameterList(heads)
        self.register_buffer("shift", torch.tensor([-0.030, -0.088, -0.188]).view(3, 1, 1))  # ImageNet's, for inputs in [-1, 1]
        self.register_buffer("scale", torch.tensor([0.458, 0.448, 0.450]).view(3, 1, 1))
        self.eval().requires_grad_(False)
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # pooling is 7% of the whole faster so

    def forward(self, prediction: Tensor, target: Tensor) -> Tensor:
        """[B, T, C, H, W] twice, C 1 (repeated to 3) or 3 -> [B, T]. The network expects [-1, 1]; protocols differ on that."""
        if refusal := unfit(*prediction.shape[2:]):
            raise BenchError(f"LPIPS cannot be computed: {refusal}")
        stacked = torch.cat([prediction.flatten(0, 1), target.flatten(0, 1)])
        layers = self._layers((stacked - self.shift) / self.scale)  # which makes three channels of one
        distances = []
        for layer, head in zip(layers, self.heads, strict=True):
            predicted, true = normalize(layer, dim=1, eps=1e-10).chunk(2)
            distances.append(((predicted - true).square() * head).sum(1).mean((1, 2)))
        return torch.stack(distances).sum(0).view(prediction.shape[:2])

    def _layers(self, frames: Tensor) -> list[Tensor]:
        """The rectified outputs of the five convolutions."""
        activations = []
        for layer in self.features:
            frames = layer(frames)
            if isinstance(layer, nn.ReLU):
                activations.append(frames)
        return activations


def lpips_rule(views: Views, low: float, high: float) -> Tensor:
    """The rule of LPIPS: clamped frames, grey repeated to three channels, moved from [0, 1] to the range low ... high."""
    network: LPIPS = views.networks["lpips"]
    return network(*(frames.mul(high - low).add_(low) for frames in views.frames()))


def load(shape: tuple[int, int, int], device: torch.device | str = "cpu") -> tuple[LPIPS | None, str]:
    """The metric for frames (C, H, W) with this machine's weights, and, for footnotes, the backbone that it uses.

    None and the reason if it is not available: its column then stays empty, and everything else goes on.
    """
    available, description = weights.lpips_availability()
    if not available:
        return None, description
    if refusal := unfit(*shape):
        return None, refusal
    try:
        return LPIPS(weights.tensors(ALEXNET), weights.heads()).to(device), description
    except BenchError as damaged:
        return None, str(damaged)


def unfit(channels: int, height: int, width: int) -> str | None:
    """Why LPIPS cannot compare frames of this shape; None if it can."""
    if min(height, width) < SMALLEST:
        return f"it needs frames of at least {SMALLEST}x{SMALLEST} pixels, these have {width}x{height}"
    return None if channels in (1, 3) else f"it needs frames of 1 or 3 channels, these have {channels}"


def alexnet_features() -> nn.Sequential:
    """AlexNet's convolutions (Krizhevsky, "One weird trick", 2014), numbered as in the published files."""
    width1, width2, width3, width4, width5 = WIDTHS
    return nn.Sequential(
        nn.Conv2d(3, width1, 11, stride=4, padding=2), nn.ReLU(), nn.MaxPool2d(3, stride=2),
        nn.Conv2d(width1, width2, 5, padding=2), nn.ReLU(), nn.MaxPool2d(3, stride=2),
        nn.Conv2d(width2, width3, 3, padding=1), nn.ReLU(),
        nn.Conv2d(width3, width4, 3, padding=1), nn.ReLU(),
        nn.Conv2d(width4, width5, 3, padding=1), nn.ReLU(),
    )  # fmt: skip
