"""What LPIPS and FVD cost a clip, each against a named peer in the same run."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Callable, Iterator
from functools import partial
from importlib import import_module

import torch
from torch import Tensor, nn

from bench.metrics import fvd, lpips, weights
from bench.metrics.full_float32 import full_float32
from bench.metrics.networks import ALEXNET
from bench.speed.timing import NotMeasured, Timing, clock_of, fastest, measure_or_explain

CLIPS, FRAMES, SIDE = 4, 10, 64
ROUNDS = 3
PRODUCT = 1024  # side of the square matrices whose product shows the peak speed of the device


def network_rows(device: torch.device) -> Iterator[Timing | NotMeasured]:
    """A row for LPIPS and one for FVD, if their weights are installed; seconds are of one clip."""
    where = "one core" if device.type == "cpu" else "the GPU"
    for metric, measure in (("LPIPS", _lpips), ("FVD", _fvd)):
        name = f"{metric} of a clip of {FRAMES} frames of {SIDE}x{SIDE} on {where}"
        row = measure_or_explain(name, partial(measure, name, device))
        if row is not None:
            yield row


def _lpips(name: str, device: torch.device) -> Timing | None:
    clips = _clips(device)
    network, _ = lpips.load((1, SIDE, SIDE), device)
    peer = package(device) if network else None
    if network is None or peer is None:
        return None
    seconds, peer_seconds = _seconds(lambda: network(*clips), lambda: _by_package(peer, *clips), device)
    return Timing(name, seconds, "the lpips package", peer_seconds / seconds)


def _fvd(name: str, device: torch.device) -> Timing | None:
    clips = _clips(device).flatten(0, 1)
    features, _ = fvd.load((1, SIDE, SIDE), device)
    if features is None:
        return None
    product = torch.rand(PRODUCT, PRODUCT, device=device)
    times = max(1, round(_flops(clips[:1]) * 2 / (2 * PRODUCT**3)))  # for a predicted clip and its target

    def multiplied() -> None:
        for _ in range(times * CLIPS):
            torch.mm(product, product)

    seconds, peer_seconds = _seconds(lambda: features(clips), multiplied, device)
    return Timing(name, seconds, "as many FLOPs in matrix products", peer_seconds / seconds)


def _clips(device: torch.device) -> Tensor:
    """Predictions and their targets, [2, B, T, C, H, W]."""
    return torch.rand(2, CLIPS, FRAMES, 1, SIDE, SIDE, generator=torch.Generator().manual_seed(0)).to(device)


def package(device: torch.device) -> nn.Module | None:
    """The lpips package's network with the same weights; None where it cannot be imported (it needs torchvision)."""
    with contextlib.redirect_stdout(None), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            _declare_operators()
            reference = import_module("lpips")
        except (ImportError, RuntimeError):
            return None
        network: nn.Module = reference.LPIPS(net="alex", pnet_rand=True, verbose=False)
    state = weights.tensors(ALEXNET)
    features = network.get_submodule("net")
    features.load_state_dict({name: state[name.partition(".")[2]] for name in features.state_dict()})
    return network.to(device).eval().requires_grad_(False)


def _declare_operators() -> None:
    """Declare two operators that torchvision's import needs with a CPU-only torch; they are never called."""
    for operator in ("nms", "qnms"):
        if not hasattr(torch.ops.torchvision, operator):
            torch.library.define(f"torchvision::{operator}", "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")


def _by_package(network: nn.Module, prediction: Tensor, target: Tensor) -> Tensor:
    """All frames in one batch, grey repeated to three channels, which is how the package is fastest."""
    frames = (clips.flatten(0, 1).expand(-1, 3, -1, -1) for clips in (prediction, target))
    distances: Tensor = network(*frames)
    return distances


def _flops(clip: Tensor) -> int:
    """Of one pass of I3D, counted."""
    from torch.utils.flop_counter import FlopCounterMode

    features, _ = fvd.load((1, SIDE, SIDE), clip.device)
    assert features is not None
    with FlopCounterMode(display=False) as counter, torch.inference_mode(False), torch.no_grad():
        features(clip)
    return int(counter.get_total_flops())


@torch.inference_mode()
def _seconds(work: Callable[[], object], peer: Callable[[], object], device: torch.device) -> tuple[float, float]:
    """Seconds of one clip, each the least of some rounds."""
    with full_float32():  # as scores are computed
        seconds, peer_seconds = fastest(work, peer, ROUNDS, clock_of(device))
    return seconds / CLIPS, peer_seconds / CLIPS
