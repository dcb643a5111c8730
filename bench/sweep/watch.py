"""`bench status --watch`: how everything goes, from any terminal, whoever started it. Reads the store alone."""

from __future__ import annotations

import contextlib
import os
import select
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from typing import NamedTuple

from rich import box
from rich.console import Console, Group
from rich.live import Live
from rich.markup import escape
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from bench.common import lease
from bench.common.errors import BenchError
from bench.spec.experiment import Experiment
from bench.store.store import BLOCKED, DIVERGED, FAILED, FINISHED, RUNNING, Run, Store
from bench.sweep import active
from bench.sweep.plan import GOING_ON, QUEUED, TO_DO, Item, look, plan, seen
from bench.sweep.progress import MARKS, PLAIN_SECONDS, Pace, clock

REFRESH = 1.0  # seconds between two looks
ALL_AGAIN = 20.0  # seconds between two looks at finished runs: they hardly change
FIRST = (RUNNING, FAILED, DIVERGED, BLOCKED, QUEUED)  # what a screen that is too short shows first
SHOWN = {**MARKS, RUNNING: "[cyan]▶[/]", QUEUED: "[blue]…[/]", BLOCKED: "[yellow]![/]"}
WIDE, WIDEST = 100, 140  # columns of a terminal that has room for where a run is, and for its losses


class Row(NamedTuple):
    """One run as it is now. where: who trains it, or why nobody does."""

    item: Item
    step: int
    pace: Pace | None
    where: str


class Board:
    """The runs of an experiment, or all of a store, as they were at the last look."""

    def __init__(self, store: Store, experiment: Experiment | None = None):
        self.store, self.experiment = store, experiment
        self.items: list[Item] = []
        self.sweeps: list[active.Sweep] = []
        self._runs: dict[str, Run] = {}  # with the specs that have been read
        self._complete = 0.0

    def look(self) -> None:
        """See how everything is now."""
        again = time.monotonic() - self._complete > ALL_AGAIN
        known = {} if again else {item.run.name: item for item in self.items if item.state == FINISHED}
        if self.experiment is None:
            self._runs = {path.name: self._runs.get(path.name) or Run(path) for path in self.store.folders()}
            self.items = [item for name, run in self._runs.items() if (item := known.get(name) or _readable(run))]
        elif again:
            self.items = plan(self.experiment, self.store)
        else:
            self.items = [
                known.get(item.run.name) or look(item.label, item.spec, self.store, item.evaluations) for item in self.items
            ]
        if again:
            self._complete = time.monotonic()
        self.sweeps = active.going_on(self.store)

    def over(self) -> bool:
        """Whether nothing goes on."""
        return not self.sweeps and not any(item.state in GOING_ON for item in self.items)

    def rows(self, most: int | None = None) -> list[Row]:
        """The runs in their order; where there are more than `most`, what goes on or went wrong comes first."""
        chosen = self.items
        if most is not None and len(chosen) > most:
            urgent = sorted(chosen, key=lambda item: FIRST.index(item.state) if item.state in FIRST else len(FIRST))
            kept = {id(item) for item in urgent[:most]}
            chosen = [item for item in chosen if id(item) in kept]
        return [_row(item) for item in chosen]

    def totals(self) -> str:
        """All runs by state, and how long the rest takes at the present pace."""
        states = Counter(item.state for item in self.items)
        parts = [f"{count} {state}" for state, count in states.items()]
        left = sum(item.spec.steps - _step(item) for item in self.items if item.state in (*TO_DO, *GOING_ON))
        going = [pace for item in self.items if item.state == RUNNING and (pace := Pace.of(item.run))]
        speed = sum(pace.speed or 0.0 for pace in going)
        parts += [f"{left:,} steps to go"] if left else []
        parts += [f"{speed:.1f} steps/s, {clock(left / speed)} left at this pace"] if speed and left else []
        return f"{len(self.items)} runs: " + ", ".join(parts)

    def render(self, width: int, height: int) -> Group:
        """As much as fits on a screen."""
        rows = self.rows(max(1, height - 6 - len(self.sweeps)))
        table = Table(box=box.SIMPLE_HEAD, pad_edge=False, expand=True, padding=(0, 1, 0, 0))
        table.add_column("", no_wrap=True, width=1)
        table.add_column("run", no_wrap=True, overflow="ellipsis", ratio=2)
        for name in ("seed", "state", "", "step", "steps/s", "left", "validation"):
            table.add_column(name, no_wrap=True, overflow="ellipsis", justify="left" if name in ("state", "") else "right")
        if width >= WIDEST:
            table.add_column("loss", no_wrap=True, overflow="ellipsis", ratio=3)
        if width >= WIDE:
            table.add_column("where", no_wrap=True, overflow="ellipsis", ratio=3)
        for row in rows:
            table.add_row(*_cells(row, width))
        more = len(self.items) - len(rows)
        return Group(
            *(Text(f"sweep {sweep.experiment} on {sweep.where()}", "bold", no_wrap=True) for sweep in self.sweeps),
            table,
            Text(f"{self.totals()}{f' ({more} not shown)' if more else ''}", no_wrap=True, overflow="ellipsis"),
            Text(f"{time.strftime('%H:%M:%S')}  {self.store.root}  q closes this; runs go on", "dim", no_wrap=True),
        )


def watch(board: Board, console: Console) -> None:
    """On a terminal a table until q or Ctrl-C, elsewhere a line per change until nothing goes on."""
    if not console.is_terminal:
        _lines(board, console)
        return
    screen = Live(console=console, screen=True, auto_refresh=False)
    with contextlib.suppress(KeyboardInterrupt), _keys() as pressed, screen as live:
        while True:
            board.look()
            live.update(board.render(console.width, console.height), refresh=True)
            if pressed(REFRESH) in ("q", "Q"):
                break
    console.print(board.totals(), highlight=False)


def _lines(board: Board, console: Console) -> None:
    told: dict[str, tuple[str, float]] = {}
    while True:
        board.look()
        for row in board.rows():
            name, state = row.item.run.name + row.item.label, row.item.state
            before, when = told.get(name, ("", 0.0))
            due = state == RUNNING and time.monotonic() - when > PLAIN_SECONDS
            if state != before or due:
                console.print(_line(row), highlight=False, markup=False, soft_wrap=True)
                told[name] = (state, time.monotonic())
        if board.over():
            console.print(board.totals(), highlight=False)
            return
        time.sleep(REFRESH)


def _line(row: Row) -> str:
    item, pace = row.item, row.pace
    figures = [f"step {row.step}/{item.spec.steps}", pace.in_words(item.spec.steps) if pace and item.state == RUNNING else ""]
    parts = [item.label, f"seed {item.seed}", item.state, *figures, pace.validation_in_words() if pace else "", row.where]
    return "  ".join([time.strftime("%H:%M:%S"), *filter(None, parts)])


def _readable(run: Run) -> Item | None:
    try:
        return seen(run)
    except BenchError:
        return None


def _row(item: Item) -> Row:
    where = lease.holder(item.run.path) if item.state == RUNNING else "" if item.state == FINISHED else item.why
    return Row(item, _step(item), Pace.of(item.run), where or "")


def _step(item: Item) -> int:
    return item.spec.steps if item.state == FINISHED else int(item.run.latest().get("step", 0))


def _cells(row: Row, width: int) -> list[str | Text | ProgressBar]:
    item, pace, steps = row.item, row.pace, row.item.spec.steps
    going = pace if item.state == RUNNING else None
    left = going.left(steps) if going else None
    cells: list[str | Text | ProgressBar] = [
        SHOWN.get(item.state, "·"),
        escape(item.label),
        str(item.seed),
        item.state,
        ProgressBar(total=max(steps, 1), completed=row.step if steps else int(item.state == FINISHED), width=10),
        f"{row.step}/{steps}",
        f"{going.speed:.1f}" if going and going.speed else "",
        clock(left) if left is not None else "",
        f"{pace.psnr:.2f} dB" if pace and pace.psnr is not None else "",
    ]
    loss = [pace.loss_in_words() if pace else ""] if width >= WIDEST else []
    return [*cells, *loss, *([escape(row.where)] if width >= WIDE else [])]


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

    before = termios.tcgetattr(sys.stdin)

    def pressed(seconds: float) -> str:
        ready, _, _ = select.select([sys.stdin], [], [], seconds)
        return os.read(sys.stdin.fileno(), 1).decode(errors="replace") if ready else ""

    try:
        tty.setcbreak(sys.stdin)
        yield pressed
    finally:
        termios.tcsetattr(sys.stdin, termios.TCSADRAIN, before)
