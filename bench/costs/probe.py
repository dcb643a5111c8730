"""`bench plan --probe`: times 20 steps of each kind of run, in processes like those of the workers.

As many probes run at once as there will be workers, with as many threads or a GPU each, so that they slow each other as workers
do. Only the measurements are written (see bench.costs.measured), and weights keep their initial values. As a program,
`python -m bench.costs.probe` reads one job from its standard input and prints a line of JSON per step, the last one with
the result.
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Hashable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from statistics import mean, median
from typing import TYPE_CHECKING, Any

from bench.common.machine import wait_for
from bench.costs import measured
from bench.costs.forecast import Machine
from bench.costs.measured import Measured
from bench.executors import worker_process
from bench.spec.experiment import Evaluation, evaluations_from_json, evaluations_to_json
from bench.spec.runspec import RunSpec
from bench.store.store import Store
from bench.sweep.plan import PlannedRun
from bench.worker import spin_control

if TYPE_CHECKING:
    import torch

    from bench.data.base import Dataset

STARTED = time.monotonic()  # of a probe's process: this module is the first thing that it loads
STEPS, STRETCHES, WARM_UP = 20, 4, 2  # timed steps, in so many stretches spread over the run; steps before them
LIMIT = 60.0  # seconds of timed steps after which a probe ends, even with fewer than 20
CLIPS, SCORING = 16, 10.0  # clips that validation and scoring are timed with, fewer where they take more than these seconds


@dataclass(frozen=True)
class News:
    """How far a probe is: `done` of 20 steps; whether it is over, and what went wrong."""

    planned: PlannedRun
    done: int
    over: bool = False
    trouble: str = ""


def probe(planned_runs: Sequence[PlannedRun], store: Store, machine: Machine, tell: Callable[[News], None]) -> None:
    """Measure the kind of every planned run, and keep each result in the store as soon as it is there; safe to interrupt."""
    probing = _Probing(store, machine, tell)
    with ThreadPoolExecutor(machine.slots) as pool:
        try:
            for done in [pool.submit(probing.measure, planned) for planned in planned_runs]:
                done.result()
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            probing.stop()
            raise


class _Probing:
    """The processes that measure, in slots."""

    def __init__(self, store: Store, machine: Machine, tell: Callable[[News], None]):
        self.store, self.machine, self.tell = store, machine, tell
        self.children: list[subprocess.Popen[str]] = []
        self.stopped = False
        self.free: queue.SimpleQueue[int] = queue.SimpleQueue()
        self.keeping = threading.Lock()
        for slot in range(machine.slots):
            self.free.put(slot)

    def measure(self, planned: PlannedRun) -> None:
        """Measure the kind of this planned run; returns once that is done or has failed."""
        slot = self.free.get()
        try:
            child = _start(planned, self.machine, slot)
            self.children.append(child)
            if self.stopped:
                self.stop()
            self._follow(planned, child)
        finally:
            self.free.put(slot)

    def stop(self) -> None:
        """End everything at once."""
        self.stopped = True
        for child in self.children:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGKILL)

    def _follow(self, planned: PlannedRun, child: subprocess.Popen[str]) -> None:
        assert child.stdout is not None
        report: dict[str, Any] = {}
        message = ""
        for line in child.stdout:
            try:
                report = json.loads(line)
                self.tell(News(planned, int(report.get("done", STEPS)), over="done" not in report))
            except ValueError:
                message = line.strip() or message
        if child.wait() == 0 and "step_seconds" in report:
            kind, family = measured.kind_of(planned.spec), measured.family_of(planned.spec)
            with self.keeping:
                measured.keep(self.store, Measured(kind, family, self.machine.hardware, batch=planned.spec.batch, **report))
        elif not self.stopped:
            self.tell(News(planned, STEPS, over=True, trouble=message or f"its process ended with {child.returncode}"))


def _start(planned: PlannedRun, machine: Machine, slot: int) -> subprocess.Popen[str]:
    environment = worker_process.environment(planned.run, machine.threads)
    if machine.gpus:
        environment["CUDA_VISIBLE_DEVICES"] = machine.gpus[slot % len(machine.gpus)]
    child = subprocess.Popen(
        [sys.executable, "-P", "-m", "bench.costs.probe"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        env=environment, start_new_session=True,
    )  # fmt: skip
    job = {
        "spec": planned.spec.to_json(),
        "evaluations": evaluations_to_json(planned.evaluations),
        "device": "cuda" if machine.gpus else "cpu",
        "threads": machine.threads,
    }
    assert child.stdin is not None
    with contextlib.suppress(BrokenPipeError), child.stdin as stdin:  # it has died: its output says why
        json.dump(job, stdin)
    return child


def main() -> int:
    """A probe's own process."""
    job = json.load(sys.stdin)
    import torch

    torch.set_num_threads(job["threads"])
    if job["threads"] > 1:
        spin_control.watch(job["device"])
    spec, evaluations = RunSpec.from_json(job["spec"]), evaluations_from_json(job["evaluations"])
    for line in _measure(spec, evaluations, torch.device(job["device"])):
        print(json.dumps(line), flush=True)
    return 0


def _measure(spec: RunSpec, evaluations: list[Evaluation], device: torch.device) -> Iterator[dict[str, Any]]:
    from bench.training.compiling import compile_in_place
    from bench.training.flops import flops, parameters
    from bench.training.model import build_model

    data: Dataset = spec.data.build()
    model = build_model(spec, data).to(device)
    if spec.compile:
        model = compile_in_place(model, device)
    step_seconds, ready = None, time.monotonic() - STARTED
    if spec.steps:
        seconds: dict[int, list[float]] = {}
        for done, (stretch, of_step) in enumerate(_steps(spec, data, model, device), 1):
            seconds.setdefault(stretch, []).append(of_step)
            yield {"done": done}
        # The median, since neighbours disturb single steps; of each stretch, since the stretches may differ.
        step_seconds = mean(map(median, seconds.values())) + _validating(spec, data, model, device)
    model.eval()
    yield {
        "step_seconds": step_seconds,
        "score_seconds": {e.key: _scoring(e, spec, data, model, device) for e in evaluations},
        "other_seconds": ready,
        "parameters": parameters(model),
        "flops": flops(model, data.shape, spec.context, spec.horizon),
    }


def _steps(spec: RunSpec, data: Dataset, model: torch.nn.Module, device: torch.device) -> Iterator[tuple[int, float]]:
    """(stretch, seconds) of single steps, in stretches spread over the run, since the cost of a step may change during it."""
    from bench.data.loading import batches
    from bench.training.graphs import RecordedPhases
    from bench.training.learner import build_learner
    from bench.training.step import take_step

    learner = build_learner(spec, model)
    on_gpu = device.type == "cuda"
    recorded = RecordedPhases(model, learner, spec.precision) if on_gpu else None  # as runs train there
    warm_up = WarmUp(learner, on_gpu, spec.steps)
    optimizer = spec.optimizer.build(parameters=model.parameters())
    for group in optimizer.param_groups:
        group["lr"] = 0.0  # steps taken out of order must not change the weights
    length, total = STEPS // STRETCHES, 0.0
    room = warm_up.least if on_gpu else 0  # before the last stretch, where steps of another variant may have begun
    for stretch in range(STRETCHES):
        first = stretch * max(0, spec.steps - length - room) // max(1, STRETCHES - 1)
        last = min(first + length + 2 * warm_up.least, spec.steps)  # 2: the variant may change within a stretch
        began, timed = time.perf_counter(), 0
        for step, clip in enumerate(batches(data, spec.seed, first, last, spec.batch, learner.frames, device), first):
            untimed = warm_up.needs(step)
            take_step(spec, model, learner, optimizer, clip, step, recorded=recorded)
            wait_for(device)
            of_step, began = time.perf_counter() - began, time.perf_counter()
            if untimed:
                continue
            timed += 1
            total += of_step
            yield stretch, of_step
            if total > LIMIT:
                return
            if timed == length:
                break


class WarmUp:
    """Which steps are not timed, of a run of `steps` steps: the first ones, and on a GPU the first ones of every variant.

    There a variant of steps is taken unrecorded first, and the next step records it; what follows is what training costs.
    """

    def __init__(self, learner: object, on_gpu: bool, steps: int):
        from bench.training import graphs

        self.least = graphs.WARM_UP + 1 if on_gpu else WARM_UP
        self.variant: Callable[[int], Hashable] | None = getattr(learner, "variant", None) if on_gpu else None
        self.possible = steps > self.least
        self._taken: Counter[Hashable] = Counter()

    def needs(self, step: int) -> bool:
        """Whether this step, which is about to be taken, belongs to it."""
        variant = self.variant(step) if self.variant else None
        self._taken[variant] += 1
        return self.possible and self._taken[variant] <= self.least


def _validating(spec: RunSpec, data: Dataset, model: torch.nn.Module, device: torch.device) -> float:
    """The share of the validations in a step, in seconds."""
    evaluation = Evaluation(clips=spec.validation_clips, horizon=spec.horizon, split="val")
    times = spec.steps // spec.validate_every + (spec.steps % spec.validate_every > 0)
    return _scoring(evaluation, spec, data, model, device, validating=True) * times / spec.steps


def _scoring(
    evaluation: Evaluation, spec: RunSpec, data: Dataset, model: torch.nn.Module, device: torch.device, validating: bool = False
) -> float:
    """Seconds of an evaluation, from some of its clips."""
    from bench.evaluation.evaluate import clips_to_score, evaluate, validate

    def timed(clips: int) -> float:
        began = time.perf_counter()
        if validating:
            validate(model, data, spec.but(validation_clips=clips), device)
        else:
            evaluate(model, data, spec.context, replace(evaluation, clips=clips), device, spec.precision)
        return time.perf_counter() - began

    count = clips_to_score(data, evaluation, spec.context)
    timed(1)  # the first one warms up
    clips = max(1, min(count, CLIPS, int(SCORING / max(timed(1), 1e-9))))
    return timed(clips) * count / clips


if __name__ == "__main__":
    sys.exit(main())
