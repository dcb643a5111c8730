"""run: making it happen."""

from __future__ import annotations

import signal
import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bench.commands import options

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.experiment import Experiment
    from bench.plan import Item
    from bench.store import Store


def register(app: typer.Typer) -> None:
    """Add the commands of this room."""
    app.command()(run)


def run(
    name: options.Name,
    scale: options.Scale = "small",
    seeds: options.Seeds = None,
    only: options.Only = None,
    settings: options.Set = None,
    executor: Annotated[str, typer.Option(help="Where runs run: local (child processes) or inline (this process).")] = "local",
    workers: Annotated[int, typer.Option(help="Runs at once. Default: one per GPU, or per processor core.", min=0)] = 0,
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Set this experiment's runs aside, whatever their state, and train them again.")
    ] = False,
    store_path: options.StorePath = None,
) -> None:
    """Train and score what is still lacking.

    Skips what is finished, resumes what was interrupted, keeps going past a run that fails. Ctrl-C stops cleanly, and the same
    command goes on. Exit codes: 0 all done, 1 some failed, 2 usage or configuration, 130 interrupted but resumable.
    """
    from bench.files import writable
    from bench.plan import TO_DO, preflight, unique
    from bench.plan import plan as planned
    from bench.store import FINISHED, RUNNING

    store = options.store(store_path)
    experiment = options.experiment(name, scale, seeds, only, settings)
    items = planned(experiment, store)
    again, table = (options.command(verb, name, scale, seeds, only, settings) for verb in ("run", "report"))
    if fresh:
        for item in unique(items):
            if item.run.path.exists():
                print(f"{item.label}, seed {item.seed}: set aside as {store.set_aside(item.run)}")
        items = planned(experiment, store)
    if all(item.state == FINISHED for item in items):
        print(f"nothing to do: all {len(unique(items))} runs of {experiment.name} are finished")
        print(f"`{table}` shows the table, `bench ui` the curves")
        return
    if any(item.state in (*TO_DO, RUNNING) for item in items):
        writable(store.root)
        preflight([item for item in items if item.state in TO_DO])
        interrupted, trouble = _schedule(experiment, store, items, executor, workers)
        if trouble:
            later = options.command("sync", name, scale, seeds, only, settings)
            print(f"MLflow could not be reached ({trouble}); `{later}` copies everything later")
        items = planned(experiment, store)
    else:
        interrupted = False
    code = _summary(items, interrupted)
    if interrupted:
        print(f"interrupted; `{again}` goes on from here")
    elif any(item.state == FINISHED for item in items):
        print(f"`{table}` shows the table, `bench ui` the curves")
    sys.exit(code)


def _schedule(experiment: Experiment, store: Store, items: Sequence[Item], executor: str, workers: int) -> tuple[bool, str]:
    """Run what is to be done; whether it was interrupted, and what went wrong with MLflow, in words."""
    from bench import catalog
    from bench.plan import unique
    from bench.progress import Display
    from bench.schedule import Scheduler, finished
    from bench.tracker import Tracker, experiment_name

    where = catalog.build("executors", executor, {"workers": workers} if workers else {})
    tracker = Tracker(store, experiment_name(experiment), list(items))
    console = options.console()
    print(f"{experiment.name} at scale {experiment.scale}: {experiment.question}")
    with Display(console, unique(items), sum(finished([item]) for item in unique(items))) as display:
        scheduler = Scheduler(items, store, where, [display, tracker])
        before = {
            number: signal.signal(number, lambda *_: _stop(scheduler, console)) for number in (signal.SIGINT, signal.SIGTERM)
        }
        try:
            scheduler.run()
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
    return scheduler.stopped_at is not None, tracker.close()


def _stop(scheduler: Any, console: Any) -> None:
    again = scheduler.stopped_at is not None
    console.print("stopping at once" if again else "stopping: runs are saving their work (Ctrl-C again ends them at once)")
    scheduler.stop()


def _summary(items: Sequence[Item], interrupted: bool) -> int:
    """Say how it went; the exit code."""
    from bench.plan import unique
    from bench.store import FINISHED

    runs = unique(items)
    good = sum(item.state == FINISHED for item in runs)
    bad = [item for item in runs if item.state in ("failed", "diverged", "blocked")]
    print(f"\n{good} of {len(runs)} runs finished" + (f", {len(bad)} failed:" if bad else ""))
    for item in bad:
        log = item.run.path / "log.txt"
        print(f"  {item.label}, seed {item.seed}: {item.state}: {item.why}" + (f"\n    {log}" if log.exists() else ""))
    return 130 if interrupted else int(good < len(runs))
