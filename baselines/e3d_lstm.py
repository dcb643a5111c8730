"""E3D-LSTM: 3D convolutions over a window of frames, and attention over the past (Wang et al., ICLR 2019).

Paper: "Eidetic 3D LSTM: A Model for Video Prediction and Beyond", Yunbo Wang, Lu Jiang, Ming-Hsuan Yang, Li-Jia Li, Mingsheng
Long and Li Fei-Fei, ICLR 2019.
Held by tests/test_parity_e3d_lstm.py: E3D-LSTM's cell computes what the authors' does once its memory flows. Its
attention is softmax attention over positions, unscaled.

Cell and norms as the authors' code (google/e3d_lstm) computes them, widths (4 layers of 128 on 4x4 patches) and loss as OpenSTL
has them. Departs from the authors' code, which returns the old memory m and so never uses it: here the new m flows on, as the
paper writes it. OpenSTL's version is not followed (`e3d_lstm_openstl` is that): it computes one frame of the two and
doubles it, and its attention mixes channels with pixels.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from baselines.layers.padding import half
from baselines.layers.patches import patched, patchify, unpatchify
from baselines.layers.zeros import zeros
from baselines.rollout import Recurrent

State = tuple[list[tuple[Tensor, Tensor, Tensor]], Tensor, Tensor]
"""For every layer h, c and the history of c [B, 2HW(t+1), hidden]; the memory m that all share; the last patches.
h, c and m are [B, 2, hidden, H, W], H and W in patches."""

FORGET_BIAS = 1.0


class WindowConv(nn.Conv2d):
    """A 3D convolution of depth 2 over windows of two frames, with zeros after the second.

    It is three 2D convolutions: of both frames with the weights' near half, and of the second frame with their far half, which
    is added to the first. The zeros after the second frame are not multiplied.
    The weight's input channels are those of the near half, then those of the far half.
    """

    def __init__(self, inputs: int, outputs: int, kernel: int):
        super().__init__(2 * inputs, outputs, kernel, padding=half(kernel))

    def forward(self, window: Tensor) -> Tensor:
        """[B, 2, inputs, H, W] -> [B, 2, outputs, H, W]."""
        near, far = self.weight.chunk(2, 1)
        near_product = self._conv_forward(window.flatten(0, 1), near, self.bias).unflatten(0, window.shape[:2])
        first = near_product[:, 0] + self._conv_forward(window[:, 1], far, None)
        return torch.stack([first, near_product[:, 1]], 1)


class WindowNorm(nn.Module):
    """Normalises a window [B, 2, channels, H, W] as a whole; gain and shift per channel."""

    def __init__(self, channels: int):
        super().__init__()
        self.gain = nn.Parameter(torch.ones(channels, 1, 1))
        self.shift = nn.Parameter(torch.zeros(channels, 1, 1))

    def forward(self, window: Tensor) -> Tensor:
        """The same shape."""
        gain, shift = (parameter.flatten().repeat(2) for parameter in (self.gain, self.shift))  # for the channels of two frames
        frames = window.flatten(1, 2).to(gain.dtype)
        return functional.group_norm(frames, 1, gain, shift, eps=1e-12).view(window.shape)


class Cell(nn.Module):
    """The E3D-LSTM cell: c remembers by attending over its own past, m is the memory of PredRNN's zigzag."""

    def __init__(self, inputs: int, hidden: int, kernel: int):
        super().__init__()
        self.from_input = nn.Sequential(WindowConv(inputs, 7 * hidden, kernel), WindowNorm(7 * hidden))
        self.from_hidden = nn.Sequential(WindowConv(hidden, 4 * hidden, kernel), WindowNorm(4 * hidden))
        self.from_memory = nn.Sequential(WindowConv(hidden, 4 * hidden, kernel), WindowNorm(4 * hidden))
        self.cell_norm = WindowNorm(hidden)
        self.from_new_cell = WindowConv(hidden, hidden, kernel)
        self.from_new_memory = WindowConv(hidden, hidden, kernel)
        self.merge = nn.Conv2d(2 * hidden, hidden, 1)

    def forward(self, x: Tensor, h: Tensor, c: Tensor, m: Tensor, history: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """x, h, c, m and the tokens of every c so far, the present one last -> the new h, c, m and history."""
        xi, xg, xr, xo, xi_m, xg_m, xf_m = self.from_input(x).chunk(7, 2)
        hi, hg, hr, ho = self.from_hidden(h).chunk(4, 2)
        mi, mf, mg, projected = self.from_memory(m).chunk(4, 2)
        recalled = untokened(recall(tokens((xr + hr).sigmoid()), history), c)
        c = self.cell_norm(c + recalled) + (xi + hi).sigmoid() * (xg + hg).tanh()
        m = (xf_m + mf + FORGET_BIAS).sigmoid() * projected.tanh() + (xi_m + mi).sigmoid() * (xg_m + mg).tanh()
        o = (xo + ho + self.from_new_cell(c) + self.from_new_memory(m)).tanh()
        merged = self.merge(torch.cat([c, m], 2).flatten(0, 1)).unflatten(0, c.shape[:2])
        return o.sigmoid() * merged.tanh(), c, m, torch.cat([history, tokens(c)], 1)


class E3DLSTM(Recurrent):
    """A stack of E3D-LSTMs that see a window of two frames, the last one before the present one.

    shape: (C, H, W) of a frame; H and W divisible by `patch`.
    """

    compile_targets = ()  # the history grows with every step: each length would be compiled anew

    def __init__(self, shape: tuple[int, int, int], hidden: int = 128, layers: int = 4, kernel: int = 5, patch: int = 4):
        super().__init__()
        channels, _, _ = patched(shape, patch)
        self.hidden, self.patch = hidden, patch
        self.cells = nn.ModuleList(Cell(channels if layer == 0 else hidden, hidden, kernel) for layer in range(layers))
        self.output = nn.Conv2d(2 * hidden, channels, 1)

    def step(self, frame: Tensor, state: State | None) -> tuple[Tensor, State]:
        """One frame further: [B, C, H, W] -> the next frame, and the state that goes with it."""
        patches = patchify(frame, self.patch)
        if state is None:
            zero = zeros(patches, self.hidden)[:, None].expand(-1, 2, -1, -1, -1)
            state = [(zero, zero, tokens(zero))] * len(self.cells), zero, torch.zeros_like(patches)
        layers, m, previous_patches = state
        x, next_layers = torch.stack([previous_patches, patches], 1), []
        for cell, (h, c, history) in zip(self.cells, layers, strict=True):
            x, c, m, history = cell(x, h, c, m, history)
            next_layers.append((x, c, history))
        return unpatchify(self.output(x.flatten(1, 2)), self.patch), (next_layers, m, patches)

    def loss(self, outputs: Tensor, target: Tensor, state: State) -> Tensor:
        """Mean squared plus mean absolute error."""
        return functional.mse_loss(outputs, target) + functional.l1_loss(outputs, target)


def recall(query: Tensor, history: Tensor) -> Tensor:
    """What a query [B, N, D] finds in a history [B, M, D]: a mean of it weighted by the softmax of the unscaled products."""
    query, history = query[:, None], history[:, None]  # with one head, which only then is computed piece by piece
    return functional.scaled_dot_product_attention(query, history, history, scale=1.0)[:, 0]


def tokens(window: Tensor) -> Tensor:
    """[B, 2, D, H, W] -> [B, 2*H*W, D]: one token for every position in time and space."""
    return window.movedim(2, 4).flatten(1, 3)


def untokened(values: Tensor, like: Tensor) -> Tensor:
    """The inverse of `tokens`, to the shape of the window `like`."""
    batch, time, depth, height, width = like.shape
    return values.reshape(batch, time, height, width, depth).movedim(4, 2)
