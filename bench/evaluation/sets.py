"""Scores of whole sets of clips: the features of each clip, and the score of a set with its spread."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bench.common.errors import BenchError, did_you_mean, listed
from bench.metrics import METRICS, set_metrics
from bench.metrics.metric import SetMetric, loaded

if TYPE_CHECKING:
    from torch import Tensor

REPLICATES = 100
"""Resamples of the clips, the same for every run with as many clips, so that differences between runs are paired."""


AT_ONCE = 16
"""Clips between two checks whether to stop."""


@dataclass(frozen=True)
class Features:
    """A set metric's features of each clip, float32 [clip, D], for predicted and for true frames."""

    prediction: NDArray[np.float32]
    target: NDArray[np.float32]


@dataclass(frozen=True)
class SetScore:
    """value: of all clips, nan where a prediction is not finite. replicates: of resampled clips, [REPLICATES]."""

    value: float
    replicates: NDArray[np.float64]


def checked(names: Sequence[str]) -> tuple[str, ...]:
    """The names of set metrics, each once; BenchError for what is none."""
    metrics = set_metrics()
    for name in names:
        if name not in metrics:
            always = " (those of single frames are always computed)" if name in METRICS else ""
            hint = did_you_mean(name, metrics) or f"; there are {listed(metrics)}"
            raise BenchError(f"there is no metric of sets of clips called '{name}'{always}{hint}")
    return tuple(dict.fromkeys(names))


def set_score(name: str, features: Features, shown: NDArray[np.int64] | None = None) -> SetScore:
    """The score of all clips or those `shown`, and of resamples of them (with replacement, pairs of clips together)."""
    distance = loaded(set_metrics()[name].distance)
    prediction, target = (array if shown is None else array[shown] for array in (features.prediction, features.target))
    count = len(prediction)
    if count < 2 or not (np.isfinite(prediction).all() and np.isfinite(target).all()):
        return SetScore(float("nan"), np.full(REPLICATES, np.nan))
    draws = np.random.default_rng(0).integers(0, count, (REPLICATES, count))
    replicates = np.array([distance(prediction[sample], target[sample]) for sample in draws])
    return SetScore(float(distance(prediction, target)), replicates)


class SetScorer:
    """Collects the features of clips that come in chunks, for the set metrics that are asked for."""

    def __init__(self, names: Sequence[str]):
        self.names = checked(names)
        self._extractors: dict[str, Any] = {}
        self._collected: dict[str, tuple[list[Tensor], list[Tensor]]] = {}
        self.metadata: dict[str, dict[str, Any]] = {}

    def add(self, prediction: Tensor, target: Tensor, on_clips: Callable[[int], None] = lambda done: None) -> None:
        """Predictions and targets of some clips, [B, T, C, H, W]. on_clips: called with how many of them are done."""
        for name in self.names:
            if name not in self.metadata:
                self._load(name, set_metrics()[name], target)
        from bench.metrics.views import without_infinite  # imports torch

        for first in range(0, len(target) if self._extractors else 0, AT_ONCE):
            chunk = slice(first, first + AT_ONCE)
            pair = (without_infinite(prediction[chunk]).clamp(0, 1), target[chunk])
            for name, extract in self._extractors.items():
                for collected, clips in zip(self._collected[name], pair, strict=True):
                    collected.append(extract(clips).float().cpu())
            on_clips(min(first + AT_ONCE, len(target)))

    def _load(self, name: str, metric: SetMetric, target: Tensor) -> None:
        frames, channels, height, width = target.shape[1:]
        extractor, description = metric.loaded((channels, height, width), frames, target.device)
        self.metadata[name] = {"protocol": metric.protocol, "version": metric.version, "by": "", "missing": ""}
        self.metadata[name]["by" if extractor else "missing"] = description
        if extractor:
            self._extractors[name], self._collected[name] = extractor, ([], [])

    def features(self) -> dict[str, Features]:
        """The features of all clips by metric. Adds the scores to the metadata, which also say which metrics are missing."""
        import torch  # here, since a report of what was scored does without

        features = {}
        for name, collected in self._collected.items():
            features[name] = Features(*(torch.cat(chunks).numpy() for chunks in collected))
            score = set_score(name, features[name])
            if np.isfinite(score.value):
                self.metadata[name] |= {"value": score.value, "replicates": score.replicates.tolist()}
            else:
                alone = len(features[name].prediction) < 2
                self.metadata[name]["missing"] = "it needs two clips" if alone else "a prediction is not finite"
        return features
