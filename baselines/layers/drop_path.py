"""Stochastic depth (Huang et al., ECCV 2016), shared by the models whose blocks are residual."""

from torch import Tensor, nn


class DropPath(nn.Module):
    """In training, leaves a sample's residual branch out with probability `rate`, and makes up for it in the other samples.

    Uses torch's generator, one number per sample: a batch that is split into parts draws other numbers than the whole batch.
    ValueError for a rate that is no probability, or leaves nothing.
    """

    def __init__(self, rate: float):
        super().__init__()
        if not 0 <= rate < 1:
            raise ValueError(f"drop_path must be at least 0 and below 1; got {rate:g}")
        self.rate = rate

    def forward(self, branch: Tensor) -> Tensor:
        """[B, ...] -> [B, ...]."""
        if not self.training or self.rate == 0:
            return branch
        stays = branch.new_empty(branch.shape[0], *[1] * (branch.dim() - 1)).bernoulli_(1 - self.rate)
        return branch * stays / (1 - self.rate)
