"""Images that bounce on a canvas by the published Moving-MNIST dynamics.

The dynamics are those of the generator that the LMC-Memory authors link to (DDPAE, Hsieh et al., NeurIPS 2018): positions
live in the unit square, scaled to the canvas minus the image and truncated to whole pixels; start and direction are uniform;
every frame is one step further; at a border the coordinate is clamped and its velocity negated; overlapping images combine by
maximum.
"""

import numpy as np
from numpy.typing import NDArray

VERSION = 1  # a change that moves any pixel is a new version: it enters the fingerprints of the data sets built on it
STEP = 0.1  # of the unit square per frame (DDPAE)
WORDS = 4  # random numbers per image: which one, y, x, direction; also the words of one Philox counter


def draws(seed: int, stream: int, first: int, last: int, images: int) -> NDArray[np.float64]:
    """Uniform numbers in [0, 1) for clips first ... last-1: [last-first, images, 4].

    Clip n reads its own counters of a Philox generator keyed by (seed, stream), so it is the same whichever batch it comes in;
    raw words are used because NumPy promises that they never change.
    """
    generator = np.random.Philox(key=np.array([seed, stream], dtype=np.uint64))
    generator.advance(first * images)
    raw = generator.random_raw((last - first) * images * WORDS)
    uniform: NDArray[np.float64] = (raw >> np.uint64(11)).astype(np.float64) * 2.0**-53
    return uniform.reshape(last - first, images, WORDS)


def trajectories(start: NDArray[np.float64], angle: NDArray[np.float64], frames: int) -> NDArray[np.float64]:
    """Positions in the unit square [..., frames, 2] (y, x) from a start [..., 2] and a direction in radians [...].

    The first frame is already one step from the start, as in DDPAE.
    """
    position, velocity = start.copy(), np.stack([np.sin(angle), np.cos(angle)], -1)
    path = np.empty((*angle.shape, frames, 2))
    for t in range(frames):
        position += velocity * STEP
        velocity[(position <= 0) | (position >= 1)] *= -1
        np.clip(position, 0, 1, out=position)
        path[..., t, :] = position
    return path


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
    starts = corners[..., 0] * size + corners[..., 1]
    canvas = np.zeros((clips, frames, size * size), np.uint8)
    windows = np.lib.stride_tricks.sliding_window_view(canvas, length, axis=2, writeable=True)
    n, t = np.ogrid[:clips, :frames]
    for d in range(count):
        place = (n, t, starts[:, d])
        windows[place] = np.maximum(windows[place], runs[:, d, None]) if d else runs[:, d, None]
    return canvas.reshape(clips, frames, size, size)


def bounce(
    pool: NDArray[np.uint8], seed: int, stream: int, first: int, last: int, frames: int, images: int, size: int
) -> NDArray[np.uint8]:
    """Clips first ... last-1 of a stream: `images` images drawn from `pool` [K, side, side] bounce: [N, T, size, size]."""
    chosen, corners = scenes(len(pool), pool.shape[1], seed, stream, first, last, frames, images, size)
    return paint(pool[chosen], corners, size)
