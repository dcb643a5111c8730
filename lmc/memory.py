"""The long-term motion context memory of LMC-Memory (Lee et al., CVPR 2021): encode motion, address slots, recall.

Departs from the paper in one thing that changes no number: max pooling comes before ReLU. The two commute, and ReLU then has
4 to 8 times fewer elements to visit.
"""

import copy
from contextlib import AbstractContextManager, nullcontext
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

Phase = Literal["storing", "matching"]

FEWEST_FRAMES = 9  # three poolings divide the time of the frame differences by 8; 9 frames have 8 differences


class Memory(nn.Module):
    """Recalls, for frames that show little of a motion, what long sequences of such motion looked like.

    Frames are a *query* at each of H/16 x W/16 positions; a query is answered by a mixture of *slots*, and the answers are
    embedded into the *motion context* [B, 2 * width, H/4, W/4]. Two encoders of one architecture ask: on the storing path the
    motion-context encoder, which sees long sequences, on the matching path the motion-matching encoder, which sees the context.
    Attribute names are those of the published checkpoints.

    channels: C of a frame. width: channels of the first convolution; a query has 8 times as many.
    decompose: a query for each position; otherwise one for the clip, the mean over positions, and its answer stands everywhere.
    temperature: of the softmax over cosine similarities. At 1 (the paper) addressing stays soft: similarities lie in [-1, 1].
    storing: whether there is a motion-context encoder.
    train_slots: False leaves the slots as they are drawn (a control).
    shuffled: the addressing weights are permuted before reading: at random at every training step, reversed in evaluation, so
        that scores can be repeated. Then the slots that are read are not those that the query matches (a control).
    """

    def __init__(
        self,
        channels: int,
        width: int,
        slots: int,
        decompose: bool,
        temperature: float,
        storing: bool,
        train_slots: bool = True,
        shuffled: bool = False,
    ):
        super().__init__()
        self.decompose = decompose
        self.temperature = temperature
        self.shuffled = shuffled
        self.memory_w = nn.Parameter(torch.randn(slots, 8 * width), requires_grad=train_slots)  # the slots, one a row
        self.motion_matching_encoder = motion_encoder(channels, width)
        self.motion_context_encoder = copy.deepcopy(self.motion_matching_encoder) if storing else None
        self.embedder = nn.Sequential(
            nn.ConvTranspose2d(8 * width, 4 * width, 3, stride=2, padding=1, output_padding=1),
            nn.ReLU(inplace=True),
            nn.ConvTranspose2d(4 * width, 2 * width, 3, stride=2, padding=1, output_padding=1),
            nn.ReLU(inplace=True),
        ).to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def query(self, frames: Tensor, phase: Phase) -> Tensor:
        """The query of a phase's encoder after seeing frames: [B, T, C, H, W], T >= 9 -> [B, 8 * width, H/16, W/16]."""
        if frames.shape[1] < FEWEST_FRAMES:
            raise ValueError(
                f"LMC needs at least {FEWEST_FRAMES} frames to query its memory with (three poolings halve the "
                f"{FEWEST_FRAMES - 1} differences between them down to 1), got {frames.shape[1]}"
            )
        encoder = self.motion_context_encoder if phase == "storing" else self.motion_matching_encoder
        if encoder is None:
            raise ValueError("LMC was built with storing=False: it has no motion-context encoder")
        motion = frames.diff(dim=1).transpose(1, 2)  # [B, C, T-1, H, W]
        query = encoder(motion).mean(2)
        return query if self.decompose else query.mean((2, 3), keepdim=True).expand_as(query)

    def address(self, query: Tensor) -> Tensor:
        """How much of each slot answers each position: query [B, D, h, w] -> float32 [B, slots, h, w]; slots sum to 1.

        Works with the queries of both phases: comparing `address(query(clip, "storing"))` with
        `address(query(context, "matching"))` shows how well the two are aligned.
        """
        return self._address(query, self.memory_w)

    def recall(self, query: Tensor, frozen: bool = False) -> Tensor:
        """The motion context [B, 2 * width, 4h, 4w] that answers a query [B, D, h, w]. frozen: the slots get no gradient."""
        slots = self.memory_w.detach() if frozen else self.memory_w
        weights = self._address(query, slots)
        if self.shuffled:
            weights = weights[:, torch.randperm(len(slots), device=slots.device)] if self.training else weights.flip(1)
        with without_autocast(query):
            recalled = slots.T @ weights.flatten(2)  # [B, D, h*w]
        return self.embedder(recalled.unflatten(2, weights.shape[2:]))

    def _address(self, query: Tensor, slots: Tensor) -> Tensor:
        with without_autocast(query):  # a softmax this soft loses its differences in bfloat16
            similarity = F.normalize(slots, dim=1) @ F.normalize(query.to(slots.dtype), dim=1).flatten(2)  # [B, slots, h*w]
            return torch.softmax(similarity / self.temperature, 1).unflatten(2, query.shape[2:])


def without_autocast(like: Tensor) -> AbstractContextManager[object]:
    """Turns off autocast on the device of a tensor. Meta tensors, used to count FLOPs, have no autocast."""
    return nullcontext() if like.is_meta else torch.autocast(like.device.type, enabled=False)


class Conv3x3x3(nn.Conv3d):
    """3x3x3, padding 1, with a correct gradient for two frames in bfloat16 too.

    With two frames, oneDNN's weight gradient reads uninitialised memory (PyTorch 2.13 on a CPU with AVX512-BF16; all other
    depths are correct). A third frame of zeros, removed afterwards, replaces the padding: no number changes.
    """

    def __init__(self, inputs: int, outputs: int):
        super().__init__(inputs, outputs, 3, padding=1)

    def forward(self, volume: Tensor) -> Tensor:
        if volume.shape[2] != 2 or not torch.is_autocast_enabled("cpu"):
            return super().forward(volume)
        return super().forward(F.pad(volume, (0, 0, 0, 0, 0, 1)))[:, :, :2]


class ExactMaxPool3d(nn.MaxPool3d):
    """Pools in the precision of its input: a maximum is exact, and autocast on a CPU would make float32 copies."""

    def forward(self, volume: Tensor) -> Tensor:
        with without_autocast(volume):
            return super().forward(volume)


def motion_encoder(channels: int, width: int) -> nn.Sequential:
    """Frame differences [B, C, T, H, W] -> [B, 8 * width, T/8, H/16, W/16]."""
    return nn.Sequential(
        *(Conv3x3x3(channels, width), ExactMaxPool3d((1, 2, 2)), nn.ReLU(inplace=True)),
        *(Conv3x3x3(width, 2 * width), ExactMaxPool3d(2), nn.ReLU(inplace=True)),
        *(Conv3x3x3(2 * width, 4 * width), nn.ReLU(inplace=True)),
        *(Conv3x3x3(4 * width, 4 * width), ExactMaxPool3d(2), nn.ReLU(inplace=True)),
        *(Conv3x3x3(4 * width, 8 * width), nn.ReLU(inplace=True)),
        *(Conv3x3x3(8 * width, 8 * width), ExactMaxPool3d(2), nn.ReLU(inplace=True)),
    ).to(memory_format=torch.channels_last_3d)  # type: ignore[call-overload]  # convolves and pools several times faster on a CPU
