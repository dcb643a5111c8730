"""stop: ending sweeps and single runs cleanly, from any terminal."""

from __future__ import annotations

import os
import socket
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bench.commands import _options
from bench.common.errors import BenchError, did_you_mean, listed

if TYPE_CHECKING:
    from bench.spec.runspec import RunSpec
    from bench.store.run import Run
    from bench.store.store import Store
    from bench.sweep.active import Sweep

LONGEST = 60.0  # seconds that the command waits for sweeps and runs to save and end


def stop(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="EXPERIMENT|RUN", help="Sweeps by experiment, runs by (part of) name.")
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="Every sweep and every run of the store.")] = False,
    store_path: _options.StorePath = None,
) -> None:
    """Stop sweeps or single runs cleanly.

    They save their work first, whoever started them and on whatever machine; `bench run` continues them. Without a name,
    shows what could be stopped.
    """
    from bench.sweep import queued_runs

    store = _options.store(store_path)
    sweeps, runs = _active(store)
    if not names and not everything:
        _show(sweeps, runs)
        return
    if everything and names:
        raise BenchError(f"--all stops everything: leave out either --all or {listed(names)}")
    if not sweeps and not runs and everything:
        print("nothing is running")
        return
    if not everything:
        sweeps, runs = _chosen(names or [], sweeps, runs)
    reason = f"asked to stop by `bench stop` on {socket.gethostname()} (process {os.getpid()})"
    for sweep in sweeps:
        sweep.ask_to_stop(reason)
    for run in runs:
        run.ask_to_stop(reason)
    for ticket in queued_runs.cancel(runs, waiting_only=True):
        print(f"{ticket.executor} job {ticket.job}, which a queue.json names, is not of this store; it is left alone")
    groups = ((sweeps, "sweep"), (runs, "run"))
    counted = [f"{len(some)} {word}{'' if len(some) == 1 else 's'}" for some, word in groups if some]
    print(f"asked {' and '.join(counted)} to save their work and end")
    _wait_for(sweeps, runs)


def _active(store: Store) -> tuple[list[Sweep], list[Run]]:
    from bench.sweep.active import active_sweeps
    from bench.sweep.plan import ACTIVE, run_status

    return active_sweeps(store), [run for run in store.runs() if run_status(run).state in ACTIVE]


def _show(sweeps: list[Sweep], runs: list[Run]) -> None:
    for sweep in sweeps:
        print(f"sweep  {sweep.experiment:<24} on {sweep.where()}: {sweep.metadata.get('command', '')}")
    for run in runs:
        print(f"run    {run.name:<24} at step {run.status().step} of {run.spec.steps}")
    print("`bench stop NAME` ends one of them, `bench stop --all` all" if sweeps or runs else "nothing is running")


def _chosen(names: list[str], sweeps: list[Sweep], runs: list[Run]) -> tuple[list[Sweep], list[Run]]:
    """The sweeps and runs that the names mean; a sweep stops the runs that it has started."""
    from bench.store import run_names

    chosen_sweeps, chosen_runs = [], []
    for name in names:
        plain = (Path(name).stem if name.endswith(".py") else name).lower().replace("_", "-")
        of_sweeps = [
            s for s in sweeps if plain in (s.experiment.replace("_", "-"), s.experiment.rpartition("-")[0].replace("_", "-"))
        ]
        of_runs = [run for run in runs if name in run.name] if not of_sweeps else []
        if not of_sweeps and not of_runs and (detached := _detached(name, runs)):
            chosen_runs += detached
            continue
        if not of_sweeps and not of_runs and (of_variant := run_names.runs_of_variant(runs, name)):
            raise BenchError(f"'{name}' is a variant, not a run; its active runs are {run_names.with_variants(of_variant)}")
        if not of_sweeps and not of_runs:
            running = [*(sweep.experiment for sweep in sweeps), *(run.name for run in runs)]
            hint = did_you_mean(name, running) or f"; running: {listed(running)}" if running else "; nothing is running here"
            raise BenchError(f"no sweep or run called '{name}' is running{hint}")
        if len(of_runs) > 1:
            raise BenchError(
                f"'{name}' fits {len(of_runs)} running runs: {run_names.with_variants(of_runs)}; write more of the name"
            )
        chosen_sweeps += of_sweeps
        chosen_runs += of_runs + _queued_for(of_sweeps, runs)
    return chosen_sweeps, chosen_runs


def _queued_for(sweeps: list[Sweep], runs: list[Run]) -> list[Run]:
    """The runs in a queue that sweeps wait for, and nobody else: another process may have put them there."""
    from bench.store.labels import labels
    from bench.store.tickets import ticket

    experiments = {sweep.experiment for sweep in sweeps}
    return [run for run in runs if ticket(run) and (named := labels(run)) and experiments.issuperset(named)]


def _detached(name: str, runs: list[Run]) -> list[Run]:
    """The active runs of an experiment that has no scheduler, since it was queued by `bench run --detach`."""
    from contextlib import suppress

    from bench.spec.experiment import SCALES
    from bench.spec.loading import load

    specs: list[RunSpec] = []
    for scale in SCALES:
        with suppress(BenchError):  # there is no such experiment, or not at this scale
            specs += load(name, scale).variants.values()
    return [run for run in runs if any(run.spec == spec.but(seed=run.spec.seed) for spec in specs)]


def _wait_for(sweeps: list[Sweep], runs: list[Run]) -> None:
    from bench.store.run import RUNNING

    until = time.monotonic() + LONGEST
    while time.monotonic() < until:
        sweeps = [sweep for sweep in sweeps if sweep.where()]
        runs = [run for run in runs if run.status().state == RUNNING]
        if not sweeps and not runs:
            print("they have ended; `bench run` continues them")
            return
        time.sleep(0.2)
    left = [*(sweep.experiment for sweep in sweeps), *(run.name for run in runs)]
    print(f"still saving after {LONGEST:.0f} s: {listed(left)}; they end as soon as they have; `bench status` shows it")
