"""Draws lines with round ends and smooth edges on black: on a processor around each line, on a GPU on whole canvases.

Pixels are computed exactly: coordinates and directions are rounded to binary fractions so short that all their products and
sums are float32 without rounding. So a clip has the same bytes on every device and in every batch.
"""

from __future__ import annotations

from functools import cache
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
AT_ONCE = 1 << 17  # pixels of a line whose distances are held at a time: three buffers of 512 KiB, which caches hold


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


class _Boxes(NamedTuple):
    """The box of whole pixels around each line outside which it leaves no trace.

    left, top: its first column and row in each frame, float32 [S, M]; of lines far outside, just beyond the canvas.
    width, height: [S], as large as the largest of a line's frames needs.
    """

    left: NDArray[np.float32]
    top: NDArray[np.float32]
    width: NDArray[np.int64]
    height: NDArray[np.int64]


def draw(lines: Strokes, tone: NDArray[np.uint8], size: int) -> NDArray[np.uint8]:
    """Lines [S, M] of a tone [M] on canvases of `size` pixels, [M, size, size]; the brightest wins where they overlap."""
    frames = len(tone)
    boxes = _boxes(lines, size)
    pixels = int((boxes.width * boxes.height).max(initial=1))
    chunk_size = max(1, AT_ONCE // pixels)
    alike = _alike(np.concatenate([lines.half, lines.radius, tone[None]]))
    alike, chunk_size = (alike, chunk_size // alike * alike) if alike <= chunk_size else (1, chunk_size)
    buffer = np.empty(3 * min(chunk_size, frames) * pixels, np.float32)
    chunks = []
    for first in range(0, frames, chunk_size):
        chunk = slice(first, first + chunk_size)
        part = Strokes(*(values[:, chunk] for values in lines))
        boxes_part = boxes._replace(left=boxes.left[:, chunk], top=boxes.top[:, chunk])
        chunks.append(_draw(part, tone[chunk], boxes_part, size, alike, buffer))
    return chunks[0] if len(chunks) == 1 else np.concatenate([np.empty((0, size, size), np.uint8), *chunks])


def _boxes(lines: Strokes, size: int) -> _Boxes:
    reach = lines.radius + np.float32(0.5)
    corners, lengths = [], []
    for middle, direction in ((lines.x, lines.cosine), (lines.y, lines.sine)):
        side = (np.abs(direction) * lines.half + reach) * np.float32(1 / SHRUNK)  # half the length
        length = (2 * side.max(1, initial=0)).astype(np.int64) + 1
        corner = np.ceil(middle - side - np.float32(0.5))
        corners.append(np.clip(corner, -length[:, None].astype(np.float32), np.float32(size)))
        lengths.append(length)
    return _Boxes(corners[0], corners[1], lengths[0], lengths[1])


def _alike(values: NDArray[Any]) -> int:
    """Of how many frames each group is, if frames [..., M] are cut into groups of equal size of which each holds equal ones."""
    changes = np.flatnonzero((values[:, 1:] != values[:, :-1]).any(0)) + 1
    return int(np.gcd.reduce(changes, initial=values.shape[1])) or 1


@cache
def _pixels(height: int, width: int) -> NDArray[np.float32]:
    """Column, row and 1 of every pixel of a box: [3, height * width]."""
    row, column = np.divmod(np.arange(height * width), width)
    return np.stack([column, row, np.ones_like(row)]).astype(np.float32)


def _draw(
    lines: Strokes, tone: NDArray[np.uint8], boxes: _Boxes, size: int, alike: int, buffer: NDArray[np.float32]
) -> NDArray[np.uint8]:
    """As `draw`: every line in its box, the boxes laid into canvases with a margin, which is cut off.

    alike: so many frames in a row share half, radius and tone. They are one row to NumPy, which takes as long for a row of few
    pixels as for one of hundreds.
    """
    frames = len(tone)
    left, top = boxes.left.astype(np.int64), boxes.top.astype(np.int64)
    before, above = (max(0, -int(corner.min(initial=0))) for corner in (left, top))
    width, height = (
        margin + max(size, int((corner.max(1, initial=0) + length).max(initial=0)))
        for margin, corner, length in ((before, left, boxes.width), (above, top, boxes.height))
    )
    canvas = np.zeros(frames * height * width, np.uint8)
    starts = np.arange(frames) * (height * width) + (top + above) * width + left + before
    forms = _forms(lines, boxes)
    properties = [lines.half, lines.radius + np.float32(0.5), np.broadcast_to(tone.astype(np.float32), lines.half.shape)]
    half, reach, tones = (values[:, ::alike, None] for values in properties)
    for line in range(len(lines.x)):
        shape = (frames, int(boxes.height[line]), int(boxes.width[line]))
        distances = buffer[: 3 * frames * shape[1] * shape[2]]
        products = distances[: len(distances) // 3 * 2].reshape(2 * frames, -1)  # first those across, then those along
        np.matmul(forms[line].reshape(2 * frames, 3), _pixels(*shape[1:]), out=products)
        across, along, distance = distances.reshape(3, frames // alike, -1)
        ink = _ink(np, across, along, distance, half[line], reach[line], tones[line]).astype(np.uint8).reshape(shape)
        last = (shape[1] - 1) * width + shape[2]
        rows = np.dtype((np.void, shape[2]))  # copied as a whole, several times faster than byte by byte
        windows = np.ndarray((canvas.size - last + 1, shape[1]), rows, canvas, strides=(1, width))  # a box from every pixel on
        background = windows[starts[line]]
        painted = background.view(np.uint8).reshape(shape)
        np.maximum(painted, ink, out=painted)
        windows[starts[line]] = background
    return canvas.reshape(frames, height, width)[:, above : above + size, before : before + size]


def _forms(lines: Strokes, boxes: _Boxes) -> NDArray[np.float32]:
    """Distances across and along a line are the product of this [S, 2, M, 3] with a pixel's (column, row, 1) in its box."""
    right, down = (
        corner + np.float32(0.5) - middle for corner, middle in ((boxes.left, lines.x), (boxes.top, lines.y))
    )  # from the middle to the centre of the box's first pixel
    forms = np.empty((len(lines.x), 2, lines.x.shape[1], 3), np.float32)
    for form_number, (x_factor, y_factor) in enumerate(((-lines.sine, lines.cosine), (lines.cosine, lines.sine))):
        for number, factor in enumerate((x_factor, y_factor, x_factor * right + y_factor * down)):
            forms[:, form_number, :, number] = factor
    return forms


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
        ink = _ink(torch, across, along, torch.empty_like(across), half, radius + 0.5, tones)
        torch.maximum(canvas, ink, out=canvas)
    return canvas.to(torch.uint8)


def _ink(xp: Any, across: Any, along: Any, distance: Any, half: Any, reach: Any, tone: Any) -> Any:
    """The brightness, 0 to 255 and not yet cut to a whole number, that a line leaves where a pixel's centre is that far from
    its middle. Of NumPy or torch (`xp`), whose operations are the same here; written to `distance`, and `across` and `along`
    are overwritten."""
    xp.abs(across, out=across)
    xp.abs(along, out=along)
    along -= half
    xp.maximum(across, along, out=distance)
    across += along
    across *= ROUND
    xp.maximum(distance, across, out=distance)
    xp.subtract(reach, distance, out=distance)
    xp.clip(distance, 0, 1, out=distance)
    distance *= tone
    distance += 0.5
    return distance
