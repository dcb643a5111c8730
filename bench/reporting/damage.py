"""One damaged file of scores takes no report with it: its run has failed by that, and all others are shown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from bench.evaluation.scores import DamagedScores, look, verify
from bench.store.store import FAILED, FINISHED
from bench.sweep.plan import Item


def readable(item: Item) -> Item:
    """The run; failed where it is finished and its scores are damaged, or of other clips than its evaluation asks for."""
    if item.state != FINISHED:
        return item
    try:
        kept, evaluation = look(_scores_of(item)), item.evaluations[0]
    except DamagedScores as error:
        return _failed(item, error)
    facts = {"split": evaluation.split, "context": item.spec.context}
    differing = [name for name, asked in facts.items() if kept.facts.get(name, asked) != asked]
    if kept.shape[1] != evaluation.horizon or (evaluation.clips and kept.shape[0] > evaluation.clips) or differing:
        return _failed(item, DamagedScores(kept.path, f"they are of other clips than the evaluation {evaluation.key} asks for"))
    return item


def without(items: Sequence[Item], damage: DamagedScores) -> list[Item]:
    """The runs, that one failed which a damaged file of scores is of. Raises the error where it is of none, or none is left."""
    left = [_failed(item, damage) if item.evaluations and _scores_of(item) == damage.path else item for item in items]
    if left == list(items) or not any(item.state == FINISHED for item in left):
        raise damage
    return left


def verified(items: Sequence[Item]) -> list[Item]:
    """The same after reading every byte of all scores, for a report that shows all protocols."""
    left = list(items)
    for item in items:
        if item.state == FINISHED:
            try:
                verify(_scores_of(item))
            except DamagedScores as error:
                left = without(left, error)
    return left


def _scores_of(item: Item) -> Path:
    return item.run.scores_file(item.evaluations[0].key)


def _failed(item: Item, damage: DamagedScores) -> Item:
    return replace(item, state=FAILED, why=f"damaged: {damage}")
