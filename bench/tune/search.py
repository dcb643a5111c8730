"""The search itself: a watcher of the scheduler that asks Optuna for trials while slots are free, and adds their runs.

Only this process talks to Optuna; runs know nothing of it. What a successor needs is written down before it is acted on: which
runs a trial has, and that it is to be pruned. So a search that is killed at any moment is taken up where it was.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import optuna
from optuna.trial import FrozenTrial, TrialState

from bench.common.errors import BenchError
from bench.store.store import BLOCKED, DIVERGED, FAILED, FINISHED, RUNNING
from bench.sweep.plan import Item, retry
from bench.sweep.scheduler import Scheduler
from bench.tune import samplers, spaces
from bench.tune.objectives import value
from bench.tune.spaces import Space
from bench.tune.study import SURPLUS, Study, finished
from bench.tune.trial import Attempt, items_in, items_of, seconds

UNTOLD = 60.0  # seconds after which a trial that nobody has claimed, of a record that several searches share, is taken up


@dataclass(frozen=True)
class Plan:
    """How to search on: up to how many finished trials in all, by what, and for how many seconds at most."""

    trials: int
    sampler: str = "tpe"
    pruner: str = "hyperband"
    timeout: float | None = None


class Search:
    """A watcher of the scheduler; `watch` it before the scheduler runs. items: where the runs of new trials are added too."""

    def __init__(self, study: Study, space: Space, plan: Plan, items: list[Item]):
        self.study, self.space, self.plan, self.items = study, space, plan, items
        self.attempts: list[Attempt] = []
        self.lost = 0  # trials that failed by no fault of their settings; the next search tries those again
        self._deadline = time.monotonic() + plan.timeout if plan.timeout else None
        self._points = len(grid) if (grid := spaces.grid(space) if plan.sampler == "grid" else []) else None
        typical = spaces.typical(space)
        study.record.sampler = samplers.sampler(plan.sampler, study.aim.seed, len(study.aim.objectives), grid)
        study.record.pruner = samplers.pruner(plan.pruner, typical.validate_every, typical.steps * study.aim.seeds)

    def watch(self, scheduler: Scheduler) -> None:
        """Take up what an earlier search has left, and begin to ask."""
        self.scheduler = scheduler
        trials = self.study.trials()
        if not trials and self.space.start and self.plan.sampler != "grid":
            self.study.record.enqueue_trial(self.space.start)
        for trial in trials:
            if trial.state == TrialState.RUNNING and self._left(trial):
                self._go_on(optuna.Trial(self.study.record, trial._trial_id), trial)
        self._ask_again(trials)
        self._fill()

    def started(self, item: Item) -> None:
        for attempt in self._at(item):
            attempt.ours = True

    def ended(self, item: Item) -> None:
        """One run of a trial has ended: on to its next, or tell what came out."""
        for attempt in self._at(item):
            self._report(attempt)
        group = self._at(item)
        pruned = next((attempt.pruned for attempt in group if attempt.pruned), "")
        for attempt in group:
            attempt.pruned = attempt.pruned or pruned
            if item.state in (FAILED, DIVERGED, BLOCKED):
                self._fail(attempt, item)
            elif attempt.pruned:
                self._tell(attempt, TrialState.PRUNED)
            elif item.state == FINISHED:
                self._advance(attempt)
            else:  # stopped by somebody else: it stays open for the next search
                self.attempts.remove(attempt)

    def tick(self) -> None:
        """Report what runs have logged, end those that are not worth going on, ask for new ones where there is room."""
        for attempt in self.attempts[:]:
            self._report(attempt)
        self._fill()

    def open(self) -> int:
        """How many trials are still to be finished."""
        budget = self.plan.trials if self._points is None else min(self.plan.trials, self._points)
        return max(0, budget - sum(map(finished, self.study.trials())))

    def _fill(self) -> None:
        while self._room():
            trial = self.study.record.ask()
            self._go_on(trial, self.study.trials()[trial.number])

    def _room(self) -> bool:
        if self.scheduler.stopped_at or self.scheduler.halted or len(self.attempts) >= self.scheduler.executor.slots:
            return False
        if self._deadline and time.monotonic() > self._deadline:
            return False
        trials = self.study.trials()
        waiting = any(trial.state == TrialState.WAITING for trial in trials)
        if self._points is not None and not waiting and len(_places(trials)) >= self._points:
            return False
        going_on = sum(trial.state == TrialState.RUNNING for trial in trials)
        return sum(map(finished, trials)) + going_on + self.lost < self.plan.trials

    def _left(self, trial: FrozenTrial) -> bool:
        """Whether a running trial of the record was left by an earlier search of this store."""
        if "owner" in trial.user_attrs or self.study.url is None:
            return self.study.ours(trial)
        began = trial.datetime_start
        return began is None or time.time() - began.timestamp() > UNTOLD

    def _ask_again(self, trials: Sequence[FrozenTrial]) -> None:
        """Trials that failed by no fault of their settings make room for others with the same."""
        replaced = {trial.user_attrs.get("again") for trial in trials}
        room = self.plan.trials - sum(finished(t) or not t.state.is_finished() for t in trials)
        lost = [t for t in trials if t.state == TrialState.FAIL and not finished(t) and t.user_attrs.get("kind") != SURPLUS]
        for trial in [trial for trial in lost if trial.number not in replaced][: max(0, room)]:
            self.study.record.enqueue_trial(trial.params, user_attrs={"again": trial.number})

    def _go_on(self, trial: optuna.Trial, record: FrozenTrial) -> None:
        """Draw a trial's settings, or find them in the record, and set its first run going."""
        items = items_in(self.study, record)
        known = bool(items)
        if not known:
            if self._surplus(trial.number):
                self._tell_failed(trial, SURPLUS, "others that share the record were faster")
                return
            try:
                spec = self.space.draw(trial)
            except BenchError as error:
                self._tell_failed(trial, "configuration", str(error))
                return
            items = items_of(self.study, trial.number, spec)
            if self.study.url:
                trial.set_user_attr("owner", self.study.owner)
            trial.set_user_attr("spec", spec.to_json())
            trial.set_user_attr("runs", [item.run.name for item in items])
            self.items += items
        if "again" in record.user_attrs:
            retry(items, {"code"})
        attempt = Attempt(self.study, trial, items)
        self.attempts.append(attempt)
        if "pruned" in record.user_attrs:
            self._stop(attempt)
            self._tell(attempt, TrialState.PRUNED)
        elif twin := self._pruned_twin(trial.number, items):
            self._report(attempt)
            attempt.pruned = f"same settings as trial {twin.number}, which was pruned"
            self._tell(attempt, TrialState.PRUNED)
        else:
            attempt.ours = known
            self._advance(attempt)

    def _advance(self, attempt: Attempt) -> None:
        item = attempt.unfinished()
        if item is None:
            self._report(attempt)
            self._tell(attempt, TrialState.COMPLETE, [value(name, attempt.items) for name in self.study.aim.objectives])
        elif item.state in (FAILED, DIVERGED, BLOCKED):
            self._fail(attempt, item)
        elif not self.scheduler.has(item):
            self.scheduler.add(item)

    def _report(self, attempt: Attempt) -> None:
        """Report every validation; once the pruner says so, write that down and ask the run to end."""
        for step, score in attempt.news():
            attempt.trial.report(score, step)
            attempt.reported = step
            worse = attempt.trial.should_prune()
            if worse and attempt.ours and not attempt.pruned and step < attempt.steps:
                attempt.pruned = f"pruned by study {self.study.name}"
                attempt.trial.set_user_attr("pruned", attempt.pruned)
        if attempt.pruned:
            self._stop(attempt)

    def _stop(self, attempt: Attempt) -> None:
        for item in attempt.items:
            if item.run.status().state == RUNNING and not item.run.asked_to_stop():
                item.run.ask_to_stop(attempt.pruned)

    def _fail(self, attempt: Attempt, item: Item) -> None:
        status = item.run.status()
        kind = "diverged" if item.state == DIVERGED else status.kind or item.state
        self.attempts.remove(attempt)
        self._tell_failed(attempt.trial, kind, status.reason or item.why, attempt.items)
        if item.state == BLOCKED:
            raise BenchError(item.why)

    def _tell_failed(self, trial: optuna.Trial, kind: str, reason: str, items: Sequence[Item] = ()) -> None:
        self._note(trial, items, kind=kind, reason=reason)
        told = self.study.record.tell(trial, state=TrialState.FAIL)
        self.lost += not finished(told) and kind != SURPLUS

    def _tell(self, attempt: Attempt, state: TrialState, values: list[float] | None = None) -> None:
        self._note(attempt.trial, attempt.items, **({"reason": attempt.pruned} if attempt.pruned else {}))
        self.study.record.tell(attempt.trial, values, state)
        self.attempts.remove(attempt)

    def _note(self, trial: optuna.Trial, items: Sequence[Item], **words: Any) -> None:
        for name, word in {**words, "seconds": round(sum(seconds(item.run) for item in items), 1)}.items():
            trial.set_user_attr(name, word)

    def _at(self, item: Item) -> list[Attempt]:
        """The attempts that wait for a run: several where a sampler has suggested the same twice."""
        return [attempt for attempt in self.attempts if any(own.run.name == item.run.name for own in attempt.items)]

    def _pruned_twin(self, number: int, items: Sequence[Item]) -> FrozenTrial | None:
        """An earlier trial with the same settings that was pruned: its word stands."""
        runs = [item.run.name for item in items]
        same = (t for t in self.study.trials()[:number] if t.user_attrs.get("runs") == runs)
        return next((trial for trial in same if trial.state == TrialState.PRUNED), None)

    def _surplus(self, number: int) -> bool:
        """Whether searches that share the record have together asked for more than the budget: the last ones yield."""
        earlier = [trial for trial in self.study.trials()[:number] if finished(trial) or not trial.state.is_finished()]
        return len(earlier) >= self.plan.trials


def _places(trials: Sequence[FrozenTrial]) -> list[FrozenTrial]:
    """The trials that stand for a point of a grid."""
    return [trial for trial in trials if "again" not in trial.user_attrs and trial.user_attrs.get("kind") != SURPLUS]
