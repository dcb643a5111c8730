"""E3D-LSTM as OpenSTL computes it (chengtan9907/OpenSTL), for comparison with the numbers published there. Else: `e3d_lstm`.

Paper: "OpenSTL: A Comprehensive Benchmark of Spatio-Temporal Predictive Learning", Cheng Tan, Siyuan Li, Zhangyang Gao,
Wenfei Guan, Zedong Wang, Zicheng Liu, Lirong Wu and Stan Z. Li, NeurIPS 2023, arXiv 2306.11249.
Held by tests/test_parity_e3d_lstm_openstl.py: OpenSTL's E3D-LSTM predicts and learns as OpenSTL's does, without the
parameters that move none of its numbers.

Kept of OpenSTL's: a convolution sees both frames of the window and gives one, which then stands for both; the memory m never
flows from cell to cell; attention takes its tokens from a raw reshape, so that channels and pixels mix. Left out, as no number
depends on it: the convolution of m, which is always zero, with a fourth of OpenSTL's parameters. The weights of m's forget gate
are there, as in the published counts, and have nothing to forget. Departs in one thing: KTH's stride of 2 is not offered.
"""

from functools import partial

import torch
from torch import Tensor, nn
from torch.nn import functional

from baselines.e3d_lstm import recall
from baselines.layers.padding import half
from baselines.layers.patches import patched, patchify, unpatchify
from baselines.layers.zeros import zeros
from baselines.rollout import Recurrent

State = tuple[list[tuple[Tensor, Tensor, Tensor]], Tensor]
"""For every layer h, c [B, 2 * hidden, H, W] and the history of c [B, 2HW(t+1), hidden]; and the last patches.
H and W in patches. Two frames of a window lie side by side in each channel: its 2C maps are C pairs."""


class Cell(nn.Module):
    """OpenSTL's E3D-LSTM cell without the memory that never flows. map: height and width, in patches."""

    def __init__(self, inputs: int, hidden: int, kernel: int, map: tuple[int, int]):
        super().__init__()
        same_size_conv = partial(nn.Conv2d, kernel_size=kernel, padding=half(kernel), bias=False)
        self.from_input = same_size_conv(2 * inputs, 7 * hidden)
        self.from_hidden = nn.Conv2d(2 * hidden, 4 * hidden, kernel, padding=half(kernel), bias=False)
        self.cell_norm = nn.LayerNorm((2 * hidden, *map))
        self.from_new_cell = same_size_conv(2 * hidden, hidden)
        self.from_new_memory = same_size_conv(2 * hidden, hidden)
        self.merge = nn.Conv3d(2 * hidden, hidden, 1, bias=False)

    def forward(self, x: Tensor, h: Tensor, c: Tensor, history: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """x, h, c and the tokens of every c so far, the present one last -> the new h, c and history."""
        xi, xg, xr, xo, xi_m, xg_m, _ = self.from_input(x).chunk(7, 1)
        hi, hg, hr, ho = self.from_hidden(h).chunk(4, 1)
        recalled = recall(tokens(twice((xr + hr).sigmoid())), history).reshape(c.shape)
        c = self.cell_norm(c + recalled) + twice((xi + hi).sigmoid() * (xg + hg).tanh())
        m = twice(xi_m.sigmoid() * xg_m.tanh())
        o = (xo + ho + self.from_new_cell(c) + self.from_new_memory(m)).tanh()
        merged = self.merge(torch.cat([c, m], 1).unflatten(1, (-1, 2))).flatten(1, 2)
        return twice(o.sigmoid()) * merged.tanh(), c, torch.cat([history, tokens(c)], 1)


class OpenSTLE3DLSTM(Recurrent):
    """A stack of OpenSTL's E3D-LSTM cells that see a window of two frames, the last one before the present one.

    shape: (C, H, W) of a frame; H and W divisible by `patch`.
    """

    compile_targets = ()  # the history grows with every step: each length would be compiled anew

    def __init__(self, shape: tuple[int, int, int], hidden: int = 128, layers: int = 4, kernel: int = 5, patch: int = 4):
        super().__init__()
        channels, height, width = patched(shape, patch)
        self.hidden, self.patch = hidden, patch
        inputs = [channels] + [hidden] * (layers - 1)
        self.cells = nn.ModuleList(Cell(width_in, hidden, kernel, (height, width)) for width_in in inputs)
        self.output = nn.Conv2d(2 * hidden, channels, 1, bias=False)

    def step(self, frame: Tensor, state: State | None) -> tuple[Tensor, State]:
        """One frame further: [B, C, H, W] -> the next frame, and the state that goes with it."""
        patches = patchify(frame, self.patch)
        if state is None:
            zero = zeros(patches, 2 * self.hidden)
            state = [(zero, zero, tokens(zero))] * len(self.cells), torch.zeros_like(patches)
        layers, previous_patches = state
        x, next_layers = torch.stack([previous_patches, patches], 2).flatten(1, 2), []
        for cell, (h, c, history) in zip(self.cells, layers, strict=True):
            x, c, history = cell(x, h, c, history)
            next_layers.append((x, c, history))
        return unpatchify(self.output(x), self.patch), (next_layers, patches)

    def loss(self, outputs: Tensor, target: Tensor, state: State) -> Tensor:
        """Mean squared plus mean absolute error."""
        return functional.mse_loss(outputs, target) + functional.l1_loss(outputs, target)


def twice(frame: Tensor) -> Tensor:
    """The window [B, 2C, H, W] whose two frames are both this one [B, C, H, W]."""
    return frame.repeat_interleave(2, 1)


def tokens(window: Tensor) -> Tensor:
    """[B, 2C, H, W] -> [B, 2*H*W, C], by order of the numbers alone: OpenSTL's tokens are not the positions."""
    return window.reshape(window.shape[0], -1, window.shape[1] // 2)
