"""ConvLSTM: an LSTM whose products are convolutions (Shi et al., NeurIPS 2015, arXiv 1506.04214).

Paper: "Convolutional LSTM Network: A Machine Learning Approach for Precipitation Nowcasting", Xingjian Shi, Zhourong Chen,
Hao Wang, Dit-Yan Yeung, Wai-kin Wong and Wang-chun Woo, NeurIPS 2015, arXiv 1506.04214.
Held by tests/test_parity_convlstm.py: ConvLSTM computes what OpenSTL's does, and its peephole cell what the paper's does.

Cell and network are those of OpenSTL, by which later papers quote ConvLSTM on Moving-MNIST: 4 layers of 128 on 4x4 patches,
no biases and no peepholes. `PeepholeConvLSTM` has the paper's cell, with biases and peepholes per channel and pixel, in the
same network. Departs from OpenSTL: its two unused convolutions per layer are not made. Departs from the paper: one stack that
reads and predicts instead of an encoder and a forecaster, and the mean squared error instead of the cross-entropy.
"""

import torch
from torch import Tensor, nn

from baselines.layers.padding import half
from baselines.layers.patches import patched, patchify, unpatchify
from baselines.layers.zeros import zeros
from baselines.rollout import Recurrent

State = list[tuple[Tensor, Tensor]]
"""For every layer h and c, [B, hidden, H/p, W/p] each."""


class Cell(nn.Module):
    """The LSTM step on maps of `hidden` channels, from the states h and c and an input x of `inputs` channels."""

    def __init__(self, inputs: int, hidden: int, kernel: int):
        super().__init__()
        self.from_input = nn.Conv2d(inputs, 4 * hidden, kernel, padding=half(kernel), bias=False)
        self.from_hidden = nn.Conv2d(hidden, 4 * hidden, kernel, padding=half(kernel), bias=False)

    def forward(self, x: Tensor, h: Tensor, c: Tensor) -> tuple[Tensor, Tensor]:
        """x, h, c -> the new h and c."""
        i, f, g, o = (self.from_input(x) + self.from_hidden(h)).chunk(4, 1)
        c = f.sigmoid() * c + i.sigmoid() * g.tanh()
        return o.sigmoid() * c.tanh(), c


class PeepholeCell(nn.Module):
    """The paper's cell: the gates also see c, each channel and pixel with a weight of its own."""

    def __init__(self, inputs: int, hidden: int, kernel: int, height: int, width: int):
        super().__init__()
        self.gates = nn.Conv2d(inputs + hidden, 4 * hidden, kernel, padding=half(kernel))
        self.peep_i, self.peep_f, self.peep_o = (nn.Parameter(torch.zeros(hidden, height, width)) for _ in range(3))

    def forward(self, x: Tensor, h: Tensor, c: Tensor) -> tuple[Tensor, Tensor]:
        """x, h, c -> the new h and c. The output gate peeps at the new c."""
        i, f, g, o = self.gates(torch.cat([x, h], 1)).chunk(4, 1)
        c = (f + self.peep_f * c).sigmoid() * c + (i + self.peep_i * c).sigmoid() * g.tanh()
        return (o + self.peep_o * c).sigmoid() * c.tanh(), c


class ConvLSTM(Recurrent):
    """A stack of ConvLSTM layers on patches; each reads the hidden state of the one below.

    shape: (C, H, W) of a frame; H and W divisible by `patch`.
    """

    def __init__(self, shape: tuple[int, int, int], hidden: int = 128, layers: int = 4, kernel: int = 5, patch: int = 4):
        super().__init__()
        channels, height, width = patched(shape, patch)
        self.hidden, self.patch = hidden, patch
        self.cells = nn.ModuleList(
            self.cell(channels if layer == 0 else hidden, kernel, height, width) for layer in range(layers)
        )
        self.output = nn.Conv2d(hidden, channels, 1, bias=False)

    def cell(self, inputs: int, kernel: int, height: int, width: int) -> nn.Module:
        """A layer's cell, for states of height x width."""
        return Cell(inputs, self.hidden, kernel)

    def step(self, frame: Tensor, state: State | None) -> tuple[Tensor, State]:
        """One frame further: [B, C, H, W] -> the next frame, and the state that goes with it."""
        x = patchify(frame, self.patch)
        if state is None:
            zero = zeros(x, self.hidden)
            state = [(zero, zero)] * len(self.cells)
        next_state = []
        for cell, (h, c) in zip(self.cells, state, strict=True):
            x, c = cell(x, h, c)
            next_state.append((x, c))
        return unpatchify(self.output(x), self.patch), next_state


class PeepholeConvLSTM(ConvLSTM):
    """ConvLSTM with the cell of the paper. Its peepholes tie the model to one frame size."""

    def cell(self, inputs: int, kernel: int, height: int, width: int) -> nn.Module:
        """A layer's cell, for states of height x width."""
        return PeepholeCell(inputs, self.hidden, kernel, height, width)
