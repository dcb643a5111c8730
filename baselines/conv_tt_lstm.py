"""Conv-TT-LSTM: a convolutional LSTM of higher order, its long memory a convolutional tensor train (Su et al., NeurIPS 2020).

Paper: "Convolutional Tensor-Train LSTM for Spatio-Temporal Learning", Jiahao Su, Wonmin Byeon, Jean Kossaifi, Furong Huang,
Jan Kautz and Anima Anandkumar, NeurIPS 2020, arXiv 2002.09131.
Held by tests/test_parity_conv_tt_lstm.py: Conv-TT-LSTM computes the paper's equations: worked out literally in NumPy, and as
vectors from the reference say.

Written from the paper's equations alone, since the authors' code is licensed for non-commercial use only. Widths, order, rank,
skips, initialisation and loss are those of the paper's Moving-MNIST model.
Departs from it in the order of computing: a hidden state is projected once, when it is the newest, for every place in the train
that it will take as it ages.
"""

from collections.abc import Sequence
from itertools import islice, pairwise
from math import sqrt

import torch
from torch import Tensor, nn
from torch.nn.functional import l1_loss, mse_loss

from baselines.layers.padding import half
from baselines.layers.zeros import zeros
from baselines.rollout import Recurrent

LayerState = tuple[Tensor, Tensor, list[Tensor]]
"""Hidden state and memory [B, hidden, H, W]; the projections of the older hidden states, oldest first."""


class ConvTTCell(nn.Module):
    """ConvLSTM whose gates see the last `history` hidden states through a train of `order` convolutions of `rank` channels.

    Link l of the train reads the hidden states l ... l + window - 1 of the history, where window = history - order + 1.
    """

    def __init__(self, inputs: int, hidden: int, order: int, history: int, rank: int, kernel: int):
        super().__init__()
        self.order, self.rank, self.window = order, rank, history - order + 1
        self.project = nn.Conv2d(hidden, order * self.window * rank, kernel, padding=half(kernel), bias=False)
        self.project_bias = nn.Parameter(torch.zeros(order, rank, 1, 1))
        self.couple = nn.ModuleList(nn.Conv2d(rank, rank, kernel, padding="same") for _ in range(order - 1))
        self.gates = nn.Conv2d(inputs + rank, 4 * hidden, kernel, padding="same")
        bound = sqrt(6 / (kernel**2 * self.window * (hidden + rank)))  # Xavier for a kernel x kernel x window filter
        nn.init.uniform_(self.project.weight, -bound, bound)
        for layer in (*self.couple, self.gates):
            nn.init.xavier_uniform_(layer.weight)
            nn.init.zeros_(layer.bias)

    def forward(self, current: Tensor, state: LayerState | None) -> LayerState:
        """The state after `current` [B, inputs, H, W]; its hidden state is the output."""
        hidden, memory, older = state or self.start(current)
        projections = [*older, self.project(hidden)]
        i, f, o, g = self.gates(torch.cat((current, self.remember(projections)), 1)).chunk(4, 1)
        memory = f.sigmoid() * memory + i.sigmoid() * g.tanh()
        return o.sigmoid() * memory.tanh(), memory, projections[1:]

    def remember(self, projections: list[Tensor]) -> Tensor:
        """The end of the train [B, rank, H, W], from the projections [B, order*window*rank, H, W] of the whole history."""
        history = [projection.unflatten(1, (self.order, self.window, self.rank)) for projection in projections]
        links = [
            self.project_bias[position] + sum(history[position + lag][:, position, lag] for lag in range(self.window))
            for position in range(self.order)
        ]
        train = links[0]
        for link, couple in zip(links[1:], self.couple, strict=True):
            train = link + couple(train)
        return train

    def start(self, current: Tensor) -> LayerState:
        """The state before the first frame: zeros."""
        hidden = zeros(current, self.project.in_channels)
        return hidden, hidden, [zeros(current, self.project.out_channels)] * (self.order + self.window - 2)


class ConvTTLSTM(Recurrent):
    """Predicts by blocks of layers at full resolution, each block also reading the output of the third block before it.

    shape: (C, H, W) of a frame.
    hidden, layers: for every block, the channels and the number of its layers.
    order, rank: links of the tensor train, and channels of each.
    history: hidden states that a layer looks back on, at least `order`.
    kernel: width of all convolutions but the 1x1 that reads out the frame.
    sigmoid: whether predictions are squashed into [0, 1]: on for KTH, off for Moving-MNIST.
    """

    def __init__(
        self,
        shape: tuple[int, int, int],
        hidden: tuple[int, ...] = (32, 48, 48, 32),
        layers: tuple[int, ...] = (3, 3, 3, 3),
        order: int = 3,
        history: int = 3,
        rank: int = 8,
        kernel: int = 5,
        sigmoid: bool = False,
    ):
        super().__init__()
        if len(hidden) != len(layers) or not hidden:
            raise ValueError(f"hidden and layers must name the same number of blocks, got {hidden} and {layers}")
        if not 1 <= order <= history:
            raise ValueError(f"a train of order {order} needs a history of at least as many hidden states, got {history}")
        self.layers, self.sigmoid = layers, sigmoid
        outputs = [shape[0], *hidden]
        self.cells = nn.ModuleList()
        for number, (width, depth) in enumerate(zip(hidden, layers, strict=True)):
            widths = [sum(outputs[source] for source in sources(number)), *[width] * depth]
            self.cells.extend(ConvTTCell(a, b, order, history, rank, kernel) for a, b in pairwise(widths))
        self.readout = nn.Conv2d(sum(outputs[source] for source in sources(len(hidden))), shape[0], 1)

    def step(self, frame: Tensor, state: list[LayerState] | None) -> tuple[Tensor, list[LayerState]]:
        """One frame further: [B, C, H, W] -> the next frame, and the state that goes with it."""
        states: Sequence[LayerState | None] = state or [None] * len(self.cells)
        cells = zip(self.cells, states, strict=True)
        next_states, outputs = [], [frame]
        for number, depth in enumerate(self.layers):
            current = torch.cat([outputs[source] for source in sources(number)], 1)
            for cell, previous in islice(cells, depth):
                next_states.append(cell(current, previous))
                current = next_states[-1][0]
            outputs.append(current)
        predicted = self.readout(torch.cat([outputs[source] for source in sources(len(self.layers))], 1))
        return (predicted.sigmoid() if self.sigmoid else predicted), next_states

    def loss(self, outputs: Tensor, target: Tensor, state: object) -> Tensor:
        """The mean absolute and the mean squared error, added, as the authors train it."""
        return l1_loss(outputs, target) + mse_loss(outputs, target)


def sources(number: int) -> list[int]:
    """The outputs that block `number` reads, of which 0 is the frame and n that of block n-1; the readout counts as a block."""
    return [number, number - 2] if number >= 3 else [number]
