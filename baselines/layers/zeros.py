"""The state of a recurrent model before its first step."""

from torch import Tensor


def zeros(like: Tensor, channels: int) -> Tensor:
    """A state [B, channels, H, W] of zeros for maps [B, C, H, W]."""
    return like.new_zeros(like.shape[0], channels, *like.shape[2:])
