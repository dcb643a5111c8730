"""TAU: SimVP with a temporal attention unit and a loss on differences between frames (Tan et al., CVPR 2023).

Paper: "Temporal Attention Unit: Towards Efficient Spatiotemporal Predictive Learning", Cheng Tan, Zhangyang Gao, Lirong Wu,
Yongjie Xu, Jun Xia, Siyuan Li and Stan Z. Li, CVPR 2023, arXiv 2206.12126.
Held by tests/test_parity_tau.py: TAU computes what the reference does, from the same weights.

Sizes and the loss's weight and temperature are those of OpenSTL's Moving-MNIST configuration.
"""

from torch import Tensor, nn
from torch.nn.functional import gelu, mse_loss

from baselines.simvp import SimVP

TEMPERATURE = 0.1  # of the softmax that makes a distribution of a difference of frames


class TemporalAttention(nn.Module):
    """Features gated by a large kernel over space and, since channels hold the frames, by a squeeze over time."""

    def __init__(self, width: int):
        super().__init__()
        squeezed = width // max(width // 16, 4)
        self.inward, self.outward = nn.Conv2d(width, width, 1), nn.Conv2d(width, width, 1)
        self.near = nn.Conv2d(width, width, 5, padding=2, groups=width)
        self.far = nn.Conv2d(width, width, 7, padding=9, dilation=3, groups=width)
        self.mix = nn.Conv2d(width, width, 1)
        self.squeeze = nn.Sequential(
            nn.Linear(width, squeezed, bias=False), nn.ReLU(), nn.Linear(squeezed, width, bias=False), nn.Sigmoid()
        )

    def forward(self, features: Tensor) -> Tensor:
        """[B, width, H, W] -> the same shape."""
        inner = gelu(self.inward(features))
        across_space = self.mix(self.far(self.near(inner)))
        across_time = self.squeeze(inner.mean((2, 3)))[:, :, None, None]
        return self.outward(across_time * across_space * inner) + features


class TAU(SimVP):
    """SimVP whose blocks attend over time, and which learns how frames change as well as how they look.

    shape, context, spatial, temporal, spatial_layers, temporal_layers, ratio, drop_path: as for SimVP.
    divergence: weight of the differential divergence in the loss.
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
        divergence: float = 0.1,
    ):
        super().__init__(shape, context, spatial, temporal, spatial_layers, temporal_layers, ratio, drop_path)
        self.divergence = divergence

    def attention(self, width: int) -> nn.Module:
        """The attention of one block of the translator."""
        return TemporalAttention(width)

    def loss(self, outputs: Tensor, target: Tensor, state: object) -> Tensor:
        """Mean squared error, and the divergence of how the predicted frames change from how the true ones do."""
        return mse_loss(outputs, target) + self.divergence * differential_divergence(outputs, target)


def differential_divergence(predicted: Tensor, target: Tensor) -> Tensor:
    """Divergence of two clips' [B, T, C, H, W] frame-to-frame differences, as distributions over the pixels.

    The mean over all its terms, not their sum; 0 for fewer than three frames, as in OpenSTL.
    """
    if predicted.shape[1] <= 2:
        return predicted.new_zeros(())
    p, q = ((clip.float().diff(dim=1).flatten(2) / TEMPERATURE).softmax(2) for clip in (predicted, target))
    return (p * (p / (q + 1e-12) + 1e-12).log()).mean()
