"""A stand-in for an Optuna trial: it visits the choices of a search space one by one, without a study."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from math import isfinite
from typing import Any

from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
    check_distribution_compatibility,
)

from bench.common.errors import BenchError


class BrokenSpace(BenchError):
    """A search space that does not work, whatever is chosen: an error in its code, or an impossible range."""


class Walk:
    """Answers like a trial: with fixed values, else the branches of a path, else first branches; records its choices.

    Ranges are checked as Optuna checks them; BrokenSpace for one that it would refuse.
    """

    number = 0

    def __init__(self, path: Sequence[int], points: int, fixed: dict[str, Any] | None = None):
        self.path, self.points, self.fixed = path, points, fixed or {}
        self.branches: list[tuple[int, int]] = []  # (branch, how many there are) of every choice
        self.params: dict[str, Any] = {}
        self.distributions: dict[str, BaseDistribution] = {}
        self.user_attrs: dict[str, Any] = {}

    def suggest_categorical(self, name: str, choices: Sequence[Any]) -> Any:
        values = list(choices)
        self._check(name, partial(CategoricalDistribution, values))
        return self._take(name, values)

    def suggest_int(self, name: str, low: int, high: int, *, step: int = 1, log: bool = False) -> int:
        self._check(name, partial(IntDistribution, low, high, log, step))
        whole = range(low, high + 1, step)
        if len(whole) <= self.points:
            return int(self._take(name, list(whole)))
        near = (low + step * round((x - low) / step) for x in self._spread(low, high, log))
        return int(self._take(name, sorted({min(x, whole[-1]) for x in near})))

    def suggest_float(self, name: str, low: float, high: float, *, step: float | None = None, log: bool = False) -> float:
        if not (isfinite(low) and isfinite(high)):
            raise BrokenSpace(f"the choice '{name}': a range from {low:g} to {high:g} has no end")
        self._check(name, partial(FloatDistribution, low, high, log, step))
        spread = self._spread(low, high, log)
        return float(self._take(name, [low + step * round((x - low) / step) for x in spread] if step else spread))

    def set_user_attr(self, key: str, value: Any) -> None:
        self.user_attrs[key] = value

    def _check(self, name: str, make: Callable[[], BaseDistribution]) -> None:
        try:
            distribution = make()
            if name in self.distributions:
                check_distribution_compatibility(self.distributions[name], distribution)
            if name in self.fixed:
                distribution.to_internal_repr(self.fixed[name])
        except (TypeError, ValueError) as error:
            raise BrokenSpace(f"the choice '{name}': {str(error).rstrip('.')}") from error
        self.distributions[name] = distribution

    def _spread(self, low: float, high: float, log: bool) -> list[float]:
        shares = [i / (self.points - 1) for i in range(self.points)]
        inside = [low * (high / low) ** s if log else low + (high - low) * s for s in shares[1:-1]]
        return [low, *inside, high]

    def _take(self, name: str, values: list[Any]) -> Any:
        if name not in self.params:  # asked twice, a trial answers the same
            if name in self.fixed:
                self.params[name] = self.fixed[name]
            else:
                branch = self.path[len(self.branches)] if len(self.branches) < len(self.path) else 0
                self.branches.append((branch, len(values)))
                self.params[name] = values[branch]
        return self.params[name]


def shown(distribution: BaseDistribution) -> str:
    """What a choice is taken from: `4, 8` or `0.0001 to 0.1, logarithmic`."""
    if isinstance(distribution, CategoricalDistribution):
        return ", ".join(map(str, distribution.choices))
    assert isinstance(distribution, IntDistribution | FloatDistribution)
    steps = f" in steps of {distribution.step:g}" if distribution.step not in (None, 1) else ""
    return f"{distribution.low:g} to {distribution.high:g}{steps}" + (", logarithmic" if distribution.log else "")
