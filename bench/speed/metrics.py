"""`bench speed metrics`: what scores cost, in one process, on one core or the GPU.

All protocols in one pass, compared with looping scikit-image over the frames; LPIPS and FVD (`networks.py`), if their weights
are installed; and the time of an evaluation that is not spent in the model.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import torch
from skimage.metrics import peak_signal_noise_ratio, structural_similarity
from torch import Tensor

from bench.evaluation.evaluate import predictions
from bench.metrics.score import score
from bench.spec import catalog
from bench.speed.data import EmbeddedMovingMNIST
from bench.speed.networks import network_rows
from bench.speed.timing import NotMeasured, Timing, clock_of, fastest, measure_or_explain

CLIPS, FRAMES, SIDE = 64, 30, 64
ROUNDS = 5
EVALUATED = {"cpu": 4, "cuda": 240}  # clips
PEER = "looping scikit-image over the frames for one protocol's PSNR and SSIM"


def measure() -> Iterator[Timing | NotMeasured]:
    """MSE, MAE, PSNR and SSIM under all four protocols: on one core and, where there is one, on the GPU."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        target = torch.rand(CLIPS, FRAMES, 1, SIDE, SIDE)
        prediction = target + 0.1 * torch.randn_like(target)
        devices = [torch.device(name) for name in (("cpu", "cuda") if torch.cuda.is_available() else ("cpu",))]
        for device in devices:
            yield measure_or_explain(_title(device), partial(_row, device, prediction, target))
        for device in devices:
            yield from network_rows(device)
        yield measure_or_explain("an evaluation", partial(evaluation, devices[-1]))
    finally:
        torch.set_num_threads(threads)


def _row(device: torch.device, prediction: Tensor, target: Tensor) -> Timing:
    frames = prediction.to(device), target.to(device)

    def ours() -> Tensor:
        return torch.stack(list(score(*frames).values())).cpu()  # which waits for the GPU

    seconds, peer_seconds = fastest(ours, lambda: _looped(prediction, target), ROUNDS)
    return Timing(_title(device), seconds, PEER, peer_seconds / seconds)


def _title(device: torch.device) -> str:
    where = "one core" if device.type == "cpu" else "the GPU"
    return f"all protocols, {CLIPS} clips of {FRAMES} frames of {SIDE}x{SIDE} on {where}"


def evaluation(device: torch.device) -> Timing:
    """Rollouts of Moving-MNIST clips with all their scores but LPIPS, beside the rollouts alone: a ratio of 0.75 means that a
    quarter of the time is spent outside the model."""
    data, clips = EmbeddedMovingMNIST(), EVALUATED[device.type]
    network = catalog.build("models", "lmc", {}, shape=data.shape, context=10, horizon=FRAMES).to(device).eval()
    clock = clock_of(device)
    moments: list[float] = []
    network.register_forward_pre_hook(lambda *_: moments.append(-clock()))
    network.register_forward_hook(lambda *_: moments.append(clock()))
    seconds = []
    for _ in range(2):  # the first to warm up
        moments.clear()
        began = clock()
        for prediction, target in predictions(network, data, "test", clips, 10, FRAMES, device):
            torch.stack(list(score(prediction, target).values())).cpu()
        seconds = [clock() - began, sum(moments)]
    name = f"rollouts of {clips} clips, 10 -> {FRAMES} frames of {SIDE}x{SIDE}, with all scores but LPIPS"
    return Timing(name, seconds[0], "the rollouts alone", seconds[1] / seconds[0])


def _looped(prediction: Tensor, target: Tensor) -> list[tuple[float, float]]:
    pairs = zip(prediction.clamp(0, 1).flatten(0, 2).numpy(), target.flatten(0, 2).numpy(), strict=True)
    return [(peak_signal_noise_ratio(y, x, data_range=1), structural_similarity(y, x, data_range=2)) for x, y in pairs]
