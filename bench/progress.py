"""What a user sees while runs go on: live lines on a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
from dataclasses import dataclass
from types import TracebackType

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TaskID, TextColumn
from rich.table import Column
from rich.text import Text

from bench.plan import TO_DO, Item
from bench.store import DIVERGED, FAILED, FINISHED, INTERRUPTED

PLAIN_SECONDS = 30.0  # between two plain lines about the same run
MARKS = {FINISHED: "[green]✓[/]", FAILED: "[red]✗[/]", DIVERGED: "[yellow]∞[/]", INTERRUPTED: "[yellow]‖[/]"}


class Display:
    """One line a run (variant, seed, step, speed, time left, loss, validation PSNR) and one for the whole.

    A watcher of the scheduler: reads the store alone, so it shows the truth whatever a worker does.
    """

    def __init__(self, console: Console, items: list[Item], done: int):
        self.console, self.total = console, len(items)
        self.done, self.bad = done, 0
        self.width = max((len(item.label) for item in items), default=0)
        self.lines: dict[str, _Line] = {}
        self.steps = {item.run.name: int(item.run.latest().get("step", 0)) for item in items if item.state in TO_DO}
        cut = Column(no_wrap=True, overflow="ellipsis")  # one line a run, however narrow the terminal
        self.live = Progress(
            TextColumn("{task.description}"), BarColumn(bar_width=12), _Figures(table_column=cut),
            console=console, disable=not console.is_terminal, refresh_per_second=4,
        )  # fmt: skip
        steps = sum({item.run.name: item.spec.steps for item in items if item.state in TO_DO}.values())
        self.whole = self.live.add_task(f"{'all runs':<{self.width + 7}}", total=max(steps, 1), figures=self._tally())

    def __enter__(self) -> Display:
        self.live.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.live.stop()

    def started(self, item: Item) -> None:
        """A run's process was started."""
        if line := self.lines.pop(item.run.name, None):  # resumed after its process died
            self.live.remove_task(line.task)
        task = self.live.add_task(escape(self._name(item)), total=max(item.spec.steps, 1), figures="starting")
        self.lines[item.run.name] = _Line(item, task, told=time.monotonic())
        if not self.console.is_terminal:
            self.console.print(f"start   {self._name(item)}  {item.run.name}", highlight=False, soft_wrap=True)

    def ended(self, item: Item) -> None:
        """A run has ended, well or otherwise."""
        if line := self.lines.pop(item.run.name, None):
            self.live.remove_task(line.task)
        self.done += item.state == FINISHED
        self.bad += item.state in (FAILED, DIVERGED)
        self.steps[item.run.name] = item.spec.steps
        what = _scores(item) if item.state == FINISHED else f"{item.state}: {item.why}"
        told = f"{MARKS.get(item.state, '•')} {escape(self._name(item))}  {escape(what)}"
        self.console.print(told, highlight=False, soft_wrap=True)
        self.tick()

    def tick(self) -> None:
        """Look at the store and show how far everything is."""
        for name, line in self.lines.items():
            figures, self.steps[name] = line.figures()
            self.live.update(line.task, completed=self.steps[name], figures=figures)
            if not self.console.is_terminal and time.monotonic() - line.told > PLAIN_SECONDS:
                self.console.print(f"running {self._name(line.item)}  {figures}", highlight=False, soft_wrap=True)
                line.told = time.monotonic()
        self.live.update(self.whole, completed=sum(self.steps.values()), figures=self._tally())

    def _name(self, item: Item) -> str:
        return f"{item.label:<{self.width}} seed {item.seed}"

    def _tally(self) -> str:
        return f"{self.done} of {self.total} runs done" + (f", {self.bad} failed" if self.bad else "")


@dataclass
class _Line:
    """A run that goes on: where its line is, and what its speed is reckoned from."""

    item: Item
    task: TaskID
    told: float
    first: tuple[float, int] | None = None  # time and step when it was first seen to move

    def figures(self) -> tuple[str, int]:
        """Step, speed, time left, loss and validation PSNR in words, and the step."""
        latest = self.item.run.latest()
        if "step" not in latest:
            return "starting", 0
        step, now, last = int(latest["step"]), latest["time"], self.item.spec.steps
        self.first = self.first or (now, step)
        parts = [f"step {step}/{last}"]
        if step > self.first[1] and now > self.first[0]:
            speed = (step - self.first[1]) / (now - self.first[0])
            parts += [f"{speed:.1f}/s", f"{_clock((last - step) / speed)} left"]
        parts += [f"{name.removeprefix('loss/')} {value:.4f}" for name, value in latest.items() if name.startswith("loss/")]
        parts += [f"val {latest['validation/psnr']:.2f} dB"] if "validation/psnr" in latest else []
        return "  ".join(parts), step


class _Figures(ProgressColumn):
    def render(self, task: Task) -> Text:
        return Text(str(task.fields.get("figures", "")))


def _scores(item: Item) -> str:
    from bench.scores import load

    means = load(item.run.scores_file(item.evaluations[0].key)).means() if item.evaluations else {}
    shown = [("standard/psnr", "PSNR", "{:.2f} dB"), ("standard/ssim", "SSIM", "{:.3f}")]
    return "  ".join(f"{label} {form.format(means[name])}" for name, label, form in shown if name in means)


def _clock(seconds: float) -> str:
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"
