"""The search itself: a watcher of the scheduler that asks Optuna for trials while slots are free, and adds their runs.

Only this process talks to Optuna; runs know nothing of it. The runs of a trial, and that it is to be pruned, are stored before
they are acted on, so that a search that is killed at any moment can be continued.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import optuna
from optuna.trial import FrozenTrial, TrialState

from bench.common.errors import BenchError
from bench.store.failures import Failure
from bench.store.run import BLOCKED, DIVERGED, FAILED, FINISHED, RUNNING
from bench.sweep.plan import PlannedRun
from bench.sweep.retry import retry_failed
from bench.sweep.scheduler import Scheduler
from bench.tune import samplers, spaces
from bench.tune.objectives import NoValue, value
from bench.tune.spaces import Space
from bench.tune.study import RETRIED, SURPLUS, Study, counts_towards_budget
from bench.tune.trial import OpenTrial, runs_in_record, runs_of_trial, seconds
from bench.tune.walk import BrokenSpace

ADOPT_AFTER_S = 60.0  # in a shared study, adopt a running trial that has had no owner for this many seconds


@dataclass(frozen=True)
class SearchBudget:
    """How to search. trials: the total of finished ones. timeout: seconds after which no trial is started."""

    trials: int
    sampler: str = "tpe"
    pruner: str = "hyperband"
    timeout: float | None = None


class Search:
    """A watcher of the scheduler; `watch` it before the scheduler runs. planned_runs: gets the runs of new trials, too."""

    def __init__(self, study: Study, space: Space, budget: SearchBudget, planned_runs: list[PlannedRun]):
        self.study, self.space, self.budget, self.planned_runs = study, space, budget, planned_runs
        self.open_trials: list[OpenTrial] = []
        self.lost = 0  # trials that failed for other reasons than their settings; the next search tries them again
        self._deadline = time.monotonic() + budget.timeout if budget.timeout else None
        self._points = len(grid) if (grid := spaces.grid(space) if budget.sampler == "grid" else []) else None
        typical = spaces.typical(space)
        study.optuna_study.sampler = samplers.sampler(budget.sampler, study.aim.seed, len(study.aim.objectives), grid)
        study.optuna_study.pruner = samplers.pruner(budget.pruner, typical.validate_every, typical.steps * study.aim.seeds)

    def watch(self, scheduler: Scheduler) -> None:
        """Continue the open trials of an earlier search, then ask Optuna for new ones."""
        self.scheduler = scheduler
        trials = self.study.trials()
        recorded = {name: d for trial in trials for name, d in trial.distributions.items()}
        spaces.refuse_changes(self.space, self.study.name, recorded)
        if not trials and self.space.start and self.budget.sampler != "grid":
            self.study.optuna_study.enqueue_trial(self.space.start)
        for trial in trials:
            if trial.state == TrialState.RUNNING and self._was_abandoned(trial):
                # Optuna has no public way to go on with a running trial; a new one would train its runs' settings again.
                self._go_on(optuna.Trial(self.study.optuna_study, trial._trial_id), trial)
        self._ask_again(trials)
        self._fill()

    def started(self, planned: PlannedRun) -> None:
        for open_trial in self._open_trials_of(planned):
            open_trial.ours = True

    def ended(self, planned: PlannedRun) -> None:
        """One run of a trial has ended: start its next run, or tell Optuna the result."""
        for open_trial in self._open_trials_of(planned):
            self._report(open_trial)
        group = self._open_trials_of(planned)
        pruned = next((open_trial.pruned for open_trial in group if open_trial.pruned), "")
        for open_trial in group:
            open_trial.pruned = open_trial.pruned or pruned
            if planned.state in (FAILED, DIVERGED, BLOCKED):
                self._fail(open_trial, planned)
            elif open_trial.pruned:
                self._tell(open_trial, TrialState.PRUNED)
            elif planned.state == FINISHED:
                self._advance(open_trial)
            else:  # stopped by somebody else: it stays open for the next search
                self.open_trials.remove(open_trial)

    def tick(self) -> None:
        """Report logged validations to Optuna, stop runs of pruned trials, and fill free slots with new trials."""
        for open_trial in self.open_trials[:]:
            self._report(open_trial)
        self._fill()

    def trials_left(self) -> int:
        """How many trials are still to be finished."""
        total = self.budget.trials if self._points is None else min(self.budget.trials, self._points)
        return max(0, total - sum(map(counts_towards_budget, self.study.trials())))

    def _fill(self) -> None:
        while self._room():
            trial = self.study.optuna_study.ask()
            self._go_on(trial, self.study.trials()[trial.number])

    def _room(self) -> bool:
        if self.scheduler.stopped_at or self.scheduler.halted or len(self.open_trials) >= self.scheduler.executor.slots:
            return False
        if self._deadline and time.monotonic() > self._deadline:
            return False
        trials = self.study.trials()
        waiting = any(trial.state == TrialState.WAITING for trial in trials)
        if self._points is not None and not waiting and len(_grid_trials(trials)) >= self._points:
            return False
        running = sum(trial.state == TrialState.RUNNING for trial in trials)
        return sum(map(counts_towards_budget, trials)) + running + self.lost < self.budget.trials

    def _was_abandoned(self, trial: FrozenTrial) -> bool:
        """Whether a running trial of the record was left by an earlier search of this store."""
        if "owner" in trial.user_attrs or self.study.url is None:
            return self.study.ours(trial)
        began = trial.datetime_start
        return began is None or time.time() - began.timestamp() > ADOPT_AFTER_S

    def _ask_again(self, trials: Sequence[FrozenTrial]) -> None:
        """Enqueue the settings of trials that failed for other reasons than their settings."""
        replaced = {trial.user_attrs.get("again") for trial in trials}
        room = self.budget.trials - sum(counts_towards_budget(t) or not t.state.is_finished() for t in trials)
        lost = [
            t
            for t in trials
            if t.state == TrialState.FAIL and not counts_towards_budget(t) and t.user_attrs.get("kind") != SURPLUS
        ]
        for trial in [trial for trial in lost if trial.number not in replaced][: max(0, room)]:
            self.study.optuna_study.enqueue_trial(trial.params, user_attrs={"again": trial.number})

    def _go_on(self, trial: optuna.Trial, frozen: FrozenTrial) -> None:
        """Draw a trial's settings, or read them from the record, and start its first run."""
        planned_runs = runs_in_record(self.study, frozen)
        resumed = bool(planned_runs)
        if not resumed:
            if self._surplus(trial.number):
                self._tell_failed(trial, SURPLUS, "others that share the record were faster")
                return
            try:
                spec = self.space.draw(trial)
            except BrokenSpace as error:  # the trial stays open until the space works
                self.scheduler.halted = str(error)
                return
            except BenchError as error:
                self._tell_failed(trial, Failure.CONFIGURATION, str(error))
                return
            planned_runs = runs_of_trial(self.study, trial, spec)
            if self.study.url:
                trial.set_user_attr("owner", self.study.owner)
            trial.set_user_attr("spec", spec.to_json())
            trial.set_user_attr("runs", [planned.run.name for planned in planned_runs])
            self.planned_runs += planned_runs
        if "again" in frozen.user_attrs:
            retry_failed(planned_runs, RETRIED)
        open_trial = OpenTrial(self.study, trial, planned_runs)
        self.open_trials.append(open_trial)
        if "pruned" in frozen.user_attrs:
            self._stop(open_trial)
            self._tell(open_trial, TrialState.PRUNED)
        elif twin := self._pruned_twin(trial.number, planned_runs):
            self._report(open_trial)
            open_trial.pruned = f"same settings as trial {twin.number}, which was pruned"
            self._tell(open_trial, TrialState.PRUNED)
        else:
            open_trial.ours = resumed
            self._advance(open_trial)

    def _advance(self, open_trial: OpenTrial) -> None:
        planned = open_trial.unfinished()
        if planned is None:
            self._report(open_trial)
            self._complete(open_trial)
        elif planned.state in (FAILED, DIVERGED, BLOCKED):
            self._fail(open_trial, planned)
        elif not self.scheduler.has(planned):
            self.scheduler.add(planned)

    def _complete(self, open_trial: OpenTrial) -> None:
        """Tell what a trial is worth; one whose runs lack that has failed."""
        try:
            values = [value(name, open_trial.planned_runs) for name in self.study.aim.objectives]
        except NoValue as error:
            self.open_trials.remove(open_trial)
            self._tell_failed(open_trial.trial, error.kind, str(error), open_trial.planned_runs)
        else:
            self._tell(open_trial, TrialState.COMPLETE, values)

    def _report(self, open_trial: OpenTrial) -> None:
        """Report every validation; if the pruner decides so, store that and ask the run to stop."""
        for step, score in open_trial.news():
            open_trial.trial.report(score, step)
            open_trial.reported = step
            worse = open_trial.trial.should_prune()
            if worse and open_trial.ours and not open_trial.pruned and step < open_trial.steps:
                open_trial.pruned = f"pruned by study {self.study.name}"
                open_trial.trial.set_user_attr("pruned", open_trial.pruned)
        if open_trial.pruned:
            self._stop(open_trial)

    def _stop(self, open_trial: OpenTrial) -> None:
        for planned in open_trial.planned_runs:
            if planned.run.status().state == RUNNING and not planned.run.stop_requested():
                planned.run.ask_to_stop(open_trial.pruned)

    def _fail(self, open_trial: OpenTrial, planned: PlannedRun) -> None:
        status = planned.run.status()
        kind = Failure.DIVERGED if planned.state == DIVERGED else status.kind or planned.state
        self.open_trials.remove(open_trial)
        self._tell_failed(open_trial.trial, kind, status.reason or planned.why, open_trial.planned_runs)
        if planned.state == BLOCKED:
            raise BenchError(planned.why)

    def _tell_failed(self, trial: optuna.Trial, kind: str, reason: str, planned_runs: Sequence[PlannedRun] = ()) -> None:
        self._note(trial, planned_runs, kind=kind, reason=reason)
        failed = self.study.optuna_study.tell(trial, state=TrialState.FAIL)
        self.lost += not counts_towards_budget(failed) and kind != SURPLUS

    def _tell(self, open_trial: OpenTrial, state: TrialState, values: list[float] | None = None) -> None:
        self._note(open_trial.trial, open_trial.planned_runs, **({"reason": open_trial.pruned} if open_trial.pruned else {}))
        self.study.optuna_study.tell(open_trial.trial, values, state)
        self.open_trials.remove(open_trial)

    def _note(self, trial: optuna.Trial, planned_runs: Sequence[PlannedRun], **attributes: Any) -> None:
        for name, attribute in {
            **attributes,
            "seconds": round(sum(seconds(planned.run) for planned in planned_runs), 1),
        }.items():
            trial.set_user_attr(name, attribute)

    def _open_trials_of(self, planned: PlannedRun) -> list[OpenTrial]:
        """The open trials that wait for a run: several if the sampler suggested the same settings twice."""
        return [
            open_trial
            for open_trial in self.open_trials
            if any(other.run.name == planned.run.name for other in open_trial.planned_runs)
        ]

    def _pruned_twin(self, number: int, planned_runs: Sequence[PlannedRun]) -> FrozenTrial | None:
        """An earlier trial with the same runs that was pruned; its verdict holds for this one."""
        runs = [planned.run.name for planned in planned_runs]
        same = (t for t in self.study.trials()[:number] if t.user_attrs.get("runs") == runs)
        return next((trial for trial in same if trial.state == TrialState.PRUNED), None)

    def _surplus(self, number: int) -> bool:
        """Whether searches that share the record have started more trials than the budget: the latest ones give up."""
        earlier = [
            trial for trial in self.study.trials()[:number] if counts_towards_budget(trial) or not trial.state.is_finished()
        ]
        return len(earlier) >= self.budget.trials


def _grid_trials(trials: Sequence[FrozenTrial]) -> list[FrozenTrial]:
    """The trials that count as points of the grid."""
    return [trial for trial in trials if "again" not in trial.user_attrs and trial.user_attrs.get("kind") != SURPLUS]
