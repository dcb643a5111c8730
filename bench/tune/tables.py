"""A study as plain values, for reports that do not import Optuna."""

from __future__ import annotations

import contextlib
import math
from typing import Any

import optuna
import pandas as pd
from optuna.distributions import FloatDistribution, IntDistribution
from optuna.trial import FrozenTrial, TrialState

from bench.common.display import published
from bench.common.errors import BenchError
from bench.metrics import METRICS
from bench.store.run import FINISHED
from bench.store.search_results import Candidate, read, search_command
from bench.sweep.plan import plan_run
from bench.tune.objectives import value
from bench.tune.study import Study
from reports.metric import Metric
from reports.quantities import several
from reports.tuning import COMPLETE, ENOUGH, FAILED, PRUNED, Confirmed, Searched

STATES = {TrialState.COMPLETE: COMPLETE, TrialState.PRUNED: PRUNED, TrialState.FAIL: FAILED, TrialState.RUNNING: "running"}
SEARCH_COSTS = {
    "cost": Metric("down", "", 0, label="FLOPs per clip"),
    "seconds": Metric("down", "s", 1, label="training time"),
}
EVALUATOR = "fANOVA (Optuna's FanovaImportanceEvaluator; Hutter et al., 2014)"


def searched(study: Study, importances: bool = True) -> Searched:
    """Everything that the record and the store know about a search.

    importances: whether to compute how much each setting mattered, which takes about a second.
    """
    names = study.aim.objectives
    trials = [trial for trial in study.trials() if trial.state in STATES]
    columns = ["trial", "state", "reason", "trained", *names]
    steps = [(t.number, step, value) for t in trials for step, value in sorted(t.intermediate_values.items())]
    drawn = dict.fromkeys(name for trial in trials for name in trial.params)  # in the order that they were asked for
    settings = {
        name: pd.Series({t.number: _plain(t.params.get(name, math.nan)) for t in trials}, dtype=object) for name in drawn
    }
    logarithmic = {name for t in trials for name, drawn in t.distributions.items() if _logarithmic(drawn)}
    ranking = study.ranking()
    return Searched(
        name=study.name,
        scale=study.aim.scale,
        objectives={name: metric(name) for name in names},
        trials=pd.DataFrame([_row(study, trial) for trial in trials], columns=columns),
        settings=pd.DataFrame(settings, index=[trial.number for trial in trials]).infer_objects(),
        logarithmic=frozenset(logarithmic),
        curves=pd.DataFrame(steps, columns=["trial", "step", "value"]),
        importances=_importances(study) if importances else {},
        evaluator=EVALUATOR,
        front=tuple(trial.number for trial in (ranking if len(names) > 1 else ranking[:1])),
        confirmed=_confirmed(study),
        confirming=f"{search_command(study.store, study.name, study.aim.scale)} --confirm 1",
        notes=_notes(study, trials),
    )


def metric(name: str) -> Metric:
    """How the values of an objective are written."""
    return SEARCH_COSTS[name] if name in SEARCH_COSTS else METRICS[name]


def _row(study: Study, trial: FrozenTrial) -> tuple[Any, ...]:
    names = study.aim.objectives
    values = trial.values if trial.state == TrialState.COMPLETE else [math.nan] * len(names)
    if trial.state == TrialState.PRUNED and len(names) == 1 and trial.intermediate_values:
        values = [trial.intermediate_values[max(trial.intermediate_values)]]
    words = str(trial.user_attrs.get("reason", "")).removesuffix(f" by study {study.name}")
    kind = f"{trial.user_attrs['kind']}: " if "kind" in trial.user_attrs else ""
    reason = published(kind + words, study.store.root)
    return trial.number, STATES[trial.state], reason, float(trial.user_attrs.get("seconds", math.nan)), *values


def _plain(value: Any) -> Any:
    """A setting as a table can hold it: a choice between True, False and None is one between words."""
    return str(value) if value is None or isinstance(value, bool) else value


def _importances(study: Study) -> dict[str, float]:
    """fANOVA's, of settings that every complete trial had; most important first."""
    complete = [trial for trial in study.trials() if trial.state == TrialState.COMPLETE]
    if len(complete) < ENOUGH:
        return {}
    fanova = optuna.importance.FanovaImportanceEvaluator(seed=0)
    try:
        shares = optuna.importance.get_param_importances(
            study.optuna_study, evaluator=fanova, target=lambda trial: trial.values[0]
        )
    except (ValueError, RuntimeError):  # settings or values that do not vary
        return {}
    return {name: float(share) for name, share in shares.items()}


def _confirmed(study: Study) -> list[Confirmed]:
    """The stored candidates of the search, with the scores of each fresh seed that the store has."""
    try:
        candidates = read(study.store, study.name, study.aim.scale).candidates
    except BenchError:
        return []
    names = study.aim.objectives
    return [
        Confirmed(
            candidate.trial,
            candidate.seeds,
            dict(zip(names, candidate.search, strict=False)),
            dict(zip(names, candidate.confirmed or [], strict=False)),
            _of_seeds(study, candidate) if candidate.confirmed else {},
            candidate.diverged,
        )
        for candidate in candidates
    ]


def _of_seeds(study: Study, candidate: Candidate) -> dict[str, list[float]]:
    """Objective -> its value with each fresh seed; empty where runs are gone or damaged, whose mean is still known."""
    spec, evaluation = candidate.spec, (study.evaluation.at(candidate.spec),)
    runs = [plan_run(candidate.settings, spec.but(seed=seed), study.store, evaluation) for seed in candidate.seeds]
    with contextlib.suppress(BenchError, OSError, KeyError):
        if all(planned.state == FINISHED for planned in runs):
            return {name: [value(name, [planned]) for planned in runs] for name in study.aim.objectives}
    return {}


def _notes(study: Study, trials: list[FrozenTrial]) -> list[str]:
    """Footnotes that hold for all trials."""
    aim, judged = study.aim, study.evaluation
    seeds = "one seed" if aim.seeds == 1 else f"the mean over {aim.seeds} seeds"
    fixed = [f"Set for every trial: {', '.join(aim.settings)}."] if aim.settings else []
    return [
        f"Judged on {'all clips' if judged.clips is None else several(judged.clips, 'clip')} of the validation split, "
        f"{seeds} a trial, protocol standard; never on test clips.",
        *fixed,
    ]


def _logarithmic(drawn: object) -> bool:
    return isinstance(drawn, (FloatDistribution, IntDistribution)) and drawn.log
