"""Where settings are drawn from: a function from an Optuna trial to a RunSpec, so that conditional spaces are plain `if`s."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

from optuna.distributions import BaseDistribution, check_distribution_compatibility

from bench.common import trust
from bench.common.errors import BenchError, listed
from bench.spec.loading import canonical, did_you_mean_file, errors_of_user_file, module_of
from bench.spec.runspec import RunSpec
from bench.tune.walk import BrokenSpace, Walk, shown

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
    file = name
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

    def draw_checked(trial: Any) -> RunSpec:
        with errors_of_user_file(file, "space(trial, scale)", BrokenSpace):
            spec = draw(trial, scale)
        if not isinstance(spec, RunSpec):
            raise BrokenSpace(f"the search space {name} must return a RunSpec, got {type(spec).__name__}")
        trust.allow(spec.modules())  # named by code of the user's own
        return spec

    return Space(name, draw_checked, _start(file, start, scale) if start else None)


def _start(file: str, start: Callable[[str], Any], scale: str) -> dict[str, Any]:
    """The choices that are tried first."""
    with errors_of_user_file(file, "start(scale)", BrokenSpace):
        choices = start(scale)
    if not isinstance(choices, dict):
        raise BrokenSpace(f"`start(scale)` of {file} must return a dict of choices, got {type(choices).__name__}")
    return choices


def with_settings(space: Space, settings: Sequence[str]) -> Space:
    """The space with every `--set` applied to all that it draws; BenchError for a setting that the search chooses itself."""
    for setting in settings:
        path = setting.partition("=")[0].strip().replace("-", "_")
        if path == "seed":
            raise BenchError(f"--set {setting}: --seeds says how many seeds each trial has")
        if path in (searched := _searched(space)) or any(name.startswith(f"{path}.") for name in searched):
            raise BenchError(f"--set {setting}: the search space {space.name} chooses {listed(sorted(searched))} itself")

    def draw_with_settings(trial: Any) -> RunSpec:
        spec = space.draw(trial)
        for setting in settings:
            spec = spec.edited(setting)
        trust.allow(spec.modules())
        return spec

    return replace(space, draw=draw_with_settings) if settings else space


def _searched(space: Space) -> set[str]:
    """The settings that a space varies, by the names that `--set` takes."""
    flat_specs: list[dict[str, Any]] = []
    for walk in islice(_walks(space, 2, forgiving=True), CORNERS):
        with suppress(BenchError):
            flat_specs.append(spec_for(space, walk.params).flat())
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


def grid(space: Space, points_per_range: int = POINTS) -> list[dict[str, Any]]:
    """Every combination of a space's choices, of a range so many evenly spaced points (in logarithm where the range is)."""
    return [walk.params for walk in _walks(space, points_per_range)]


def typical(space: Space) -> RunSpec:
    """One spec of the space: its start, else the first that there is."""
    refusals = []
    for choices in first_choices(space):
        try:
            return spec_for(space, choices)
        except BrokenSpace:
            raise
        except BenchError as error:
            refusals.append(error)
    raise refusals[0]


def base(space: Space) -> RunSpec | None:
    """The start of a space, which a search is to improve on; None if it has none."""
    return spec_for(space, space.start) if space.start else None


def first_choices(space: Space) -> Iterator[dict[str, Any]]:
    """The start of a space; if it has none, choices spread over it, some of which may be invalid."""
    if space.start:
        yield space.start
        return
    yield {}
    yield from (walk.params for walk in islice(_walks(space, 2, forgiving=True), CORNERS))


def spec_for(space: Space, values: dict[str, Any]) -> RunSpec:
    """The spec that a space gives for these choices; a choice that `values` lacks takes its first value."""
    return space.draw(Walk([], POINTS, values))


def choices(space: Space) -> dict[str, str]:
    """The choices of a space by name, with their ranges as text."""
    return {name: shown(distribution) for name, distribution in distributions(space).items()}


def distributions(space: Space) -> dict[str, BaseDistribution]:
    """What the choices of a space are taken from, by name; of a conditional space, those that a few walks meet.

    BrokenSpace if the space does not work, or if Optuna would refuse what it asks for.
    """
    by_name: dict[str, BaseDistribution] = {}
    for walk in islice(_walks(space, 2, forgiving=True), CORNERS):
        for name, distribution in walk.distributions.items():
            if not _compatible(by_name.setdefault(name, distribution), distribution):
                raise BrokenSpace(
                    f"the search space {space.name} takes '{name}' from {shown(by_name[name])}, and elsewhere from "
                    f"{shown(distribution)}; give each choice a name of its own"
                )
    return by_name


def refuse_changes(space: Space, study: str, recorded: Mapping[str, BaseDistribution]) -> None:
    """Refuse to continue a study with other choices than those that its trials have recorded: Optuna cannot mix them."""
    for name, distribution in distributions(space).items():
        if name in recorded and not _compatible(recorded[name], distribution):
            raise BenchError(
                f"the search '{study}' took '{name}' from {shown(recorded[name])}, and the search space takes it from "
                f"{shown(distribution)} now; `--study NAME` starts another search, or undo the change to continue this one"
            )


def _compatible(earlier: BaseDistribution, later: BaseDistribution) -> bool:
    """Whether Optuna takes both for the same choice: it allows other ends of a range, but no other choices."""
    try:
        check_distribution_compatibility(earlier, later)
    except ValueError:
        return False
    return True


def _walks(space: Space, points_per_range: int, forgiving: bool = False) -> Iterator[Walk]:
    """Depth first: each walk takes the next branch of the last choice that has one left.

    forgiving: a walk that the space refuses is yielded, too, with the choices up to there. BrokenSpace is never forgiven.
    """
    path: list[int] = []
    while True:
        walk = Walk(path, points_per_range)
        try:
            space.draw(walk)
        except BenchError as error:
            if isinstance(error, BrokenSpace) or not forgiving:
                raise
        yield walk
        path = [branch for branch, _ in walk.branches]
        while path and path[-1] + 1 == walk.branches[len(path) - 1][1]:
            path.pop()
        if not path:
            return
        path[-1] += 1
