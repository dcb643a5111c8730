"""run --decide: one round of seeds after the other, until every claim is decided or the budget is spent."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from bench.commands import _mlflow, _output, _tables

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from bench.evidence.rounds import Round
    from bench.spec.experiment import Experiment
    from bench.store.store import Store
    from bench.sweep.plan import PlannedRun
    from reports.claims import Judged
    from reports.results import Results

    Go = Callable[[Experiment, Sequence[PlannedRun], Callable[[], str]], tuple[bool, str]]

MOST = 20  # seeds that a claim may have, unless another budget is named


def until_decided(experiment: Experiment, store: Store, go: Go, most: int, hours: float | None, command: str) -> int:
    """Finish the round that was begun, judge the claims, choose the next round; returns the exit code.

    go: runs the unfinished runs of a plan; returns whether it was interrupted, and what went wrong with MLflow.
    most: the most seeds of a claim. command: what continues from here.
    """
    from bench.common.files import writable
    from bench.evidence.judging import judged
    from bench.evidence.rounds import SeedRounds, next_round
    from bench.store.run import DIVERGED, FINISHED
    from bench.sweep.damaged_scores import set_aside_damaged_scores
    from bench.sweep.plan import ACTIVE, TO_DO, plan
    from bench.sweep.seeds import widened

    experiment.refuse_without_claims()
    writable(store.root)
    record = SeedRounds.of(experiment, store)
    end = None if hours is None else time.monotonic() + 3600 * hours

    def spent() -> str:
        return f"the {hours:g} hours are spent" if end is not None and time.monotonic() > end else ""

    while True:
        begun = len(record.rounds())
        wider = record.applied(widened(experiment, store))
        planned_runs = set_aside_damaged_scores(plan(wider, store), store, lambda remark: print(f"note: {remark}"))
        if any(planned.state in (*TO_DO, *ACTIVE) for planned in planned_runs):
            interrupted, trouble = go(wider, planned_runs, spent)
            planned_runs = plan(wider, store)
            _mlflow.print_trouble(trouble)
            if interrupted:
                print(f"{spent() or 'interrupted'}; `{command}` continues from here")
                return 0 if spent() else _tables.summary(planned_runs, True, command)
        if any(planned.state not in (FINISHED, DIVERGED) for planned in planned_runs):
            return _tables.summary(planned_runs, False, command)
        results, verdicts = judged(wider, planned_runs)
        chosen = next_round(wider, verdicts, most)
        if not chosen or spent():
            return _conclude(experiment, results, verdicts, most, spent(), command)
        record.add(chosen, begun)
        _announce(begun + 1, chosen, verdicts)


def with_next_round(experiment: Experiment, store: Store, most: int) -> Experiment:
    """The experiment with the seeds of all rounds that were begun, and, if those are over, of the next one."""
    from bench.evidence.judging import judged
    from bench.evidence.rounds import SeedRounds, next_round
    from bench.store.run import FINISHED
    from bench.sweep.plan import ACTIVE, TO_DO, plan
    from bench.sweep.seeds import widened, with_seeds

    experiment.refuse_without_claims()
    wider = SeedRounds.of(experiment, store).applied(widened(experiment, store))
    planned_runs = plan(wider, store)
    states = {planned.state for planned in planned_runs}
    if states & {*TO_DO, *ACTIVE} or FINISHED not in states:
        return wider
    _, verdicts = judged(wider, planned_runs)
    return with_seeds(wider, next_round(wider, verdicts, most))


def _announce(number: int, chosen: Round, verdicts: Sequence[Judged]) -> None:
    """What the round is for, and what it trains."""
    left = sum(claim.wants_seeds for claim in verdicts)
    print(f"\nround {number}: {left} of {len(verdicts)} claims undecided")
    for label, seeds in chosen.items():
        print(f"  {label}: seed{'s' if len(seeds) > 1 else ''} {', '.join(map(str, seeds))}")


def _conclude(experiment: Experiment, results: Results, verdicts: Sequence[Judged], most: int, spent: str, command: str) -> int:
    """Show the verdicts, and why undecided claims stay so; 0, since all was done that was asked for."""
    from reports.claims_grid import claims_grid

    _output.console().print(claims_grid(results, verdicts))
    left = sum(claim.wants_seeds for claim in verdicts)
    if left and spent:
        print(f"{left} of {len(verdicts)} claims undecided, and {spent}; `{command}` continues from here")
    elif left:
        print(f"{left} of {len(verdicts)} claims undecided after {most} seeds; a larger --max-seeds continues from here")
    else:
        print(f"no claim of {experiment.name} is undecided")
    return 0
