"""How the weights of a family of files become those of a model: which name is which parameter, and which weights are unused.

A plan is made for the sizes that the shapes show. Carrying it out checks every name and shape against the model, so a file is
either accepted as a whole or refused in one line that names what does not fit.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from math import isqrt
from typing import Any

import torch
from torch import Tensor

from bench.common.errors import BenchError
from bench.converters.state_dict import other_names, wrong_type
from bench.spec import catalog

Shape = tuple[int | None, ...]
"""None: any size."""

MOST_CHANNELS = 3  # of a frame


class Misfit(ValueError):
    """Weights that do not fit the plan of their family; the message names the key."""


@dataclass(frozen=True)
class Source:
    """How one of our parameters is made.

    keys: the names in the file. make: from their tensors to ours. shapes: theirs, given ours.
    """

    keys: tuple[str, ...]
    make: Callable[..., Tensor]
    shapes: Callable[[Shape], Sequence[Shape]]


def same(key: str) -> Source:
    """A tensor that is used unchanged."""
    return Source((key,), lambda tensor: tensor, lambda ours: [ours])


def reshaped(key: str, shape: Callable[[Shape], Shape]) -> Source:
    """A tensor with the same numbers in the same order, but another shape. shape: theirs, given ours."""
    return Source((key,), lambda tensor: tensor, lambda ours: [shape(ours)])


def of_transposed(key: str) -> Source:
    """The weight of a convolution, from that of a transposed one of stride 1: channels swapped, kernel reversed."""
    return Source((key,), lambda tensor: tensor.transpose(0, 1).flip(2, 3), lambda ours: [(ours[1], ours[0], *ours[2:])])


def joined(*parts: tuple[str, int]) -> Source:
    """Tensors concatenated along the first dimension. parts: each key with its share of the channels."""
    total = sum(share for _, share in parts)
    return Source(
        tuple(key for key, _ in parts),
        lambda *tensors: torch.cat(tensors),
        lambda ours: [(ours[0] * share // total if ours[0] else None, *ours[1:]) for _, share in parts],
    )


@dataclass(frozen=True)
class Plan:
    """What a file of this family holds.

    options: of the model in our catalogue, as far as shapes show them. channels: of a frame.
    parameters: how each of ours is made. None: the names are ours.
    unused: groups of weights that the family's code has and does not use; a file has all of a group or none of it.
    defaults: parameters of ours that may all be missing, with their initial values.
    size: (height, width) of frames where the weights are tied to one. probe: a size that the model can be built for.
    context: how many frames the model sees where weights are tied to a number.
    notes: what a user has to know, in sentences. untold: the same of options that weights do not show -> the names of these.
    """

    options: dict[str, Any]
    channels: int
    parameters: dict[str, Source] | None
    unused: Sequence[Mapping[str, Shape]] = ()
    defaults: Mapping[str, float] = field(default_factory=dict)
    size: tuple[int, int] | None = None
    probe: tuple[int, int] = (64, 64)
    context: int | None = None
    notes: tuple[str, ...] = ()
    untold: Mapping[str, Sequence[str]] = field(default_factory=dict)


class Weights(Mapping[str, Tensor]):
    """The tensors of a file, with questions about their sizes."""

    def __init__(self, tensors: Mapping[str, Tensor]):
        self.tensors = tensors

    def __getitem__(self, key: str) -> Tensor:
        return self.tensors[key]

    def __iter__(self) -> Any:
        return iter(self.tensors)

    def __len__(self) -> int:
        return len(self.tensors)

    def count(self, name: str, least: int = 1) -> int:
        """The number of modules in the list `name`. A module with less than half the weights of the others does not count."""
        tensor_counts = Counter(
            int(match[1]) for key in self.tensors if (match := re.match(rf"{re.escape(name)}\.(\d+)\.", key))
        )
        largest = max(tensor_counts.values(), default=0)
        count = 1 + max((number for number, weights in tensor_counts.items() if 2 * weights >= largest), default=-1)
        if count < least:
            raise Misfit(f"'{name}.{count}...' is missing")
        return count

    def size(self, *votes: tuple[str, int]) -> int:
        """A size by majority of several (key, dimension), so that a single wrong tensor is noticed as the wrong one."""
        return self._ranked(votes)[0]

    def patches(self, *votes: tuple[str, int]) -> tuple[int, int]:
        """(channels, patch) of frames whose patches have the number of channels that several (key, dimension) show."""
        sizes = self._ranked(votes)
        for size in sizes:
            patch = next(side for side in range(isqrt(size), 0, -1) if size % side**2 == 0)
            if size // patch**2 <= MOST_CHANNELS:
                return size // patch**2, patch
        raise Misfit(f"'{votes[0][0]}' has {sizes[0]} channels, which are no square patches of frames of 1, 2 or 3")

    def _ranked(self, votes: tuple[tuple[str, int], ...]) -> list[int]:
        """The sizes that (key, dimension)s show, the most frequent first."""
        size_counts = Counter(
            shape[dimension] for key, dimension in votes if len(shape := self.shape(key)) > dimension and shape[dimension] > 0
        )
        if not size_counts:
            raise Misfit(f"'{votes[0][0]}' is missing")
        return [size for size, _ in size_counts.most_common()]

    def shape(self, key: str) -> tuple[int, ...]:
        """A tensor's shape, () where there is none."""
        return tuple(self.tensors[key].shape) if key in self.tensors else ()

    def some(self, pattern: str) -> bool:
        """Whether any name has this in it, as a regular expression."""
        return any(re.search(pattern, key) for key in self.tensors)


def both(ours: str, theirs: str) -> dict[str, Source]:
    """The weight and the bias of a layer."""
    return {f"{ours}.{kind}": same(f"{theirs}.{kind}") for kind in ("weight", "bias")}


def carried_out(plan: Plan, weights: Mapping[str, Tensor], model: str) -> dict[str, Tensor]:
    """Our parameters from theirs, after checking all names and shapes; a Misfit names the first that does not fit."""
    frame = (plan.channels, *(plan.size or plan.probe))
    try:
        with torch.device("meta"):
            network = catalog.build("models", model, plan.options, shape=frame, context=plan.context or 10, horizon=10)
    except BenchError as error:
        raise Misfit(f"its sizes cannot be: {error}") from error
    ours_by_name = network.state_dict()
    shapes: dict[str, Shape] = {name: tuple(tensor.shape) for name, tensor in ours_by_name.items()}
    parameters = plan.parameters if plan.parameters is not None else {name: same(name) for name in shapes}
    assert parameters.keys() == shapes.keys(), f"{model}: the plan is not that of the model"
    defaulted = _absent(plan.defaults, parameters, weights)
    expected = {
        key: shape
        for ours, source in parameters.items()
        if ours not in defaulted
        for key, shape in zip(source.keys, source.shapes(shapes[ours]), strict=True)
    }
    for group in plan.unused:
        if any(key in weights for key in group):
            expected |= group
    _compare(expected, weights)
    converted = {}
    for ours, source in parameters.items():
        shape = [size or 0 for size in shapes[ours]]
        if ours in defaulted:
            converted[ours] = torch.full(shape, defaulted[ours])
        else:
            converted[ours] = source.make(*(weights[key] for key in source.keys)).reshape(shape)
        if words := wrong_type(source.keys[0], converted[ours], ours_by_name[ours]):
            raise Misfit(words)
        if not _finite(converted[ours]):
            raise Misfit(f"'{source.keys[0]}' holds values that are no finite numbers")
    return converted


def _finite(tensor: Tensor) -> bool:
    """Whether all values are finite. A finite sum shows it in one pass; it may overflow, then all values are checked."""
    return not tensor.is_floating_point() or bool(tensor.sum().isfinite()) or bool(tensor.isfinite().all())


def _absent(
    defaults: Mapping[str, float], parameters: Mapping[str, Source], weights: Mapping[str, Tensor]
) -> Mapping[str, float]:
    """The defaults, if the file has none of these weights."""
    return {} if any(key in weights for ours in defaults for key in parameters[ours].keys) else defaults


def _compare(expected: Mapping[str, Shape], weights: Mapping[str, Tensor]) -> None:
    if words := other_names(expected, weights):
        raise Misfit(words)
    for key, shape in expected.items():
        actual = tuple(weights[key].shape)
        if len(actual) != len(shape) or any(b not in (None, a) for a, b in zip(actual, shape, strict=True)):
            expected_text = ", ".join("?" if size is None else str(size) for size in shape)
            raise Misfit(f"'{key}' has the shape {list(actual)}, not [{expected_text}]")
