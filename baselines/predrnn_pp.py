"""PredRNN++: causal LSTM and gradient highway (Wang et al., ICML 2018, arXiv 1804.06300).

Paper: "PredRNN++: Towards A Resolution of the Deep-in-Time Dilemma in Spatiotemporal Predictive Learning", Yunbo Wang,
Zhifeng Gao, Mingsheng Long, Jianmin Wang and Philip S. Yu, ICML 2018, arXiv 1804.06300.
Held by tests/test_parity_predrnn.py: PredRNN, PredRNN-V2 and PredRNN++ compute what OpenSTL's do, cell by cell and as a
whole.

Cell, highway and widths (4 layers of 128 on 4x4 patches, no biases, no norms) as OpenSTL has them. The paper's TensorFlow code
differs: widths 128, 64, 64, 64, biases, and a norm after every convolution. Departs from OpenSTL: a 5x5 convolution per layer
whose output it never uses is not made.
"""

import torch
from torch import Tensor, nn

from baselines.layers.padding import half
from baselines.layers.patches import patched, patchify, unpatchify
from baselines.layers.zeros import zeros
from baselines.rollout import Recurrent

State = tuple[list[tuple[Tensor, Tensor]], Tensor, Tensor]
"""For every layer h and c, the memory m that all share, and the highway's z; [B, hidden, H/p, W/p] each."""

FORGET_BIAS = 1.0


class CausalLSTM(nn.Module):
    """Two memories in cascade: c is updated first, and m by gates that have seen the new c."""

    def __init__(self, inputs: int, hidden: int, kernel: int):
        super().__init__()
        self.from_input = _conv(inputs, 7 * hidden, kernel)
        self.from_hidden = nn.Conv2d(hidden, 4 * hidden, kernel, padding=half(kernel), bias=False)
        self.from_cell = nn.Conv2d(hidden, 3 * hidden, kernel, padding=half(kernel), bias=False)
        self.from_memory = nn.Conv2d(hidden, 3 * hidden, kernel, padding=half(kernel), bias=False)
        self.from_new_cell = _conv(hidden, 4 * hidden, kernel)
        self.from_new_memory = _conv(hidden, hidden, kernel)
        self.merge = nn.Conv2d(2 * hidden, hidden, 1, bias=False)

    def forward(self, x: Tensor, h: Tensor, c: Tensor, m: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """x, h, c, m -> the new h, c and m."""
        xi, xf, xg, xi_m, xf_m, xg_m, xo = self.from_input(x).chunk(7, 1)
        hi, hf, hg, ho = self.from_hidden(h).chunk(4, 1)
        ci, cf, cg = self.from_cell(c).chunk(3, 1)
        c = (xf + hf + cf + FORGET_BIAS).sigmoid() * c + (xi + hi + ci).sigmoid() * (xg + hg + cg).tanh()
        mi, mf, projected = self.from_memory(m).chunk(3, 1)
        di, dg, df, do = self.from_new_cell(c).chunk(4, 1)
        m = (xf_m + mf + df + FORGET_BIAS).sigmoid() * projected.tanh() + (xi_m + mi + di).sigmoid() * (xg_m + dg).tanh()
        o = (xo + ho + do + self.from_new_memory(m)).tanh()
        return o * self.merge(torch.cat([c, m], 1)).tanh(), c, m


class GradientHighway(nn.Module):
    """A gated state z between the first two layers, a short way for gradients through time."""

    def __init__(self, hidden: int, kernel: int):
        super().__init__()
        self.from_input = _conv(hidden, 2 * hidden, kernel)
        self.from_state = nn.Conv2d(hidden, 2 * hidden, kernel, padding=half(kernel), bias=False)
        for convolution in (self.from_input, self.from_state):
            nn.init.uniform_(convolution.weight, -0.001, 0.001)  # of the authors' code

    def forward(self, x: Tensor, z: Tensor) -> Tensor:
        """The new z."""
        p, u = (self.from_input(x) + self.from_state(z)).chunk(2, 1)
        return z + u.sigmoid() * (p.tanh() - z)


class PredRNNpp(Recurrent):
    """A stack of causal LSTMs on patches with a highway after the first; m climbs the layers and starts the next step below.

    shape: (C, H, W) of a frame; H and W divisible by `patch`.
    layers: at least 2.
    """

    def __init__(self, shape: tuple[int, int, int], hidden: int = 128, layers: int = 4, kernel: int = 5, patch: int = 4):
        super().__init__()
        if layers < 2:
            raise ValueError(
                f"the gradient highway runs between the first two layers, so there must be 2 or more; got {layers}"
            )
        channels, _, _ = patched(shape, patch)
        self.hidden, self.patch = hidden, patch
        self.cells = nn.ModuleList(CausalLSTM(channels if layer == 0 else hidden, hidden, kernel) for layer in range(layers))
        self.highway = GradientHighway(hidden, kernel)
        self.output = nn.Conv2d(hidden, channels, 1, bias=False)

    def step(self, frame: Tensor, state: State | None) -> tuple[Tensor, State]:
        """One frame further: [B, C, H, W] -> the next frame, and the state that goes with it."""
        x = patchify(frame, self.patch)
        if state is None:
            zero = zeros(x, self.hidden)
            state = [(zero, zero)] * len(self.cells), zero, zero
        layers, m, z = state
        next_layers = []
        for cell, (h, c) in zip(self.cells, layers, strict=True):
            h, c, m = cell(x, h, c, m)
            next_layers.append((h, c))
            x = h
            if cell is self.cells[0]:
                x = z = self.highway(h, z)
        return unpatchify(self.output(x), self.patch), (next_layers, m, z)


def _conv(inputs: int, outputs: int, kernel: int) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, kernel, padding=half(kernel), bias=False)
