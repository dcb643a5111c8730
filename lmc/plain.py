"""LMC-Memory frame by frame, as the paper writes it.

This is the reference that `lmc.model` must agree with (tests) and be faster than (`bench speed train`); nothing trains on it.
Parameters, their names and its predictions are those of `lmc.model.LMC`.
"""

from typing import Any

import torch
from torch import Tensor, nn

from lmc.model import LMC


class PlainLMC(LMC):
    """LMC-Memory without any of the reordering: frame by frame, both convolutions of every cell at every frame, ReLU before
    pooling, maps in PyTorch's default layout."""

    def __init__(self, shape: tuple[int, int, int], **options: Any):
        super().__init__(shape, **options)
        if self.memory is not None:
            self.memory.motion_matching_encoder = plain(self.memory.motion_matching_encoder)
            if self.memory.motion_context_encoder is not None:
                self.memory.motion_context_encoder = plain(self.memory.motion_context_encoder)
        self.attention_func[0] = nn.AdaptiveAvgPool2d(1)
        for parameter in self.parameters():
            parameter.data = parameter.data.contiguous()
        for layer in self.modules():
            if isinstance(layer, nn.ELU | nn.ReLU):
                layer.inplace = False

    def predict(self, context: Tensor, horizon: int, motion: Tensor | None) -> Tensor:
        """Every frame through encoder, both convolutions of every cell and, from the last context frame on, the decoder."""
        states: list[tuple[Tensor, Tensor] | None] = [None] * len(self.convlstm_list)
        frames: list[Tensor] = []
        for t in range(context.shape[1] + horizon - 1):
            inputs = self.encoder(context[:, t] if t < context.shape[1] else frames[-1])
            for layer, cell in enumerate(self.convlstm_list):
                hidden, memory = states[layer] or (torch.zeros_like(inputs), torch.zeros_like(inputs))
                from_inputs, from_hidden = cell.children()
                i, g, f, o = (from_inputs(inputs) + from_hidden(hidden)).chunk(4, 1)
                memory = torch.sigmoid(f) * memory + torch.sigmoid(i) * torch.tanh(g)
                hidden = torch.sigmoid(o) * torch.tanh(memory)
                states[layer] = hidden, memory
                inputs = hidden
            if t >= context.shape[1] - 1:
                recalled = memory if motion is None else motion
                attention = self.attention_func(torch.cat([memory, recalled], 1))
                frames.append(self.decoder(torch.cat([hidden, recalled * attention[:, :, None, None]], 1)))
        return torch.stack(frames, 1)


def plain(encoder: nn.Sequential) -> nn.Sequential:
    """The same layers with their parameters by the same names, each ReLU before its pooling."""
    layers: list[nn.Module] = []
    for layer in encoder:
        if isinstance(layer, nn.ReLU) and isinstance(layers[-1], nn.MaxPool3d):
            layers.insert(len(layers) - 1, layer)
        else:
            layers.append(nn.MaxPool3d(layer.kernel_size) if isinstance(layer, nn.MaxPool3d) else layer)
    return nn.Sequential(*layers)
