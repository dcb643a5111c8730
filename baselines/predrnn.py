"""PredRNN: spatiotemporal LSTM with a memory that zigzags through the layers (Wang et al., NeurIPS 2017).

Paper: "PredRNN: Recurrent Neural Networks for Predictive Learning using Spatiotemporal LSTMs", Yunbo Wang, Mingsheng Long,
Jianmin Wang, Zhifeng Gao and Philip S. Yu, NeurIPS 2017.
Held by tests/test_parity_predrnn.py: PredRNN, PredRNN-V2 and PredRNN++ compute what OpenSTL's do, cell by cell and as a
whole.

Cell and widths (4 layers of 128 on 4x4 patches, no biases) from the authors' later code (thuml/predrnn-pytorch), to which
OpenSTL's is equal. Layer norm after the convolutions is an option there, off in every published script.
"""

import torch
from torch import Tensor, nn

from baselines.layers.padding import half
from baselines.layers.patches import patched, patchify, unpatchify
from baselines.layers.zeros import zeros
from baselines.rollout import Recurrent

State = tuple[list[tuple[Tensor, Tensor]], Tensor]
"""For every layer h and c, and the memory m that all share; [B, hidden, H/p, W/p] each."""

FORGET_BIAS = 1.0


class STLSTM(nn.Module):
    """The spatiotemporal LSTM cell: two memories, c of the layer and m passing through, written by gates of the same input.

    norm_map: (H, W) of the states for a layer norm after the convolutions, None for none.
    """

    def __init__(self, inputs: int, hidden: int, kernel: int, norm_map: tuple[int, int] | None = None):
        super().__init__()

        def normed(convolution: nn.Conv2d) -> nn.Module:
            norm = nn.LayerNorm((convolution.out_channels, *norm_map)) if norm_map else None
            return nn.Sequential(convolution, norm) if norm else convolution

        self.from_input = normed(nn.Conv2d(inputs, 7 * hidden, kernel, padding=half(kernel), bias=False))
        self.from_hidden = normed(nn.Conv2d(hidden, 4 * hidden, kernel, padding=half(kernel), bias=False))
        self.from_memory = normed(nn.Conv2d(hidden, 3 * hidden, kernel, padding=half(kernel), bias=False))
        self.output_gate = normed(nn.Conv2d(2 * hidden, hidden, kernel, padding=half(kernel), bias=False))
        self.merge = nn.Conv2d(2 * hidden, hidden, 1, bias=False)

    def forward(self, x: Tensor, h: Tensor, c: Tensor, m: Tensor) -> tuple[Tensor, Tensor, Tensor, tuple[Tensor, Tensor]]:
        """x, h, c, m -> the new h, c and m, and what was written to c and to m."""
        xi, xf, xg, xi_m, xf_m, xg_m, xo = self.from_input(x).chunk(7, 1)
        hi, hf, hg, ho = self.from_hidden(h).chunk(4, 1)
        mi, mf, mg = self.from_memory(m).chunk(3, 1)
        to_c = (xi + hi).sigmoid() * (xg + hg).tanh()
        to_m = (xi_m + mi).sigmoid() * (xg_m + mg).tanh()
        c = (xf + hf + FORGET_BIAS).sigmoid() * c + to_c
        m = (xf_m + mf + FORGET_BIAS).sigmoid() * m + to_m
        memories = torch.cat([c, m], 1)
        o = (xo + ho + self.output_gate(memories)).sigmoid()
        return o * self.merge(memories).tanh(), c, m, (to_c, to_m)


class PredRNN(Recurrent):
    """A stack of ST-LSTMs on patches; m climbs the layers within a step and starts the next step at the bottom.

    shape: (C, H, W) of a frame; H and W divisible by `patch`.
    layer_norm: normalise after the convolutions, with weights per pixel that tie the model to one frame size.
    """

    def __init__(
        self,
        shape: tuple[int, int, int],
        hidden: int = 128,
        layers: int = 4,
        kernel: int = 5,
        patch: int = 4,
        layer_norm: bool = False,
    ):
        super().__init__()
        channels, height, width = patched(shape, patch)
        norm_map = (height, width) if layer_norm else None
        self.hidden, self.patch = hidden, patch
        self.cells = nn.ModuleList(
            STLSTM(channels if layer == 0 else hidden, hidden, kernel, norm_map) for layer in range(layers)
        )
        self.output = nn.Conv2d(hidden, channels, 1, bias=False)

    def step(self, frame: Tensor, state: State | None) -> tuple[Tensor, State]:
        """One frame further: [B, C, H, W] -> the next frame, and the state that goes with it."""
        frame, state, _ = self.advance(frame, state)
        return frame, state

    def advance(self, frame: Tensor, state: State | None) -> tuple[Tensor, State, list[tuple[Tensor, Tensor]]]:
        """As `step`, and what each layer wrote to its c and to m."""
        x = patchify(frame, self.patch)
        if state is None:
            zero = zeros(x, self.hidden)
            state = [(zero, zero)] * len(self.cells), zero
        layers, m = state
        next_layers, layer_writes = [], []
        for cell, (h, c) in zip(self.cells, layers, strict=True):
            x, c, m, writes = cell(x, h, c, m)
            next_layers.append((x, c))
            layer_writes.append(writes)
        return unpatchify(self.output(x), self.patch), (next_layers, m), layer_writes
