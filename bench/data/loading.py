"""Training batches, on the device where they are needed when they are needed.

On a processor they are made between the steps: a thread would take cores away from training. On a GPU, the training data move
there if they fit; otherwise a thread prepares batches ahead in pinned memory, and they are copied while the GPU computes. All
ways give the same clips, since a batch is a function of (seed, step).
"""

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor

from bench.data.base import Dataset

AHEAD = 3  # batches
SHARE = 0.25  # of the GPU's free memory that data may take


@runtime_checkable
class Movable(Protocol):
    """A data set whose training clips can be made on a device."""

    def train_bytes(self) -> int:
        """The memory that this takes there."""

    def move_train_to(self, device: torch.device) -> None:
        """Make training clips there from now on."""


def batches(
    data: Dataset,
    seed: int,
    first: int,
    last: int,
    size: int,
    frames: int,
    device: torch.device,
    share: range | None = None,
) -> Iterator[Tensor]:
    """The batches of steps first ... last-1, each [size, frames, C, H, W], on the device. share: only these clips of each."""
    rows = slice(share.start, share.stop) if share else slice(None)

    def batch(step: int) -> Tensor:
        return data.batch(seed, step, size, frames)[rows]

    if device.type != "cuda" or moved(data, device):
        yield from (batch(step).to(device) for step in range(first, last))
    else:
        yield from _ahead(lambda step: batch(step).pin_memory(), first, last, device)


def moved(data: Dataset, device: torch.device) -> bool:
    """Move the training data to a GPU, if the data set supports it and there is room."""
    if not isinstance(data, Movable) or data.train_bytes() > SHARE * torch.cuda.mem_get_info(device)[0]:
        return False
    data.move_train_to(device)
    return True


def _ahead(batch: Callable[[int], Tensor], first: int, last: int, device: torch.device) -> Iterator[Tensor]:
    """Batches on the device, in order; a thread makes the next ones meanwhile."""
    thread = ThreadPoolExecutor(1)
    try:
        futures = deque(thread.submit(batch, step) for step in range(first, min(first + AHEAD, last)))
        for step in range(first, last):
            clips = futures.popleft().result()
            if step + AHEAD < last:
                futures.append(thread.submit(batch, step + AHEAD))
            yield clips.to(device, non_blocking=True)
    finally:
        thread.shutdown(wait=False, cancel_futures=True)
