"""TrajGRU: a GRU that looks along learned flows (Shi et al., NeurIPS 2017, arXiv 1706.03458).

Paper: "Deep Learning for Precipitation Nowcasting: A Benchmark and A New Model", Xingjian Shi, Zhihan Gao, Leonard Lausen,
Hao Wang, Dit-Yan Yeung, Wai-kin Wong and Wang-chun Woo, NeurIPS 2017, arXiv 1706.03458.
Held by tests/test_parity_trajgru.py: TrajGRU computes what the references do, and its flows move content where they say.

Cell, encoder and forecaster, widths, number of links and initialisation from the authors' HKO-7 benchmark, its configuration
for 64x64 digits. Departs from it: HKO-7's three constant input channels are left out, and larger frames can be cut into
patches. Flows sample with corner-aligned coordinates, the default of their time; PyTorch's present one gives another result.
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional

from baselines.layers.patches import patched, patchify, unpatchify

SLOPE = 0.2  # of every leaky ReLU
FLOW_CHANNELS = 32  # between the states and the flows


class TrajGRULayer(nn.Module):
    """A GRU whose gates see the state displaced along `links` flows, which it computes from its input and state.

    inputs: channels of the input; 0 for a GRU without input.
    """

    def __init__(self, inputs: int, hidden: int, links: int):
        super().__init__()
        self.hidden = hidden
        self.from_input = nn.Conv2d(inputs, 3 * hidden, 3, padding=1) if inputs else None
        self.flow_input = nn.Conv2d(inputs, FLOW_CHANNELS, 5, padding=2) if inputs else None
        self.flow_hidden = nn.Conv2d(hidden, FLOW_CHANNELS, 5, padding=2)
        self.flows = nn.Conv2d(FLOW_CHANNELS, 2 * links, 5, padding=2)
        self.from_warped = nn.Conv2d(hidden * links, 3 * hidden, 1)

    def forward(self, x: Tensor | None, h: Tensor | None, length: int) -> Tensor:
        """Inputs [B, length, inputs, H, W] or None, and a first state or None for zeros -> states [B, length, hidden, H, W]."""
        if self.from_input is not None and self.flow_input is not None:
            assert x is not None
            from_input, flow_input = over_time(self.from_input, x), over_time(self.flow_input, x)
            h = x.new_zeros(x.shape[0], self.hidden, *x.shape[3:]) if h is None else h
        else:
            assert h is not None
            from_input, flow_input = (h.new_zeros(1, length, n, 1, 1) for n in (3 * self.hidden, FLOW_CHANNELS))
        states = []
        for of_gates, of_flow in zip(from_input.unbind(1), flow_input.unbind(1), strict=True):
            flows = self.flows(functional.leaky_relu(of_flow + self.flow_hidden(h), SLOPE))
            xr, xu, xn = of_gates.chunk(3, 1)
            hr, hu, hn = self.from_warped(warp(h, flows)).chunk(3, 1)
            update = (xu + hu).sigmoid()
            new = functional.leaky_relu(xn + (xr + hr).sigmoid() * hn, SLOPE)
            h = update * h + (1 - update) * new
            states.append(h)
        return torch.stack(states, 1)


class TrajGRU(nn.Module):
    """Encodes the context at three resolutions and unrolls the forecast from the last states; no frame is fed back.

    shape: (C, H, W) of a frame; H and W divisible by 4 times `patch`.
    hidden: channels of the GRUs, from fine to coarse. stem: channels of the first and the last convolutions.
    links: flows per GRU.
    patch: side of the patches that frames are cut into first; 2 for frames of 128x128.
    """

    def __init__(
        self,
        shape: tuple[int, int, int],
        hidden: tuple[int, int, int] = (64, 96, 96),
        stem: int = 16,
        links: int = 13,
        patch: int = 1,
    ):
        super().__init__()
        channels, height, width = patched(shape, patch)
        if height % 4 or width % 4:
            raise ValueError(f"it halves frames twice, so {4 * patch} must divide both sides; got {shape[2]}x{shape[1]}")
        fine, middle, coarse = hidden
        self.patch = patch
        self.down = nn.ModuleList([
            nn.Sequential(nn.Conv2d(channels, stem, 3, padding=1), nn.LeakyReLU(SLOPE)),
            nn.Sequential(nn.Conv2d(fine, middle, 3, stride=2, padding=1), nn.LeakyReLU(SLOPE)),
            nn.Sequential(nn.Conv2d(middle, coarse, 3, stride=2, padding=1), nn.LeakyReLU(SLOPE)),
        ])  # fmt: skip
        self.encoder = nn.ModuleList(
            [TrajGRULayer(stem, fine, links), TrajGRULayer(middle, middle, links), TrajGRULayer(coarse, coarse, links)]
        )
        self.forecaster = nn.ModuleList(
            [TrajGRULayer(0, coarse, links), TrajGRULayer(coarse, middle, links), TrajGRULayer(middle, fine, links)]
        )
        self.up = nn.ModuleList([
            nn.Sequential(nn.ConvTranspose2d(coarse, coarse, 4, stride=2, padding=1, bias=False), nn.LeakyReLU(SLOPE)),
            nn.Sequential(nn.ConvTranspose2d(middle, middle, 4, stride=2, padding=1, bias=False), nn.LeakyReLU(SLOPE)),
            nn.Sequential(
                nn.ConvTranspose2d(fine, stem, 3, padding=1, bias=False), nn.LeakyReLU(SLOPE),
                nn.Conv2d(stem, stem, 3, padding=1), nn.LeakyReLU(SLOPE),
                nn.Conv2d(stem, channels, 1),
            ),
        ])  # fmt: skip
        self.apply(_initialise)

    def forward(self, context: Tensor, horizon: int) -> Tensor:
        """[B, T, C, H, W] in [0, 1] -> the next `horizon` frames, not clamped."""
        x, states = over_time(lambda frame: patchify(frame, self.patch), context), []
        for down, gru in zip(self.down, self.encoder, strict=True):
            x = gru(over_time(down, x), None, context.shape[1])
            states.append(x[:, -1])
        ahead = over_time(self.up[0], self.forecaster[0](None, states[2], horizon))
        ahead = over_time(self.up[1], self.forecaster[1](ahead, states[1], horizon))
        ahead = over_time(self.up[2], self.forecaster[2](ahead, states[0], horizon))
        return over_time(lambda patches: unpatchify(patches, self.patch), ahead)


def warp(h: Tensor, flows: Tensor) -> Tensor:
    """The map [B, C, H, W] moved along each flow: content at x - flow comes to x, zeros from outside.

    flows: [B, 2L, H, W], the L displacements in pixels, x before y. -> [B, C*L, H, W], the flows of a channel side by side.
    """
    height, width = h.shape[2:]
    flow_x, flow_y = flows.unflatten(1, (-1, 2)).unbind(2)  # [B, L, H, W] each
    x = torch.arange(width, device=h.device, dtype=torch.float32) - flow_x
    y = torch.arange(height, device=h.device, dtype=torch.float32)[:, None] - flow_y
    grid = torch.stack([x * 2 / max(width - 1, 1) - 1, y * 2 / max(height - 1, 1) - 1], -1)
    # The flows stand below each other in one grid, so that h need not be repeated for each.
    warped = functional.grid_sample(h.to(grid.dtype), grid.flatten(1, 2), align_corners=True)
    return warped.reshape(h.shape[0], -1, height, width)


def over_time(function: Callable[[Tensor], Tensor], clip: Tensor) -> Tensor:
    """A function of frames [N, ...] on the frames of a clip [B, T, ...]."""
    return function(clip.flatten(0, 1)).unflatten(0, clip.shape[:2])


def _initialise(module: nn.Module) -> None:
    if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
        nn.init.kaiming_normal_(module.weight, a=SLOPE)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
    if isinstance(module, TrajGRULayer):  # visited after its convolutions: at first nothing moves
        nn.init.zeros_(module.flows.weight)
