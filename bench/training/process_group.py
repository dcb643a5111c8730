"""The processes that train one run together, each on a device of its own.

Every process holds the whole model, computes the gradients of its share of each batch, and all add them up: each then takes the
same optimizer step. No wrapper goes around the model, so weights and checkpoints are those of a run on one device.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn


class PeerLost(Exception):
    """Another process of the group does not answer any more; its own outcome says why."""


@dataclass(frozen=True)
class ProcessGroup:
    """The processes that train a run together, as one of them sees it.

    rank: its number; number 0, the main process, alone validates, decides when to stop, and writes. size: how many there are.
    """

    rank: int = 0
    size: int = 1

    @property
    def is_main(self) -> bool:
        return self.rank == 0

    def share(self, clips: int) -> range:
        """The clips of a batch that this process computes; shares differ by at most one clip."""
        return range(clips * self.rank // self.size, clips * (self.rank + 1) // self.size)

    def all_reduce(self, tensors: list[Tensor]) -> None:
        """Replace each tensor by its sum over the group, in one message; shapes must be the same in all processes."""
        flat = torch.cat([tensor.flatten() for tensor in tensors])
        try:
            torch.distributed.all_reduce(flat)
        except RuntimeError as error:
            raise PeerLost(str(error).partition("\n")[0]) from error
        for tensor, summed in zip(tensors, flat.split([tensor.numel() for tensor in tensors]), strict=True):
            tensor.copy_(summed.view_as(tensor))

    def barrier(self) -> None:
        """Wait until all processes have called this."""
        if self.size > 1:
            self.all_reduce([torch.zeros(1, device=_device())])


SINGLE = ProcessGroup()
"""One process that trains alone."""


def running_statistics(model: nn.Module) -> list[Tensor]:
    """The running statistics of batch norms. Each process sees only a share of the batch, so the group must average them."""
    return [buffer for name, buffer in model.named_buffers() if name.rpartition(".")[2] in ("running_mean", "running_var")]


def _device() -> torch.device:
    return torch.device("cuda" if torch.distributed.get_backend() == "nccl" else "cpu")
