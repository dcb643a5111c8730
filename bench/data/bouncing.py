"""Images that bounce on a canvas by the published Moving-MNIST dynamics.

The dynamics are those of the generator that the LMC-Memory authors link to (DDPAE, Hsieh et al., NeurIPS 2018): positions
live in the unit square, scaled to the canvas minus the image and truncated to whole pixels; start and direction are uniform;
every frame is one step further; at a border the coordinate is clamped and its velocity negated; overlapping images combine by
maximum.
"""

import numpy as np
from numpy.random.bit_generator import ISeedSequence
from numpy.typing import DTypeLike, NDArray

VERSION = 1  # a change that moves any pixel is a new version: it enters the fingerprints of the data sets built on it
STEP = 0.1  # of the unit square per frame (DDPAE)
WORDS = 4  # random numbers per image: which one, y, x, direction; also the words of one Philox counter


class _Key(ISeedSequence):
    """A Philox key, used as it is. With `key=`, NumPy would ask the system for randomness first and then ignore it."""

    def __init__(self, *words: int):
        self.words = words

    def generate_state(self, n_words: int, dtype: DTypeLike = np.uint64) -> NDArray[np.uint64]:
        return np.array(self.words, np.uint64)


def draws(seed: int, stream: int, first: int, last: int, images: int) -> NDArray[np.float64]:
    """Uniform numbers in [0, 1) for clips first ... last-1: [last-first, images, 4].

    Clip n reads its own counters of a Philox generator keyed by (seed, stream), so it does not depend on the batch. Raw words
    are used because NumPy guarantees that they never change.
    """
    generator = np.random.Philox(_Key(seed, stream))  # type: ignore[arg-type]  # NumPy's stubs forget its ISeedSequence
    generator.advance(first * images)
    raw = generator.random_raw((last - first) * images * WORDS)
    uniform: NDArray[np.float64] = (raw >> np.uint64(11)).astype(np.float64) * 2.0**-53
    return uniform.reshape(last - first, images, WORDS)


def trajectories(start: NDArray[np.float64], angle: NDArray[np.float64], frames: int) -> NDArray[np.float64]:
    """Positions in the unit square [..., frames, 2] (y, x) from a start [..., 2] and a direction in radians [...].

    The first frame is already one step from the start, as in DDPAE.
    """
    step = np.stack([np.sin(angle), np.cos(angle)], -1) * STEP
    path = np.empty((frames, *start.shape))
    position = start
    for next_position in path:
        np.add(position, step, out=next_position)
        np.negative(step, out=step, where=(next_position <= 0) | (next_position >= 1))
        np.minimum(next_position, 1, out=next_position)
        np.maximum(next_position, 0, out=next_position)
        position = next_position
    return np.moveaxis(path, 0, -2)


def scenes(
    pool: int, side: int, seed: int, stream: int, first: int, last: int, frames: int, images: int, size: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """What clips first ... last-1 of a stream show: which of `pool` images of `side` pixels [N, D], and their top left corners
    (y, x) on a canvas of `size` pixels [N, D, T, 2]."""
    numbers = draws(seed, stream, first, last, images)
    path = trajectories(numbers[..., 1:3], numbers[..., 3] * 2 * np.pi, frames)
    return (numbers[..., 0] * pool).astype(np.int64), (path * (size - side)).astype(np.int64)


def paint(images: NDArray[np.uint8], corners: NDArray[np.int64], size: int) -> NDArray[np.uint8]:
    """Images [N, D, h, w] at their top left corners [N, D, T, 2] on black canvases: [N, T, size, size], overlap by maximum.

    An image with its rows padded to the canvas's width is one run of bytes wherever it lies, since what it wraps around the
    border is black: copying runs is several times faster than copying rectangles.
    """
    (clips, count, frames), (height, width) = corners.shape[:3], images.shape[2:]
    padded = np.zeros((clips, count, height, size), np.uint8)
    padded[..., :width] = images
    length = (height - 1) * size + width
    runs = padded.reshape(clips, count, height * size)[..., :length]
    canvas = np.zeros(clips * frames * size * size, np.uint8)
    windows = np.ndarray((canvas.size - length + 1, length), np.uint8, canvas, strides=(1, 1))  # one from every byte on
    frame_starts = np.arange(0, canvas.size, size * size).reshape(clips, frames)  # where each frame begins in the canvas
    for d in range(count):
        starts = frame_starts + corners[:, d, :, 0] * size + corners[:, d, :, 1]
        painted = runs[:, d, None]
        if d:
            background = windows[starts]
            painted = np.maximum(background, painted, out=background)
        windows[starts] = painted
    return canvas.reshape(clips, frames, size, size)


def bounce(
    pool: NDArray[np.uint8], seed: int, stream: int, first: int, last: int, frames: int, images: int, size: int
) -> NDArray[np.uint8]:
    """Clips first ... last-1 of a stream: `images` images drawn from `pool` [K, side, side] bounce: [N, T, size, size]."""
    indices, corners = scenes(len(pool), pool.shape[1], seed, stream, first, last, frames, images, size)
    return paint(pool[indices], corners, size)
