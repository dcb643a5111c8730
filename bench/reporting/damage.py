"""One damaged file of scores takes no report with it: its run has failed by that, and all others are shown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from bench.evaluation.scores import DamagedScores, read_header, verify
from bench.store.store import FAILED, FINISHED
from bench.sweep.plan import PlannedRun


def readable(planned: PlannedRun) -> PlannedRun:
    """The run; failed where it is finished and its scores are damaged, or of other clips than its evaluation asks for."""
    if planned.state != FINISHED:
        return planned
    try:
        kept, evaluation = read_header(_scores_of(planned)), planned.evaluations[0]
    except DamagedScores as error:
        return _failed(planned, error)
    metadata = {"split": evaluation.split, "context": planned.spec.context}
    differing = [name for name, requested in metadata.items() if kept.metadata.get(name, requested) != requested]
    if kept.shape[1] != evaluation.horizon or (evaluation.clips and kept.shape[0] > evaluation.clips) or differing:
        return _failed(
            planned, DamagedScores(kept.path, f"they are of other clips than the evaluation {evaluation.key} asks for")
        )
    return planned


def without(planned_runs: Sequence[PlannedRun], damage: DamagedScores) -> list[PlannedRun]:
    """The runs, that one failed which a damaged file of scores is of. Raises the error where it is of none, or none is left."""
    left = [
        _failed(planned, damage) if planned.evaluations and _scores_of(planned) == damage.path else planned
        for planned in planned_runs
    ]
    if left == list(planned_runs) or not any(planned.state == FINISHED for planned in left):
        raise damage
    return left


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
