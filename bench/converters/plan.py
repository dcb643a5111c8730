"""How one family's weights become those of a model: which of its names is which parameter, and what it carries unused.

A plan says it for the sizes that the shapes show. Carrying it out checks every name and every shape against the model, so a
file is either taken whole or refused in one line that names what does not fit.
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
from bench.spec import catalog

Shape = tuple[int | None, ...]
"""None: any size."""

MOST_CHANNELS = 3  # of a frame


class Misfit(ValueError):
    """Weights that are not what their family's plan says; the message names the key."""


@dataclass(frozen=True)
class Source:
    """What one of our parameters is made of.

    keys: the names in the file. make: from their tensors to ours. shapes: theirs, given ours.
    """

    keys: tuple[str, ...]
    make: Callable[..., Tensor]
    shapes: Callable[[Shape], Sequence[Shape]]


def same(key: str) -> Source:
    """A tensor that is ours as it stands."""
    return Source((key,), lambda tensor: tensor, lambda ours: [ours])


def reshaped(key: str, shape: Callable[[Shape], Shape]) -> Source:
    """A tensor with our numbers in our order under another shape. shape: theirs, given ours."""
    return Source((key,), lambda tensor: tensor, lambda ours: [shape(ours)])


def of_transposed(key: str) -> Source:
    """The weight of a convolution, from that of a transposed one of stride 1: channels swapped, kernel reversed."""
    return Source((key,), lambda tensor: tensor.transpose(0, 1).flip(2, 3), lambda ours: [(ours[1], ours[0], *ours[2:])])


def joined(*parts: tuple[str, int]) -> Source:
    """Tensors that stand one after the other in ours, along its first dimension. parts: each with its share of the channels."""
    whole = sum(share for _, share in parts)
    return Source(
        tuple(key for key, _ in parts),
        lambda *tensors: torch.cat(tensors),
        lambda ours: [(ours[0] * share // whole if ours[0] else None, *ours[1:]) for _, share in parts],
    )


@dataclass(frozen=True)
class Plan:
    """What a file of this family holds.

    options: of the model in our catalogue, as far as shapes show them. channels: of a frame.
    parameters: what each of ours is made of. None: names are ours.
    unused: groups of weights that the family's code carries and does not use; each group is there as a whole or not at all.
    defaults: parameters of ours that may be missing as a whole, with the value that they start from.
    size: (height, width) of frames where the weights are tied to one. probe: a size that the model can be built for.
    context: how many frames the model sees where weights are tied to a number.
    notes: what a user has to know, in sentences.
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


class Weights(Mapping[str, Tensor]):
    """The tensors of a file, asked for their sizes."""

    def __init__(self, tensors: Mapping[str, Tensor]):
        self.tensors = tensors

    def __getitem__(self, key: str) -> Tensor:
        return self.tensors[key]

    def __iter__(self) -> Any:
        return iter(self.tensors)

    def __len__(self) -> int:
        return len(self.tensors)

    def count(self, name: str, least: int = 1) -> int:
        """How many modules stand in the list `name`. One with less than half the weights of the others is none of them."""
        found = Counter(int(match[1]) for key in self.tensors if (match := re.match(rf"{re.escape(name)}\.(\d+)\.", key)))
        fullest = max(found.values(), default=0)
        count = 1 + max((number for number, weights in found.items() if 2 * weights >= fullest), default=-1)
        if count < least:
            raise Misfit(f"'{name}.{count}...' is missing")
        return count

    def size(self, *votes: tuple[str, int]) -> int:
        """A size that several (key, dimension) show; the most frequent one, so that a single wrong tensor is told as such."""
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
        found = Counter(
            shape[dimension] for key, dimension in votes if len(shape := self.shape(key)) > dimension and shape[dimension] > 0
        )
        if not found:
            raise Misfit(f"'{votes[0][0]}' is missing")
        return [size for size, _ in found.most_common()]

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
    """Our parameters from theirs, once all names and shapes are right; else a Misfit names the first that is not."""
    frame = (plan.channels, *(plan.size or plan.probe))
    try:
        with torch.device("meta"):
            network = catalog.build("models", model, plan.options, shape=frame, context=plan.context or 10, horizon=10)
    except BenchError as error:
        raise Misfit(f"its sizes cannot be: {error}") from error
    shapes: dict[str, Shape] = {name: tuple(tensor.shape) for name, tensor in network.state_dict().items()}
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
    made = {}
    for ours, source in parameters.items():
        shape = [size or 0 for size in shapes[ours]]
        if ours in defaulted:
            made[ours] = torch.full(shape, defaulted[ours])
        else:
            made[ours] = source.make(*(weights[key] for key in source.keys)).reshape(shape)
        if not _finite(made[ours]):
            raise Misfit(f"'{source.keys[0]}' holds values that are no finite numbers")
    return made


def _finite(tensor: Tensor) -> bool:
    """Whether all values are finite. The sum tells it in one pass unless it overflows."""
    return not tensor.is_floating_point() or bool(tensor.sum().isfinite()) or bool(tensor.isfinite().all())


def _absent(
    defaults: Mapping[str, float], parameters: Mapping[str, Source], weights: Mapping[str, Tensor]
) -> Mapping[str, float]:
    """The defaults, if the file has none of these weights."""
    return {} if any(key in weights for ours in defaults for key in parameters[ours].keys) else defaults


def _compare(expected: Mapping[str, Shape], weights: Mapping[str, Tensor]) -> None:
    missing = [key for key in expected if key not in weights]
    extra = [key for key in weights if key not in expected]
    if missing or extra:
        found = [f"'{missing[0]}' is missing{_more(missing)}"] if missing else []
        found += [f"'{extra[0]}' is not expected{_more(extra)}"] if extra else []
        raise Misfit(" and ".join(found))
    for key, shape in expected.items():
        found_shape = tuple(weights[key].shape)
        if len(found_shape) != len(shape) or any(b not in (None, a) for a, b in zip(found_shape, shape, strict=True)):
            wanted = ", ".join("?" if size is None else str(size) for size in shape)
            raise Misfit(f"'{key}' has the shape {list(found_shape)}, not [{wanted}]")


def _more(keys: Sequence[str]) -> str:
    return f" (and {len(keys) - 1} more)" if len(keys) > 1 else ""
