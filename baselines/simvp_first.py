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

from baselines.layers.all_at_once import AllAtOnce
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


class FirstSimVP(AllAtOnce):
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
        super().__init__(ConvNorm, shape, context, spatial, spatial_layers, temporal_layers)
        self.translator = InceptionUNet(context * spatial, temporal, temporal_layers)
        last = spatial_layers - 1
        self.decoder = nn.ModuleList(
            ConvNorm(2 * spatial if number == last else spatial, spatial, up=half)
            for number, half in enumerate(reversed(self.halves))
        )
        self.readout = nn.Conv2d(spatial, shape[0], 1)

    def joined(self, features: Tensor, outline: Tensor) -> Tensor:
        """Both, as channels."""
        return torch.cat([features, outline], 1)
