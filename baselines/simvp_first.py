"""SimVP as its authors first published it (Gao et al., CVPR 2022, A4Bio/SimVP), for their checkpoints. Else: `simvp`.

Paper: "SimVP: Simpler Yet Better Video Prediction", Zhangyang Gao, Cheng Tan, Lirong Wu and Stan Z. Li, CVPR 2022, arXiv
2206.05099.
Held by tests/test_simvp_first.py: SimVP's first code: its files load, and the model computes what its layers say, one after
another.

Differs from OpenSTL's, which `simvp` follows: leaky ReLUs where that has SiLU, transposed convolutions where that shuffles
pixels, and a last decoder layer that concatenates the encoder's first features with its own instead of adding them. The
translator is the Inception U-net of `simvp`.
"""

import torch
from torch import Tensor, nn

from baselines.simvp import InceptionUNet


class ConvNorm(nn.Sequential):
    """3x3 convolution, group norm, leaky ReLU; at stride 2 it halves both sides, with `up` it doubles them."""

    def __init__(self, inputs: int, outputs: int, stride: int = 1, up: bool = False):
        convolution = (
            nn.ConvTranspose2d(inputs, outputs, 3, stride=2, padding=1, output_padding=1)
            if up
            else nn.Conv2d(inputs, outputs, 3, stride, padding=1)
        )
        super().__init__(convolution, nn.GroupNorm(2, outputs), nn.LeakyReLU(0.2))


class FirstSimVP(nn.Module):
    """Predicts as many frames as it sees, all at once; longer horizons by taking its own predictions as the next context.

    shape: (C, H, W) of a frame, which is halved `spatial_layers` // 2 times.
    context: frames that it sees, and predicts in one pass.
    spatial, spatial_layers: channels and number of the encoder's layers, as many in the decoder.
    temporal, temporal_layers: channels and number of the translator's blocks, down and up.
    """

    def __init__(
        self,
        shape: tuple[int, int, int],
        context: int,
        spatial: int = 64,
        temporal: int = 256,
        spatial_layers: int = 4,
        temporal_layers: int = 8,
    ):
        super().__init__()
        channels, rows, columns = shape
        shrink = 2 ** (spatial_layers // 2)
        if rows % shrink or columns % shrink:
            raise ValueError(f"{spatial_layers} spatial layers need sides divisible by {shrink}, got {rows}x{columns}")
        if spatial_layers < 1 or temporal_layers < 2 or spatial % 2:
            raise ValueError("SimVP needs a spatial layer of even width and two temporal ones")
        self.context = context
        halves = [number % 2 == 1 for number in range(spatial_layers)]
        self.encoder = nn.ModuleList(
            ConvNorm(spatial if number else channels, spatial, 2 if half else 1) for number, half in enumerate(halves)
        )
        self.translator = InceptionUNet(context * spatial, temporal, temporal_layers)
        last = spatial_layers - 1
        self.decoder = nn.ModuleList(
            ConvNorm(2 * spatial if number == last else spatial, spatial, up=half)
            for number, half in enumerate(reversed(halves))
        )
        self.readout = nn.Conv2d(spatial, channels, 1)

    def forward(self, context: Tensor, horizon: int) -> Tensor:
        """[B, T, C, H, W] in [0, 1], T being the context it was built for -> the next `horizon` frames, not clamped."""
        if context.shape[1] != self.context:
            raise ValueError(f"this model was built to see {self.context} frames, got {context.shape[1]}")
        blocks = [self.translated(context)]
        while self.context * len(blocks) < horizon:
            blocks.append(self.translated(blocks[-1]))
        return torch.cat(blocks, 1)[:, :horizon]

    def translated(self, frames: Tensor) -> Tensor:
        """One pass: [B, T, C, H, W] -> the T frames that follow."""
        batch, count = frames.shape[:2]
        outline = features = self.encoder[0](frames.flatten(0, 1))
        for encode in self.encoder[1:]:
            features = encode(features)
        features = self.translator(features.unflatten(0, (batch, count)).flatten(1, 2))  # [B, T*spatial, H', W']
        features = features.unflatten(1, (count, -1)).flatten(0, 1)
        for decode in self.decoder[:-1]:
            features = decode(features)
        return self.readout(self.decoder[-1](torch.cat([features, outline], 1))).unflatten(0, (batch, count))
