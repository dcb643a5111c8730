"""`bench status --watch`: the progress of all runs, from any terminal. Reads only the store."""

from __future__ import annotations

import contextlib
import os
import select
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator

from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from bench.common.errors import BenchError
from bench.spec.experiment import Experiment
from bench.store.run import BLOCKED, DIVERGED, FAILED, FINISHED, RUNNING, Run
from bench.store.store import Store
from bench.sweep import active
from bench.sweep.plan import ACTIVE, QUEUED, TO_DO, PlannedRun, plan, plan_run, run_status
from bench.sweep.progress import PLAIN_SECONDS
from bench.sweep.run_table import Pace, RunLine, run_table
from reports.quantities import remaining, several

REFRESH = 1.0  # seconds between two refreshes
BEGIN_S = 15.0  # seconds to wait for a `bench run` that was just started to appear
FULL_REFRESH_S = 20.0  # seconds between two refreshes of finished runs, which hardly change
FIRST = (RUNNING, FAILED, DIVERGED, BLOCKED, QUEUED)  # what a screen that is too short shows first


class StoreView:
    """The runs of an experiment, or of a store, as of the last refresh."""

    def __init__(self, store: Store, experiment: Experiment | None = None):
        self.store, self.experiment = store, experiment
        self.planned_runs: list[PlannedRun] = []
        self.sweeps: list[active.Sweep] = []
        self._runs: dict[str, Run] = {}  # with the specs that have been read
        self._complete = 0.0

    def refresh(self) -> None:
        """Read the present state of all runs."""
        full_refresh = time.monotonic() - self._complete > FULL_REFRESH_S
        finished = (
            {} if full_refresh else {planned.run.name: planned for planned in self.planned_runs if planned.state == FINISHED}
        )
        if self.experiment is None:
            self._runs = {path.name: self._runs.get(path.name) or Run(path) for path in self.store.folders()}
            self.planned_runs = [
                planned for name, run in self._runs.items() if (planned := finished.get(name) or _readable(run))
            ]
        elif full_refresh:
            self.planned_runs = plan(self.experiment, self.store)
        else:
            self.planned_runs = [
                finished.get(planned.run.name) or plan_run(planned.label, planned.spec, self.store, planned.evaluations)
                for planned in self.planned_runs
            ]
        if full_refresh:
            self._complete = time.monotonic()
        self.sweeps = active.active_sweeps(self.store)

    def over(self) -> bool:
        """Whether no sweep and no run is active."""
        return not self.sweeps and not any(planned.state in ACTIVE for planned in self.planned_runs)

    def lines(self, max_lines: int | None = None) -> list[RunLine]:
        """The runs in their order; if there are more than `max_lines`, active and failed ones come first."""
        shown_runs = self.planned_runs
        if max_lines is not None and len(shown_runs) > max_lines:
            urgent = sorted(
                shown_runs, key=lambda planned: FIRST.index(planned.state) if planned.state in FIRST else len(FIRST)
            )
            shown_ids = {id(planned) for planned in urgent[:max_lines]}
            shown_runs = [planned for planned in shown_runs if id(planned) in shown_ids]
        return [RunLine.of(planned) for planned in shown_runs]

    def totals(self) -> str:
        """All runs by state, and how long the rest takes at the present pace."""
        states = Counter(planned.state for planned in self.planned_runs)
        parts = [f"{count} {state}" for state, count in states.items()]
        unfinished = [planned for planned in self.planned_runs if planned.state in (*TO_DO, *ACTIVE)]
        steps_left = sum(planned.spec.steps - planned.run.metrics.step() for planned in unfinished)
        paces = [pace for planned in self.planned_runs if planned.state == RUNNING and (pace := Pace.of(planned.run))]
        speed = sum(pace.speed or 0.0 for pace in paces)
        parts += [f"{steps_left:,} steps to go"] if steps_left else []
        parts += [f"{speed:.1f} steps/s, {remaining(steps_left / speed)} left at this pace"] if speed and steps_left else []
        return ": ".join(filter(None, (several(len(self.planned_runs), "run"), ", ".join(parts))))

    def render(self, width: int, height: int) -> Group:
        """As much as fits on a screen."""
        totals = self.totals()
        lines = self.lines(max(1, height - 6 - len(self.sweeps) - len(totals) // width))
        hidden_count = len(self.planned_runs) - len(lines)
        return Group(
            *(Text(f"sweep {sweep.experiment} on {sweep.where()}", "bold", no_wrap=True) for sweep in self.sweeps),
            run_table(lines, width),
            Text(f"{totals}{f' ({hidden_count} not shown)' if hidden_count else ''}"),
            Text(f"{time.strftime('%H:%M:%S')}  {self.store.root}  q closes this; runs go on", "dim", no_wrap=True),
        )


def watch(board: StoreView, console: Console) -> None:
    """On a terminal a table until q or Ctrl-C, elsewhere a line per change until nothing is running."""
    if not console.is_terminal:
        _lines(board, console)
        return
    screen = Live(console=console, screen=True, auto_refresh=False)
    with contextlib.suppress(KeyboardInterrupt), _keys() as pressed, screen as live:
        while True:
            board.refresh()
            live.update(board.render(console.width, console.height), refresh=True)
            if pressed(REFRESH) in ("q", "Q"):
                break
    console.print(board.totals(), highlight=False)


def _lines(board: StoreView, console: Console) -> None:
    _wait_for_a_run(board, console)
    printed: dict[str, tuple[str, float]] = {}
    while True:
        for line in board.lines():
            name, state = line.planned.run.name + line.planned.label, line.planned.state
            previous_state, printed_at = printed.get(name, ("", 0.0))
            due = state == RUNNING and time.monotonic() - printed_at > PLAIN_SECONDS
            if state != previous_state or due:
                console.print(_plain(line), highlight=False, markup=False, soft_wrap=True)
                printed[name] = (state, time.monotonic())
        if board.over():
            console.print(board.totals(), highlight=False)
            return
        time.sleep(REFRESH)
        board.refresh()


def _wait_for_a_run(board: StoreView, console: Console) -> None:
    """Refresh until a sweep or run is active; one that was started just now needs some seconds to appear."""
    board.refresh()
    if not board.over():
        return
    console.print(
        f"nothing is running in {board.store.root}; waiting {BEGIN_S:.0f} s for a run to start", soft_wrap=True, highlight=False
    )
    until = time.monotonic() + BEGIN_S
    while board.over() and time.monotonic() < until:
        time.sleep(REFRESH)
        board.refresh()


def _plain(line: RunLine) -> str:
    planned = line.planned
    parts = [planned.label, f"seed {planned.seed}", planned.state, line.figures(), line.where]
    return "  ".join([time.strftime("%H:%M:%S"), *filter(None, parts)])


def _readable(run: Run) -> PlannedRun | None:
    try:
        return run_status(run)
    except BenchError:
        return None


def _no_key(seconds: float) -> str:
    time.sleep(seconds)
    return ""


@contextlib.contextmanager
def _keys() -> Iterator[Callable[[float], str]]:
    """A function that waits so many seconds for a key, and returns it; an empty string if none was pressed."""
    if not sys.stdin.isatty():
        yield _no_key
        return
    import termios
    import tty

    terminal_settings = termios.tcgetattr(sys.stdin)

    def pressed(seconds: float) -> str:
        ready, _, _ = select.select([sys.stdin], [], [], seconds)
        return os.read(sys.stdin.fileno(), 1).decode(errors="replace") if ready else ""

    try:
        tty.setcbreak(sys.stdin)
        yield pressed
    finally:
        termios.tcsetattr(sys.stdin, termios.TCSADRAIN, terminal_settings)
