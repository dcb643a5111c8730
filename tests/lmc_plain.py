"""LMC-Memory read frame by frame as the paper writes it: the reference for what the model reorders."""

import torch
import torch.nn.functional as F
from torch import Tensor

from lmc.memory import Phase
from lmc.model import LMC


def plain_motion(model: LMC, frames: Tensor, phase: Phase) -> Tensor:
    """The motion context, each position of each clip answered on its own, ReLU before pooling."""
    memory = model.memory
    encoder = memory.motion_context_encoder if phase == "storing" else memory.motion_matching_encoder
    volume = torch.stack([frames[:, t + 1] - frames[:, t] for t in range(frames.shape[1] - 1)], 2)
    for index, pooling in ((0, (1, 2, 2)), (3, 2), (6, None), (8, 2), (11, None), (13, 2)):
        volume = torch.relu(F.conv3d(volume, encoder[index].weight, encoder[index].bias, padding=1))
        if pooling is not None:
            volume = F.max_pool3d(volume, pooling)
    queries = volume.mean(2)
    recalled = torch.stack([recall_map(model, query) for query in queries])
    for index in (0, 2):
        layer = memory.embedder[index]
        recalled = torch.relu(F.conv_transpose2d(recalled, layer.weight, layer.bias, stride=2, padding=1, output_padding=1))
    return recalled


def recall_map(model: LMC, query: Tensor) -> Tensor:
    """[D, h, w] -> [D, h, w]."""
    _, height, width = query.shape
    if not model.memory.decompose:
        return answer(model, query.mean((1, 2)))[:, None, None].expand(-1, height, width)
    rows = [torch.stack([answer(model, query[:, y, x]) for x in range(width)], 1) for y in range(height)]
    return torch.stack(rows, 1)


def answer(model: LMC, query: Tensor) -> Tensor:
    """[D] -> [D]."""
    slots = model.memory.memory_w
    return torch.softmax(F.cosine_similarity(query[None], slots, dim=1) / model.memory.temperature, 0) @ slots


def plain_predict(model: LMC, context: Tensor, horizon: int, motion: Tensor | None) -> Tensor:
    """Every frame through encoder, both convolutions of every cell and, from the last context frame on, the decoder."""
    states = [None] * len(model.convlstm_list)
    frames = []
    for t in range(context.shape[1] + horizon - 1):
        inputs = model.encoder(context[:, t] if t < context.shape[1] else frames[-1])
        for layer, cell in enumerate(model.convlstm_list):
            hidden, memory = states[layer] or (torch.zeros_like(inputs), torch.zeros_like(inputs))
            i, g, f, o = (cell.conv2d_x(inputs) + cell.conv2d_h(hidden)).chunk(4, 1)
            memory = torch.sigmoid(f) * memory + torch.sigmoid(i) * torch.tanh(g)
            hidden = torch.sigmoid(o) * torch.tanh(memory)
            states[layer] = hidden, memory
            inputs = hidden
        if t >= context.shape[1] - 1:
            recalled = memory if motion is None else motion
            attention = model.attention_func(torch.cat([memory, recalled], 1))
            frames.append(model.decoder(torch.cat([hidden, recalled * attention[:, :, None, None]], 1)))
    return torch.stack(frames, 1)
