"""SimVP: an encoder, a translator and a decoder, all convolutional (Gao et al., CVPR 2022; second version, arXiv 2211.12509).

Paper: "SimVP: Simpler Yet Better Video Prediction", Zhangyang Gao, Cheng Tan, Lirong Wu and Stan Z. Li, CVPR 2022, arXiv
2206.05099.
Held by tests/test_parity_simvp.py: SimVP computes what the reference does, from the same weights.

Layers, widths and initialisation are those of OpenSTL's Moving-MNIST configurations, with the second version's translator or,
with `translator="incepu"`, the first one's. Kept from it, too: the chance of stochastic depth goes from 0.01 at the first block
to `drop_path` at the last, even where that is 0.
"""

from math import sqrt
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn.functional import gelu

from baselines.layers.all_at_once import AllAtOnce
from baselines.layers.drop_path import DropPath


class ConvNorm(nn.Sequential):
    """3x3 convolution, group norm, SiLU; at stride 2 it halves both sides, with `up` it doubles them."""

    def __init__(self, inputs: int, outputs: int, stride: int = 1, up: bool = False):
        convolution = nn.Conv2d(inputs, 4 * outputs if up else outputs, 3, stride, padding=1)
        nn.init.trunc_normal_(convolution.weight, std=0.02)
        nn.init.zeros_(convolution.get_parameter("bias"))
        shuffle = nn.PixelShuffle(2) if up else nn.Identity()
        super().__init__(convolution, shuffle, nn.GroupNorm(2, outputs), nn.SiLU())


class GatedAttention(nn.Module):
    """Attention by a large kernel, put together from two depthwise ones, which gates the features (gSTA)."""

    def __init__(self, width: int):
        super().__init__()
        self.inward, self.outward = nn.Conv2d(width, width, 1), nn.Conv2d(width, width, 1)
        self.near = nn.Conv2d(width, width, 5, padding=2, groups=width)
        self.far = nn.Conv2d(width, width, 7, padding=9, dilation=3, groups=width)
        self.gate = nn.Conv2d(width, 2 * width, 1)

    def forward(self, features: Tensor) -> Tensor:
        """[B, width, H, W] -> the same shape."""
        inner = gelu(self.inward(features))
        inner, gate = self.gate(self.far(self.near(inner))).chunk(2, 1)
        return self.outward(gate.sigmoid() * inner) + features


class AttentionBlock(nn.Module):
    """Attention, then a perceptron over the channels, each added to its input at a learnt scale per channel."""

    def __init__(self, attention: nn.Module, width: int, ratio: int, drop_rate: float):
        super().__init__()
        inner = ratio * width
        self.attention_norm, self.perceptron_norm = nn.BatchNorm2d(width), nn.BatchNorm2d(width)
        self.attention = attention
        self.perceptron = nn.Sequential(
            nn.Conv2d(width, inner, 1),
            nn.Conv2d(inner, inner, 3, padding=1, groups=inner),
            nn.GELU(),
            nn.Conv2d(inner, width, 1),
        )
        self.attention_scale = nn.Parameter(torch.full((width, 1, 1), 0.01))
        self.perceptron_scale = nn.Parameter(torch.full((width, 1, 1), 0.01))
        self.drop = DropPath(drop_rate)
        for layer in self.modules():
            if isinstance(layer, nn.Conv2d):
                fan_out = layer.kernel_size[0] * layer.kernel_size[1] * layer.out_channels // layer.groups
                nn.init.normal_(layer.weight, std=sqrt(2 / fan_out))
                nn.init.zeros_(layer.get_parameter("bias"))

    def forward(self, features: Tensor) -> Tensor:
        """[B, width, H, W] -> the same shape."""
        features = features + self.drop(self.attention_scale * self.attention(self.attention_norm(features)))
        return features + self.drop(self.perceptron_scale * self.perceptron(self.perceptron_norm(features)))


class Inception(nn.Module):
    """Grouped convolutions of four widths side by side, summed (SimVP's first version)."""

    GROUPS = 8

    def __init__(self, inputs: int, hidden: int, outputs: int):
        super().__init__()
        self.narrow = nn.Conv2d(inputs, hidden, 1)
        self.branches = nn.ModuleList(
            nn.Sequential(
                nn.Conv2d(hidden, outputs, kernel, padding=kernel // 2, groups=self.GROUPS),
                nn.GroupNorm(self.GROUPS, outputs),
                nn.LeakyReLU(0.2),
            )
            for kernel in (3, 5, 7, 11)
        )

    def forward(self, features: Tensor) -> Tensor:
        """[B, inputs, H, W] -> [B, outputs, H, W]."""
        narrow = self.narrow(features)
        return torch.stack([branch(narrow) for branch in self.branches]).sum(0)


class InceptionUNet(nn.Module):
    """`depth` Inception blocks down and as many up; each but the first of these also reads the output of its counterpart."""

    def __init__(self, outer: int, inner: int, depth: int):
        super().__init__()
        if outer % Inception.GROUPS or inner % (2 * Inception.GROUPS):
            raise ValueError(f"incepu needs context * spatial divisible by 8 and temporal by 16, got {outer} and {inner}")
        last = depth - 1
        self.down = nn.ModuleList(Inception(inner if n else outer, inner // 2, inner) for n in range(depth))
        self.up = nn.ModuleList(
            Inception(2 * inner if n else inner, inner // 2, outer if n == last else inner) for n in range(depth)
        )

    def forward(self, features: Tensor) -> Tensor:
        """[B, outer, H, W] -> the same shape."""
        skips = []
        for down in self.down:
            features = down(features)
            skips.append(features)
        skips.pop()
        features = self.up[0](features)
        for up in self.up[1:]:
            features = up(torch.cat((features, skips.pop()), 1))
        return features


class SimVP(AllAtOnce):
    """Predicts as many frames as it sees, all at once; longer horizons by taking its own predictions as the next context.

    shape: (C, H, W) of a frame, which is halved `spatial_layers` // 2 times.
    context: frames that it sees, and predicts in one pass.
    spatial, spatial_layers: channels and number of the encoder's layers, as many in the decoder.
    temporal, temporal_layers: channels and number of the translator's blocks, which see all frames' features as channels.
    ratio: by how much the perceptrons of the blocks are wider.
    drop_path: chance of leaving out a branch of the translator's last block in training.
    """

    def __init__(
        self,
        shape: tuple[int, int, int],
        context: int,
        spatial: int = 64,
        temporal: int = 512,
        spatial_layers: int = 4,
        temporal_layers: int = 8,
        ratio: int = 8,
        drop_path: float = 0.0,
        translator: Literal["gsta", "incepu"] = "gsta",
    ):
        super().__init__(ConvNorm, shape, context, spatial, spatial_layers, temporal_layers)
        self.decoder = nn.ModuleList(ConvNorm(spatial, spatial, up=half) for half in reversed(self.halves))
        self.readout = nn.Conv2d(spatial, shape[0], 1)
        outer = context * spatial
        if translator == "incepu":
            self.translator: nn.Module = InceptionUNet(outer, temporal, temporal_layers)
        else:
            self.translator = self.chain(outer, temporal, temporal_layers, ratio, drop_path)

    def chain(self, outer: int, inner: int, depth: int, ratio: int, drop_path: float) -> nn.Sequential:
        """The translator of the second version: the first block at the outer width, the others at the inner one."""
        chain = nn.Sequential()
        for number in range(depth):
            width = inner if number else outer
            rate = 0.01 + (drop_path - 0.01) * number / (depth - 1)
            chain.append(AttentionBlock(self.attention(width), width, ratio, rate))
            if number in (0, depth - 1) and outer != inner:
                chain.append(nn.Conv2d(width, outer if number else inner, 1))
        return chain

    def attention(self, width: int) -> nn.Module:
        """The attention of one block of the translator."""
        return GatedAttention(width)

    def joined(self, features: Tensor, outline: Tensor) -> Tensor:
        """Their sum."""
        return features + outline
