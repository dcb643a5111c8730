"""I3D (Carreira and Zisserman, "Quo Vadis, Action Recognition? A New Model and the Kinetics Dataset", CVPR 2017), Inception-v1.

Written from the paper's figure 3 with the conventions of the network that FVD is defined by (TensorFlow's): SAME padding, which
puts the odd row or column behind; batch norm without a scale, epsilon 1e-3; logits averaged over time. Layers bear
their published names.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool3d, batch_norm, max_pool3d, pad, relu

from bench.metrics.networks import I3D_CLASSES, I3D_MIXED, I3D_STEM, i3d_branches

EPSILON = 1e-3
Three = tuple[int, int, int]


class I3D(nn.Module):
    """Videos [B, 3, T, H, W] in [-1, 1], of 224x224 pixels, to the logits of 400 actions [B, 400], before any softmax."""

    def __init__(self) -> None:
        super().__init__()
        first, second, third = I3D_STEM
        self.Conv3d_1a_7x7 = Unit(*first[1:], stride=2)
        self.Conv3d_2b_1x1 = Unit(*second[1:])
        self.Conv3d_2c_3x3 = Unit(*third[1:])
        for name in I3D_MIXED:
            self.add_module(name, Mixed(name))
        self.Logits = nn.Conv3d(1024, I3D_CLASSES, 1)
        self.eval().requires_grad_(False)

    def forward(self, videos: Tensor) -> Tensor:
        """[B, 3, T, 224, 224] -> [B, 400]; T at least 9, which the last pooling needs two steps of."""
        x = pooled(self.Conv3d_1a_7x7(videos), (1, 3, 3), (1, 2, 2))
        x = pooled(self.Conv3d_2c_3x3(self.Conv3d_2b_1x1(x)), (1, 3, 3), (1, 2, 2))
        x = self._mixed(x, "3")
        x = self._mixed(pooled(x, (3, 3, 3), (2, 2, 2)), "4")
        x = self._mixed(pooled(x, (2, 2, 2), (2, 2, 2)), "5")
        x = self.Logits(avg_pool3d(x, (2, 7, 7), stride=1))  # [B, 400, T', 1, 1]
        return x.mean((2, 3, 4))

    def _mixed(self, x: Tensor, stage: str) -> Tensor:
        for name in I3D_MIXED:
            if name.startswith(f"Mixed_{stage}"):
                x = self.get_submodule(name)(x)
        return x


class Unit(nn.Module):
    """A convolution without bias, batch norm, ReLU."""

    def __init__(self, side: int, before: int, after: int, stride: int = 1):
        super().__init__()
        self.conv = nn.Conv3d(before, after, side, stride, bias=False)
        self.norm = Shift(after)

    def forward(self, x: Tensor) -> Tensor:
        """[B, C, T, H, W] -> the same with other channels, each size divided by the stride and rounded up."""
        side, stride = self.conv.kernel_size, self.conv.stride
        return relu(self.norm(self.conv(same(x, side, stride))), inplace=True)  # type: ignore[arg-type]


class Shift(nn.Module):
    """Batch norm with fixed statistics and without a scale."""

    running_mean: Tensor
    running_var: Tensor

    def __init__(self, channels: int):
        super().__init__()
        self.bias = nn.Parameter(torch.zeros(channels))
        self.register_buffer("running_mean", torch.zeros(channels))
        self.register_buffer("running_var", torch.ones(channels))

    def forward(self, x: Tensor) -> Tensor:
        """[B, C, ...] -> the same shape."""
        return batch_norm(x, self.running_mean, self.running_var, bias=self.bias, eps=EPSILON)


class Mixed(nn.Module):
    """Inception's module: 1x1x1; 1x1x1 and 3x3x3; the same once more, narrower; pooling and 1x1x1. Channels are joined."""

    def __init__(self, name: str):
        super().__init__()
        for number in range(4):
            self.add_module(f"Branch_{number}", nn.Sequential())
        for path, sizes in i3d_branches(name).items():
            branch, layer = path.split(".")
            self.get_submodule(branch).add_module(layer, Unit(*sizes))

    def forward(self, x: Tensor) -> Tensor:
        """[B, C, T, H, W] -> the same with other channels."""
        straight, *bottlenecks, behind = (self.get_submodule(f"Branch_{number}") for number in range(4))
        return torch.cat([straight(x), *(branch(x) for branch in bottlenecks), behind(pooled(x, (3, 3, 3), (1, 1, 1)))], 1)


def pooled(x: Tensor, side: Three, stride: Three) -> Tensor:
    """Max pooling with SAME padding; the zeros around change nothing, since every value here has been through a ReLU."""
    return max_pool3d(same(x, side, stride), side, stride)


def same(x: Tensor, side: Three, stride: Three) -> Tensor:
    """Zeros around x so that every window begins at a multiple of the stride: the odd one goes behind, as TensorFlow has it."""
    amounts: list[int] = []
    for size, window, step in zip(reversed(x.shape[2:]), reversed(side), reversed(stride), strict=True):
        total = max((-(-size // step) - 1) * step + window - size, 0)
        amounts += [total // 2, total - total // 2]
    return pad(x, amounts) if any(amounts) else x
