"""The display of a search in progress: a live table on a terminal, plain lines elsewhere."""

from __future__ import annotations

from types import TracebackType

from optuna.trial import FrozenTrial, TrialState
from rich.console import Console, Group
from rich.text import Text

from bench.common.live_table import LiveView
from bench.common.whole_tables import table_of
from bench.store.run import FAILED, FINISHED, RUNNING, Run
from bench.sweep.plan import PlannedRun
from bench.sweep.run_table import LOOKS
from bench.tune.objectives import shown
from bench.tune.study import Study, counts_towards_budget, format_settings, runs_of
from bench.tune.tables import metric
from reports.columns import header

LATEST = 5  # intermediate values shown of a trial, at most
LEAST_SETTINGS = 24  # letters for the settings of a trial, before intermediate values get any
BETWEEN = " " * 3  # of two columns
SIGNS = {
    TrialState.RUNNING: LOOKS[RUNNING], TrialState.COMPLETE: LOOKS[FINISHED], TrialState.FAIL: LOOKS[FAILED],
    TrialState.PRUNED: ("✂", "yellow"), TrialState.WAITING: (" ", "dim"),
}  # fmt: skip


class SearchProgress(LiveView):
    """A watcher of the scheduler that reads the study's record alone."""

    def __init__(self, console: Console, study: Study, budget: int):
        super().__init__(console)
        self.study, self.budget = study, budget
        self.shown_states: dict[int, TrialState] = {
            trial.number: trial.state for trial in study.trials() if trial.state.is_finished()
        }

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.tick()
        super().__exit__(kind, error, trace)

    def started(self, planned: PlannedRun) -> None:
        pass

    def ended(self, planned: PlannedRun) -> None:
        self.tick()

    def tick(self) -> None:
        """Show what the record says."""
        trials = self.study.trials()
        if self.console.is_terminal:
            self.live.update(self._table(trials))
            return
        for trial in trials:
            if "runs" in trial.user_attrs and self.shown_states.get(trial.number) != trial.state:
                self.shown_states[trial.number] = trial.state
                self.say(self._line(trial))

    def _table(self, trials: list[FrozenTrial]) -> Group:
        first = self.study.aim.objectives[0]
        best = {trial.number for trial in self.study.ranking()[:1]}
        room = max(5, self.console.height - 6)
        shown_trials = [trial for trial in trials if trial.state != TrialState.WAITING][-room:]
        results = [f"{SIGNS[trial.state][0]} {self.outcome(trial)}" for trial in shown_trials]
        curves = self._curves(shown_trials, max(map(len, results), default=0))
        during = [f"{header(first, metric(first)).rstrip(' ↑↓')} while training"] if any(curves) else []
        table = table_of(("trial", "settings", *during, "result"), right=("trial",), folded=("settings", *during, "result"))
        for trial, result, curve in zip(shown_trials, results, curves, strict=True):
            cells: list[str | Text] = [
                str(trial.number),
                format_settings(trial),
                *([curve] if any(curves) else []),
                Text(result, SIGNS[trial.state][1]),
            ]
            table.add_row(*cells, style="bold" if trial.number in best else None)
        return Group(table, Text(self.tally()))

    def _line(self, trial: FrozenTrial) -> str:
        mark = SIGNS[trial.state][0]
        if trial.state == TrialState.RUNNING:
            return f"{mark} trial {trial.number} begins  {format_settings(trial)}"
        return f"{mark} trial {trial.number}  {self.outcome(trial)}  {self._curve(trial)}  ({self.tally()})"

    def _curves(self, trials: list[FrozenTrial], result: int) -> list[str]:
        """Each trial's latest values, as many as fit beside settings and results; none if there is no room.

        result: letters of the longest result.
        """
        least = min(LEAST_SETTINGS, max((len(format_settings(trial)) for trial in trials), default=0))
        room = self.console.width - sum(map(len, ("trial", BETWEEN * 3))) - least - result
        for latest in range(LATEST, 0, -1):
            curves = [self._curve(trial, latest) for trial in trials]
            if max(map(len, curves), default=0) <= room:
                return curves
        return [""] * len(trials)

    def _curve(self, trial: FrozenTrial, latest: int = LATEST) -> str:
        """The latest values, and the step of the last."""
        points = sorted(trial.intermediate_values.items())
        if not points:
            return ""
        values = [f"{value:.4g}" for _, value in points[-latest:]]
        return f"{' '.join(values)} at step {points[-1][0]}"

    def outcome(self, trial: FrozenTrial) -> str:
        """How a trial ended, as text."""
        if trial.state == TrialState.COMPLETE:
            return ", ".join(shown(name, value) for name, value in zip(self.study.aim.objectives, trial.values, strict=True))
        if trial.state == TrialState.RUNNING:
            return f"step {step}" if (step := self._step(trial)) else "starting"
        reason = str(trial.user_attrs.get("reason", "")).removesuffix(f" by study {self.study.name}")
        return reason or ("pruned" if trial.state == TrialState.PRUNED else "failed")

    def _step(self, trial: FrozenTrial) -> int:
        """The step of the run that is being trained."""
        steps = (Run(self.study.store.root / name).metrics.step() for name in runs_of(trial))
        return next((step for step in reversed(list(steps)) if step), 0)

    def tally(self) -> str:
        """How far the search is, and the best so far."""
        trials = self.study.trials()
        pruned = sum(trial.state == TrialState.PRUNED for trial in trials)
        failed = sum(trial.state == TrialState.FAIL for trial in trials)
        parts = [f"{sum(map(counts_towards_budget, trials))} of {self.budget} trials"]
        parts += [f"{count} {outcome}" for count, outcome in ((pruned, "pruned"), (failed, "failed")) if count]
        if ranking := self.study.ranking():
            first = self.study.aim.objectives[0]
            chosen_by = f" by {metric(first).label or first}:" if len(self.study.aim.objectives) > 1 else ""
            parts.append(f"best{chosen_by} {self.outcome(ranking[0])} (trial {ranking[0].number})")
        return ", ".join(parts)
