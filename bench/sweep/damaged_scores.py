"""Finished runs whose scores are damaged: they are to be scored again, from their last checkpoint."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from bench.evaluation.scores import DamagedScores, header_for, load
from bench.spec.experiment import Evaluation
from bench.store.run import FINISHED
from bench.store.store import Store
from bench.sweep.plan import PlannedRun, plan_run

SET_ASIDE = ".damaged"  # after the name of a file


def set_aside_damaged_scores(
    planned_runs: Sequence[PlannedRun],
    store: Store,
    tell: Callable[[str], None] = lambda sentence: None,
    whole: bool = False,
) -> list[PlannedRun]:
    """The runs; damaged scores of finished ones are set aside, so that these are to be scored again.

    tell: called with a sentence for each file that was set aside. whole: read the scores themselves, not their headers alone.
    """
    return [_readable(planned, store, tell, whole) for planned in planned_runs]


def _readable(planned: PlannedRun, store: Store, tell: Callable[[str], None], whole: bool) -> PlannedRun:
    if planned.state != FINISHED:
        return planned
    for evaluation in planned.evaluations:
        path = planned.run.scores_file(evaluation.key)
        if (damage := _damage(path, evaluation, planned.spec.context, whole)) is None:
            continue
        scores = f"the scores of {planned.label}, seed {planned.seed},"
        if damage.is_lasting and _damage(path, evaluation, planned.spec.context, whole):  # nobody has made them again meanwhile
            try:
                path.replace(f"{path}{SET_ASIDE}")
                tell(f"{scores} are made again: {damage.why} (the file is {path.name}{SET_ASIDE} now)")
            except OSError as error:
                tell(f"{scores} cannot be used, {damage.why}, and not be set aside: {error.strerror}")
        elif not damage.is_lasting:
            tell(f"{scores} cannot be read just now: {damage.why}")
    return plan_run(planned.label, planned.spec, store, planned.evaluations)


def _damage(path: Path, evaluation: Evaluation, context: int, whole: bool) -> DamagedScores | None:
    try:
        header_for(path, evaluation, context)
        if whole:
            load(path)
    except DamagedScores as error:
        return error
    return None
