"""A small convolutional model, as a package of its own adds it."""

import torch
from torch import Tensor, nn


class TwoFrames(nn.Module):
    """Predicts each frame from the two before it: three convolutions say what changes.

    shape: (C, H, W) of a frame. width: channels of the hidden layers.
    """

    def __init__(self, shape: tuple[int, int, int], width: int = 16):
        super().__init__()
        channels = shape[0]
        self.change = nn.Sequential(
            nn.Conv2d(2 * channels, width, 5, padding=2),
            nn.ReLU(),
            nn.Conv2d(width, width, 5, padding=2),
            nn.ReLU(),
            nn.Conv2d(width, channels, 5, padding=2),
        )

    def forward(self, context: Tensor, horizon: int) -> Tensor:
        """[B, T, C, H, W] with T of at least 2 -> [B, horizon, C, H, W]."""
        before, last = context[:, -2], context[:, -1]
        predictions = []
        for _ in range(horizon):
            before, last = last, last + self.change(torch.cat([before, last], dim=1))
            predictions.append(last)
        return torch.stack(predictions, dim=1)
