"""Convolutions in full float32. On a GPU, PyTorch computes them in TF32, with 10 bits after the binary point instead of 23."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def full_float32() -> Iterator[None]:
    """A GPU's convolutions in full float32 in this block: what a network scores is then that of a processor up to rounding."""
    convolutions = torch.backends.cudnn.conv  # type: ignore[attr-defined]  # PyTorch replaces the module by an object
    before, convolutions.fp32_precision = convolutions.fp32_precision, "ieee"
    try:
        yield
    finally:
        convolutions.fp32_precision = before
