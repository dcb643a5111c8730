"""A generated data set in one file. torch is imported where it is needed: planning does without it."""

import numpy as np

from bench.data.base import Dataset

SPLITS = {"train": 1, "val": 2, "test": 3}  # the first number of every seed, so that no split sees another's clips
TAIL = (1.0, 0.6, 0.3)  # light of a drop, and of what it leaves behind


class Rain(Dataset):
    """Drops that fall at speeds of their own and come in again at the top; generated on the fly."""

    def __init__(self, size: int = 32, drops: int = 12):
        self.shape, self.drops = (1, size, size), drops

    def fingerprint(self):
        return "rain-1"  # count up whenever a clip would change

    def conventions(self):
        return f"generated rain: {self.drops} drops that fall by 1 to 3 pixels a frame"

    def batch(self, seed, step, size, frames):
        return _stacked([self._clip((0, seed, step, number), frames) for number in range(size)])

    def clips(self, split, first, last, frames):
        return _stacked([self._clip((SPLITS[split], number), frames) for number in range(first, last)])

    def _clip(self, seed: tuple[int, ...], frames: int) -> np.ndarray:
        """A clip [T, 1, H, W], which its seed decides alone."""
        draw, side = np.random.default_rng(seed), self.shape[1]
        columns, starts, speeds = (
            draw.integers(side, size=self.drops),
            draw.integers(side, size=self.drops),
            draw.integers(1, 4, self.drops),
        )
        clip = np.zeros((frames, *self.shape), np.float32)
        for time in range(frames):
            for behind, light in reversed(list(enumerate(TAIL))):
                clip[time, 0, (starts + speeds * time - behind) % side, columns] = light
        return clip


def _stacked(clips: list[np.ndarray]):
    """[T, C, H, W] each -> a tensor [B, T, C, H, W]."""
    import torch

    return torch.from_numpy(np.stack(clips))
