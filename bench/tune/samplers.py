"""Samplers, which suggest settings, and pruners, which end poor trials early.

A sampler is seeded anew for every trial, from the study's seed and the trial's number: its suggestions follow from the record
alone, so that a search that was killed continues as if it had not been. Random and grid do not depend on the record.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from typing import Any

import numpy as np
from optuna.distributions import BaseDistribution
from optuna.exceptions import ExperimentalWarning
from optuna.pruners import BasePruner, HyperbandPruner, MedianPruner, NopPruner
from optuna.samplers import BaseSampler, CmaEsSampler, GPSampler, RandomSampler, TPESampler
from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState

from bench.common.errors import BenchError, did_you_mean, listed

SAMPLERS = ("tpe", "random", "gp", "cmaes", "grid")
PRUNERS = ("hyperband", "median", "none")
NEEDS = {"cmaes": ("cmaes",), "gp": ("scipy", "torch")}  # packages that Optuna leaves to its users
STARTUP = 6  # trials at random before a sampler learns from them: budgets are small here
EARLIEST = 9  # no trial is pruned before a ninth of its training


def sampler(name: str, seed: int, objectives: int = 1, grid: Sequence[dict[str, Any]] = ()) -> BaseSampler:
    """The sampler of that name; `grid` lists the points of a grid search, which are tried in an order that the seed decides."""
    if name not in SAMPLERS:
        raise BenchError(f"there is no sampler '{name}'{did_you_mean(name, SAMPLERS) or '; there are ' + listed(SAMPLERS)}")
    if missing := [package for package in NEEDS.get(name, ()) if find_spec(package) is None]:
        raise BenchError(f"--sampler {name} needs the package {listed(missing)}: pip install {' '.join(missing)}")
    if name == "cmaes" and objectives > 1:
        raise BenchError("--sampler cmaes searches one objective; use tpe, gp or random for several")
    if name == "grid":
        return Grid(grid, seed)
    return Random(seed) if name == "random" else ReseededSampler(LEARNING[name], seed)


def pruner(name: str, validate_every: int, steps: int) -> BasePruner:
    """The pruner of that name for trials that are validated every so many of so many steps."""
    if name not in PRUNERS:
        raise BenchError(f"there is no pruner '{name}'{did_you_mean(name, PRUNERS) or '; there are ' + listed(PRUNERS)}")
    first = max(validate_every, steps // EARLIEST)
    if name == "hyperband":
        return HyperbandPruner(min_resource=first, max_resource=max(steps, first), reduction_factor=3)
    return MedianPruner(n_startup_trials=4, n_warmup_steps=first) if name == "median" else NopPruner()


def _tpe(seed: int) -> BaseSampler:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)
        # group: conditional settings are learned too. constant_liar: trials that still run are kept away from.
        return TPESampler(n_startup_trials=STARTUP, multivariate=True, group=True, constant_liar=True, seed=seed)


def _gp(seed: int) -> BaseSampler:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)
        return GPSampler(n_startup_trials=STARTUP, seed=seed)


def _cmaes(seed: int) -> BaseSampler:
    return CmaEsSampler(n_startup_trials=1, seed=seed, warn_independent_sampling=False)


LEARNING: dict[str, Callable[[int], BaseSampler]] = {"tpe": _tpe, "gp": _gp, "cmaes": _cmaes}


class Independent(BaseSampler):
    """Suggests each setting by itself."""

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        return {}

    def sample_relative(self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]) -> dict[str, Any]:
        return {}


class Random(Independent):
    """Suggests at random, seeded by the seed, the trial's number and the setting's name alone."""

    def __init__(self, seed: int):
        self.seed = seed

    def sample_independent(self, study: Study, trial: FrozenTrial, name: str, distribution: BaseDistribution) -> Any:
        drawn = RandomSampler(seed=_seed(self.seed, trial.number, *name.encode()))
        return drawn.sample_independent(study, trial, name, distribution)


class Grid(Independent):
    """The points of a grid, each once, in order: the number of earlier trials decides which."""

    # Optuna's BruteForceSampler refuses ranges without steps, shuffles anew in every process and repeats points between them.
    def __init__(self, points: Sequence[dict[str, Any]], seed: int):
        self.points = [points[index] for index in np.random.default_rng(seed).permutation(len(points))]

    def sample_independent(self, study: Study, trial: FrozenTrial, name: str, distribution: BaseDistribution) -> Any:
        earlier = [other for other in study.get_trials(deepcopy=False) if other.number < trial.number]
        earlier_count = sum("again" not in other.user_attrs and other.user_attrs.get("kind") != "surplus" for other in earlier)
        return self.points[earlier_count % len(self.points)][name]


class ReseededSampler(BaseSampler):
    """A sampler that learns from the record, made anew for every trial."""

    def __init__(self, make: Callable[[int], BaseSampler], seed: int):
        self.make, self.seed = make, seed
        self.current = make(seed)

    def before_trial(self, study: Study, trial: FrozenTrial) -> None:
        self.current = self.make(_seed(self.seed, trial.number))
        self.current.before_trial(study, trial)

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        return self.current.infer_relative_search_space(study, trial)

    def sample_relative(self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]) -> dict[str, Any]:
        return self.current.sample_relative(study, trial, search_space)

    def sample_independent(self, study: Study, trial: FrozenTrial, name: str, distribution: BaseDistribution) -> Any:
        return self.current.sample_independent(study, trial, name, distribution)

    def after_trial(self, study: Study, trial: FrozenTrial, state: TrialState, values: Sequence[float] | None) -> None:
        self.current.after_trial(study, trial, state, values)


def _seed(*words: int) -> int:
    return int(np.random.SeedSequence(words).generate_state(1)[0])
