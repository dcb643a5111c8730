"""`bench speed schedule`: what the suite costs besides training. Scheduling a run, tracking it, starting a worker, the CLI.

Each figure is the least of some rounds, with the processor time that went into it: on a busy machine wall-clock time also
counts the work of other processes.
"""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bench.evaluation.scores import Scores
from bench.executors import worker_process
from bench.metrics.protocols import score_names
from bench.spec.experiment import Evaluation, Experiment
from bench.spec.runspec import RunSpec
from bench.speed.timing import fastest
from bench.store import snapshot
from bench.store.run import FINISHED, RUNNING, Run
from bench.store.store import Store
from bench.sweep.executor import Executor
from bench.sweep.plan import plan
from bench.sweep.progress import SweepProgress
from bench.sweep.scheduler import Scheduler
from bench.tracking import tracker
from experiments.recipes import LMC_SMALL
from reports.quantities import lasting

RUNS = 100  # that are scheduled
STEPS, TURNS = 2, 12  # trained in a row, and how often in turn with and without metrics
ROUNDS = 3
LINES = 108  # of metrics that the small LMC-Memory writes: every fourth of its 400 steps, and eight validations
EVALUATION = Evaluation(clips=128, horizon=10)
HELP = "from bench.cli import app; app(['--help'])"


@dataclass(frozen=True)
class OverheadRow:
    """name: what was measured. seconds: by the wall clock. processor: of processor time. limit: what it should stay within.

    share: of something else that was measured, instead of seconds.
    """

    name: str
    seconds: float
    processor: float
    limit: float | None = None
    share: float | None = None
    remark: str = ""

    def format_row(self) -> str:
        """One line."""
        shown = lasting(self.seconds) if self.share is None else f"{self.share:.2%}"
        spent = f" ({lasting(self.processor)} of processor time)" if self.share is None else ""
        most = "" if self.limit is None else f", at most {lasting(self.limit) if self.share is None else f'{self.limit:.0%}'}"
        return f"{self.name}: {shown}{spent}{most}{f'; {self.remark}' if self.remark else ''}"


def measure() -> Iterator[OverheadRow]:
    """Scheduling, tracking, starting a worker, the command line."""
    folder = Path(tempfile.mkdtemp(prefix="bench-speed-"))
    try:
        yield scheduling(Store(folder / "scheduling"))
        yield from tracking(Store(folder / "tracking"))
        yield starting(Store(folder / "starting"))
        yield command_line()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def scheduling(store: Store) -> OverheadRow:
    """From a plan to finished runs, as `bench run` does it, without the work of the runs themselves."""
    from rich.console import Console

    experiment = _experiment({str(steps): LMC_SMALL.but(steps=steps) for steps in range(1, RUNS + 1)})
    stub = Stub()
    with open(os.devnull, "w") as nowhere:
        began = time.perf_counter(), time.process_time()
        planned_runs = plan(experiment, store)
        with SweepProgress(Console(file=nowhere), planned_runs, 0) as display:
            Scheduler(planned_runs, store, stub, [display], prepare=snapshot.take(store).note).run()
        seconds = time.perf_counter() - began[0] - stub.seconds, time.process_time() - began[1] - stub.processor
    return OverheadRow(
        "scheduling a run", seconds[0] / RUNS, seconds[1] / RUNS, limit=0.3, remark=f"of {RUNS} that end at once"
    )


class Stub(Executor):
    """An executor whose runs end at once. seconds, processor: what writing their ends has taken."""

    slots = 2

    def __init__(self) -> None:
        self.seconds, self.processor = 0.0, 0.0

    def submit(self, run: Run, evaluations: Sequence[Evaluation]) -> Future[str]:
        """Write what a worker writes last."""
        began = time.perf_counter(), time.process_time()
        run.set_status(RUNNING)
        for evaluation in evaluations:
            _scores().save(run.scores_file(evaluation.key))
        run.set_status(FINISHED, trained=True)
        self.seconds += time.perf_counter() - began[0]
        self.processor += time.process_time() - began[1]
        future: Future[str] = Future()
        future.set_result("")
        return future

    def stop(self) -> None: ...
    def kill(self) -> None: ...


def tracking(store: Store) -> Iterator[OverheadRow]:
    """What writing metrics, and copying them into MLflow, adds to training."""
    [planned] = plan(_experiment({"full": LMC_SMALL}), store)
    planned.run.create(LMC_SMALL)
    _write(planned.run)
    Stub().submit(planned.run, planned.evaluations)
    planned.run.set_status(FINISHED, step=LINES)
    tracker.sync(store, "speed", [planned])  # makes the database
    copying = _least(lambda: tracker.sync(store, f"speed-{time.monotonic_ns()}", [planned]))
    writing = _least(lambda: _write(planned.run))
    yield OverheadRow(
        "copying a run into MLflow, in the background", *copying, remark=f"{LINES} lines of metrics, scores of 10 frames"
    )
    steps = _Training(LMC_SMALL, planned.run)
    seconds, without = fastest(
        lambda: steps(with_metrics=True), lambda: steps(with_metrics=False), TURNS, clock=time.process_time
    )
    remark = f"{seconds / without - 1:+.2%} against one without"
    yield OverheadRow("a step of the small LMC-Memory with a line of metrics", seconds / STEPS, seconds / STEPS, remark=remark)
    added, trained = writing[1] + copying[1], LMC_SMALL.steps * without / STEPS
    remark = f"{lasting(added)} of {lasting(trained)} of processor time, {LMC_SMALL.steps} steps"
    yield OverheadRow("tracking, as a share of training the small LMC-Memory", added, added, 0.02, added / trained, remark)


class _Training:
    """Trains some steps further at every call, on one core."""

    def __init__(self, spec: RunSpec, run: Run):
        from bench.training.learner import build_learner
        from bench.training.model import build_model

        self.spec, self.run, self.step = spec, run, 0
        self.data: Any = spec.data.build()
        self.model = build_model(spec, self.data)
        self.learner = build_learner(spec, self.model)
        self.optimizer: Any = spec.optimizer.build(parameters=self.model.parameters())

    def __call__(self, with_metrics: bool) -> None:
        import torch

        from bench.training.step import take_step

        threads = torch.get_num_threads()
        torch.set_num_threads(1)
        for _ in range(STEPS):
            clip = self.data.batch(self.spec.seed, self.step, self.spec.batch, self.learner.frames)
            losses = take_step(self.spec, self.model, self.learner, self.optimizer, clip, self.step)
            if with_metrics:
                self.run.metrics.append(self.step, {f"loss/{name}": float(loss) for name, loss in losses.items()})
            self.step += 1
        torch.set_num_threads(threads)


def starting(store: Store) -> OverheadRow:
    """From the start of a worker's process to the end of its first step, and how much of that importing torch takes."""
    starts, imports = [], []
    for seed in range(ROUNDS):
        spec = LMC_SMALL.but(steps=1, validation_clips=1, seed=seed)  # it writes a line after its first step
        run = store.run(spec)
        run.create(spec)
        command, environment = worker_process.command(run, [], "cpu", 1), worker_process.environment(run, 1)
        began = time.time()
        spent = _least(lambda: subprocess.run(command, env=environment, stderr=subprocess.DEVNULL), rounds=1)  # noqa: B023
        starts.append((next(iter(run.metrics.lines()))["time"] - began, spent[1]))
        imports.append(_least(lambda: subprocess.run([sys.executable, "-c", "import torch"]), rounds=1))
    wall, processor = map(min, zip(*starts, strict=True))
    remark = f"importing torch alone: {lasting(min(imports)[0])}; processor time of the whole process"
    return OverheadRow("a worker, from its start to the end of its first step", wall, processor, limit=4.0, remark=remark)


def command_line() -> OverheadRow:
    """`bench --help` in a process of its own."""
    seconds = _least(lambda: subprocess.run([sys.executable, "-c", HELP], stdout=subprocess.DEVNULL), 3 * ROUNDS)
    peer = _least(lambda: subprocess.run([sys.executable, "-c", "pass"]), 3 * ROUNDS)
    return OverheadRow("bench --help", *seconds, limit=0.3, remark=f"Python alone: {lasting(peer[0])}")


def _experiment(variants: dict[str, RunSpec]) -> Experiment:
    return Experiment("What does it cost?", variants, evaluation=EVALUATION, name="speed")


def _write(run: Run) -> None:
    """The metrics of a whole run."""
    for step in range(1, LINES + 1):
        run.metrics.append(step, {"loss/storing": 1 / step, "loss/matching": 1 / step, "rate": 0.002})


def _scores() -> Scores:
    names = score_names()
    return Scores(np.ones((EVALUATION.clips or 1, EVALUATION.horizon or 1, len(names)), np.float32), names, {})


def _least(work: Callable[[], object], rounds: int = ROUNDS) -> tuple[float, float]:
    """Seconds by the wall clock and of processor time, of this process and its children, each the least of some rounds."""
    seconds = []
    for _ in range(rounds):
        began = time.perf_counter(), _spent()
        work()
        seconds.append((time.perf_counter() - began[0], _spent() - began[1]))
    return min(wall for wall, _ in seconds), min(spent for _, spent in seconds)


def _spent() -> float:
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime
