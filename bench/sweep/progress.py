"""What a user sees while runs go on: live lines on a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
from dataclasses import dataclass
from itertools import pairwise
from statistics import median
from types import TracebackType

from rich.cells import cell_len
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TaskID, TextColumn
from rich.table import Column
from rich.text import Text

from bench.store.store import DIVERGED, FAILED, FINISHED, INTERRUPTED, Run
from bench.sweep import queue
from bench.sweep.live_table import joined_parts, shortened
from bench.sweep.plan import TO_DO, PlannedRun

BAR, WITH_BAR = 12, 60  # letters of a bar, and of a line that has one
OTHER_COLUMNS = len(" seed 12 step 12345/12345")  # letters that are kept beside a label at least
LEAST = 8  # letters of a label at least
PLAIN_SECONDS = 30.0  # between two plain lines about the same run
PAUSE = 30.0  # times as long as usual between two lines: the run stood still
MARKS: dict[str, str] = {FINISHED: "[green]✓[/]", FAILED: "[red]✗[/]", DIVERGED: "[yellow]∞[/]", INTERRUPTED: "[yellow]‖[/]"}


@dataclass(frozen=True)
class Pace:
    """How a run goes, by the newest lines of its metrics.

    speed: steps a second, None as long as it cannot be told. psnr: of the newest validation, in dB.
    """

    step: int
    speed: float | None
    losses: dict[str, float]
    psnr: float | None

    @classmethod
    def of(cls, run: Run) -> Pace | None:
        """None before the first line."""
        lines = run.recent()
        if not lines:
            return None
        latest = {name: value for line in lines for name, value in line.items()}
        losses = {name.removeprefix("loss/"): value for name, value in latest.items() if name.startswith("loss/")}
        return cls(int(latest["step"]), _speed(lines), losses, latest.get("validation/psnr"))

    def left(self, last: int) -> float | None:
        """Seconds to step `last` at this speed."""
        return (last - self.step) / self.speed if self.speed else None

    def format_speed(self, last: int) -> str:
        """Speed and time left."""
        return f"{self.speed:.1f}/s  {clock((last - self.step) / self.speed)} left" if self.speed else ""

    def format_loss(self) -> str:
        """Every phase with its loss."""
        return "  ".join(f"{name} {value:.4f}" for name, value in self.losses.items())

    def format_validation(self) -> str:
        """The newest validation score."""
        return "" if self.psnr is None else f"val {self.psnr:.2f} dB"

    def figures(self, last: int) -> list[str]:
        """Step, speed and time left, validation PSNR and loss in words, the most important first."""
        return [f"step {self.step}/{last}", self.format_speed(last), self.format_validation(), self.format_loss()]


class Display:
    """One line a run (variant, seed, step, speed, time left, loss, validation PSNR) and one for the whole.

    A watcher of the scheduler: reads the store alone, so it shows the truth whatever a worker does.
    """

    def __init__(self, console: Console, planned_runs: list[PlannedRun], done: int):
        self.console, self.total = console, len(planned_runs)
        self.done, self.bad, self.queued = done, 0, 0
        self.width = max((len(planned.label) for planned in planned_runs), default=0)
        self.lines: dict[str, _Line] = {}
        self.steps = {
            planned.run.name: int(planned.run.latest().get("step", 0)) for planned in planned_runs if planned.state in TO_DO
        }
        bar = [BarColumn(bar_width=BAR)] if console.width >= WITH_BAR else []
        self.room = max(LEAST, console.width - (BAR + 1) * len(bar) - OTHER_COLUMNS)  # of a label, in the live lines
        self.live = Progress(
            TextColumn("{task.description}", table_column=Column(no_wrap=True)), *bar, _Figures(console, len(bar)),
            console=console, disable=not console.is_terminal, refresh_per_second=4,
        )  # fmt: skip
        steps = sum({planned.run.name: planned.spec.steps for planned in planned_runs if planned.state in TO_DO}.values())
        self.whole = self.live.add_task(
            f"{'all runs':<{min(self.width, self.room) + 7}}", total=max(steps, 1), figures=[self._tally()]
        )

    def __enter__(self) -> Display:
        self.live.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.live.stop()

    def started(self, planned: PlannedRun) -> None:
        """A run's process was started."""
        if line := self.lines.pop(planned.run.name, None):  # resumed after its process died
            self.live.remove_task(line.task)
        task = self.live.add_task(
            escape(self._name(planned, self.room)), total=max(planned.spec.steps, 1), figures=["starting"]
        )
        self.lines[planned.run.name] = _Line(planned, task, printed=time.monotonic())
        if not self.console.is_terminal:
            self.console.print(f"start   {self._name(planned)}  {planned.run.name}", highlight=False, soft_wrap=True)

    def ended(self, planned: PlannedRun) -> None:
        """A run has ended, well or otherwise."""
        if line := self.lines.pop(planned.run.name, None):
            self.live.remove_task(line.task)
        self.done += planned.state == FINISHED
        self.bad += planned.state in (FAILED, DIVERGED)
        self.steps[planned.run.name] = planned.spec.steps
        what = _scores(planned) if planned.state == FINISHED else f"{planned.state}: {planned.why}"
        message = f"{MARKS.get(planned.state, '•')} {escape(self._name(planned))}  {escape(what)}"
        self.console.print(message, highlight=False, soft_wrap=True)
        self.tick()

    def tick(self) -> None:
        """Look at the store and show how far everything is."""
        self.queued = 0
        for name, line in self.lines.items():
            figures, self.steps[name] = line.figures()
            waits = queue.waits(line.planned.run)  # runs that wait in a cluster's queue are counted, not listed
            self.queued += waits
            self.live.update(line.task, completed=self.steps[name], figures=figures, visible=not waits)
            if not self.console.is_terminal and not waits and time.monotonic() - line.printed > PLAIN_SECONDS:
                self.console.print(
                    f"running {self._name(line.planned)}  {'  '.join(filter(None, figures))}", highlight=False, soft_wrap=True
                )
                line.printed = time.monotonic()
        self.live.update(self.whole, completed=sum(self.steps.values()), figures=[self._tally()])

    def _name(self, planned: PlannedRun, room: int | None = None) -> str:
        width = min(self.width, room or self.width)
        return f"{shortened(planned.label, width):<{width}} seed {planned.seed}"

    def _tally(self) -> str:
        queued = f", {self.queued} queued" if self.queued else ""
        return f"{self.done} of {self.total} runs done" + (f", {self.bad} failed" if self.bad else "") + queued


@dataclass
class _Line:
    """A run that goes on: where its line is, and when it was last told of."""

    planned: PlannedRun
    task: TaskID
    printed: float

    def figures(self) -> tuple[list[str], int]:
        """Step, speed and time left, validation PSNR and loss in words, the most important first, and the step."""
        pace, last = Pace.of(self.planned.run), self.planned.spec.steps
        if pace is None:
            return ["starting"], 0
        return pace.figures(last), pace.step


def _speed(lines: list[dict[str, float]]) -> float | None:
    """Steps a second over these lines; what lies between two processes of a run that was interrupted is left out."""
    points = sorted({int(line["step"]): line["time"] for line in lines}.items())
    gaps = [(later - sooner, after - before) for (before, sooner), (after, later) in pairwise(points)]
    if not gaps:
        return None
    usual = median(seconds / steps for seconds, steps in gaps)
    going = [(seconds, steps) for seconds, steps in gaps if seconds <= PAUSE * usual * steps]
    total = sum(seconds for seconds, _ in going)
    return sum(steps for _, steps in going) / total if total > 0 else None


class _Figures(ProgressColumn):
    """As many figures of a run as the line has room for."""

    def __init__(self, console: Console, bars: int):
        super().__init__(Column(no_wrap=True))
        self.console, self.bars_width = console, (BAR + 1) * bars + 1

    def render(self, task: Task) -> Text:
        room = self.console.width - self.bars_width - cell_len(task.description)
        return Text(joined_parts(task.fields.get("figures", ()), room))


def _scores(planned: PlannedRun) -> str:
    from bench.evaluation.scores import load

    means = load(planned.run.scores_file(planned.evaluations[0].key)).means() if planned.evaluations else {}
    shown = [("standard/psnr", "PSNR", "{:.2f} dB"), ("standard/ssim", "SSIM", "{:.3f}")]
    return "  ".join(f"{label} {form.format(means[name])}" for name, label, form in shown if name in means)


def clock(seconds: float) -> str:
    """A duration as hours, minutes and seconds: 1:02:03, 2:03."""
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"
