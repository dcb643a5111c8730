"""PhyDNet: learnt partial differential equations beside a residual ConvLSTM (Le Guen and Thome, CVPR 2020).

Paper: "Disentangling Physical Dynamics from Unknown Factors for Unsupervised Video Prediction", Vincent Le Guen and Nicolas
Thome, CVPR 2020, arXiv 2003.01460.
Held by tests/test_parity_phydnet.py: PhyDNet computes what the reference does, from the same weights.

Layers and widths are those of the authors' Moving-MNIST script. So is the loss: the errors of the steps are summed, and the
physical filters are drawn towards the partial derivatives that they stand for.
Departs from it: neither branch is also decoded alone, since no loss looks at the result; transposed convolutions of stride 1
are plain ones, which is the same thing. OpenSTL's loss (the squared distance of this loss to the frames) is not followed.
"""

from math import factorial

import torch
from torch import Tensor, nn
from torch.nn.functional import mse_loss

from baselines.layers.zeros import zeros
from baselines.rollout import Recurrent

State = tuple[Tensor, list[tuple[Tensor, Tensor]]]
"""The physical state, and (hidden, memory) of every residual layer; all are maps of H/4 x W/4."""

GROUPS = 16  # of every group norm in the encoders and decoders


def moments(filters: Tensor) -> Tensor:
    """The moments [..., K, K'] of filters [..., K, K'].

    Moment (i, j) is the sum over the filter of its value times y^i / i! times x^j / j!, positions counted from the centre. A
    filter with this moment alone computes the derivative d^(i+j) / dy^i dx^j.
    """
    height, width = (powers(size, filters.device).to(filters.dtype) for size in filters.shape[-2:])
    return height @ filters @ width.T


def powers(size: int, device: torch.device) -> Tensor:
    """[size, size]: row i holds y^i / i! for the positions y around the centre."""
    positions = torch.arange(size, dtype=torch.float64, device=device) - (size - 1) // 2
    return torch.stack([positions**i / factorial(i) for i in range(size)])


class PhyCell(nn.Module):
    """Moves the state on by a learnt differential equation, then corrects it towards the observation, as a Kalman filter does.

    kernel: width of the physical filters, of which there are kernel^2: one for each derivative that they can express.
    """

    def __init__(self, width: int, kernel: int):
        super().__init__()
        self.kernel = kernel
        self.derivatives = nn.Conv2d(width, kernel**2, kernel, padding=kernel // 2)
        self.norm = nn.GroupNorm(kernel, kernel**2)
        self.combine = nn.Conv2d(kernel**2, width, 1)
        self.gain = nn.Conv2d(2 * width, width, 3, padding="same")

    def forward(self, current: Tensor, state: Tensor) -> Tensor:
        """The next state, [B, width, H, W]."""
        predicted = state + self.combine(self.norm(self.derivatives(state)))
        gain = self.gain(torch.cat((current, state), 1)).sigmoid()
        return predicted + gain * (current - predicted)

    def moment_loss(self) -> Tensor:
        """How far filter number i * kernel + j is from the derivative (i, j): mean squares of moments, summed over channels.

        In float64: with filters of 7x7, the weights of moments span from 1 / 6!^2 (2e-6) to (3^3 / 3!)^2 (20).
        """
        filter_moments = moments(self.derivatives.weight.double())  # [kernel^2, width, kernel, kernel]
        ideal = torch.eye(self.kernel**2, dtype=torch.float64, device=filter_moments.device)
        ideal = ideal.reshape(-1, 1, self.kernel, self.kernel)
        return (filter_moments - ideal).square().mean((0, 2, 3)).sum().float()


class ResidualCell(nn.Module):
    """ConvLSTM with one 3x3 convolution on input and hidden state, for what the equations leave unexplained."""

    def __init__(self, inputs: int, hidden: int):
        super().__init__()
        self.gates = nn.Conv2d(inputs + hidden, 4 * hidden, 3, padding="same")

    def forward(self, current: Tensor, hidden: Tensor, memory: Tensor) -> tuple[Tensor, Tensor]:
        """The next (hidden, memory)."""
        i, f, o, g = self.gates(torch.cat((current, hidden), 1)).chunk(4, 1)
        memory = f.sigmoid() * memory + i.sigmoid() * g.tanh()
        return o.sigmoid() * memory.tanh(), memory


class PhyDNet(Recurrent):
    """Predicts as the sum of two branches in feature space: known physics and unknown residual.

    shape: (C, H, W) of a frame; H and W divisible by 4.
    width: channels of the features that both branches see, a multiple of 32.
    residual: hidden channels of the residual branch's layers.
    kernel: width of the physical filters, odd.
    """

    def __init__(
        self, shape: tuple[int, int, int], width: int = 64, residual: tuple[int, ...] = (128, 128, 64), kernel: int = 7
    ):
        super().__init__()
        channels, rows, columns = shape
        if rows % 4 or columns % 4:
            raise ValueError(f"frames are halved twice: both sides must be divisible by 4, got {columns}x{rows}")
        if width % (2 * GROUPS):
            raise ValueError(f"width must be a multiple of {2 * GROUPS} (group norms over its half), got {width}")
        if not residual or residual[-1] < 1 or kernel % 2 == 0:
            raise ValueError(f"residual needs at least one layer and kernel must be odd, got {residual} and {kernel}")
        half = width // 2
        self.width, self.residual = width, residual
        self.encoder = nn.Sequential(block(channels, half, 2), block(half, half), block(half, width, 2))
        self.to_physical = nn.Sequential(block(width, width), block(width, width))
        self.to_residual = nn.Sequential(block(width, width), block(width, width))
        self.physical_cell = PhyCell(width, kernel)
        self.residual_cells = nn.ModuleList(map(ResidualCell, (width, *residual[:-1]), residual))
        self.from_physical = nn.Sequential(block(width, width), block(width, width))
        self.from_residual = nn.Sequential(block(residual[-1], width), block(width, width))
        self.decoder = nn.Sequential(
            doubling(width, half), nn.GroupNorm(GROUPS, half), nn.LeakyReLU(0.2), block(half, half), doubling(half, channels)
        )

    def step(self, frame: Tensor, state: State | None) -> tuple[Tensor, State]:
        """One frame further: [B, C, H, W] -> the next frame in [0, 1], and the state that goes with it."""
        features = self.encoder(frame)
        physical, layers = state or self.start(features)
        physical = self.physical_cell(self.to_physical(features), physical)
        current, next_layers = self.to_residual(features), []
        for cell, (hidden, memory) in zip(self.residual_cells, layers, strict=True):
            current, memory = cell(current, hidden, memory)
            next_layers.append((current, memory))
        predicted = self.decoder(self.from_physical(physical) + self.from_residual(current)).sigmoid()
        return predicted, (physical, next_layers)

    def start(self, features: Tensor) -> State:
        """The state before the first frame: zeros."""
        empty = [zeros(features, hidden) for hidden in self.residual]
        return zeros(features, self.width), [(initial, initial) for initial in empty]

    def loss(self, outputs: Tensor, target: Tensor, state: State | None) -> Tensor:
        """The mean squared errors of the steps, summed, and the moment loss of the physical filters."""
        return outputs.shape[1] * mse_loss(outputs, target) + self.physical_cell.moment_loss()


def block(inputs: int, outputs: int, stride: int = 1) -> nn.Sequential:
    """3x3 convolution, group norm, leaky ReLU."""
    return nn.Sequential(nn.Conv2d(inputs, outputs, 3, stride, padding=1), nn.GroupNorm(GROUPS, outputs), nn.LeakyReLU(0.2))


def doubling(inputs: int, outputs: int) -> nn.ConvTranspose2d:
    """The transposed 3x3 convolution that doubles both sides."""
    return nn.ConvTranspose2d(inputs, outputs, 3, stride=2, padding=1, output_padding=1)
