"""From search to result: trains the best trials again on seeds that the search has not used.

The best of many trials is also the luckiest: its search score is too good. What it scores on fresh seeds is what it is worth.
"""

from __future__ import annotations

import contextlib

from optuna.trial import FrozenTrial

from bench.common.errors import BenchError
from bench.evaluation.scores import DamagedScores
from bench.spec.runspec import RunSpec
from bench.store import search_results
from bench.store.run import DIVERGED, FINISHED
from bench.store.search_results import Candidate, Result
from bench.sweep.plan import PlannedRun, plan_run, unique
from bench.sweep.retry import retry_failed
from bench.tune.objectives import OBJECTIVES, NoValue, value
from bench.tune.study import RETRIED, Study, counts_towards_budget, format_settings
from bench.tune.trial import refreshed_run, runs_in_record, seconds


def plan(study: Study, best: int, seeds: int) -> list[PlannedRun]:
    """The runs that confirm the best trials, each with so many fresh seeds."""
    return [planned for trial in study.ranking()[:best] for planned in _runs_of(study, trial, seeds)]


def to_train(study: Study, best: int, seeds: int) -> list[PlannedRun]:
    """The same, where those that failed for other reasons than their settings are to be tried again."""
    planned_runs = plan(study, best, seeds)
    retry_failed(planned_runs, RETRIED)
    return [refreshed_run(planned, study) for planned in planned_runs]


def unfinished(study: Study, best: int, seeds: int) -> list[PlannedRun]:
    """Those that are not trained and scored."""
    return [planned for planned in unique(plan(study, best, seeds)) if planned.state != FINISHED]


def everything(study: Study) -> list[PlannedRun]:
    """The runs of all trials, and those that were started to confirm the best."""
    trials = [planned for trial in study.trials() for planned in runs_in_record(study, trial)]
    try:
        candidates = search_results.read(study.store, study.name, study.aim.scale).candidates
    except BenchError:  # the study has no result yet
        return trials
    return [
        *trials,
        *(planned for planned in plan(study, len(candidates), len(candidates[0].seeds)) if planned.run.path.exists()),
    ]


def conclude(study: Study, best: int, seeds: int, base: RunSpec | None = None) -> Result:
    """Store and return the result of the study. Fresh seeds rank the candidates once they have judged all of them.

    One that diverges with a fresh seed ranks behind those that do not, however well it scored in the search.
    base: the start of the space, which `bench run tuned_NAME` compares with the winner.
    """
    candidates = [_candidate(study, trial, seeds) for trial in study.ranking()[: max(1, best)]]
    if all(candidate.settled for candidate in candidates):
        sign = -1 if OBJECTIVES[study.aim.objectives[0]].better == "higher" else 1
        candidates.sort(key=lambda candidate: (len(candidate.diverged), sign * (candidate.confirmed or [0.0])[0]))
    spent = [trial for trial in study.trials() if counts_towards_budget(trial)]
    searching = sum(float(trial.user_attrs.get("seconds", 0)) for trial in spent)
    confirming = sum(seconds(planned.run) for planned in plan(study, best, seeds))
    result = Result(
        study.name, study.aim.scale, list(study.aim.objectives), len(spent), round(searching + confirming, 1), candidates, base
    )
    search_results.write(study.store, result)
    return result


def _candidate(study: Study, trial: FrozenTrial, seeds: int) -> Candidate:
    planned_runs = _runs_of(study, trial, seeds)
    confirmed = None
    if all(planned.state == FINISHED for planned in planned_runs):
        with contextlib.suppress(DamagedScores, NoValue):  # damaged ones are computed again by the next search
            confirmed = [value(name, planned_runs) for name in study.aim.objectives]
    diverged = [planned.seed for planned in planned_runs if planned.state == DIVERGED]
    spec = RunSpec.from_json(trial.user_attrs["spec"])
    tried = [planned.seed for planned in planned_runs]
    return Candidate(trial.number, format_settings(trial), spec, list(trial.values), tried, confirmed, diverged)


def _runs_of(study: Study, trial: FrozenTrial, seeds: int) -> list[PlannedRun]:
    spec = RunSpec.from_json(trial.user_attrs["spec"])
    first = spec.seed + study.aim.seeds
    evaluation = (study.evaluation.at(spec),)
    return [
        plan_run(f"trial {trial.number} again: {format_settings(trial)}", spec.but(seed=seed), study.store, evaluation)
        for seed in range(first, first + seeds)
    ]
