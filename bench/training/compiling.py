"""`compile=True`: compiles the work that a model repeats with torch.compile.

A model names what is worth compiling as `compile_targets`: methods that are called again and again with tensors of the same
few shapes, such as one step of a rollout; never the whole unrolled rollout, which would take many minutes. Of a model that
names nothing it is the `step` that it repeats, or else the whole. Weights, their names and checkpoints stay as they are;
numbers change by rounding.
"""

from __future__ import annotations

from operator import attrgetter

import torch
from torch import nn

from bench.common.errors import BenchError
from bench.training.model import compile_targets

SHAPES = 64  # variants of a method that may be compiled: training and evaluation, full and last batches, warm-up


def compile_in_place(model: nn.Module, device: torch.device) -> nn.Module:
    """The model itself, its compile targets compiled when they are first called. BenchError where nothing can be compiled."""
    if next(model.parameters(), None) is None:
        return model  # it only copies frames
    check(device)
    torch.compiler.config.recompile_limit = max(SHAPES, torch.compiler.config.recompile_limit)  # beyond it, nothing is compiled
    for name in compile_targets(model):
        owner, _, method = name.rpartition(".")
        part = attrgetter(owner)(model) if owner else model
        setattr(part, method, torch.compile(getattr(part, method), dynamic=False))
    return model


def check(device: torch.device) -> None:
    """BenchError if nothing can be compiled for a device; tried with a small function."""
    try:
        torch.compile(lambda numbers: numbers.sin() + 1, dynamic=False)(torch.zeros(8, device=device))
    except Exception as error:  # compilers raise errors of all kinds
        needs = "Triton (it comes with PyTorch for CUDA)" if device.type == "cuda" else "a C++ compiler (g++ or clang++)"
        message = str(error).strip().partition("\n")[0]
        raise BenchError(
            f"compile=true needs {needs}, and compiling for {device} failed: {message}; install it, or set compile=false"
        ) from error
