"""One step of training: a batch, and for every phase of the learner a loss followed by one optimizer step."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn

from bench.evaluate import autocast
from bench.spec import RunSpec


class Diverged(Exception):
    """The loss is not finite any more. A result, not a crash."""


def take_step(
    spec: RunSpec, model: nn.Module, learner: Any, optimizer: torch.optim.Optimizer, clip: Tensor, step: int
) -> dict[str, float]:
    """One optimizer step per phase; the loss of each."""
    model.train()
    losses = {}
    for phase, loss_of in learner.phases.items():
        optimizer.zero_grad()
        with autocast(spec.precision, clip.device):
            loss = loss_of(clip, step)
        losses[phase] = float(loss.detach())
        if not math.isfinite(losses[phase]):
            raise Diverged(f"the loss of phase '{phase}' is {losses[phase]} at step {step + 1}")
        loss.backward()
        if spec.clip_norm is not None:
            nn.utils.clip_grad_norm_(model.parameters(), spec.clip_norm)
        optimizer.step()
    return losses
