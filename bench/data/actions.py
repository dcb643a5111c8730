"""The embedded data set of human actions: stick figures that do KTH's six actions. Needs no download.

Bouncing digits have no long-term motions that a memory could recall; these have: a few frames show which action it is, and the
action tells how it goes on.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from bench.data.base import FIXED_SEED, STREAMS, Dataset, Split

if TYPE_CHECKING:
    import numpy as np
    import torch
    from numpy.typing import NDArray
    from torch import Tensor

VERSION = 1  # a change that moves any pixel is a new version
# Figures differ in height, thickness, tone, pace and stride. No figure is in two splits.
SPLITS: dict[Split, tuple[int, int]] = {"train": (0, 800), "val": (800, 900), "test": (900, 1000)}
FIGURE_STREAM = 3  # of random numbers, as those of STREAMS
ORDER_STREAM = 4  # plus that of the split: of the order of the actions
SMALLEST = 32  # pixels: below that, limbs are thinner than a pixel

# Properties of figures, drawn uniformly from these ranges. Lengths in fractions of the canvas.
HEIGHT, THICKNESS, TONE, PACE, STRIDE = (0.46, 0.56), (0.022, 0.034), (0.7, 1.0), (0.9, 1.1), (0.9, 1.1)
# Horizontal start of figures that stay where they are, and the line on which all figures stand.
START_X, GROUND = (0.3, 0.7), (0.78, 0.92)


class Actions(Dataset):
    """Stick figures that box, clap, wave, jog, run and walk; generated on the fly, labelled, splits with disjoint figures.

    size: side of the square canvas in pixels, at least 32.
    """

    def __init__(self, size: int = 32):
        if size < SMALLEST:
            raise ValueError(f"figures need a canvas of at least {SMALLEST} pixels, got size={size}")
        self.shape = (1, size, size)
        self._device: torch.device | None = None

    def fingerprint(self) -> str:
        return f"actions-{VERSION}"

    def conventions(self) -> str:
        begin, end = SPLITS["test"]
        return (
            f"embedded actions: test clips generated (seed {FIXED_SEED}) of {end - begin} stick figures that training never "
            f"sees, doing KTH's six actions equally often, on {self.shape[1]}x{self.shape[2]} pixels"
        )

    def batch(self, seed: int, step: int, size: int, frames: int) -> Tensor:
        import torch

        return self._clips("train", seed, step * size, (step + 1) * size, frames, self._device or torch.device("cpu"))

    def clips(self, split: Split, first: int, last: int, frames: int) -> Tensor:
        import torch

        return self._clips(split, FIXED_SEED, first, last, frames, torch.device("cpu"))

    def labels(self, split: Split, frames: int, clips: int) -> list[str]:
        from bench.data.stick_figure import ACTIONS

        return [ACTIONS[action] for action in actions_of_clips(FIXED_SEED, split, 0, clips)]

    def train_bytes(self) -> int:
        """0: clips are drawn on a GPU without any data kept there."""
        return 0

    def move_train_to(self, device: torch.device) -> None:
        """Draw training clips on a device from now on; they are the same."""
        self._device = device

    def _clips(self, split: Split, seed: int, first: int, last: int, frames: int, device: torch.device) -> Tensor:
        import numpy as np
        import torch

        from bench.data.bouncing import draws
        from bench.data.packed import scaled
        from bench.data.stick_figure import joints, radii
        from bench.data.strokes import draw, draw_on_device, strokes

        side = self.shape[1]
        numbers = draws(seed, STREAMS[split], first, last, images=2).reshape(-1, 8)
        begin, end = SPLITS[split]
        height, thickness, tone, pace, stride = figures()[begin + (numbers[:, 0] * (end - begin)).astype(np.int64)].T
        start_x, ground = (_between(bounds, numbers[:, column]) for bounds, column in ((START_X, 2), (GROUND, 3)))
        facing = np.where(numbers[:, 4] < 0.5, -1.0, 1.0)
        action = actions_of_clips(seed, split, first, last)
        ends = joints(action, height, pace, stride, numbers[:, 1], start_x, ground, facing, frames)
        radius = np.repeat(radii(height, thickness), frames, 1)
        lines = strokes(ends.reshape(len(radius), 2, -1) * side, radius * side)
        tones = np.repeat(np.rint(tone * 255).astype(np.uint8), frames)
        on_cpu = device.type == "cpu"
        images = torch.from_numpy(draw(lines, tones, side)) if on_cpu else draw_on_device(lines, tones, side, device)
        return scaled(images.unflatten(0, (last - first, frames)).unsqueeze(2))


@cache
def figures() -> NDArray[np.float64]:
    """Height, thickness, tone, pace and stride of every figure: [1000, 5]."""
    import numpy as np

    from bench.data.bouncing import draws

    count = max(end for _, end in SPLITS.values())
    numbers = draws(FIXED_SEED, FIGURE_STREAM, 0, count, images=2).reshape(count, 8)
    return np.stack([_between(bounds, numbers[:, n]) for n, bounds in enumerate((HEIGHT, THICKNESS, TONE, PACE, STRIDE))], 1)


def actions_of_clips(seed: int, split: Split, first: int, last: int) -> NDArray[np.int64]:
    """Which action clips first ... last-1 show: each of the six once in clips 0 to 5, 6 to 11 and so on, in a drawn order."""
    from bench.data.bouncing import draws
    from bench.data.stick_figure import ACTIONS

    count = len(ACTIONS)
    begin, end = first // count, -(-last // count)
    numbers = draws(seed, ORDER_STREAM + STREAMS[split], begin, end, images=2).reshape(end - begin, 8)
    orders: NDArray[np.int64] = numbers[:, :count].argsort(1, kind="stable").ravel()
    return orders[first - begin * count : last - begin * count]


def _between(bounds: tuple[float, float], shares: NDArray[np.float64]) -> NDArray[np.float64]:
    low, high = bounds
    return low + (high - low) * shares
