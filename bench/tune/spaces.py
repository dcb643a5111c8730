"""Where settings are drawn from: a function from an Optuna trial to a RunSpec, so that conditional spaces are plain `if`s."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

from bench.common import trust
from bench.common.errors import BenchError, listed
from bench.spec.loading import canonical, did_you_mean_file, module_of
from bench.spec.runspec import RunSpec

POINTS = 3  # of a range, in a grid
CORNERS = 64  # combinations of choices that are tried to learn what a space does


@dataclass(frozen=True)
class Space:
    """draw: a trial -> a RunSpec, whose choices it asks the trial for. start: the choices that are tried first, if any."""

    name: str
    draw: Callable[[Any], RunSpec]
    start: dict[str, Any] | None = None


def names() -> list[str]:
    """The search spaces of experiments/tuning.py."""
    return list(importlib.import_module("experiments.tuning").SPACES)


def load(name: str, scale: str) -> Space:
    """The search space of that name in experiments/tuning.py, or in that Python file.

    A file of one's own defines `space(trial, scale)`, and may define `start(scale)`.
    """
    if name.endswith(".py"):
        module = module_of(Path(name), "search space")
        draw, start = getattr(module, "space", None), getattr(module, "start", None)
        if draw is None:
            raise BenchError(f"{name} defines no function `space(trial, scale)`; experiments/tuning.py shows some")
        _refuse_other_arguments(name, draw, "space", "trial", "scale")
        if start:
            _refuse_other_arguments(name, start, "start", "scale")
        name = Path(name).stem
    else:
        spaces = importlib.import_module("experiments.tuning").SPACES
        if canonical(name) not in spaces:
            raise BenchError(f"there is no search space '{name}'{did_you_mean_file(name, [*spaces, 'comparison'])}")
        name = canonical(name)
        draw, start = spaces[name]

    def drawn(trial: Any) -> RunSpec:
        spec = draw(trial, scale)
        if not isinstance(spec, RunSpec):
            raise BenchError(f"the search space {name} must return a RunSpec, got {type(spec).__name__}")
        trust.allow(spec.modules())  # named by code of the user's own
        return spec

    return Space(name, drawn, start(scale) if start else None)


def with_settings(space: Space, settings: Sequence[str]) -> Space:
    """The space with every `--set` applied to all that it draws; BenchError for a setting that the search chooses itself."""
    for setting in settings:
        path = setting.partition("=")[0].strip().replace("-", "_")
        if path == "seed":
            raise BenchError(f"--set {setting}: --seeds says how many seeds each trial has")
        if path in (searched := _searched(space)) or any(name.startswith(f"{path}.") for name in searched):
            raise BenchError(f"--set {setting}: the search space {space.name} chooses {listed(sorted(searched))} itself")

    def drawn(trial: Any) -> RunSpec:
        spec = space.draw(trial)
        for setting in settings:
            spec = spec.edited(setting)
        trust.allow(spec.modules())
        return spec

    return replace(space, draw=drawn) if settings else space


def _searched(space: Space) -> set[str]:
    """The settings that a space varies, by the names that `--set` takes."""
    flat_specs: list[dict[str, Any]] = []
    for walk in islice(_walks(space, 2, forgiving=True), CORNERS):
        with suppress(BenchError):
            flat_specs.append(drawn(space, walk.values).flat())
    return {
        name for settings in flat_specs for name in settings if any(other.get(name) != settings[name] for other in flat_specs)
    }


def _refuse_other_arguments(file: str, function: Callable[..., Any], name: str, *arguments: str) -> None:
    """Refuse a function of the user's that cannot be called with these arguments."""
    try:
        signature = inspect.signature(function)
        signature.bind(*arguments)
    except TypeError:
        raise BenchError(f"{file} defines {name}{signature}, and it is called as {name}({', '.join(arguments)})") from None


def grid(space: Space, points: int = POINTS) -> list[dict[str, Any]]:
    """Every combination of a space's choices, of a range so many evenly spaced points (in logarithm where the range is)."""
    return [walk.values for walk in _walks(space, points)]


def typical(space: Space) -> RunSpec:
    """One spec of the space: its start, else the first that there is."""
    refusals = []
    for choices in points(space):
        try:
            return drawn(space, choices)
        except BenchError as error:
            refusals.append(error)
    raise refusals[0]


def base(space: Space) -> RunSpec | None:
    """The start of a space, which a search is to improve on; None if it has none."""
    return drawn(space, space.start) if space.start else None


def points(space: Space) -> Iterator[dict[str, Any]]:
    """The start of a space; if it has none, choices spread over it, some of which may be invalid."""
    if space.start:
        yield space.start
        return
    yield {}
    yield from (walk.values for walk in islice(_walks(space, 2, forgiving=True), CORNERS))


def drawn(space: Space, values: dict[str, Any]) -> RunSpec:
    """The spec that a space draws with these choices; a choice that `values` lacks takes its first value."""
    return space.draw(_Walk([], POINTS, values))


def choices(space: Space) -> dict[str, str]:
    """The choices of a space by name, with their ranges as text; of a conditional space, those that a few walks meet."""
    ranges: dict[str, str] = {}
    for walk in islice(_walks(space, 2, forgiving=True), CORNERS):
        ranges |= walk.ranges
    return ranges


def _walks(space: Space, points: int, forgiving: bool = False) -> Iterator[_Walk]:
    """Depth first: each walk takes the next branch of the last choice that has one left.

    forgiving: a walk that the space refuses is yielded, too, with the choices up to there.
    """
    path: list[int] = []
    while True:
        walk = _Walk(path, points)
        with suppress(*[BenchError] * forgiving):
            space.draw(walk)
        yield walk
        path = [branch for branch, _ in walk.branches]
        while path and path[-1] + 1 == walk.branches[len(path) - 1][1]:
            path.pop()
        if not path:
            return
        path[-1] += 1


class _Walk:
    """Answers like a trial: with fixed values, else the branches of a path, else first branches; records its choices."""

    def __init__(self, path: Sequence[int], points: int, fixed: dict[str, Any] | None = None):
        self.path, self.points, self.fixed = path, points, fixed or {}
        self.branches: list[tuple[int, int]] = []  # (branch, how many there are) of every choice
        self.values: dict[str, Any] = {}
        self.ranges: dict[str, str] = {}  # as text

    def suggest_categorical(self, name: str, choices: Sequence[Any]) -> Any:
        self.ranges[name] = ", ".join(map(str, choices))
        return self._take(name, list(choices))

    def suggest_int(self, name: str, low: int, high: int, *, step: int = 1, log: bool = False) -> int:
        self.ranges[name] = _range(low, high, step if step != 1 else None, log)
        whole = range(low, high + 1, step)
        if len(whole) <= self.points:
            return int(self._take(name, list(whole)))
        near = (low + step * round((x - low) / step) for x in self._spread(low, high, log))
        return int(self._take(name, sorted({min(x, whole[-1]) for x in near})))

    def suggest_float(self, name: str, low: float, high: float, *, step: float | None = None, log: bool = False) -> float:
        self.ranges[name] = _range(low, high, step, log)
        spread = self._spread(low, high, log)
        return float(self._take(name, [low + step * round((x - low) / step) for x in spread] if step else spread))

    def _spread(self, low: float, high: float, log: bool) -> list[float]:
        shares = [i / (self.points - 1) for i in range(self.points)]
        inside = [low * (high / low) ** s if log else low + (high - low) * s for s in shares[1:-1]]
        return [low, *inside, high]

    def _take(self, name: str, values: list[Any]) -> Any:
        if name not in self.values:  # asked twice, a trial answers the same
            if name in self.fixed:
                self.values[name] = self.fixed[name]
            else:
                branch = self.path[len(self.branches)] if len(self.branches) < len(self.path) else 0
                self.branches.append((branch, len(values)))
                self.values[name] = values[branch]
        return self.values[name]


def _range(low: float, high: float, step: float | None, log: bool) -> str:
    return f"{low:g} to {high:g}" + (f" in steps of {step:g}" if step else "") + (", logarithmic" if log else "")
