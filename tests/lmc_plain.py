"""Recalling one position at a time, as the paper writes it: the reference for what the memory computes for all at once."""

import torch
import torch.nn.functional as F
from torch import Tensor

from lmc.memory import Phase
from lmc.plain import PlainLMC


def plain_motion(model: PlainLMC, frames: Tensor, phase: Phase) -> Tensor:
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


def recall_map(model: PlainLMC, query: Tensor) -> Tensor:
    """[D, h, w] -> [D, h, w]."""
    _, height, width = query.shape
    if not model.memory.decompose:
        return answer(model, query.mean((1, 2)))[:, None, None].expand(-1, height, width)
    rows = [torch.stack([answer(model, query[:, y, x]) for x in range(width)], 1) for y in range(height)]
    return torch.stack(rows, 1)


def answer(model: PlainLMC, query: Tensor) -> Tensor:
    """[D] -> [D]."""
    slots = model.memory.memory_w
    return torch.softmax(F.cosine_similarity(query[None], slots, dim=1) / model.memory.temperature, 0) @ slots
