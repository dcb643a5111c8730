"""`bouncing.paint` on a GPU: the same bytes, computed where the model trains."""

import torch
from torch import Tensor


def paint_on_device(images: Tensor, corners: Tensor, size: int) -> Tensor:
    """Images [N, D, h, w] (bytes) at their top left corners [N, D, T, 2] on black canvases: [N, T, size, size], by maximum."""
    clips, count, frames = corners.shape[:3]
    canvas = torch.zeros(clips, frames, size, size, dtype=torch.uint8, device=images.device)
    pixels = torch.arange(size, device=images.device)
    n = torch.arange(clips, device=images.device)[:, None, None, None]
    for d in range(count):
        y, rows = _within(pixels - corners[:, d, :, 0, None], images.shape[2])  # [N, T, size]
        x, columns = _within(pixels - corners[:, d, :, 1, None], images.shape[3])
        painted = images[:, d][n, y[..., :, None], x[..., None, :]] * (rows[..., :, None] & columns[..., None, :])
        torch.maximum(canvas, painted, out=canvas)
    return canvas


def _within(positions: Tensor, length: int) -> tuple[Tensor, Tensor]:
    """Positions inside an image along one axis, those outside moved to its edge; and which of them are inside."""
    return positions.clamp(0, length - 1), (positions >= 0) & (positions < length)
