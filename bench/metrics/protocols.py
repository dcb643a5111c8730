"""The conventions by which each code base of the field scores: one prediction, several honest scores.

Published numbers are comparable only within a protocol. All average per-frame scores over frames and clips; per-frame curves
average over clips only. A protocol that has produced numbers changes only together with its version.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from bench.common.errors import BenchError, did_you_mean, listed

Pixels = Literal["clamped", "raw", "uint8"]
"""What a metric sees of a prediction: clamped to [0, 1]; raw, as the model gave it; clamped and rounded to 0 ... 255."""

Window = Literal["gaussian", "uniform"]
"""SSIM's window: Gaussian 11x11, sigma 1.5, population covariance; or uniform 7x7, sample covariance."""


@dataclass(frozen=True)
class Errors:
    """MSE and MAE, over pixels and channels: the sum per frame, and where `per_pixel` the mean as well."""

    pixels: Pixels
    per_pixel: bool = False


@dataclass(frozen=True)
class Psnr:
    """PSNR of each frame against the data range, which is its peak."""

    pixels: Pixels
    data_range: float


@dataclass(frozen=True)
class Ssim:
    """SSIM of each frame; the data range sets its two constants."""

    pixels: Pixels
    data_range: float
    window: Window


@dataclass(frozen=True)
class Lpips:
    """LPIPS (AlexNet) of clamped frames, grey repeated to three channels, moved from [0, 1] to this input range."""

    low: float
    high: float


@dataclass(frozen=True)
class Protocol:
    """One row of the table below."""

    version: int
    used_by: str
    errors: Errors
    psnr: Psnr
    ssim: Ssim
    lpips: Lpips

    def metrics(self) -> tuple[str, ...]:
        """The metrics that this protocol defines, names in METRICS."""
        errors = ("mse", "mae", "mse_sum", "mae_sum") if self.errors.per_pixel else ("mse_sum", "mae_sum")
        return (*errors, "psnr", "ssim", "lpips")


PROTOCOLS = {
    "standard": Protocol(
        version=1,
        used_by="this suite's default",
        errors=Errors("clamped", per_pixel=True),
        psnr=Psnr("clamped", data_range=1),
        ssim=Ssim("clamped", data_range=1, window="gaussian"),  # as published: Wang et al., 2004
        lpips=Lpips(-1, 1),  # what the network expects: Zhang et al., 2018
    ),
    "lmc2021": Protocol(
        version=1,
        used_by="LMC-Memory, Conv-TT-LSTM",
        errors=Errors("clamped"),
        psnr=Psnr("clamped", data_range=1),
        ssim=Ssim("clamped", data_range=2, window="uniform"),  # scikit-image <= 0.19 took 2 for float frames
        lpips=Lpips(0, 1),  # without the shift that the network expects
    ),
    "openstl": Protocol(
        version=1,
        used_by="OpenSTL, and the families of SimVP, PhyDNet, MAU and SwinLSTM",
        errors=Errors("raw"),
        psnr=Psnr("clamped", data_range=1),
        ssim=Ssim("clamped", data_range=2, window="uniform"),
        lpips=Lpips(-1, 1),
    ),
    "predrnn": Protocol(
        version=1,
        used_by="PredRNN, PredRNN++, PredRNN-V2",
        errors=Errors("clamped"),
        psnr=Psnr("uint8", data_range=255),  # rounded; PredRNN-V2's trainer.py cuts decimals off: within 0.1 dB on heavy noise
        ssim=Ssim("uint8", data_range=255, window="uniform"),
        lpips=Lpips(0, 1),
    ),
}


def checked(protocols: Iterable[str]) -> tuple[str, ...]:
    """The names as a tuple, each once. An unknown one is a BenchError."""
    names = tuple(dict.fromkeys(protocols))
    for name in names:
        if name not in PROTOCOLS:
            raise BenchError(f"there is no protocol '{name}'{did_you_mean(name, PROTOCOLS) or '; known: ' + listed(PROTOCOLS)}")
    return names


def score_names(protocols: Iterable[str] = PROTOCOLS) -> list[str]:
    """All scores of these protocols: "standard/mse", ..., "predrnn/lpips"."""
    return [f"{name}/{metric}" for name in checked(protocols) for metric in PROTOCOLS[name].metrics()]
