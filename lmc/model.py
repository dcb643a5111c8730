"""LMC-Memory: video prediction that recalls long-term motion context (Lee et al., CVPR 2021).

Sizes from the paper; names of parameters from the authors' published checkpoints, so that those load as they are.
Departs from a frame-by-frame reading (`lmc.plain`) in the order of work alone, not in its result: context frames are encoded in
one batch and read layer by layer, each layer's input convolution over all of them at once. Channels come last in memory, where
convolutions on CPUs and GPUs read them fastest.
"""

from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from lmc.memory import FEWEST_FRAMES, Memory

State = tuple[Tensor, Tensor]
"""Hidden and cell state of a layer, each [B, 2 * width, H/4, W/4]."""


class Cell(nn.Module):
    """A convolutional LSTM cell; gates in the order input, candidate, forget, output."""

    def __init__(self, width: int):
        super().__init__()
        self.conv2d_x = nn.Conv2d(width, 4 * width, 3, padding=1)
        self.conv2d_h = nn.Conv2d(width, 4 * width, 3, padding=1)

    def forward(self, inputs: Tensor, steps: int, state: State | None) -> tuple[Tensor, State]:
        """Inputs [T * B, D, h, w] of T consecutive steps and the state before them (None: zero) -> all hidden states, in the
        same layout, and the last state."""
        states: list[State] = []
        biases = self.conv2d_x.get_parameter("bias") + self.conv2d_h.get_parameter("bias")  # both at once, for all steps
        for gates in functional.conv2d(inputs, self.conv2d_x.weight, biases, padding=1).chunk(steps):
            if state is None:  # the convolution of zeros is zero, and the forget gate has nothing to keep
                state = update(gates, gates.new_zeros(()))
            else:
                state = update(gates + functional.conv2d(state[0], self.conv2d_h.weight, padding=1), state[1])
            states.append(state)
        return torch.cat([hidden for hidden, _ in states]), states[-1]


def update(gates: Tensor, cell: Tensor) -> State:
    """The next hidden and cell state, from the summed convolutions [B, 4 * D, h, w] and the cell state [B, D, h, w].

    Of bfloat16 gates the hidden state, which convolutions read next, is bfloat16; the cell state, which adds up over a clip, is
    float32.
    """
    i, g, f, o = (gates.float() if gates.dtype == torch.bfloat16 else gates).chunk(4, 1)
    cell = torch.sigmoid(f) * cell + torch.sigmoid(i) * torch.tanh(g)
    return (torch.sigmoid(o) * torch.tanh(cell)).to(gates.dtype), cell


class Mean(nn.Module):
    """The mean over positions, [B, D, h, w] -> [B, D, 1, 1], whose gradient has its channels last, as everything here has.

    The gradient of `nn.AdaptiveAvgPool2d` has not, and every cell state before it would hand that layout on to a convolution.
    """

    def forward(self, maps: Tensor) -> Tensor:
        return maps.movedim(1, -1).mean((1, 2), keepdim=True).movedim(-1, 1)


class LMC(nn.Module):
    """Predicts with convolutional LSTMs whose every decoded frame also sees a motion context recalled from memory.

    shape: (C, H, W) of a frame; H and W divisible by 16 (4 without memory).
    width: channels of the first convolution; all others scale with it (the paper's is 64). A multiple of 4.
    layers: recurrent layers.
    slots: of the memory.
    decompose: each position queries the memory on its own; otherwise one query per clip.
    temperature: of addressing; smaller is sharper (the paper's is 1).
    output: "linear" (the paper on Moving-MNIST), "sigmoid" (on KTH).
    storing: has a motion-context encoder, which only the storing phase of training uses. False for the ablation without
        alignment, where it would be dead weight.
    train_slots: False is a control: slots stay as they were drawn, and only what addresses and reads them learns.
    shuffled: True is a control: other slots are read than those that the query matches (see `Memory`).
    zero_output_bias: the bias of the decoder's last layer begins at 0. PyTorch draws it from ±1/3 for frames of one channel (it
        takes a transposed convolution's outputs for its fan-in). At the lower end a run begins with frames far below black,
        lifts them by driving its cells into saturation within ten steps, and predicts black for hundreds.
    memory: False is the ablation without memory. The top layer's own cell state then takes the motion context's place, in the
        attention and in the decoder, so that the predictor keeps its size.
    """

    def __init__(
        self,
        shape: tuple[int, int, int],
        width: int = 64,
        layers: int = 4,
        slots: int = 100,
        decompose: bool = True,
        temperature: float = 1.0,
        output: Literal["linear", "sigmoid"] = "linear",
        storing: bool = True,
        memory: bool = True,
        train_slots: bool = True,
        shuffled: bool = False,
        zero_output_bias: bool = False,
    ):
        super().__init__()
        channels, height, breadth = shape
        factor = 16 if memory else 4
        if height % factor or breadth % factor:
            raise ValueError(f"LMC needs frames with sides divisible by {factor}, got {breadth}x{height}")
        if width < 4 or width % 4:
            raise ValueError(f"LMC needs a width that is a multiple of 4, got {width}")
        if min(layers, slots) < 1 or temperature <= 0:
            raise ValueError(f"LMC needs layers, slots and temperature above 0, got {layers}, {slots} and {temperature}")
        self.shape = tuple(shape)
        self.min_context = FEWEST_FRAMES if memory else 1
        self.compile_targets = ("advance", "decode", *(("memory.query",) if memory else ()))
        self.encoder = nn.Sequential(
            *(nn.Conv2d(channels, width, 3, stride=2, padding=1), nn.ELU(inplace=True)),
            *(nn.Conv2d(width, width, 3, padding=1), nn.ELU(inplace=True)),
            *(nn.Conv2d(width, 2 * width, 3, stride=2, padding=1), nn.ELU(inplace=True)),
            *(nn.Conv2d(2 * width, 2 * width, 3, padding=1), nn.ELU(inplace=True)),
        )
        self.convlstm_list = nn.ModuleList(Cell(2 * width) for _ in range(layers))
        self.memory = Memory(channels, width, slots, decompose, temperature, storing, train_slots, shuffled) if memory else None
        self.attention_func = nn.Sequential(
            *(Mean(), nn.Flatten()),
            *(nn.Linear(4 * width, width // 4), nn.ReLU()),
            *(nn.Linear(width // 4, 2 * width), nn.Sigmoid()),
        )
        self.decoder = nn.Sequential(
            *(nn.ConvTranspose2d(4 * width, 2 * width, 3, padding=1), nn.ELU(inplace=True)),
            *(nn.ConvTranspose2d(2 * width, width, 3, stride=2, padding=1, output_padding=1), nn.ELU(inplace=True)),
            *(nn.ConvTranspose2d(width, width, 3, padding=1), nn.ELU(inplace=True)),
            nn.ConvTranspose2d(width, channels, 3, stride=2, padding=1, output_padding=1),
            *([nn.Sigmoid()] if output == "sigmoid" else []),
        )
        if zero_output_bias:
            *_, output_layer = (layer for layer in self.decoder if isinstance(layer, nn.ConvTranspose2d))
            nn.init.zeros_(output_layer.get_parameter("bias"))
        for part in (self.encoder, self.convlstm_list, self.decoder):
            part.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def forward(self, context: Tensor, horizon: int) -> Tensor:
        """[B, T, C, H, W] in [0, 1] -> the next `horizon` frames, not clamped. The matching path: the context recalls."""
        if context.shape[2:] != self.shape:
            raise ValueError(f"this LMC was built for frames of shape {self.shape}, got {tuple(context.shape[2:])}")
        motion = None if self.memory is None else self.memory.recall(self.memory.query(context, "matching"))
        return self.predict(context, horizon, motion)

    def predict(self, context: Tensor, horizon: int, motion: Tensor | None) -> Tensor:
        """The `horizon` frames after context [B, T, C, H, W], given a motion context [B, 2 * width, H/4, W/4]."""
        frames: list[Tensor] = []
        states: list[State] | None = None
        inputs = context  # first the whole context, then each prediction
        while len(frames) < horizon:
            states = self.advance(inputs, states)
            frames.append(self.decode(states[-1], motion))
            inputs = frames[-1].unsqueeze(1)
        return torch.stack(frames, 1)

    def advance(self, inputs: Tensor, states: list[State] | None) -> list[State]:
        """The states of all layers after frames [B, T, C, H, W], given those before them; None at the start of a clip."""
        hidden = self.encoder(inputs.transpose(0, 1).flatten(0, 1))  # step by step, so that each is one piece of memory
        next_states: list[State] = []
        for layer, cell in enumerate(self.convlstm_list):
            hidden, state = cell(hidden, inputs.shape[1], states[layer] if states else None)
            next_states.append(state)
        return next_states

    def decode(self, state: State, motion: Tensor | None) -> Tensor:
        """The frame [B, C, H, W] that the top layer's state and the motion context, weighted by channel, stand for."""
        hidden, cell = state
        motion = cell if motion is None else motion
        attention = self.attention_func(torch.cat([cell, motion], 1))
        return self.decoder(torch.cat([hidden, motion * attention[:, :, None, None]], 1))
