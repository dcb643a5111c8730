"""One trial and its runs."""

from __future__ import annotations

from collections.abc import Iterator

import optuna
from optuna.trial import FrozenTrial

from bench.spec.runspec import RunSpec
from bench.store.metrics_log import steps_per_second
from bench.store.run import FINISHED, Run
from bench.sweep.damaged_scores import set_aside_damaged_scores
from bench.sweep.plan import PlannedRun, plan_run
from bench.tune.objectives import OBJECTIVES
from bench.tune.study import Study, format_settings


class OpenTrial:
    """An unfinished trial. Its runs, one per seed, are trained one after the other, so that a poor trial costs only one.

    pruned: why it is to end early, as text. ours: whether this search started the present run, and so may stop it.
    """

    def __init__(self, study: Study, trial: optuna.Trial, planned_runs: list[PlannedRun]):
        self.study, self.trial, self.planned_runs = study, trial, planned_runs
        self.pruned = str(trial.user_attrs.get("pruned", ""))
        self.ours = False
        self.reported = max(study.trials()[trial.number].intermediate_values, default=-1)
        self.steps = sum(planned.spec.steps for planned in planned_runs)
        self._logged = OBJECTIVES[study.aim.objectives[0]].logged if len(study.aim.objectives) == 1 else ""
        self._stamp: list[tuple[int, int]] = []

    @property
    def number(self) -> int:
        return self.trial.number

    def unfinished(self) -> PlannedRun | None:
        """The run that is next, as it is now; None once all are finished."""
        now = (refreshed_run(planned, self.study) for planned in self.planned_runs)
        return next((planned for planned in now if planned.state != FINISHED), None)

    def news(self) -> Iterator[tuple[int, float]]:
        """(step, mean over the runs so far) of every validation not reported yet; steps count on from run to run."""
        if self._logged and self._changed():
            yield from (point for point in self._curve() if point[0] > self.reported)

    def _curve(self) -> Iterator[tuple[int, float]]:
        total, before = 0.0, 0
        for index, planned in enumerate(self.planned_runs):
            step, value = 0, 0.0
            for line in planned.run.metrics.lines():
                if self._logged in line:
                    step, value = int(line["step"]), line[self._logged]
                    yield before + step, (total + value) / (index + 1)
            if step < planned.spec.steps:
                return
            total, before = total + value, before + planned.spec.steps

    def _changed(self) -> bool:
        files = [planned.run.path / "metrics.jsonl" for planned in self.planned_runs]
        stamp = [(stat.st_size, stat.st_mtime_ns) for stat in (file.stat() for file in files if file.exists())]
        changed, self._stamp = stamp != self._stamp, stamp
        return changed


def runs_of_trial(study: Study, trial: optuna.Trial | FrozenTrial, spec: RunSpec) -> list[PlannedRun]:
    """The runs of a trial with that spec, one per seed, named by what it tries."""
    seeds = range(spec.seed, spec.seed + study.aim.seeds)
    label = f"trial {trial.number}: {format_settings(trial)}"
    return [plan_run(label, spec.but(seed=seed), study.store, (study.evaluation.at(spec),)) for seed in seeds]


def runs_in_record(study: Study, trial: FrozenTrial) -> list[PlannedRun]:
    """The runs of a trial of the record; none if it was cut off before it had any."""
    if "runs" not in trial.user_attrs:
        return []
    return runs_of_trial(study, trial, RunSpec.from_json(trial.user_attrs["spec"]))


def refreshed_run(planned: PlannedRun, study: Study) -> PlannedRun:
    """The run as it is now. Damaged scores are set aside, so that it is to be scored again."""
    current = plan_run(planned.label, planned.spec, study.store, planned.evaluations)
    return set_aside_damaged_scores([current], study.store, whole=True)[0]


def seconds(run: Run) -> float:
    """Seconds of training so far; of a run that ended early, at the speed that its log shows."""
    if "train_seconds" in (provenance := run.provenance()):
        return float(provenance["train_seconds"])
    speed = steps_per_second(run.metrics.lines())
    return run.metrics.step() / speed if speed else 0.0
