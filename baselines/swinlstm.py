"""SwinLSTM: an LSTM whose gate is a stack of Swin Transformer blocks (Tang et al., ICCV 2023).

Paper: "SwinLSTM: Improving Spatiotemporal Prediction Accuracy using Swin Transformer and LSTM", Song Tang, Chuang Li, Pu
Zhang and RongNian Tang, ICCV 2023, arXiv 2308.09891.
Held by tests/test_parity_swinlstm.py: SwinLSTM computes what the reference does, from the same weights.

The default is the authors' SwinLSTM-D for Moving-MNIST; `depths=(12,), heads=(4,)` is their SwinLSTM-B.
Departs from their code: what it builds and never uses is left out (a second embedding of frames, and the fusing layer of blocks
that have nothing to fuse).
"""

from collections.abc import Sequence
from itertools import islice
from math import isqrt

import torch
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention

from baselines.layers.drop_path import DropPath
from baselines.rollout import Recurrent

Memory = tuple[Tensor, Tensor]
"""Hidden state and cell state of one SwinLSTM cell, each [B, H, W, width]."""


class WindowAttention(nn.Module):
    """Multi-head attention among the tokens of each window, with a learnt bias for their relative position.

    shape: (H, W) of the map of tokens, divisible by `window`.
    shift: by how many tokens the windows are moved, around the edges; tokens of opposite edges do not see each other.
    """

    offsets: Tensor
    unseen: Tensor

    def __init__(self, width: int, shape: tuple[int, int], heads: int, window: int, shift: int):
        super().__init__()
        self.heads, self.window, self.shift = heads, window, shift
        self.inward = nn.Linear(width, 3 * width)  # queries, keys, values
        self.outward = nn.Linear(width, width)
        self.position_bias = nn.Parameter(torch.empty((2 * window - 1) ** 2, heads))
        nn.init.trunc_normal_(self.position_bias, std=0.02)
        self.register_buffer("offsets", relative_offsets(window), persistent=False)
        self.register_buffer("unseen", across_the_edge(shape, window, shift), persistent=False)

    def forward(self, tokens: Tensor) -> Tensor:
        """[B, H, W, width] -> the same shape."""
        shape, sides = tokens.shape, (1, 2)
        tiles = windows(tokens.roll((-self.shift, -self.shift), sides), self.window)
        projected = self.inward(tiles).unflatten(3, (3, self.heads, -1))  # [B, windows, tokens, 3, heads, channels]
        query, key, value = projected.permute(3, 0, 1, 4, 2, 5).flatten(2, 3)  # [B, windows*heads, tokens, channels]
        attended = scaled_dot_product_attention(query, key, value, self.bias(tiles.shape[1])[None].to(query.dtype))
        tiles = attended.unflatten(1, (-1, self.heads)).transpose(2, 3).flatten(3)
        return unwindowed(self.outward(tiles), shape[1], shape[2]).roll((self.shift, self.shift), sides)

    def bias(self, count: int) -> Tensor:
        """What is added to the attention of `count` windows, [windows*heads, tokens, tokens]."""
        bias = self.position_bias[self.offsets].permute(2, 0, 1)  # [heads, tokens, tokens]
        return bias.masked_fill(self.unseen[:, None], -torch.inf).expand(count, -1, -1, -1).flatten(0, 1)


def windows(tokens: Tensor, window: int) -> Tensor:
    """[B, H, W, width] -> the tokens of each window, [B, windows, window*window, width]."""
    batch, rows, columns, width = tokens.shape
    tiles = tokens.reshape(batch, rows // window, window, columns // window, window, width)
    return tiles.transpose(2, 3).reshape(batch, -1, window**2, width)


def unwindowed(tiles: Tensor, rows: int, columns: int) -> Tensor:
    """The inverse of `windows`, for a map of rows x columns tokens."""
    batch, _, tokens, width = tiles.shape
    window = isqrt(tokens)
    maps = tiles.reshape(batch, rows // window, columns // window, window, window, width)
    return maps.transpose(2, 3).reshape(batch, rows, columns, width)


def relative_offsets(window: int) -> Tensor:
    """[tokens, tokens]: the number, among the (2*window-1)^2 possible ones, of the offset from a key to a query."""
    index = torch.arange(window)
    positions = torch.stack(torch.meshgrid(index, index, indexing="ij"), -1).reshape(-1, 2)
    offset = positions[:, None] - positions + window - 1
    return offset[..., 0] * (2 * window - 1) + offset[..., 1]


def across_the_edge(shape: tuple[int, int], window: int, shift: int) -> Tensor:
    """[windows, tokens, tokens]: True where the roll by `shift` has brought query and key together from opposite edges."""
    moved_rows, moved_columns = (torch.arange(side) >= side - shift for side in shape)
    origin = 2 * moved_rows[:, None].int() + moved_columns.int()
    tiles = windows(origin[None, :, :, None], window)[0]
    return tiles != tiles.mT


class SwinBlock(nn.Module):
    """Window attention and a perceptron, each added to its input; a second input may be fused in before the attention."""

    def __init__(self, width: int, shape: tuple[int, int], heads: int, window: int, shift: int, fuses: bool, drop_rate: float):
        super().__init__()
        self.before_attention, self.before_perceptron = nn.LayerNorm(width), nn.LayerNorm(width)
        self.fuse = nn.Linear(2 * width, width) if fuses else None
        self.attention = WindowAttention(width, shape, heads, window, shift)
        self.perceptron = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))
        self.drop = DropPath(drop_rate)

    def forward(self, tokens: Tensor, second: Tensor) -> Tensor:
        """[B, H, W, width] twice -> the same shape. Blocks that do not fuse ignore the second."""
        current = self.before_attention(tokens)
        if self.fuse:
            current = self.fuse(torch.cat((current, self.before_attention(second)), -1))
        tokens = tokens + self.drop(self.attention(current))
        return tokens + self.drop(self.perceptron(self.before_perceptron(tokens)))


class SwinLSTMCell(nn.Module):
    """LSTM cell with one gate for everything, computed by Swin blocks from the input and the hidden state.

    drop_rates: of each block's branches; their number is the depth.
    """

    def __init__(self, width: int, shape: tuple[int, int], heads: int, window: int, drop_rates: list[float]):
        super().__init__()
        shift = window // 2 if min(shape) > window else 0
        self.blocks = nn.ModuleList(
            SwinBlock(width, shape, heads, window, shift * (n % 2), n % 2 == 0, rate) for n, rate in enumerate(drop_rates)
        )

    def forward(self, current: Tensor, memory: Memory | None) -> Memory:
        """The memory after `current` [B, H, W, width]; its hidden state is the output."""
        hidden, cell = memory or (torch.zeros_like(current), torch.zeros_like(current))
        tokens = current
        for number, block in enumerate(self.blocks):
            tokens = block(tokens, current if number else hidden)
        gate = tokens.sigmoid()
        cell = gate * (cell + tokens.tanh())
        return gate * cell.tanh(), cell


class Merge(nn.Module):
    """Halves both sides of a map and doubles its width: [B, H, W, width] -> [B, H/2, W/2, 2*width]."""

    def __init__(self, width: int):
        super().__init__()
        self.norm = nn.LayerNorm(4 * width)
        self.reduce = nn.Linear(4 * width, 2 * width, bias=False)

    def forward(self, tokens: Tensor) -> Tensor:
        corners = [tokens[:, row::2, column::2] for column in (0, 1) for row in (0, 1)]
        return self.reduce(self.norm(torch.cat(corners, -1)))


class Expand(nn.Module):
    """Doubles both sides of a map and halves its width: [B, H, W, width] -> [B, 2*H, 2*W, width/2]."""

    def __init__(self, width: int):
        super().__init__()
        self.enlarge = nn.Linear(width, 2 * width, bias=False)
        self.norm = nn.LayerNorm(width // 2)

    def forward(self, tokens: Tensor) -> Tensor:
        pixels = self.enlarge(tokens).unflatten(3, (2, 2, -1))  # [B, H, W, 2, 2, width/2]
        return self.norm(pixels.transpose(2, 3).flatten(3, 4).flatten(1, 2))


def frame_multiple(window: int, scales: int) -> int:
    """What the sides of frames must be divisible by, so that windows tile the map of tokens at every scale."""
    return window * 2 ** (scales + 1 if scales > 1 else 1)


class SwinLSTM(Recurrent):
    """Predicts by cells on ever coarser maps of tokens, and by as many on the way back to the finest.

    shape: (C, H, W) of a frame. The map of tokens is half as large, and every scale halves it; windows tile it at all scales.
    width: channels of the finest tokens; each halving of the map doubles them.
    depths, heads: of each scale, from fine to coarse, the blocks of its cell and their attention heads. On the way back,
    from the coarsest map up, cells take the depths in the same order again, and the heads of the next finer scale. A single
    scale is one cell on the finest map, without halving.
    window: side of the attention windows, in tokens.
    drop_path: chance of leaving out a branch in training; it rises to this on the way to the coarsest map, then falls.
    """

    def __init__(
        self,
        shape: tuple[int, int, int],
        width: int = 128,
        depths: tuple[int, ...] = (2, 6),
        heads: tuple[int, ...] = (4, 8),
        window: int = 4,
        drop_path: float = 0.1,
    ):
        super().__init__()
        channels, rows, columns = shape
        scales = len(depths)
        multiple = frame_multiple(window, scales)
        if rows % multiple or columns % multiple:
            raise ValueError(f"windows must tile the map at every scale: sides divisible by {multiple}, got {columns}x{rows}")
        if not scales or len(heads) != scales or any((width << scale) % count for scale, count in enumerate(heads)):
            raise ValueError(f"each scale needs a depth, and heads that divide its width; got {depths}, {heads}, width {width}")
        stages_down = [(scale, depths[scale], heads[scale], Merge(width << scale)) for scale in range(scales)]
        stages_up = [(scale, depths[-scale], heads[scale - 1], Expand(width << scale)) for scale in range(scales, 0, -1)]
        stages = [*stages_down, *stages_up] if scales > 1 else [(0, depths[0], heads[0], nn.Identity())]
        rising = [drop_path * block / max(1, sum(depths) - 1) for block in range(sum(depths))]
        drop_rates = iter(rising + rising[::-1])
        self.embed = nn.Conv2d(channels, width, 2, stride=2)
        self.embed_norm = nn.LayerNorm(width)
        self.cells, self.resizes = nn.ModuleList(), nn.ModuleList()
        for scale, depth, count, resize in stages:
            sides = rows >> scale + 1, columns >> scale + 1
            self.cells.append(SwinLSTMCell(width << scale, sides, count, window, list(islice(drop_rates, depth))))
            self.resizes.append(resize)
        self.readout = nn.ConvTranspose2d(width, channels, 3, stride=2, padding=1, output_padding=1)

    def step(self, frame: Tensor, state: list[Memory] | None) -> tuple[Tensor, list[Memory]]:
        """One frame further: [B, C, H, W] -> the next frame in [0, 1], and the state that goes with it."""
        tokens = self.embed_norm(self.embed(frame).movedim(1, 3))
        memories: Sequence[Memory | None] = state or [None] * len(self.cells)
        next_memories = []
        for cell, resize, memory in zip(self.cells, self.resizes, memories, strict=True):
            next_memories.append(cell(tokens, memory))
            tokens = resize(next_memories[-1][0])
        return self.readout(tokens.movedim(3, 1)).sigmoid(), next_memories
