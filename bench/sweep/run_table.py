"""Runs on a terminal, for all views: the signs of their states, their speed, and a table with a line for each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from bench.common import lease
from bench.common.live_table import BAR, Cell, LiveColumn, fitting_table
from bench.store.metrics_log import steps_per_second
from bench.store.run import BLOCKED, DIVERGED, FAILED, FINISHED, RUNNING, Run
from bench.sweep.plan import QUEUED, RESUMABLE, TO_SCORE, PlannedRun
from reports.quantities import remaining

FEWEST_GAPS = 3  # between lines, before a speed is told: the first steps, with all that is done once, take longer
LOOKS: dict[str, tuple[str, str]] = {
    RUNNING: ("▶", "cyan"), QUEUED: ("…", "blue"), FINISHED: ("✓", "green"), FAILED: ("✗", "red"), "damaged": ("✗", "red"),
    DIVERGED: ("∞", "yellow"), RESUMABLE: ("‖", "yellow"), TO_SCORE: ("‖", "yellow"), BLOCKED: ("!", "yellow"),
}  # fmt: skip
"""The sign and the colour of a state, in every table and line."""
OTHER = ("·", "")  # of what was never started
COLUMNS = (
    LiveColumn("", 0), LiveColumn("run", 1, least=9, others_width=36), LiveColumn("seed", 3, right=True),
    LiveColumn("state", 2), LiveColumn("", 9), LiveColumn("step", 4, right=True), LiveColumn("steps/s", 8, right=True),
    LiveColumn("left", 5, right=True), LiveColumn("validation", 6, right=True), LiveColumn("loss", 10),
    LiveColumn("where", 7, least=16),
)  # fmt: skip


@dataclass(frozen=True)
class Pace:
    """The progress of a run, from the newest lines of its metrics.

    speed: steps a second, None if there are too few lines. psnr: of the newest validation, in dB.
    """

    step: int
    speed: float | None
    losses: dict[str, float]
    psnr: float | None

    @classmethod
    def of(cls, run: Run) -> Pace | None:
        """None before the first line."""
        lines = run.metrics.recent()
        if not lines:
            return None
        latest = {name: value for line in lines for name, value in line.items()}
        losses = {name.removeprefix("loss/"): value for name, value in latest.items() if name.startswith("loss/")}
        return cls(int(latest["step"]), steps_per_second(lines, FEWEST_GAPS), losses, latest.get("validation/psnr"))

    def seconds_left(self, last: int) -> float | None:
        """Seconds to step `last` at this speed."""
        return (last - self.step) / self.speed if self.speed else None

    def format_loss(self) -> str:
        """Every phase with its loss."""
        return "  ".join(f"{name} {value:.4f}" for name, value in self.losses.items())

    def format_validation(self) -> str:
        """The newest validation score."""
        return "" if self.psnr is None else f"{self.psnr:.2f} dB"

    def figures(self, last: int) -> str:
        """Step, speed and time left, validation PSNR and loss on one line."""
        speed = f"{self.speed:.1f}/s  {remaining(self.seconds_left(last) or 0)} left" if self.speed else ""
        validation = f"val {self.format_validation()}" if self.psnr is not None else ""
        return "  ".join(filter(None, (f"step {self.step}/{last}", speed, validation, self.format_loss())))


class RunLine(NamedTuple):
    """The present state of one run. where: the process that trains it, or the reason for its state."""

    planned: PlannedRun
    step: int
    pace: Pace | None
    where: str

    @classmethod
    def of(cls, planned: PlannedRun) -> RunLine:
        """From the run's directory and its planned state."""
        if planned.state == FINISHED:
            return cls(planned, planned.spec.steps, Pace.of(planned.run), "")
        where = lease.holder(planned.run.path) or "" if planned.state == RUNNING else planned.why
        return cls(planned, planned.run.metrics.step(), Pace.of(planned.run), where)

    def figures(self) -> str:
        """All figures of an active run; of any other run its step only."""
        steps = self.planned.spec.steps
        return self.pace.figures(steps) if self.pace and self.planned.state == RUNNING else f"step {self.step}/{steps}"


def run_table(lines: Sequence[RunLine], width: int) -> Table:
    """A table with a line for each run, fitted to the width of a screen."""
    return fitting_table(COLUMNS, [_cells(line) for line in lines], width)


def _cells(line: RunLine) -> list[Cell]:
    planned, pace, steps = line.planned, line.pace, line.planned.spec.steps
    running_pace = pace if planned.state == RUNNING else None
    seconds_left = running_pace.seconds_left(steps) if running_pace else None
    return [
        Text(*LOOKS.get(planned.state, OTHER)),
        Text(planned.label),
        Text(str(planned.seed)),
        Text(planned.state),
        ProgressBar(total=max(steps, 1), completed=line.step if steps else int(planned.state == FINISHED), width=BAR),
        Text(f"{line.step}/{steps}"),
        Text(f"{running_pace.speed:.1f}" if running_pace and running_pace.speed else ""),
        Text(remaining(seconds_left) if seconds_left is not None else ""),
        Text(pace.format_validation() if pace else ""),
        Text(pace.format_loss() if pace else ""),
        Text(line.where),
    ]
