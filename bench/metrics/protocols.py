"""The conventions by which each code base of the field scores: one prediction, several honest scores.

Published numbers are comparable only within a protocol. All average per-frame scores over frames and clips; per-frame curves
average over clips only. What a protocol computes stands with each metric (`bench.metrics.METRICS`). Changing how a
protocol computes a score that it has produced needs a new version of it; adding a metric does not.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from bench.common.errors import BenchError, did_you_mean, listed
from bench.metrics import frame_metrics


@dataclass(frozen=True)
class Protocol:
    """version: of its conventions. used_by: whose they are."""

    version: int
    used_by: str


PROTOCOLS = {
    "standard": Protocol(1, "this suite's default"),
    "lmc2021": Protocol(1, "LMC-Memory, Conv-TT-LSTM"),
    "openstl": Protocol(1, "OpenSTL, and the families of SimVP, PhyDNet, MAU and SwinLSTM"),
    "predrnn": Protocol(1, "PredRNN, PredRNN++, PredRNN-V2"),
}


def metrics_of(protocol: str) -> list[str]:
    """The metrics that a protocol defines, names in METRICS."""
    return [name for name, metric in frame_metrics().items() if protocol in metric.rules]


def checked(protocols: Iterable[str]) -> tuple[str, ...]:
    """The names as a tuple, each once. An unknown one is a BenchError."""
    names = tuple(dict.fromkeys(protocols))
    for name in names:
        if name not in PROTOCOLS:
            raise BenchError(f"there is no protocol '{name}'{did_you_mean(name, PROTOCOLS) or '; known: ' + listed(PROTOCOLS)}")
    return names


def score_names(protocols: Iterable[str] = PROTOCOLS) -> list[str]:
    """All scores of single frames under these protocols: "standard/psnr", ..., "predrnn/mae_sum"."""
    return [f"{name}/{metric}" for name in checked(protocols) for metric in metrics_of(name)]
