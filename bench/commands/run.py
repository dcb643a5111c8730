"""run: trains and scores the runs of an experiment."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from bench.commands import _deciding, _executors, _mlflow, _options, _output, _tables, _threads
from bench.common.errors import BenchError
from reports.quantities import several

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from bench.spec.experiment import Experiment
    from bench.store.store import Store
    from bench.sweep.executor import Executor
    from bench.sweep.plan import PlannedRun


def run(
    name: _options.Name,
    scale: _options.Scale = "small",
    seeds: _options.Seeds = None,
    only: _options.Only = None,
    settings: _options.Set = None,
    executor: _options.Executor = "local",
    workers: _options.Workers = 0,
    per_gpu: _options.PerGPU = 1,
    devices: _options.Devices = 1,
    threads: _options.Threads = 0,
    on: _options.On = None,
    address: _options.Address = None,
    detach: Annotated[
        bool, typer.Option("--detach", help="With slurm: queue the runs and return; they continue without this process.")
    ] = False,
    retry: Annotated[
        list[str] | None,
        typer.Option(metavar="KIND", help="Retry runs that failed, by kind: memory, code, configuration, diverged, or all."),
    ] = None,
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Set this experiment's runs aside, whatever their state, and train them again.")
    ] = False,
    decide: Annotated[
        bool,
        typer.Option("--decide", help="Add seeds to the variants whose claims are undecided, until every claim is decided."),
    ] = False,
    max_seeds: _options.MaxSeeds = None,
    hours: Annotated[
        float | None,
        typer.Option(metavar="HOURS", help="With --decide: stop after this many hours; the same command continues.", min=0),
    ] = None,
    store_path: _options.StorePath = None,
) -> None:
    """Train and score the runs of an experiment that are missing.

    Skips what is finished, resumes what was interrupted, keeps going past a run that fails. Ctrl-C and `bench stop` end it
    cleanly, and the same command continues. With --decide it adds seeds, one round after the other, for the claims of the
    experiment that are still undecided; `bench report X --claims` shows them. Exit codes: 0 all done, 1 some failed, 2 usage or
    configuration, 130 interrupted but resumable.
    """
    from bench.store import failures
    from bench.store.run import FINISHED
    from bench.sweep.damaged_scores import set_aside_damaged_scores
    from bench.sweep.plan import ACTIVE, TO_DO, changed_code, plan, unique
    from bench.sweep.retry import retry_failed

    store = _options.store(store_path)
    choice = _options.Choice(name, scale, seeds, only, settings)
    experiment = choice.experiment()
    if not decide and (max_seeds or hours is not None):
        raise BenchError("--max-seeds and --hours work only with --decide")
    if decide and (detach or fresh):
        raise BenchError(f"--decide does not go with --{'detach' if detach else 'fresh'}: it needs the scores of every round")
    run_command, report_command, sync_command = (choice.command(verb) for verb in ("run", "report", "sync"))
    next_steps = f"`{report_command}` shows the table, `bench ui{_options.same_store()}` the curves"
    run_command += _executors.on(executor, on, address, workers=workers, per_gpu=per_gpu, devices=devices, threads=threads)

    def executor_for(runs: Sequence[PlannedRun]) -> Executor:
        return _executors.executor(executor, workers, per_gpu, len(unique(runs)), on, address, devices, threads)

    if fresh:
        _set_aside(plan(experiment, store), store)
    if kinds := failures.kinds(retry or []):
        print(f"{retry_failed(plan(experiment, store), kinds)} failed runs are tried again")
    planned_runs = plan(experiment, store)
    for remark in changed_code(planned_runs):
        print(f"note: {remark}")
    if decide:
        run_command += _options.format_options(decide=True, max_seeds=max_seeds, hours=hours)

        def go(wider: Experiment, round_runs: Sequence[PlannedRun], stop_requested: Callable[[], str]) -> tuple[bool, str]:
            _prepare(wider, round_runs, store)
            return _sweep(wider, store, round_runs, executor_for(round_runs), run_command, stop_requested)

        sys.exit(_deciding.until_decided(experiment, store, go, max_seeds or _deciding.MOST, hours, run_command))
    planned_runs = set_aside_damaged_scores(planned_runs, store, lambda remark: print(f"note: {remark}"))
    if all(planned.state == FINISHED for planned in planned_runs):
        count = len(unique(planned_runs))
        subject = f"all {count} runs of {experiment.name} are" if count > 1 else f"the one run of {experiment.name} is"
        print(f"nothing to do: {subject} finished")
        _catch_up(experiment, store, planned_runs, sync_command)
        print(next_steps)
        return
    interrupted = False
    if any(planned.state in (*TO_DO, *ACTIVE) for planned in planned_runs):
        _prepare(experiment, planned_runs, store)
        if detach:
            _hand_over(experiment, store, planned_runs, executor_for(planned_runs), run_command)
            return
        interrupted, trouble = _sweep(experiment, store, planned_runs, executor_for(planned_runs), run_command)
        _mlflow.print_trouble(trouble, f"`{sync_command}`")
        planned_runs = plan(experiment, store)
    code = _tables.summary(planned_runs, interrupted, run_command)
    if threads_used := _threads.used(unique(planned_runs)):
        print(threads_used)
    if interrupted:
        print(f"interrupted; `{run_command}` continues from here")
    elif any(planned.state == FINISHED for planned in planned_runs):
        print(next_steps)
    sys.exit(code)


def _set_aside(planned_runs: Sequence[PlannedRun], store: Store) -> None:
    """Make room for fresh runs; a BenchError before that if one of them is in a queue."""
    from bench.sweep.plan import QUEUED, unique

    runs = unique(planned_runs)
    for planned in runs:
        if planned.state == QUEUED:
            raise BenchError(f"{planned.run.name} is queued ({planned.why}); `bench stop {planned.run.name}` first")
    for planned in runs:
        if planned.run.path.exists():
            print(f"{planned.label}, seed {planned.seed}: set aside as {store.set_aside(planned.run)}")


def _prepare(experiment: Experiment, planned_runs: Sequence[PlannedRun], store: Store) -> None:
    """Check all that can be known before the first run starts, and say what a user should know of the data."""
    from bench.common.files import writable
    from bench.sweep.plan import TO_DO, remarks, unique
    from bench.sweep.preflight import preflight

    remember_modules(experiment)
    writable(store.root)
    preflight([planned for planned in planned_runs if planned.state in TO_DO])
    for remark in remarks(unique(planned_runs)):
        print(f"note: {remark}")


def remember_modules(experiment: Experiment) -> None:
    """Trust the modules that the user runs, so that later commands may import them when they read these runs."""
    from bench.common import trust

    modules = [module for spec in experiment.variants.values() for module in spec.modules()]
    for name in trust.remember(modules):
        print(f"{name} is trusted on this machine from now on, since you run it ({trust.file()})")


def _sweep(
    experiment: Experiment,
    store: Store,
    planned_runs: Sequence[PlannedRun],
    executor: Executor,
    command: str,
    stop_requested: Callable[[], str] = lambda: "",
) -> tuple[bool, str]:
    """Run the unfinished runs; returns whether it was interrupted, and what went wrong with MLflow.

    stop_requested: returns why the sweep should end, or an empty string.
    """
    from bench.store import snapshot
    from bench.sweep import active
    from bench.sweep.interruption import run_to_end
    from bench.sweep.labelling import Labelling
    from bench.sweep.plan import unique
    from bench.sweep.progress import SweepProgress
    from bench.sweep.scheduler import Scheduler, Watcher, all_finished
    from bench.tracking.tracker import Tracker, experiment_name

    title = experiment_name(experiment)
    tracker = Tracker(store, title, list(planned_runs), experiment.question)
    console = _output.console()
    print(f"{experiment.name} at scale {experiment.scale}: {experiment.question}")
    if sharing := _threads.before(executor, planned_runs):
        print(sharing)
    done = sum(all_finished([planned]) for planned in unique(planned_runs))
    with active.register_sweep(store, title, command) as sweep, SweepProgress(console, unique(planned_runs), done) as display:
        code = snapshot.take(store)
        watchers: list[Watcher] = [display, Labelling(title, planned_runs), tracker]
        scheduler = Scheduler(
            planned_runs, store, executor, watchers, lambda: stop_requested() or sweep.stop_requested(), code.note
        )
        stopped = run_to_end(scheduler, console)
    return stopped, tracker.close()


def _catch_up(experiment: Experiment, store: Store, planned_runs: Sequence[PlannedRun], sync_command: str) -> None:
    """Store the labels of finished runs, and copy to MLflow what a scheduler that was killed at its end did not."""
    from bench.sweep.labelling import Labelling
    from bench.tracking.tracker import Tracker, experiment_name

    Labelling(experiment_name(experiment), planned_runs)
    trouble = Tracker(store, experiment_name(experiment), list(planned_runs), experiment.question).close()
    _mlflow.print_trouble(trouble, f"`{sync_command}`")


def _hand_over(
    experiment: Experiment, store: Store, planned_runs: Sequence[PlannedRun], executor: Executor, command: str
) -> None:
    """Queue the unfinished runs with an executor that needs no waiting process."""
    from bench.store import snapshot
    from bench.sweep import active
    from bench.sweep.labelling import Labelling
    from bench.sweep.plan import QUEUED
    from bench.sweep.scheduler import Scheduler
    from bench.tracking.tracker import experiment_name

    if executor.queue is None:
        raise BenchError("--detach needs an executor whose runs outlive this process: --executor slurm")
    queued = sum(planned.state == QUEUED for planned in planned_runs)
    labelling = Labelling(experiment_name(experiment), planned_runs)
    with active.register_sweep(store, experiment_name(experiment), command):  # until they have tickets, their code is needed
        scheduler = Scheduler(planned_runs, store, executor, [labelling], prepare=snapshot.take(store).note)
        scheduler.hand_over()
        tickets = executor.detach()
    jobs = ", ".join(dict.fromkeys(ticket.job.partition("_")[0] for ticket in tickets))  # an array's elements as one
    named = f" as {executor.queue.name} job {jobs}" if jobs else ""
    print(f"queued {len(tickets)} runs of {experiment.name}{named}", end="")
    print(f"; {queued} were queued before" if queued else "")
    if scheduler.waiting:
        print(f"{len(scheduler.waiting)} more do not fit into the queue now; the same command adds them later")
    if refusals := [error for future in scheduler.active if future.done() and (error := future.exception())]:
        print(f"{several(len(refusals), 'run')} could not be queued; the same command tries it again")
        raise BenchError(str(refusals[0])) from refusals[0]
    store_named = _options.same_store()
    print(f"`bench status{store_named}` shows how far they are, `{command}` waits for them", end="; ")
    print(f"`bench stop --all{store_named}` takes them back")
