"""Images that bounce on a canvas by the published Moving-MNIST dynamics.

The dynamics are those of the generator that the LMC-Memory authors link to (DDPAE, Hsieh et al., NeurIPS 2018): positions live
in the unit square, scaled to the canvas minus the image and truncated to whole pixels; start and direction are uniform; every
frame is one step further; at a border the coordinate is clamped and its velocity negated; overlapping images combine by maximum.
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
    return ((raw >> np.uint64(11)) * 2.0**-53).reshape(last - first, images, WORDS)


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


def paint(images: NDArray[np.uint8], corners: NDArray[np.int64], size: int) -> NDArray[np.uint8]:
    """Images [N, D, h, w] at their top left corners [N, D, T, 2] on black canvases: [N, T, size, size], overlap by maximum."""
    clips, count, frames = corners.shape[:3]
    canvas = np.zeros((clips, frames, size, size), np.uint8)
    windows = np.lib.stride_tricks.sliding_window_view(canvas, images.shape[2:], axis=(2, 3), writeable=True)
    n, t = np.ogrid[:clips, :frames]
    for d in range(count):
        place = (n, t, corners[:, d, :, 0], corners[:, d, :, 1])
        windows[place] = np.maximum(windows[place], images[:, d, None])
    return canvas


def bounce(pool: NDArray[np.uint8], seed: int, stream: int, first: int, last: int, frames: int, images: int, size: int) -> NDArray[np.uint8]:
    """Clips first ... last-1 of a stream: `images` images drawn from `pool` [K, h, w] bounce on [size, size]: [N, T, size, size]."""
    numbers = draws(seed, stream, first, last, images)
    chosen = pool[(numbers[..., 0] * len(pool)).astype(np.int64)]
    path = trajectories(numbers[..., 1:3], numbers[..., 3] * 2 * np.pi, frames)
    room = np.array([size - pool.shape[1], size - pool.shape[2]])
    return paint(chosen, (path * room).astype(np.int64), size)
