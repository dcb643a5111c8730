"""MAU: motion-aware unit (Chang et al., NeurIPS 2021).

Paper: "MAU: A Motion-Aware Unit for Video Prediction and Beyond", Zheng Chang, Xinfeng Zhang, Shanshe Wang, Siwei Ma, Yan Ye,
Xinguang Xiang and Wen Gao, NeurIPS 2021.
Held by tests/test_parity_mau.py: MAU computes what the reference does, from the same weights.

Cell, widths and window are those of the authors' Moving-MNIST script (the `normal` mode of OpenSTL). Information recalling, the
paper's skips from encoder to decoder, is the option `recall`.
Departs from them: the two convolutions that read the spatial input are one; layers whose result is never used are left out.
"""

from math import sqrt

import torch
from torch import Tensor, nn
from torch.nn.functional import leaky_relu

from baselines.layers.padding import half
from baselines.layers.zeros import zeros
from baselines.rollout import Recurrent

State = list[tuple[Tensor, Tensor]]
"""For every layer the last `window` spatial inputs and temporal states, each [B, window, hidden, H, W], oldest first."""


class MAUCell(nn.Module):
    """Enriches the temporal state by those that followed similar spatial inputs; then space and time gate each other.

    shape: (hidden, H, W) of its maps; its norms have a weight for every position.
    residual: whether the spatial input is added to the spatial output.
    """

    def __init__(self, shape: tuple[int, int, int], kernel: int, residual: bool = False):
        super().__init__()
        hidden, height, width = shape
        self.residual = residual
        self.from_spatial = nn.Conv2d(hidden, 4 * hidden, kernel, padding="same")
        self.from_temporal = nn.Conv2d(hidden, hidden, kernel, padding=half(kernel))
        self.from_fused = nn.Conv2d(hidden, 3 * hidden, kernel, padding="same")
        self.spatial_norm = nn.LayerNorm((3 * hidden, height, width))
        self.query_norm = nn.LayerNorm((hidden, height, width))
        self.temporal_norm = nn.LayerNorm((hidden, height, width))
        self.fused_norm = nn.LayerNorm((3 * hidden, height, width))

    def forward(self, spatial: Tensor, temporal: Tensor, spatials: Tensor, temporals: Tensor) -> tuple[Tensor, Tensor]:
        """The next (spatial, temporal) maps, [B, hidden, H, W]; `spatials` and `temporals` are the histories, as in `State`."""
        hidden = spatial.shape[1]
        gates, query = self.from_spatial(spatial).split((3 * hidden, hidden), 1)
        fused = self.fuse(self.query_norm(query), temporal, spatials, temporals)
        time_gate, time, time_to_space = self.fused_norm(self.from_fused(fused)).chunk(3, 1)
        space_gate, space_to_time, space = self.spatial_norm(gates).chunk(3, 1)
        next_temporal = mix(time_gate, time, space_to_time)
        next_spatial = mix(space_gate, space, time_to_space)
        return (next_spatial + spatial if self.residual else next_spatial), next_temporal

    def fuse(self, query: Tensor, temporal: Tensor, spatials: Tensor, temporals: Tensor) -> Tensor:
        """The temporal state mixed with the trend: the past ones, weighted by how well the query fits their spatial inputs."""
        fits = (spatials * query[:, None]).sum((2, 3, 4)) / sqrt(query[0].numel())  # [B, window]
        trend = (fits.softmax(1)[:, :, None, None, None] * temporals).sum(1)
        return mix(self.temporal_norm(self.from_temporal(temporal)), temporal, trend)


def mix(gate: Tensor, if_open: Tensor, if_shut: Tensor) -> Tensor:
    """`if_open` where the gate is open, `if_shut` where it is shut. torch.lerp would refuse the mixed types of autocast."""
    return if_shut + gate.sigmoid() * (if_open - if_shut)


class MAU(Recurrent):
    """Predicts by attending over the last `window` states of every layer.

    shape: (C, H, W) of a frame; H and W divisible by `shrink`.
    hidden, layers, kernel: channels of all maps, number of cells, width of the cells' convolutions.
    window: steps of history each layer looks back on.
    shrink: how much smaller than the frames the cells' maps are, a power of two. 4 for Moving-MNIST, 2 for KTH.
    residual: whether each cell adds its spatial input to its spatial output.
    recall: whether the decoder adds the encoder's features of equal size to its own.
    """

    def __init__(
        self,
        shape: tuple[int, int, int],
        hidden: int = 64,
        layers: int = 4,
        kernel: int = 5,
        window: int = 5,
        shrink: int = 4,
        residual: bool = False,
        recall: bool = False,
    ):
        super().__init__()
        channels, height, width = shape
        if shrink < 1 or shrink & (shrink - 1):
            raise ValueError(f"shrink must be a power of two, got {shrink}")
        if height % shrink or width % shrink:
            raise ValueError(f"frames of {width}x{height} cannot shrink {shrink} times: use a shrink that divides both sides")
        self.window, self.recall = window, recall
        halvings = range(shrink.bit_length() - 1)
        self.embed = nn.Conv2d(channels, hidden, 1)
        self.down = nn.ModuleList(nn.Conv2d(hidden, hidden, 3, stride=2, padding=1) for _ in halvings)
        maps = (hidden, height // shrink, width // shrink)
        self.cells = nn.ModuleList(MAUCell(maps, kernel, residual) for _ in range(layers))
        self.up = nn.ModuleList(nn.ConvTranspose2d(hidden, hidden, 3, stride=2, padding=1, output_padding=1) for _ in halvings)
        self.readout = nn.Conv2d(hidden, channels, 1)

    def step(self, frame: Tensor, state: State | None) -> tuple[Tensor, State]:
        """One frame further: [B, C, H, W] -> the next frame, and the state that goes with it."""
        features = self.encode(frame)
        spatial, history = features[-1], state or self.start(features[-1])
        state = []
        for cell, (spatials, temporals) in zip(self.cells, history, strict=True):
            spatial_input = spatial
            spatial, temporal = cell(spatial, temporals[:, -1], spatials, temporals)
            state.append((slide(spatials, spatial_input), slide(temporals, temporal)))
        return self.decode(spatial, features), state

    def start(self, spatial: Tensor) -> State:
        """The history before the first frame: zeros for every layer."""
        empty = zeros(spatial, spatial.shape[1])[:, None].expand(-1, self.window, -1, -1, -1)
        return [(empty, empty) for _ in self.cells]

    def encode(self, frame: Tensor) -> list[Tensor]:
        """The frame's features, from its full size down to the cells'."""
        features = [leaky_relu(self.embed(frame), 0.2)]
        for down in self.down:
            features.append(leaky_relu(down(features[-1]), 0.2))
        return features

    def decode(self, spatial: Tensor, features: list[Tensor]) -> Tensor:
        """The frame that the cells' last spatial map stands for."""
        larger = reversed(features[:-1])
        for number, (up, feature) in enumerate(zip(self.up, larger, strict=True), start=1):
            spatial = up(spatial)
            if number < len(self.up):
                spatial = leaky_relu(spatial, 0.2)
            if self.recall:
                spatial = spatial + feature
        return self.readout(spatial)


def slide(window: Tensor, newest: Tensor) -> Tensor:
    """The window [B, window, ...] one step on: the oldest leaves, `newest` [B, ...] joins."""
    return torch.cat((window[:, 1:], newest[:, None]), 1)
