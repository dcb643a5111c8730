"""MIM: memory in memory (Wang et al., CVPR 2019, arXiv 1811.07490).

Paper: "Memory In Memory: A Predictive Neural Network for Learning Higher-Order Non-Stationarity from Spatiotemporal
Dynamics", Yunbo Wang, Jianjin Zhang, Hongyu Zhu, Mingsheng Long, Jianmin Wang and Philip S. Yu, CVPR 2019, arXiv 1811.07490.
Held by tests/test_parity_mim.py: MIM computes what OpenSTL's does once its inner state starts at zero in every sequence.

Blocks, widths (4 layers of 128 on 4x4 patches) and the lack of biases as OpenSTL has them; the first layer is PredRNN's cell.
Departs from OpenSTL, where the inner state s is detached at every step and never reset, so that results depend on the batches
before: here s is zero at the start of every sequence and gradients flow through it, as in the authors' code. The unused 1x1
convolutions of its MIM-N are not made. Departs from the paper, as OpenSTL does: from the second block on, the MIM-N reads the
output of the MIM-N below and not the difference of the layer's hidden states.
"""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from baselines.layers.padding import half
from baselines.layers.patches import patched, patchify, unpatchify
from baselines.layers.zeros import zeros
from baselines.predrnn import FORGET_BIAS, STLSTM
from baselines.rollout import Recurrent


class LayerState(NamedTuple):
    """States of a layer above the first, [B, hidden, H/p, W/p] each."""

    h: Tensor
    c: Tensor
    inner: Tensor
    """S, the cell of MIM-S."""
    difference: Tensor
    """D, the hidden state of MIM-N."""
    difference_cell: Tensor
    """N, the cell of MIM-N."""


class State(NamedTuple):
    """All states; `start` tells the first step, at which there is no difference yet."""

    start: bool
    h: Tensor
    c: Tensor
    m: Tensor
    above: list[LayerState]


class PeepholeLSTM(nn.Module):
    """A ConvLSTM whose gates see its cell, each channel and pixel with a weight of its own: both MIM-N and MIM-S."""

    def __init__(self, hidden: int, kernel: int, height: int, width: int):
        super().__init__()
        self.from_input = nn.Conv2d(hidden, 4 * hidden, kernel, padding=half(kernel), bias=False)
        self.from_hidden = nn.Conv2d(hidden, 4 * hidden, kernel, padding=half(kernel), bias=False)
        self.peep_if = nn.Parameter(torch.zeros(2 * hidden, height, width))
        self.peep_o = nn.Parameter(torch.zeros(hidden, height, width))

    def forward(self, x: Tensor, h: Tensor, c: Tensor) -> tuple[Tensor, Tensor]:
        """x, h, c -> the new h and c. The output gate peeps at the new c."""
        i, g, f, o = (self.from_input(x) + self.from_hidden(h)).chunk(4, 1)
        peep_i, peep_f = self.peep_if.chunk(2)
        c = (f + peep_f * c + FORGET_BIAS).sigmoid() * c + (i + peep_i * c).sigmoid() * g.tanh()
        return (o + self.peep_o * c).sigmoid() * c.tanh(), c


class MIMBlock(nn.Module):
    """An ST-LSTM whose forgetting of c is itself a recurrent cell, MIM-S, driven by the differences d."""

    def __init__(self, hidden: int, kernel: int, height: int, width: int):
        super().__init__()
        self.from_input = nn.Conv2d(hidden, 4 * hidden, kernel, padding=half(kernel), bias=False)
        self.from_hidden = nn.Conv2d(hidden, 3 * hidden, kernel, padding=half(kernel), bias=False)
        self.from_memory = nn.Conv2d(hidden, 4 * hidden, kernel, padding=half(kernel), bias=False)
        self.stationary = PeepholeLSTM(hidden, kernel, height, width)
        self.merge = nn.Conv2d(2 * hidden, hidden, 1, bias=False)

    def forward(
        self, x: Tensor, d: Tensor, h: Tensor, c: Tensor, m: Tensor, inner: Tensor
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Input x, differences d and the states h, c, m and s -> the new h, c, m and s."""
        xi, xg, xf, xo = self.from_input(x).chunk(4, 1)
        hi, hg, ho = self.from_hidden(h).chunk(3, 1)
        mi, mg, mf, mo = self.from_memory(m).chunk(4, 1)
        m = (xf + mf + FORGET_BIAS).sigmoid() * m + (xi + mi).sigmoid() * (xg + mg).tanh()
        remembered, inner = self.stationary(d, c, inner)  # c stands where an LSTM has its hidden state
        c = remembered + (xi + hi).sigmoid() * (xg + hg).tanh()
        return (xo + ho + mo).sigmoid() * self.merge(torch.cat([c, m], 1)).tanh(), c, m, inner


class MIM(Recurrent):
    """An ST-LSTM and MIM blocks above it, each with a MIM-N; the first reads differences of the ST-LSTM's hidden states.

    shape: (C, H, W) of a frame; H and W divisible by `patch`. The peepholes tie the model to this size.
    layers: at least 2, the ST-LSTM included.
    """

    def __init__(self, shape: tuple[int, int, int], hidden: int = 128, layers: int = 4, kernel: int = 5, patch: int = 4):
        super().__init__()
        if layers < 2:
            raise ValueError(
                f"MIM blocks stand above a first layer of another kind, so there must be 2 layers or more; got {layers}"
            )
        channels, height, width = patched(shape, patch)
        self.hidden, self.patch = hidden, patch
        self.first = STLSTM(channels, hidden, kernel)
        self.differences = nn.ModuleList(PeepholeLSTM(hidden, kernel, height, width) for _ in range(layers - 1))
        self.blocks = nn.ModuleList(MIMBlock(hidden, kernel, height, width) for _ in range(layers - 1))
        self.output = nn.Conv2d(hidden, channels, 1, bias=False)

    def step(self, frame: Tensor, state: State | None) -> tuple[Tensor, State]:
        """One frame further: [B, C, H, W] -> the next frame, and the state that goes with it."""
        x = patchify(frame, self.patch)
        if state is None:
            zero = zeros(x, self.hidden)
            state = State(True, zero, zero, zero, [LayerState(zero, zero, zero, zero, zero)] * len(self.blocks))
        h, c, m, _ = self.first(x, state.h, state.c, state.m)
        x, change, above = h, h - state.h, []
        for difference, block, layer in zip(self.differences, self.blocks, state.above, strict=True):
            d, d_cell = layer.difference, layer.difference_cell
            if not state.start:
                d, d_cell = difference(change, d, d_cell)
            x, layer_c, m, inner = block(x, d, layer.h, layer.c, m, layer.inner)
            above.append(LayerState(x, layer_c, inner, d, d_cell))
            change = d
        return unpatchify(self.output(x), self.patch), State(False, h, c, m, above)
