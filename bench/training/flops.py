"""Counts the cost of a model: parameters, FLOPs and seconds of a rollout."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

from bench.common.machine import wait_for
from bench.evaluation.evaluate import CHUNK_PIXELS, autocast

if TYPE_CHECKING:
    from torch import nn

    from bench.spec.component import Component
    from bench.spec.runspec import Precision

AT_ONCE = 8  # clips of a rollout that is timed
aten = torch.ops.aten
COUNTS = {  # PyTorch's, which lack attention as a processor computes it: 12% of E3D-LSTM's FLOPs, 1% of SwinLSTM's
    **flop_registry,
    aten._scaled_dot_product_flash_attention_for_cpu: flop_registry[aten._scaled_dot_product_flash_attention],
}


def on_meta(model: Component, shape: tuple[int, int, int], context: int, horizon: int) -> nn.Module:
    """The model for frames of shape (C, H, W), with shapes but no weights."""
    with torch.device("meta"):
        network: nn.Module = model.checked("models").build(shape=shape, context=context, horizon=horizon)
    return network.eval()


def parameters(model: nn.Module) -> int:
    """Trained numbers in a model."""
    return sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad)


def parameters_used(model: nn.Module, shape: tuple[int, int, int], context: int) -> int:
    """Trained numbers that a prediction depends on, without parts that only training uses."""
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    if not trained:
        return 0
    prediction = model(torch.zeros(1, context, *shape, device=trained[0].device), 1)
    gradients = torch.autograd.grad(prediction.sum(), trained, allow_unused=True)
    return sum(parameter.numel() for parameter, gradient in zip(trained, gradients, strict=True) if gradient is not None)


def flops(model: nn.Module, shape: tuple[int, int, int], context: int, horizon: int) -> int:
    """Floating-point operations (a multiply-add is two) of predicting one clip; only convolutions and matrix products count."""
    device = next((parameter.device for parameter in model.parameters()), torch.device("cpu"))
    frames = torch.zeros(1, context, *shape, device=device)
    with torch.no_grad(), _Counting() as counting:
        model(frames, horizon)
    return counting.total


class _Counting(TorchDispatchMode):
    """Adds up the FLOPs of what is computed.

    PyTorch's own FlopCounterMode counts alike and imports a compiler for it, as this class does without _should_skip_dynamo:
    1.2 to 1.3 s of processor time on a Xeon core instead of 0.01 s, which every run of a sweep would pay.
    """

    total = 0

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        return False  # there is no compiler to be kept out

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = function(*args, **(kwargs or {}))
        if (count := COUNTS.get(function.overloadpacket)) is not None:
            self.total += int(count(*args, **(kwargs or {}), out_val=result))
        return result


@torch.inference_mode()
def rollout_seconds(
    model: nn.Module, shape: tuple[int, int, int], context: int, horizon: int, precision: Precision = "float32"
) -> float:
    """Seconds that predicting one clip takes, as one of up to 8 at once: the faster of two rollouts, after one to warm up."""
    device = next((parameter.device for parameter in model.parameters()), torch.device("cpu"))
    channels, height, width = shape
    clips = min(AT_ONCE, max(1, CHUNK_PIXELS // ((context + horizon) * channels * height * width)))
    frames = torch.zeros(clips, context, *shape, device=device)
    seconds = []
    for _ in range(3):
        start = time.perf_counter()
        with autocast(precision, device):
            model(frames, horizon)
        wait_for(device)
        seconds.append(time.perf_counter() - start)
    return min(seconds[1:]) / clips
