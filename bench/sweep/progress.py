"""Progress of runs: live lines on a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace

from rich.console import Console, Group
from rich.markup import escape
from rich.progress_bar import ProgressBar
from rich.table import Table

from bench.common.live_table import BAR, LiveView
from bench.store.run import DIVERGED, FAILED, FINISHED, RUNNING
from bench.sweep import queued_runs
from bench.sweep.plan import TO_DO, PlannedRun
from bench.sweep.run_table import LOOKS, OTHER, RunLine, run_table

PLAIN_SECONDS = 30.0  # between two plain lines about the same run
WITH_BAR = 60  # letters of a line that has room for a bar


class SweepProgress(LiveView):
    """One line for all runs together and one for each, as in `bench status --watch`.

    A watcher of the scheduler. It reads only the store, so it never depends on workers.
    """

    def __init__(self, console: Console, planned_runs: Sequence[PlannedRun], done: int):
        super().__init__(console)
        self.total, self.done, self.failed, self.queued = len(planned_runs), done, 0, 0
        self.width = max((len(planned.label) for planned in planned_runs), default=0)
        self.active: dict[str, PlannedRun] = {}
        self.printed: dict[str, float] = {}  # when a plain line was last printed of a run
        to_do = [planned for planned in planned_runs if planned.state in TO_DO]
        self.steps = {planned.run.name: planned.run.metrics.step() for planned in to_do}
        self.all_steps = sum({planned.run.name: planned.spec.steps for planned in to_do}.values())

    def started(self, planned: PlannedRun) -> None:
        """A run's process was started."""
        self.active[planned.run.name] = replace(planned, state=RUNNING)
        self.printed[planned.run.name] = time.monotonic()
        if not self.console.is_terminal:
            self.say(f"start   {self._name(planned)}  {planned.run.name}")

    def ended(self, planned: PlannedRun) -> None:
        """A run has ended, well or otherwise."""
        self.active.pop(planned.run.name, None)
        self.done += planned.state == FINISHED
        self.failed += planned.state in (FAILED, DIVERGED)
        self.steps[planned.run.name] = planned.spec.steps
        summary = _scores(planned) if planned.state == FINISHED else f"{planned.state}: {planned.why}"
        sign, colour = LOOKS.get(planned.state, OTHER)
        self.say(f"[{colour or 'none'}]{sign}[/] {escape(self._name(planned))}  {escape(summary)}", markup=True)
        self.tick()

    def tick(self) -> None:
        """Read the store and show the progress of all runs."""
        lines = [RunLine.of(planned) for planned in self.active.values()]
        waiting = {line.planned.run.name for line in lines if queued_runs.waits(line.planned.run)}
        self.queued = len(waiting)  # runs that wait in a cluster's queue are counted, not listed
        self.steps |= {line.planned.run.name: line.step for line in lines}
        lines = [line for line in lines if line.planned.run.name not in waiting]
        if self.console.is_terminal:
            self.live.update(Group(self._whole(), *([run_table(lines, self.console.width)] if lines else [])))
            return
        for line in lines:
            name = line.planned.run.name
            if time.monotonic() - self.printed[name] > PLAIN_SECONDS:
                self.say(f"running {self._name(line.planned)}  {line.figures()}")
                self.printed[name] = time.monotonic()

    def _name(self, planned: PlannedRun) -> str:
        return f"{planned.label:<{self.width}} seed {planned.seed}"

    def _whole(self) -> Table:
        """The line for all runs together."""
        grid = Table.grid(padding=(0, 1))
        bar = ProgressBar(total=max(self.all_steps, 1), completed=sum(self.steps.values()), width=BAR)
        bars = [bar] if self.console.width >= WITH_BAR else []
        counted = ((self.failed, "failed"), (self.queued, "queued"))
        counts = "".join(f", {count} {kind}" for count, kind in counted if count)
        grid.add_row("all runs", *bars, f"{self.done} of {self.total} runs done{counts}")
        return grid


def _scores(planned: PlannedRun) -> str:
    from bench.evaluation.scores import load

    means = load(planned.run.scores_file(planned.evaluations[0].key)).means() if planned.evaluations else {}
    shown = [("standard/psnr", "PSNR", "{:.2f} dB"), ("standard/ssim", "SSIM", "{:.3f}")]
    return "  ".join(f"{label} {form.format(means[name])}" for name, label, form in shown if name in means)
