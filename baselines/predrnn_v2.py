"""PredRNN-V2: PredRNN whose two memories are trained to differ (Wang et al., TPAMI 2022, arXiv 2103.09504).

Paper: "PredRNN: A Recurrent Neural Network for Spatiotemporal Predictive Learning", Yunbo Wang, Haixu Wu, Jianjin Zhang,
Zhifeng Gao, Jianmin Wang, Philip S. Yu and Mingsheng Long, TPAMI 2022, arXiv 2103.09504.
Held by tests/test_parity_predrnn.py: PredRNN, PredRNN-V2 and PredRNN++ compute what OpenSTL's do, cell by cell and as a
whole.

Decoupling loss, its weight and the sizes from the authors' code (thuml/predrnn-pytorch), to which OpenSTL's is equal. Its other
half, reverse scheduled sampling, is a learner. The decoupling is computed in training only, where it is needed.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from baselines.predrnn import PredRNN
from baselines.rollout import State


class PredRNNv2(PredRNN):
    """PredRNN with a loss that pushes what is written to c and to m apart.

    beta: weight of that loss; 0.1 for Moving-MNIST, 0.01 for KTH.
    The other options are PredRNN's.
    """

    def __init__(
        self,
        shape: tuple[int, int, int],
        hidden: int = 128,
        layers: int = 4,
        kernel: int = 5,
        patch: int = 4,
        layer_norm: bool = False,
        beta: float = 0.1,
    ):
        super().__init__(shape, hidden, layers, kernel, patch, layer_norm)
        self.beta = beta
        self.adapter = nn.Conv2d(hidden, hidden, 1, bias=False)

    def step(self, frame: Tensor, state: State | None) -> tuple[Tensor, State]:
        """As PredRNN's. The state: PredRNN's; the sum over steps of the cosine similarity of writes to c and m; the steps."""
        inner, likeness, steps = state or (None, frame.new_zeros(()), frame.new_zeros(()))
        frame, inner, layer_writes = self.advance(frame, inner)
        if self.training:
            likeness = likeness + torch.stack([self.likeness(*writes) for writes in layer_writes]).mean()
        return frame, (inner, likeness, steps + 1)

    def likeness(self, to_c: Tensor, to_m: Tensor) -> Tensor:
        """How alike two writes [B, hidden, H, W] are: 0 if orthogonal in every channel, 1 if parallel."""
        u, v = self.adapter(to_c).flatten(2), self.adapter(to_m).flatten(2)
        return functional.cosine_similarity(u, v, dim=2).abs().mean()

    def loss(self, outputs: Tensor, target: Tensor, state: State) -> Tensor:
        """Mean squared error, and beta times the mean likeness over layers and steps."""
        _, likeness, steps = state
        return functional.mse_loss(outputs, target) + self.beta * likeness / steps
