"""What a metric is: how it is displayed (`reports.metric`) and the rules that compute it.

Nothing here imports PyTorch: the table of metrics is read where nothing is computed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import TYPE_CHECKING, Any

from reports.metric import Metric

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from bench.metrics.views import Views

FrameRule = Callable[["Views"], "Tensor"]
"""Scores of a chunk of clips, one per clip and predicted frame: [B, T]."""


@dataclass(frozen=True)
class Rule:
    """A function by its path, "bench.metrics.ssim:similarity", and the options that it is called with.

    Two protocols with equal rules share the result.
    """

    path: str
    options: tuple[tuple[str, Any], ...] = ()

    def __call__(self, *arguments: Any) -> Any:
        return loaded(self.path)(*arguments, **dict(self.options))


def rule(path: str, **options: Any) -> Rule:
    """`rule("bench.metrics.pixelwise:ratio", pixels="uint8", data_range=255)`."""
    return Rule(path, tuple(options.items()))


def loaded(path: str) -> Any:
    """The object that a path "module:name" names."""
    module, _, name = path.partition(":")
    return getattr(import_module(module), name)


@dataclass(frozen=True)
class FrameMetric(Metric):
    """A score of each predicted frame.

    rules: how each protocol computes it, protocol -> a function of the chunk's `Views`; a protocol that is not named does not
    define it. load: the path of a function that loads what the metric needs besides frames, such as a network:
    (shape, device) -> (the network or None, its description or the reason for None, for footnotes). Rules find the network in
    `Views.networks` under the metric's name.
    """

    rules: Mapping[str, FrameRule] = field(default_factory=dict)
    load: str = ""


@dataclass(frozen=True)
class SetMetric(Metric):
    """A score of a set of clips, which no single frame has. It is computed when asked for.

    protocol, version: its own conventions, by name; the frames' protocols do not apply. least: predicted frames that a clip
    must have. about: what readers of the number must know, for footnotes.
    load: as of a FrameMetric, (shape, device) -> a function of clips [B, T, C, H, W] in [0, 1] to features [B, D].
    distance: by path, of two arrays of features [N, D], predicted and true, to the score.
    """

    protocol: str = ""
    version: int = 1
    least: int = 1
    about: str = ""
    load: str = ""
    distance: str = ""

    def loaded(self, shape: tuple[int, int, int], frames: int, device: torch.device) -> tuple[Any, str]:
        """The function from such clips to features, and what it uses; None and the reason if it is not available."""
        if frames < self.least:
            return None, f"it needs at least {self.least} predicted frames, these clips have {frames}"
        function_and_description: tuple[Any, str] = loaded(self.load)(shape, device)
        return function_and_description
