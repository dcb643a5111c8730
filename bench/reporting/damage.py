"""The runs that a report shows. Damaged scores do not end it: their run counts as failed, and all others are shown."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from bench.common.errors import BenchError
from bench.evaluation.scores import DamagedScores, header_for, verify
from bench.spec.experiment import Experiment
from bench.store.run import FAILED, FINISHED
from bench.store.store import Store
from bench.sweep.plan import PlannedRun, plan

Content = TypeVar("Content")


def readable_runs(
    experiment: Experiment, store: Store, explain: Callable[[Sequence[PlannedRun]], Sequence[str]] = lambda planned_runs: ()
) -> list[PlannedRun]:
    """Every run of an experiment; a BenchError if none is finished. explain: returns the causes and what to do about them."""
    planned_runs = [readable(planned) for planned in plan(experiment, store)]
    if not any(planned.state == FINISHED for planned in planned_runs):
        folder = f"{store.root}{'' if store.root.is_dir() else ', which is not there'}"
        head = f"no run of {experiment.name} (scale {experiment.scale}) is finished yet"
        raise BenchError(f"{'; '.join([head, *explain(planned_runs)])} (store: {folder})")
    return planned_runs


def readable(planned: PlannedRun) -> PlannedRun:
    """The run; as failed if it is finished but its scores are damaged, or of other clips than its evaluation asks for."""
    if planned.state != FINISHED:
        return planned
    try:
        header_for(_scores_of(planned), planned.evaluations[0], planned.spec.context)
    except DamagedScores as error:
        return _failed(planned, error)
    return planned


def without(planned_runs: Sequence[PlannedRun], damage: DamagedScores) -> list[PlannedRun]:
    """The runs, with the run of a damaged file of scores as failed. Raises the error if no run has it, or no other is left."""
    left = [
        _failed(planned, damage) if planned.evaluations and _scores_of(planned) == damage.path else planned
        for planned in planned_runs
    ]
    if left == list(planned_runs) or not any(planned.state == FINISHED for planned in left):
        raise damage
    return left


def read_undamaged(
    planned_runs: Sequence[PlannedRun], read: Callable[[list[PlannedRun]], Content]
) -> tuple[list[PlannedRun], Content]:
    """What is read of the runs, and these. One whose scores turn out damaged has failed by that; the others are read again."""
    left = list(planned_runs)
    while True:
        try:
            return left, read(left)
        except DamagedScores as error:
            left = without(left, error)


def verified(planned_runs: Sequence[PlannedRun]) -> list[PlannedRun]:
    """The same after reading every byte of all scores, for a report that shows all protocols."""
    left = list(planned_runs)
    for planned in planned_runs:
        if planned.state == FINISHED:
            try:
                verify(_scores_of(planned))
            except DamagedScores as error:
                left = without(left, error)
    return left


def _scores_of(planned: PlannedRun) -> Path:
    return planned.run.scores_file(planned.evaluations[0].key)


def _failed(planned: PlannedRun, damage: DamagedScores) -> PlannedRun:
    return replace(planned, state=FAILED, why=f"damaged: {damage}")
