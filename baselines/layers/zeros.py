"""The state before the first step: zeros, which are not worth multiplying."""

from torch import Tensor, nn


def zeros(like: Tensor, channels: int) -> Tensor:
    """A state [B, channels, H, W] of zeros, beside maps [B, C, H, W]. It is a single number, expanded."""
    return like.new_zeros(()).expand(like.shape[0], channels, *like.shape[2:])


def untouched(state: Tensor) -> bool:
    """Whether a state is still the one of `zeros`."""
    return not any(state.stride())


class StateConv(nn.Conv2d):
    """A convolution of a state, which keeps its height and width. Of `zeros` it is the bias."""

    def __init__(self, channels: int, outputs: int, kernel: int, bias: bool = True):
        super().__init__(channels, outputs, kernel, padding=kernel // 2, bias=bias)

    def forward(self, state: Tensor) -> Tensor:
        """[B, channels, H, W] -> [B, outputs, H, W]."""
        if not untouched(state):
            return super().forward(state)
        if self.bias is None:
            return zeros(state, self.out_channels)
        return self.bias[:, None, None].expand(state.shape[0], -1, *state.shape[2:])
