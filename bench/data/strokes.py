"""Draws lines with round ends and smooth edges on black: on a processor around each line, on a GPU on whole canvases.

Pixels are computed exactly: coordinates and directions are rounded to binary fractions so short that all their products and
sums are float32 without rounding. So a clip has the same bytes on every device and in every batch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import torch
    from torch import Tensor

GRID = 32  # parts of a pixel that coordinates are rounded to
TURN = 256  # parts of 1 that directions are rounded to
ROUND = 0.75  # max(a, b, ROUND * (a + b)) is the distance sqrt(a*a + b*b) within 6%
SHRUNK = 0.94  # of the true distance, at the least
AT_ONCE = 1 << 19  # pixels whose distances are held at a time, a few MiB


class Strokes(NamedTuple):
    """Lines that are drawn over each other [S] in frames [M], in pixels: float32 arrays [S, M].

    x, y: the middle. cosine, sine: the direction. half: half the length. radius: half the thickness.
    """

    x: NDArray[np.float32]
    y: NDArray[np.float32]
    cosine: NDArray[np.float32]
    sine: NDArray[np.float32]
    half: NDArray[np.float32]
    radius: NDArray[np.float32]


def strokes(ends: NDArray[np.complex128], radius: NDArray[np.float64]) -> Strokes:
    """Lines between ends [S, 2, M], each x + iy, of a radius [S, M], in pixels; rounded."""
    half_vector = (ends[:, 1] - ends[:, 0]) / 2
    middle, half = ends[:, 0] + half_vector, np.abs(half_vector)
    direction = np.divide(half_vector, half, out=np.ones_like(half_vector), where=half > 0)
    positions = np.rint(np.stack([middle.real, middle.imag, half, radius]) * GRID).astype(np.float32) / np.float32(GRID)
    turns = np.rint(np.stack([direction.real, direction.imag]) * TURN).astype(np.float32) / np.float32(TURN)
    return Strokes(positions[0], positions[1], turns[0], turns[1], positions[2], positions[3])


def draw(lines: Strokes, tone: NDArray[np.uint8], size: int) -> NDArray[np.uint8]:
    """Lines [S, M] of a tone [M] on canvases of `size` pixels, [M, size, size]; the brightest wins where they overlap."""
    widest = float((lines.half + lines.radius).max(initial=0)) + 0.5
    side = int(2 * widest / SHRUNK) + 2  # of the square around a line outside which it leaves no trace
    count, frames = lines.x.shape
    canvases = np.empty((frames, size, size), np.uint8)
    chunk_size = max(1, AT_ONCE // (count * side * side))
    for first in range(0, frames, chunk_size):
        chunk = slice(first, first + chunk_size)
        canvases[chunk] = _draw(Strokes(*(part[:, chunk] for part in lines)), tone[chunk], size, side)
    return canvases


def _draw(lines: Strokes, tone: NDArray[np.uint8], size: int, side: int) -> NDArray[np.uint8]:
    """As `draw`: every line in a square of its own, the squares laid into canvases with a margin that is cut off."""
    count, frames = lines.x.shape
    left, top = (_corner(middle, size, side) for middle in (lines.x, lines.y))
    x, y = (corner + np.float32(0.5) - middle for corner, middle in ((left, lines.x), (top, lines.y)))
    row, column = np.divmod(np.arange(side * side), side)
    pixels = np.stack([column, row, np.ones_like(row)]).astype(np.float32)  # [3, side * side]
    forms = [
        np.stack([x_factor, y_factor, x_factor * x + y_factor * y], -1).reshape(-1, 3)
        for x_factor, y_factor in ((-lines.sine, lines.cosine), (lines.cosine, lines.sine))
    ]  # of each line [S * M, 3]: its value at a pixel is the product with that pixel's (column, row, 1)
    across, along = (form @ pixels for form in forms)
    half, reach = (part.reshape(-1, 1) for part in (lines.half, lines.radius + np.float32(0.5)))
    ink = _ink(np, across, along, half, reach, np.tile(tone, count)[:, None].astype(np.float32)).astype(np.uint8)

    width = size + 2 * side
    padded = np.zeros((count, frames, side, width), np.uint8)  # each square is one run of bytes, as in `bouncing.paint`
    padded[..., :side] = ink.reshape(count, frames, side, side)
    length = (side - 1) * width + side
    runs = padded.reshape(count, frames, side * width)[..., :length]
    canvas = np.zeros(frames * width * width, np.uint8)
    windows = np.ndarray((canvas.size - length + 1, length), np.uint8, canvas, strides=(1, 1))
    starts = np.arange(frames) * width * width + ((top + side) * width + left + side).astype(np.int64)
    for line in range(count):
        background = windows[starts[line]]
        windows[starts[line]] = np.maximum(background, runs[line], out=background)
    return canvas.reshape(frames, width, width)[:, side:-side, side:-side]


def _corner(middle: NDArray[np.float32], size: int, side: int) -> NDArray[np.float32]:
    """Where the squares around lines begin along an axis; those of lines far outside lie in the margin."""
    corner: NDArray[np.float32] = np.floor(middle - np.float32((side - 1) / 2))
    return np.clip(corner, -side, size)


def draw_on_device(lines: Strokes, tone: NDArray[np.uint8], size: int, device: torch.device) -> Tensor:
    """As `draw`, computed on a device: bytes [M, size, size]."""
    import torch

    parts = [torch.from_numpy(part).to(device)[..., None, None] for part in lines]
    tones = torch.from_numpy(tone).to(device).float()[:, None, None]
    pixels = torch.arange(size, device=device) + 0.5
    canvas = torch.zeros(len(tone), size, size, device=device)
    for line in range(len(lines.x)):
        x, y, cosine, sine, half, radius = (part[line] for part in parts)
        right, down = pixels - x, pixels[:, None] - y  # [M, 1, size], [M, size, 1]
        across, along = cosine * down - sine * right, cosine * right + sine * down
        torch.maximum(canvas, _ink(torch, across, along, half, radius + 0.5, tones), out=canvas)
    return canvas.to(torch.uint8)


def _ink(xp: Any, across: Any, along: Any, half: Any, reach: Any, tone: Any) -> Any:
    """The brightness, 0 to 255 and not yet cut to a whole number, that a line leaves where a pixel's centre is that far from
    its middle. Of NumPy or torch (`xp`), whose operations are the same here; `across` and `along` are overwritten."""
    xp.abs(across, out=across)
    xp.abs(along, out=along)
    along -= half
    distance = xp.maximum(across, along)
    across += along
    across *= ROUND
    xp.maximum(distance, across, out=distance)
    xp.subtract(reach, distance, out=distance)
    xp.clip(distance, 0, 1, out=distance)
    distance *= tone
    distance += 0.5
    return distance
