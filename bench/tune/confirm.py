"""From search to result: the best trials again on seeds that the search has not seen.

The best of many trials is also the luckiest: its search score is too good. What it scores on fresh seeds is what it is worth.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from optuna.trial import FrozenTrial

from bench.errors import BenchError
from bench.files import read_json, write_json
from bench.plan import Item, look
from bench.spec import RunSpec
from bench.store import FINISHED, Store
from bench.tune.objectives import OBJECTIVES, value
from bench.tune.study import Study, finished, settings


@dataclass(frozen=True)
class Candidate:
    """One of the best trials. search: its values in the study; confirmed: means over fresh seeds, once all have finished."""

    trial: int
    settings: str
    spec: RunSpec
    search: list[float]
    seeds: list[int]
    confirmed: list[float] | None

    def to_json(self) -> dict[str, Any]:
        return {**asdict(self), "spec": self.spec.to_json()}


@dataclass(frozen=True)
class Result:
    """What a search found and what it cost: candidates, the one to use first. seconds: of training, all trials together."""

    study: str
    scale: str
    objectives: list[str]
    trials: int
    seconds: float
    candidates: list[Candidate]


def plan(study: Study, best: int, seeds: int) -> list[Item]:
    """The runs that confirm the best trials, each with so many fresh seeds."""
    return [item for trial in study.ranking()[:best] for item in _items(study, trial, seeds)]


def conclude(study: Study, best: int, seeds: int) -> Result:
    """Write down and return what the study has found. Of the candidates, fresh seeds choose, once they have spoken of all."""
    candidates = [_candidate(study, trial, seeds) for trial in study.ranking()[:best]]
    if all(candidate.confirmed for candidate in candidates):
        sign = -1 if OBJECTIVES[study.aim.objectives[0]].better == "higher" else 1
        candidates.sort(key=lambda candidate: sign * (candidate.confirmed or [0.0])[0])
    spent = [trial for trial in study.trials() if finished(trial)]
    total = sum(float(trial.user_attrs.get("seconds", 0)) for trial in spent)
    found = Result(study.name, study.aim.scale, list(study.aim.objectives), len(spent), round(total, 1), candidates)
    write_json(study.folder / "result.json", {**asdict(found), "candidates": [one.to_json() for one in candidates]})
    return found


def read(store: Store, name: str, scale: str) -> Result:
    """What the study of that name has found; BenchError if it has found nothing yet. Needs no Optuna storage."""
    values = read_json(store.root / "tuning" / f"{name}-{scale}" / "result.json")
    if not values or not values["candidates"]:
        raise BenchError(
            f"no search '{name}' (scale {scale}) has found anything in {store.root} yet; `bench tune {name}` searches"
        )
    candidates = [Candidate(**{**one, "spec": RunSpec.from_json(one["spec"])}) for one in values["candidates"]]
    return Result(**{**values, "candidates": candidates})


def _candidate(study: Study, trial: FrozenTrial, seeds: int) -> Candidate:
    items = _items(study, trial, seeds)
    known = bool(items) and all(item.state == FINISHED for item in items)
    confirmed = [value(name, items) for name in study.aim.objectives] if known else None
    spec = RunSpec.from_json(trial.user_attrs["spec"])
    return Candidate(trial.number, settings(trial), spec, list(trial.values), [item.seed for item in items], confirmed)


def _items(study: Study, trial: FrozenTrial, seeds: int) -> list[Item]:
    spec = RunSpec.from_json(trial.user_attrs["spec"])
    first = spec.seed + study.aim.seeds
    evaluation = (study.evaluation.at(spec),)
    return [look(f"trial {trial.number}", spec.but(seed=seed), study.store, evaluation) for seed in range(first, first + seeds)]
