"""I3D (Carreira and Zisserman, "Quo Vadis, Action Recognition? A New Model and the Kinetics Dataset", CVPR 2017), Inception-v1.

Written from the paper's figure 3 with the conventions of the network that FVD is defined by (TensorFlow's): SAME padding, which
puts the odd row or column at the end; batch norm without a scale, epsilon 1e-3; logits averaged over time. Layers bear their
published names. Each batch norm is folded into the convolution before it, which saves two passes over memory.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool3d, conv3d, max_pool3d, pad, relu

from bench.metrics.networks import I3D_CLASSES, I3D_MIXED, I3D_STEM, i3d_branches

EPSILON = 1e-3
Three = tuple[int, int, int]


class I3D(nn.Module):
    """Videos [B, 3, T, 224, 224] in [-1, 1], or grey ones [B, 1, ...], to the logits of 400 actions [B, 400].

    tensors: the published network's, by the names that `bench.metrics.networks` has for them.
    """

    def __init__(self, tensors: Mapping[str, Tensor]):
        super().__init__()
        first, second, third = I3D_STEM
        self.Conv3d_1a_7x7 = Unit(*first[1:], stride=2)
        self.Conv3d_2b_1x1 = Unit(*second[1:])
        self.Conv3d_2c_3x3 = Unit(*third[1:])
        for name in I3D_MIXED:
            self.add_module(name, Mixed(name))
        self.Logits = nn.Conv3d(1024, I3D_CLASSES, 1)
        self.load_state_dict(folded(tensors))
        for unit in self.modules():
            if isinstance(unit, nn.Conv3d):  # a tenth faster on a processor
                unit.weight.data = unit.weight.data.contiguous(memory_format=torch.channels_last_3d)
        self.eval().requires_grad_(False)

    def forward(self, videos: Tensor) -> Tensor:
        """[B, 1 or 3, T, 224, 224] -> [B, 400]; T at least 9, which the last pooling needs two steps of."""
        x = pooled(self.Conv3d_1a_7x7(videos.contiguous(memory_format=torch.channels_last_3d)), (1, 3, 3), (1, 2, 2))
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


class Unit(nn.Conv3d):
    """A convolution, with the batch norm folded in, and ReLU."""

    def __init__(self, side: int, channels_in: int, channels_out: int, stride: int = 1):
        super().__init__(channels_in, channels_out, side, stride)

    def forward(self, x: Tensor) -> Tensor:
        """[B, C, T, H, W] -> the same with other channels, each size divided by the stride and rounded up.

        One channel where three are expected stands for three equal ones.
        """
        weight = self.weight if x.shape[1] == self.in_channels else self.weight.sum(1, keepdim=True)
        x, padding = same(x, _three(self.kernel_size), _three(self.stride))
        return relu(conv3d(x, weight, self.bias, self.stride, padding), inplace=True)


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
        direct, *bottlenecks, after_pooling = (self.get_submodule(f"Branch_{number}") for number in range(4))
        return torch.cat([direct(x), *(branch(x) for branch in bottlenecks), after_pooling(pooled(x, (3, 3, 3), (1, 1, 1)))], 1)


def folded(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Convolutions with bias in place of convolutions and batch norms: (w * x - mean) / deviation + bias, by channel."""
    folded_tensors = {name: tensor for name, tensor in tensors.items() if name.startswith("Logits.")}
    for name in (key.removesuffix(".conv.weight") for key in tensors if key.endswith(".conv.weight")):
        scale = (tensors[f"{name}.norm.running_var"].double() + EPSILON).rsqrt()
        folded_tensors[f"{name}.weight"] = (tensors[f"{name}.conv.weight"] * scale.view(-1, 1, 1, 1, 1)).float()
        folded_tensors[f"{name}.bias"] = (tensors[f"{name}.norm.bias"] - tensors[f"{name}.norm.running_mean"] * scale).float()
    return folded_tensors


def pooled(x: Tensor, side: Three, stride: Three) -> Tensor:
    """Max pooling with SAME padding; zeros around change nothing, since every value here has been through a ReLU."""
    x, padding = same(x, side, stride)
    return max_pool3d(x, side, stride, padding)


def same(x: Tensor, side: Three, stride: Three) -> tuple[Tensor, Three]:
    """TensorFlow's SAME padding, by which every window begins at a multiple of the stride.

    Returns a tensor and the padding that it still needs on both sides. Uneven padding is done here, the odd zero at the end.
    """
    totals = [
        max((-(-size // step) - 1) * step + window - size, 0)
        for size, window, step in zip(x.shape[2:], side, stride, strict=True)
    ]
    if all(total % 2 == 0 for total in totals):
        return x, _three(total // 2 for total in totals)
    amounts = [amount for total in reversed(totals) for amount in (total // 2, total - total // 2)]
    return pad(x, amounts), (0, 0, 0)


def _three(sizes: Iterable[int]) -> Three:
    first, second, third = sizes
    return first, second, third
