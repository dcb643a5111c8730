"""Plans what is to run and why, before anything runs."""

from __future__ import annotations

import contextlib
import os
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from bench.common.errors import BenchError, Blocked, listed
from bench.common.reading import is_regular
from bench.spec.experiment import Evaluation, Experiment
from bench.spec.runspec import RunSpec
from bench.store import user_code
from bench.store.failures import is_retried
from bench.store.run import BLOCKED, DIVERGED, FAILED, FINISHED, RUNNING, Run, Status
from bench.store.store import Store
from bench.sweep import queued_runs


class Work(StrEnum):
    """The remaining work of a run that no process is working on."""

    NEW = "new"
    RESUMABLE = "resumable"
    TO_SCORE = "to score"
    QUEUED = "queued"


NEW, RESUMABLE, TO_SCORE, QUEUED = Work
TO_DO = (NEW, RESUMABLE, TO_SCORE)
"""States that `bench run` acts on. A failure stays until its cause is gone or `--retry`; a diverged run is a result."""
ACTIVE = (RUNNING, QUEUED)
"""States of a run that a process or a cluster's queue already has."""


@dataclass(frozen=True)
class PlannedRun:
    """One planned run: a variant with a seed, its state, and the reason for that state (`why`)."""

    label: str
    spec: RunSpec
    run: Run
    state: str
    why: str
    evaluations: tuple[Evaluation, ...]

    @property
    def seed(self) -> int:
        return self.spec.seed


def plan(experiment: Experiment, store: Store) -> list[PlannedRun]:
    """Every run of the experiment in declared order, with its state. Reads the store alone; nothing is written."""
    return [plan_run(label, spec, store, (experiment.evaluation.at(spec),)) for label, spec in experiment.runs()]


def plan_run(label: str, spec: RunSpec, store: Store, evaluations: tuple[Evaluation, ...]) -> PlannedRun:
    """One planned run with its present state."""
    run = store.run(spec)
    missing = tuple(evaluation for evaluation in evaluations if not is_regular(run.scores_file(evaluation.key)))
    exists = os.path.lexists(run.path)
    state, why = _damage(run, spec) or _state(run, spec, missing) if exists else _absent(spec)
    return PlannedRun(label, spec, run, state, why, evaluations)


def run_status(run: Run) -> PlannedRun:
    """The present state of a run in the store, without any experiment."""
    state, why = _state(run, run.spec, ())
    return PlannedRun(run.name, run.spec, run, state, why, ())


def unique(planned_runs: Sequence[PlannedRun]) -> list[PlannedRun]:
    """Each run once, even if several variants share it."""
    return list({planned.run.name: planned for planned in reversed(planned_runs)}.values())[::-1]


def prediction_bytes(planned: PlannedRun) -> int:
    """Bytes on disk of a run's stored predictions: four per pixel."""
    data = planned.spec.data.build()
    channels, height, width = data.shape
    frames = 0
    for e in planned.evaluations:
        if e.keep_predictions and e.horizon:
            frames += e.horizon * (e.clips or data.count(e.split, planned.spec.context + e.horizon) or 0)
    return 4 * frames * channels * height * width


def remarks(planned_runs: Sequence[PlannedRun]) -> list[str]:
    """What a user should know of the data of these runs, as sentences: how many videos are too short for a clip, and so on."""
    sentences: dict[str, None] = {}
    for planned in planned_runs:
        data = planned.spec.data.build()
        lengths = {("train", planned.spec.context + planned.spec.horizon), ("val", planned.spec.context + planned.spec.horizon)}
        lengths |= {(e.split, planned.spec.context + e.horizon) for e in planned.evaluations if e.horizon}
        with contextlib.suppress(BenchError):  # missing or damaged data have a message of their own
            for split, frames in sorted(lengths):
                sentences |= dict.fromkeys(data.remarks(split, frames))
            for evaluation in planned.evaluations:
                frames = planned.spec.context + (evaluation.horizon or planned.spec.horizon)
                shortage = evaluation.shortage(data.count(evaluation.split, frames))
                sentences |= {shortage: None} if shortage else {}
    return list(sentences)


def changed_code(planned_runs: Sequence[PlannedRun]) -> list[str]:
    """Sentences on runs whose code of the user's own has changed since they were trained: a run is known by its settings."""
    seeds: dict[tuple[str, str], list[int]] = {}
    for planned in unique(planned_runs):
        if files := user_code.changed(planned.run, planned.spec):
            seeds.setdefault((listed(files), planned.label), []).append(planned.seed)
    return [
        f"{files} has changed since '{label}' was trained (seed {listed(map(str, numbers))}); "
        f"`bench run ... --only {shlex.quote(label)} --fresh` trains it anew"
        for (files, label), numbers in seeds.items()
    ]


def _damage(run: Run, spec: RunSpec) -> tuple[str, str] | None:
    """Why a directory is not that of a run with this spec, though its name says so; its numbers are not used. None if it is."""
    try:
        if run.holds(spec):
            return None
    except BenchError as error:
        return FAILED, f"damaged: {error}"
    except OSError as error:
        return FAILED, f"damaged: {error.filename}: {error.strerror}"
    return (
        FAILED,
        f"damaged: {run.path / 'spec.json'} asks for another run; `bench run ... --only VARIANT --fresh` sets it aside",
    )


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
    if location := queued_runs.location(run):
        return QUEUED, f"{location}, at step {status.step} of {spec.steps}"
    failed = status.state == DIVERGED or (status.state == FAILED and not is_retried(status.kind))
    if failed or (status.state == BLOCKED and spec.fingerprint is None):
        return status.state, f"{status.kind}: {status.reason}" if status.kind and status.state == FAILED else status.reason
    if status.trained:
        return TO_SCORE, f"trained; scores are missing{f' ({status.reason})' if status.reason else ''}"
    return RESUMABLE, f"{status.reason or 'stopped'} at step {status.step} of {spec.steps}"
