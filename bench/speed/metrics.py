"""`bench speed metrics`: all protocols in one pass against looping scikit-image over the frames, in one process on one core."""

from __future__ import annotations

import torch
from skimage.metrics import peak_signal_noise_ratio, structural_similarity
from torch import Tensor

from bench.metrics.score import score
from bench.speed.timing import Row, fastest

CLIPS, FRAMES, SIDE = 64, 30, 64
ROUNDS = 5
PEER = "looping scikit-image over the frames for one protocol's PSNR and SSIM"


def measure() -> list[Row]:
    """MSE, MAE, PSNR and SSIM under all four protocols: on one core and, where there is one, on the GPU."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        target = torch.rand(CLIPS, FRAMES, 1, SIDE, SIDE)
        prediction = target + 0.1 * torch.randn_like(target)
        devices = ["cpu", "cuda"] if torch.cuda.is_available() else ["cpu"]
        return [_row(torch.device(device), prediction, target) for device in devices]
    finally:
        torch.set_num_threads(threads)


def _row(device: torch.device, prediction: Tensor, target: Tensor) -> Row:
    frames = prediction.to(device), target.to(device)

    def ours() -> Tensor:
        return torch.stack(list(score(*frames).values())).cpu()  # which waits for the GPU

    own, peer = fastest(ours, lambda: _looped(prediction, target), ROUNDS)
    where = "one core" if device.type == "cpu" else "the GPU"
    return Row(f"all protocols, {CLIPS} clips of {FRAMES} frames of {SIDE}x{SIDE} on {where}", own, PEER, peer / own)


def _looped(prediction: Tensor, target: Tensor) -> list[tuple[float, float]]:
    pairs = zip(prediction.clamp(0, 1).flatten(0, 2).numpy(), target.flatten(0, 2).numpy(), strict=True)
    return [(peak_signal_noise_ratio(y, x, data_range=1), structural_similarity(y, x, data_range=2)) for x, y in pairs]
