"""What would run and why, before anything does."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from bench.common.errors import BenchError, Blocked
from bench.common.reading import is_regular
from bench.spec.experiment import Evaluation, Experiment
from bench.spec.runspec import RunSpec
from bench.store.failures import tried_again
from bench.store.store import BLOCKED, DIVERGED, FAILED, FINISHED, INTERRUPTED, RUNNING, Run, Status, Store
from bench.sweep import queue

NEW, RESUMABLE, TO_SCORE, QUEUED = "new", "resumable", "to score", "queued"
TO_DO = (NEW, RESUMABLE, TO_SCORE)
"""States that `bench run` acts on. A failure that nothing has mended stays until `--retry`, a diverged run is a result."""
GOING_ON = (RUNNING, QUEUED)
"""States of a run that some process, or the queue of a cluster, already has."""


@dataclass(frozen=True)
class Item:
    """One planned run: a variant with a seed, and what there is left to do for it."""

    label: str
    spec: RunSpec
    run: Run
    state: str
    why: str
    evaluations: tuple[Evaluation, ...]

    @property
    def seed(self) -> int:
        return self.spec.seed


def plan(experiment: Experiment, store: Store) -> list[Item]:
    """Every run of the experiment in declared order, with its state. Reads the store alone; nothing is written."""
    return [look(label, spec, store, (experiment.evaluation.at(spec),)) for label, spec in experiment.runs()]


def look(label: str, spec: RunSpec, store: Store, evaluations: tuple[Evaluation, ...]) -> Item:
    """The state of one planned run now."""
    run = store.run(spec)
    missing = tuple(evaluation for evaluation in evaluations if not is_regular(run.scores_file(evaluation.key)))
    there = os.path.lexists(run.path)
    state, why = _damage(run, spec) or _state(run, spec, missing) if there else _absent(spec)
    return Item(label, spec, run, state, why, evaluations)


def seen(run: Run) -> Item:
    """A run of the store as it is, whatever experiment it belongs to."""
    state, why = _state(run, run.spec, ())
    return Item(run.name, run.spec, run, state, why, ())


def unique(items: Sequence[Item]) -> list[Item]:
    """Each run once, though several variants may share it."""
    return list({item.run.name: item for item in reversed(items)}.values())[::-1]


def prediction_bytes(item: Item) -> int:
    """Disk that a run's kept predictions take: four bytes a pixel."""
    data = item.spec.data.build()
    channels, height, width = data.shape
    frames = 0
    for e in item.evaluations:
        if e.keep_predictions and e.horizon:
            frames += e.horizon * (e.clips or data.count(e.split, item.spec.context + e.horizon) or 0)
    return 4 * frames * channels * height * width


def remarks(items: Sequence[Item]) -> list[str]:
    """What a user should know of the data of these runs, as sentences: how many videos are too short for a clip, and so on."""
    said: dict[str, None] = {}
    for item in items:
        data = item.spec.data.build()
        lengths = {("train", item.spec.context + item.spec.horizon), ("val", item.spec.context + item.spec.horizon)}
        lengths |= {(e.split, item.spec.context + e.horizon) for e in item.evaluations if e.horizon}
        with contextlib.suppress(BenchError):  # missing or damaged data have a message of their own
            for split, frames in sorted(lengths):
                said |= dict.fromkeys(data.remarks(split, frames))
    return list(said)


def retry(items: Sequence[Item], kinds: Collection[str]) -> int:
    """Let runs that failed by these kinds go on from their last checkpoint, with whole batches; how many there are."""
    chosen = [item for item in unique(items) if item.state in (FAILED, DIVERGED) and item.run.status().kind in kinds]
    for item in chosen:
        if item.run.micro_batches() > 1:
            item.run.set_micro_batches(1)
        item.run.set_status(INTERRUPTED, reason=f"tried again ({item.why})")
    return len(chosen)


def _damage(run: Run, spec: RunSpec) -> tuple[str, str] | None:
    """That the directory is not that of a run with this spec, whatever its name says: its numbers are not shown, nor used."""
    try:
        if run.holds(spec):
            return None
    except BenchError as error:
        return FAILED, f"damaged: {error}"
    except OSError as error:
        return FAILED, f"damaged: {error.filename}: {error.strerror}"
    return FAILED, f"damaged: {run.path / 'spec.json'} asks for another run; `bench run --fresh` sets the directory aside"


def _absent(spec: RunSpec) -> tuple[str, str]:
    if spec.fingerprint is not None:
        return NEW, "never started"
    try:
        spec.data.build().fingerprint()
    except Blocked as error:
        return BLOCKED, str(error)
    return NEW, "never started"


def _state(run: Run, spec: RunSpec, missing: tuple[Evaluation, ...]) -> tuple[str, str]:
    status: Status = run.status()
    if status.state == RUNNING:
        return RUNNING, f"at step {status.step} of {spec.steps}"
    if status.trained and not missing:
        return FINISHED, "trained and scored"
    if place := queue.place(run):
        return QUEUED, f"{place}, at step {status.step} of {spec.steps}"
    failed = status.state == DIVERGED or (status.state == FAILED and not tried_again(status.kind))
    if failed or (status.state == BLOCKED and spec.fingerprint is None):
        return status.state, f"{status.kind}: {status.reason}" if status.kind and status.state == FAILED else status.reason
    if status.trained:
        return TO_SCORE, f"trained; scores are missing{f' ({status.reason})' if status.reason else ''}"
    return RESUMABLE, f"{status.reason or 'stopped'} at step {status.step} of {spec.steps}"
