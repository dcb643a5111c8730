"""Predictions without any learning, which a model has to beat."""

import torch
from torch import Tensor, nn


class CopyLast(nn.Module):
    """Predicts that nothing moves: the last context frame, over and over."""

    def __init__(self, shape: tuple[int, int, int]):
        super().__init__()

    def forward(self, context: Tensor, horizon: int) -> Tensor:
        """[B, T, C, H, W] -> [B, horizon, C, H, W]."""
        return context[:, -1:].repeat(1, horizon, 1, 1, 1)


class MeanContext(nn.Module):
    """Predicts the mean of the context frames: the still background of a fixed camera."""

    def __init__(self, shape: tuple[int, int, int]):
        super().__init__()

    def forward(self, context: Tensor, horizon: int) -> Tensor:
        """[B, T, C, H, W] -> [B, horizon, C, H, W]."""
        return context.mean(1, keepdim=True).repeat(1, horizon, 1, 1, 1)


class Black(nn.Module):
    """Predicts black frames, which beat the last frame on small bright objects that move."""

    def __init__(self, shape: tuple[int, int, int]):
        super().__init__()

    def forward(self, context: Tensor, horizon: int) -> Tensor:
        """[B, T, C, H, W] -> [B, horizon, C, H, W]."""
        return torch.zeros_like(context[:, :1]).repeat(1, horizon, 1, 1, 1)
