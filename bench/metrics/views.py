"""A chunk of predictions and targets as the rules of metrics see it. Shared results are computed once."""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Mapping
from typing import Any, Literal

from torch import Tensor

Pixels = Literal["clamped", "raw", "uint8"]
"""What a rule sees of a prediction: clamped to [0, 1]; raw, as the model gave it; clamped and rounded to 0 ... 255."""


def without_infinite(prediction: Tensor) -> Tensor:
    """The prediction with NaN for infinite numbers: clamped, these would be black or white and score like good pixels."""
    return prediction.nan_to_num(math.nan, math.nan, math.nan)


class Views:
    """Frames of one chunk of clips.

    prediction: [B, T, C, H, W] as the model gave it; infinite numbers become NaN. target: the same shape, in [0, 1]. networks:
    what metrics have loaded, by their names.
    """

    def __init__(self, prediction: Tensor, target: Tensor, networks: Mapping[str, Any]):
        self.prediction, self.target, self.networks = without_infinite(prediction.float()), target.float(), networks
        self._results: dict[Hashable, Tensor | tuple[Tensor, Tensor]] = {}

    def frames(self, pixels: Pixels = "clamped") -> tuple[Tensor, Tensor]:
        """Predicted and true frames, [B, T, C, H, W] in float32: clamped, raw, or rounded to 0 ... 255."""
        if pixels == "raw":
            return self.prediction, self.target
        if pixels == "clamped":
            return self.once("clamped", lambda: (self.prediction.clamp(0, 1), self.target))
        clamped = self.frames("clamped")
        return self.once("uint8", lambda: (clamped[0].mul(255).round_(), clamped[1].mul(255).round_()))

    def difference(self, pixels: Pixels) -> Tensor:
        """Predicted minus true frames."""
        x, y = self.frames(pixels)
        return self.once(("difference", pixels), lambda: x - y)

    def once(self, name: Hashable, compute: Callable[[], Any]) -> Any:
        """The result of `compute`, cached by name. It must not refer to itself: a cycle would keep the chunk in memory."""
        if name not in self._results:
            self._results[name] = compute()
        return self._results[name]
