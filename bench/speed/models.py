"""`bench speed models`: parameters, FLOPs and time of every model on Moving-MNIST frames, beside the public codes' figures.

The public codes were timed once (one clip, 10 -> 10 frames of 64x64, one thread of a 2-core AMD EPYC, torch 2.13), so their
seconds are comparable only on such a machine. A large matrix product is timed in the same run, and each model's speed is also
given as a share of that product's.
"""

from __future__ import annotations

import csv
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from bench.spec import catalog
from bench.training.flops import flops, parameters

SHAPE, CONTEXT, HORIZON = (1, 64, 64), 10, 10  # the Moving-MNIST configuration
ROUNDS = 3
SIDE = 1024  # of the matrices whose product shows the peak speed of the processor


@dataclass(frozen=True)
class ModelRow:
    """One model. seconds: processor time of one clip on one core. share: of the matrix product's speed. public_*: see above."""

    model: str
    parameters: int
    gflops: float
    seconds: float
    share: float
    public_parameters: int | None
    public_gflops: float | None
    public_seconds: float | None
    public_remark: str = ""


def measure() -> Iterator[ModelRow]:
    """Every model of the catalogue, one after another."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        peak = _matrix_product()
        for name in catalog.names("models"):
            yield _row(name, peak)
    finally:
        torch.set_num_threads(threads)


def public_codes() -> dict[str, dict[str, str]]:
    """By model: trained parameters, FLOPs and processor seconds of the public code that computes the same, and a remark."""
    with open(Path(__file__).parent / "public_codes.csv", newline="") as file:
        return {row["model"]: row for row in csv.DictReader(file)}


def _row(name: str, peak: float) -> ModelRow:
    model = catalog.build("models", name, {}, shape=SHAPE, context=CONTEXT, horizon=HORIZON).eval()
    operations, seconds = flops(model, SHAPE, CONTEXT, HORIZON), _seconds(model)
    public = public_codes().get(name, {})
    return ModelRow(
        model=name,
        parameters=parameters(model),
        gflops=operations / 1e9,
        seconds=seconds,
        share=operations / seconds / peak,
        public_parameters=int(public["parameters"]) if public.get("parameters") else None,
        public_gflops=int(public["flops"]) / 1e9 if public.get("flops") else None,
        public_seconds=float(public["cpu_seconds"]) if public.get("cpu_seconds") else None,
        public_remark=public.get("remark", ""),
    )


@torch.inference_mode()
def _seconds(model: nn.Module) -> float:
    clip = torch.rand(1, CONTEXT, *SHAPE)
    return min(_timed(lambda: model(clip, HORIZON)) for _ in range(ROUNDS))


def _matrix_product() -> float:
    """FLOP per second that a large float32 matrix product reaches on one core."""
    a, b = torch.rand(SIDE, SIDE), torch.rand(SIDE, SIDE)
    return 2 * SIDE**3 / min(_timed(lambda: a @ b) for _ in range(5 * ROUNDS))


def _timed(work: Callable[[], object]) -> float:
    began = time.process_time()
    work()
    return time.process_time() - began
