"""plan: what would happen, and what it would cost."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import typer

from bench.commands import _deciding, _options, _output, _tables, _threads
from bench.common.errors import BenchError
from reports.quantities import lasting, sized

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from bench.costs.forecast import Forecast, Machine
    from bench.store.store import Store
    from bench.sweep.plan import PlannedRun


def plan_(
    name: _options.Name,
    scale: _options.Scale = "small",
    seeds: _options.Seeds = None,
    only: _options.Only = None,
    settings: _options.Set = None,
    probing: Annotated[
        bool, typer.Option("--probe", help="Time 20 steps here of each kind of run that no finished run gives an estimate for.")
    ] = False,
    decide: Annotated[
        bool,
        typer.Option("--decide", help="Include the runs of `bench run --decide`: those so far and those of its next round."),
    ] = False,
    max_seeds: _options.MaxSeeds = None,
    workers: _options.Workers = 0,
    per_gpu: _options.PerGPU = 1,
    devices: _options.Devices = 1,
    threads: _options.Threads = 0,
    store_path: _options.StorePath = None,
    as_json: _options.Json = False,
) -> None:
    """Show what would run, why, and what it would cost.

    Prints every run of an experiment with its state, what `bench run` would do, and what that would cost, estimated
    from the time that similar runs took, or that --probe measures. Starts no run.
    """
    from bench.costs.forecast import COUNTED_UP_TO, forecast, lacking, machine
    from bench.sweep.plan import TO_DO, plan, unique
    from bench.sweep.preflight import preflight, refuse_short_contexts, refuse_unfit_learners

    store = _options.store(store_path)
    choice = _options.Choice(name, scale, seeds, only, settings)
    experiment = choice.experiment()
    if max_seeds and not decide:
        raise BenchError("--max-seeds works only with --decide")
    if decide:
        experiment = _deciding.with_next_round(experiment, store, max_seeds or _deciding.MOST)
    planned_runs = plan(experiment, store)
    to_do = [planned for planned in planned_runs if planned.state in TO_DO]
    refuse_unfit_learners(to_do)
    refuse_short_contexts(to_do)
    target_machine = machine(workers, per_gpu, len(unique(planned_runs)), devices, threads, len(unique(to_do)))
    if len(to_do) <= COUNTED_UP_TO:
        unknown = lacking(planned_runs, store, target_machine)
        if unknown:  # what cannot be built is refused here, not in the middle of a night
            preflight(unknown)
    if probing:
        _probe(lacking(planned_runs, store, target_machine), store, target_machine, _output.console(aside=as_json))
    costs = forecast(planned_runs, store, target_machine)
    if as_json:
        _output.print_json(
            [
                {
                    **_tables.as_dict(planned),
                    **_tables.cost_as_dict(costs.costs.get(planned.run.name)),
                    "threads": _offered(planned, target_machine),
                }
                for planned in planned_runs
            ]
        )
        return
    _tables.print_runs([_shortly(planned) for planned in planned_runs], costs.costs)
    _print_total(planned_runs, store, costs, target_machine, choice.command("plan"))


def _probe(planned_runs: Sequence[PlannedRun], store: Store, target_machine: Machine, console: Console) -> None:
    """Time the runs that have no estimate, with a progress bar."""
    from rich.progress import Progress

    from bench.common.files import writable
    from bench.costs.probe import STEPS, News, probe

    if not planned_runs:
        return
    writable(store.root)
    width = max(len(planned.label) for planned in planned_runs)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as shown:
        tasks = {
            planned.run.name: shown.add_task(f"probing {planned.label:<{width}}", total=STEPS, start=False)
            for planned in planned_runs
        }

        def tell(news: News) -> None:
            task, label = tasks[news.planned.run.name], news.planned.label
            shown.start_task(task)
            shown.update(task, completed=news.done)
            if news.trouble:
                console.print(f"{label} could not be probed: {news.trouble}", highlight=False, markup=False)
            elif news.over and not console.is_terminal:
                console.print(f"probed {label}", highlight=False, markup=False)

        probe(planned_runs, store, target_machine, tell)


def _offered(planned: PlannedRun, target_machine: Machine) -> int:
    """Threads of a run: those that it began with, or those that it is offered."""
    from bench.store.provenance import threads_of
    from bench.sweep.plan import TO_DO

    begun = threads_of(planned.run.provenance())
    return target_machine.threads if begun is None or (target_machine.exactly and planned.state in TO_DO) else begun


def _shortly(planned: PlannedRun) -> PlannedRun:
    """A run as a line of the table: why it is blocked is printed below the table, once for all runs."""
    from bench.store.run import BLOCKED

    return replace(planned, why="data are missing") if planned.state == BLOCKED else planned


def _basis(costs: Forecast, target_machine: Machine) -> str:
    """The hardware on which the estimates were measured, and the one these runs would use, if that is another."""
    runs_by_hardware = costs.runs_by_hardware()
    counted = [f"{hardware} ({runs} run{'' if runs == 1 else 's'})" for hardware, runs in runs_by_hardware.items()]
    basis = f"as measured on {' and '.join(counted) if len(counted) > 1 else next(iter(runs_by_hardware))}"
    is_target = set(runs_by_hardware) == {target_machine.hardware}
    return basis if is_target else f"{basis}; these would run on {target_machine.hardware}"


def _print_total(
    planned_runs: Sequence[PlannedRun], store: Store, costs: Forecast, target_machine: Machine, command: str
) -> None:
    from bench.store.run import BLOCKED
    from bench.sweep.plan import TO_DO, TO_SCORE, changed_code, remarks, unique

    runs = unique(planned_runs)
    to_do = [planned for planned in runs if planned.state in TO_DO]
    steps = sum(planned.spec.steps - planned.run.metrics.step() for planned in to_do if planned.state != TO_SCORE)
    print(f"\n{len(to_do)} of {len(runs)} runs to do, {steps:,} training steps, in {store.root}")
    blocked = Counter(planned.why for planned in runs if planned.state == BLOCKED)
    for why, count in blocked.items():
        print(f"{count} of {len(runs)} runs blocked: {why}")
    for remark in changed_code(planned_runs):
        print(f"note: {remark}")
    if not to_do:
        return
    for remark in remarks(to_do):
        print(f"note: {remark}")
    unknown, hours = costs.unknown(), costs.gpu_hours(target_machine.per_gpu)
    sharing = _threads.at_once(target_machine.slots, target_machine.threads, target_machine.exactly, to_do)
    if unknown == len(to_do):
        print(sharing)
    else:
        least = "at least " if unknown or any(cost.without for cost in costs.costs.values()) else "about "
        gpu = f", {hours:.1f} GPU hours" if hours is not None else ""
        print(f"{least}{lasting(costs.wall(target_machine.slots))}, {sharing}{gpu}; {_basis(costs, target_machine)}")
    blank = sum(cost.disk is None for cost in costs.costs.values())
    if blank < len(to_do):
        print(f"{'at least ' if blank else ''}{sized(costs.disk())} of disk: checkpoints, predictions, scores")
    for mark, meaning in _tables.cost_notes(costs.costs.values()):
        print(f"{mark} {meaning}")
    if unknown or any(cost.without or cost.scaled for cost in costs.costs.values()):
        print(f"`{command} --probe` measures what is not known, with 20 steps of each kind of run")
