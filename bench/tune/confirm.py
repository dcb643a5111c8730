"""From search to result: the best trials again on seeds that the search has not seen.

The best of many trials is also the luckiest: its search score is too good. What it scores on fresh seeds is what it is worth.
"""

from __future__ import annotations

from optuna.trial import FrozenTrial

from bench.common.errors import BenchError
from bench.spec.runspec import RunSpec
from bench.store import search_results
from bench.store.search_results import Candidate, Result
from bench.store.store import FINISHED
from bench.sweep.plan import Item, look
from bench.tune.objectives import OBJECTIVES, value
from bench.tune.study import Study, finished, settings
from bench.tune.trial import items_in, seconds


def plan(study: Study, best: int, seeds: int) -> list[Item]:
    """The runs that confirm the best trials, each with so many fresh seeds."""
    return [item for trial in study.ranking()[:best] for item in _items(study, trial, seeds)]


def everything(study: Study) -> list[Item]:
    """The runs of all trials, and those begun to confirm what was found."""
    trials = [item for trial in study.trials() for item in items_in(study, trial)]
    try:
        found = search_results.read(study.store, study.name, study.aim.scale).candidates
    except BenchError:  # nothing yet
        return trials
    return [*trials, *(item for item in plan(study, len(found), len(found[0].seeds)) if item.run.path.exists())]


def conclude(study: Study, best: int, seeds: int) -> Result:
    """Write down and return what the study has found. Of the candidates, fresh seeds choose, once they have spoken of all."""
    candidates = [_candidate(study, trial, seeds) for trial in study.ranking()[: max(1, best)]]
    if all(candidate.confirmed for candidate in candidates):
        sign = -1 if OBJECTIVES[study.aim.objectives[0]].better == "higher" else 1
        candidates.sort(key=lambda candidate: sign * (candidate.confirmed or [0.0])[0])
    spent = [trial for trial in study.trials() if finished(trial)]
    searching = sum(float(trial.user_attrs.get("seconds", 0)) for trial in spent)
    confirming = sum(seconds(item.run) for item in plan(study, best, seeds))
    found = Result(
        study.name, study.aim.scale, list(study.aim.objectives), len(spent), round(searching + confirming, 1), candidates
    )
    search_results.write(study.store, found)
    return found


def _candidate(study: Study, trial: FrozenTrial, seeds: int) -> Candidate:
    items = _items(study, trial, seeds)
    known = all(item.state == FINISHED for item in items)
    confirmed = [value(name, items) for name in study.aim.objectives] if known else None
    spec = RunSpec.from_json(trial.user_attrs["spec"])
    return Candidate(trial.number, settings(trial), spec, list(trial.values), [item.seed for item in items], confirmed)


def _items(study: Study, trial: FrozenTrial, seeds: int) -> list[Item]:
    spec = RunSpec.from_json(trial.user_attrs["spec"])
    first = spec.seed + study.aim.seeds
    evaluation = (study.evaluation.at(spec),)
    return [
        look(f"trial {trial.number} again", spec.but(seed=seed), study.store, evaluation)
        for seed in range(first, first + seeds)
    ]
