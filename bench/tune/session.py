"""One `bench tune`: the search, then its best trials on fresh seeds, both with a scheduler of their own."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rich.console import Console

from bench.common import lease
from bench.common.errors import BenchError, Blocked
from bench.store import snapshot
from bench.store.search_results import Aim, Result
from bench.store.store import Store
from bench.sweep import active
from bench.sweep.executor import Executor
from bench.sweep.interruption import run_to_end
from bench.sweep.labelling import Labelling
from bench.sweep.plan import ACTIVE, TO_DO, PlannedRun, plan_run, unique
from bench.sweep.preflight import preflight
from bench.sweep.progress import SweepProgress
from bench.sweep.scheduler import Scheduler, Watcher, all_finished
from bench.tracking.tracker import Tracker
from bench.tune import confirm, samplers, spaces
from bench.tune.display import SearchProgress
from bench.tune.search import Search, SearchBudget
from bench.tune.spaces import Space
from bench.tune.study import Study, called, evaluation
from bench.tune.trial import runs_in_record


@dataclass(frozen=True)
class Confirmation:
    """How many of the best trials are trained again, and with how many fresh seeds each."""

    best: int
    seeds: int


@dataclass(frozen=True)
class SearchOutcome:
    """How a session ended.

    open: trials still to be finished. unconfirmed: runs on fresh seeds that have not finished, though all trials have.
    trouble: what went wrong with MLflow, as text.
    """

    result: Result
    interrupted: bool
    open: int
    unconfirmed: Sequence[PlannedRun]
    trouble: str


def check(store: Store, space: Space, aim: Aim, budget: SearchBudget) -> None:
    """Refuse a search none of whose trials could be drawn or trained, before anything is written."""
    samplers.sampler(budget.sampler, aim.seed, len(aim.objectives))
    samplers.pruner(budget.pruner, 1, 1)
    spaces.distributions(space)
    refusals = []
    for choices in spaces.first_choices(space):
        try:
            spec = spaces.spec_for(space, choices)
            spec.data.build().fingerprint()
            preflight([plan_run(space.name, spec, store, (evaluation(aim).at(spec),))])
            return
        except Blocked as error:
            raise BenchError(str(error)) from error
        except BenchError as error:  # only of these choices; a trial that is refused later counts as failed
            refusals.append(error)
    raise refusals[0]


def run(
    study: Study,
    space: Space,
    budget: SearchBudget,
    confirmation: Confirmation,
    executor: Executor,
    console: Console,
    command: str,
) -> SearchOutcome:
    """Search until the budget is spent and confirm what was found, or until interrupted."""
    planned_runs = [
        planned for trial in study.trials() for planned in runs_in_record(study, trial)
    ]  # for MLflow, which may lack some
    with _exclusive(study) as owned, active.register_sweep(study.store, called(study.name, study.aim.scale), command) as sweep:
        code = snapshot.take(study.store)

        def stop_requested() -> str:
            return f"another `bench tune` has taken {study.name} over" if owned.is_lost() else sweep.stop_requested()

        tracker = Tracker(study.store, called(study.name, study.aim.scale), planned_runs)
        labelling = Labelling(called(study.name, study.aim.scale), planned_runs)
        trouble = ""
        try:
            interrupted = False
            search = Search(study, space, budget, planned_runs)
            if search.trials_left():
                with SearchProgress(console, study, budget.trials) as progress:
                    watchers: list[Watcher] = [search, progress, labelling, tracker]
                    scheduler = Scheduler([], study.store, executor, watchers, stop_requested, code.note)
                    search.watch(scheduler)
                    interrupted = run_to_end(scheduler, console)
            if not interrupted and confirmation.best and not search.trials_left():
                interrupted = _confirm(study, confirmation, planned_runs, executor, console, tracker, sweep, code)
        finally:
            trouble = tracker.close()
        result = confirm.conclude(study, confirmation.best, confirmation.seeds, spaces.base(space))
    left = search.trials_left()
    unconfirmed = [] if left else confirm.unfinished(study, confirmation.best, confirmation.seeds)
    return SearchOutcome(result, interrupted, left, unconfirmed, trouble)


def _confirm(
    study: Study,
    confirmation: Confirmation,
    planned_runs: list[PlannedRun],
    executor: Executor,
    console: Console,
    tracker: Watcher,
    sweep: active.Sweep,
    code: snapshot.Snapshot,
) -> bool:
    """Train the best trials on fresh seeds; whether that was interrupted."""
    fresh = confirm.to_train(study, confirmation.best, confirmation.seeds)
    planned_runs += fresh
    if not any(planned.state in (*TO_DO, *ACTIVE) for planned in fresh):
        return False
    console.print("the best trials again, on fresh seeds", highlight=False)
    with SweepProgress(console, unique(fresh), sum(all_finished([planned]) for planned in unique(fresh))) as display:
        watchers: list[Watcher] = [display, Labelling(called(study.name, study.aim.scale), fresh), tracker]
        return run_to_end(Scheduler(fresh, study.store, executor, watchers, sweep.stop_requested, code.note), console)


@contextlib.contextmanager
def _exclusive(study: Study) -> Iterator[lease.Lease]:
    """Hold the study's lease, so that only one search of it runs in a store."""
    owned = lease.take(study.folder)
    if owned is None:
        raise BenchError(f"another `bench tune` works on the search '{study.name}': {lease.holder(study.folder)}")
    try:
        yield owned
    finally:
        owned.release()
