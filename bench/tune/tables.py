"""A study as plain tables, for reports that know nothing of Optuna."""

from __future__ import annotations

import math
from typing import Any

import optuna
import pandas as pd
from optuna.distributions import FloatDistribution, IntDistribution
from optuna.trial import FrozenTrial, TrialState

from bench.common.errors import BenchError
from bench.metrics import METRICS
from bench.store.search_results import read
from bench.tune.study import Study
from reports.metric import Metric
from reports.tuning import COMPLETE, FAILED, PRUNED, Searched

STATES = {TrialState.COMPLETE: COMPLETE, TrialState.PRUNED: PRUNED, TrialState.FAIL: FAILED, TrialState.RUNNING: "running"}
ENOUGH = 4  # complete trials below which nothing is said about what mattered
SEARCH_COSTS = {"cost": Metric("down", "", 0, label="FLOPs per clip"), "seconds": Metric("down", "s", 0, label="training time")}


def searched(study: Study) -> Searched:
    """Everything that the record and the store know about a search."""
    names = study.aim.objectives
    trials = [trial for trial in study.trials() if trial.state in STATES]
    columns = ["trial", "state", "reason", "trained", *names]
    steps = [(t.number, step, value) for t in trials for step, value in sorted(t.intermediate_values.items())]
    settings = pd.DataFrame({t.number: pd.Series(t.params, dtype=object) for t in trials}).T
    logarithmic = {name for t in trials for name, drawn in t.distributions.items() if _logarithmic(drawn)}
    ranking = study.ranking()
    return Searched(
        name=study.name,
        objectives={name: _metric(name) for name in names},
        trials=pd.DataFrame([_row(study, trial) for trial in trials], columns=columns),
        settings=settings.infer_objects(),
        logarithmic=frozenset(logarithmic),
        curves=pd.DataFrame(steps, columns=["trial", "step", "value"]),
        importances=_importances(study),
        front=tuple(trial.number for trial in (ranking if len(names) > 1 else ranking[:1])),
        confirmed=_confirmed(study),
    )


def _row(study: Study, trial: FrozenTrial) -> tuple[Any, ...]:
    names = study.aim.objectives
    values = trial.values if trial.state == TrialState.COMPLETE else [math.nan] * len(names)
    if trial.state == TrialState.PRUNED and len(names) == 1 and trial.intermediate_values:
        values = [trial.intermediate_values[max(trial.intermediate_values)]]
    words = str(trial.user_attrs.get("reason", "")).removesuffix(f" by study {study.name}")
    kind = f"{trial.user_attrs['kind']}: " if "kind" in trial.user_attrs else ""
    return trial.number, STATES[trial.state], kind + words, float(trial.user_attrs.get("seconds", math.nan)), *values


def _importances(study: Study) -> dict[str, float]:
    """fANOVA's, of settings that every complete trial had; most important first."""
    complete = [trial for trial in study.trials() if trial.state == TrialState.COMPLETE]
    if len(complete) < ENOUGH:
        return {}
    evaluator = optuna.importance.FanovaImportanceEvaluator(seed=0)
    try:
        found = optuna.importance.get_param_importances(study.record, evaluator=evaluator, target=lambda trial: trial.values[0])
    except (ValueError, RuntimeError):  # settings or values that do not vary
        return {}
    return {name: float(share) for name, share in found.items()}


def _confirmed(study: Study) -> pd.DataFrame:
    try:
        candidates = read(study.store, study.name, study.aim.scale).candidates
    except BenchError:
        candidates = []
    rows = [
        {"trial": one.trial, "seeds": ", ".join(map(str, one.seeds))}
        | {f"search {name}": value for name, value in zip(study.aim.objectives, one.search, strict=True)}
        | {
            f"confirmed {name}": value
            for name, value in zip(study.aim.objectives, one.confirmed or [math.nan] * len(one.search), strict=True)
        }
        for one in candidates
    ]
    return pd.DataFrame(rows)


def _metric(name: str) -> Metric:
    if name in SEARCH_COSTS:
        return SEARCH_COSTS[name]
    return METRICS[name]


def _logarithmic(drawn: object) -> bool:
    return isinstance(drawn, (FloatDistribution, IntDistribution)) and drawn.log
