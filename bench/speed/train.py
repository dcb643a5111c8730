"""`bench speed train`: an iteration of LMC-Memory (two phases on one batch) against the plain path on the same batch.

The plain path (`lmc.plain`) reads every frame on its own, in float32. Both are processes of their own, with a worker's
settings: on a processor they take their steps in turn, each on the same single core, and processor time is counted, so that
whatever else the machine does hits both alike; on a GPU, one after the other, by the clock. The matrix product is timed between
the steps, in the precision of the row. Clips are random numbers that lie on the device: `bench speed data` measures loading.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Generator, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from statistics import median
from typing import Any, Literal, NamedTuple

from bench.common.errors import BenchError
from bench.common.machine import default_device, has_bf16
from bench.executors.worker_process import settings
from bench.spec.runspec import Precision, RunSpec
from bench.speed.timing import NotMeasured
from experiments.recipes import LMC_KTH, LMC_MOVING_MNIST, LMC_SMALL

Scale = Literal["small", "paper-size"]
Published = Literal["moving_mnist", "kth"]
Recipe = tuple[str, RunSpec, tuple[int, int, int]]
"""Its name, what is trained, and the shape of a frame."""

SMALL: Recipe = ("small", LMC_SMALL, (1, 32, 32))
FEW = LMC_MOVING_MNIST.but(batch=4, horizon=10, learner=LMC_MOVING_MNIST.learner.but(long=20))
LARGE: Recipe = ("paper-size, 10 -> 10", FEW, (1, 64, 64))
ON_GPU: dict[Published, Recipe] = {
    "moving_mnist": ("Moving-MNIST recipe, 10 -> 30", LMC_MOVING_MNIST, (1, 64, 64)),
    "kth": ("KTH recipe, 10 -> 40", LMC_KTH, (1, 128, 128)),
}
ROUNDS = {"small": 15, "paper-size": 3}
IN_A_ROW = {"cpu": 1, "cuda": 10}  # steps between two looks at the clock


@dataclass(frozen=True)
class TrainingRow:
    """One way of training.

    seconds: of an iteration. clips: trained on in a second. tflops: operations of the reordered path, on either path, in a
    second. share: of what a large matrix product reaches. memory: most bytes in use at once. ratio: how many times as fast as
    the plain path (the median over rounds), None if that could not be measured. warm_up: seconds of the first step, compiling
    included.
    """

    name: str
    seconds: float
    clips: float
    tflops: float
    share: float
    memory: int
    ratio: float | None
    warm_up: float


def measure(
    scale: Scale = "small",
    precision: Precision | None = None,
    compile: bool = False,
    device: str | None = None,
    batch: int | None = None,
    recipe: Published | None = None,
) -> Iterator[TrainingRow | NotMeasured]:
    """The plain path and ours: in that precision, or in float32 and, where there are instructions for it, bfloat16.

    batch: clips of an iteration, instead of the recipe's. recipe: at paper size on a GPU, only this one.
    """
    if device == "cuda" and default_device().type != "cuda":
        raise BenchError("PyTorch finds no CUDA device here; leave --device out, or see `bench doctor`")
    device = device or default_device().type
    natural: tuple[Precision, ...] = ("float32", "bf16") if has_bf16(device) else ("float32",)
    for name, spec, shape in recipes(scale, device, recipe):
        spec = spec.but(batch=batch or spec.batch)
        name = f"{name}, {spec.batch} clips"
        orders = {f"{name}: plain path, float32": {"spec": spec.to_json(), "plain": True}}
        for kind in (precision,) if precision else natural:
            label = f"{name}: {kind}{', compiled' if compile else ''}"
            orders[label] = {"spec": spec.but(precision=kind, compile=compile).to_json(), "plain": False}
        orders = {label: {**order, "shape": shape, "device": device, "core": core()} for label, order in orders.items()}
        yield from compare(orders, spec, iteration_flops(spec, shape), ROUNDS[scale], device)


def recipes(scale: Scale, device: str, recipe: Published | None = None) -> list[Recipe]:
    """What is trained at a scale: at paper size, on a GPU the published recipes, on a processor what it can do in minutes."""
    if recipe and (scale, device) != ("paper-size", "cuda"):
        raise BenchError("--recipe is one of two that are measured with --scale paper-size on a GPU; leave it out")
    if scale == "small":
        return [SMALL]
    if device == "cpu":
        return [LARGE]
    return [ON_GPU[recipe]] if recipe else list(ON_GPU.values())


def compare(
    orders: dict[str, dict[str, Any]], spec: RunSpec, flops: int, rounds: int, device: str
) -> Iterator[TrainingRow | NotMeasured]:
    """A row for each order, the plain one first: all in turn on a processor, one after the other on a GPU."""
    together = [list(orders)] if device == "cpu" else [[label] for label in orders]
    plain: list[float] = []
    for labels in together:
        for label, measured in in_turn({label: orders[label] for label in labels}, rounds, IN_A_ROW[device]).items():
            if isinstance(measured, BenchError):
                yield NotMeasured(label, str(measured))
                continue
            of_rounds = [answer["seconds"] for answer in measured.rounds]
            if orders[label]["plain"]:
                plain = of_rounds
            seconds = median(of_rounds)
            yield TrainingRow(
                name=label,
                seconds=seconds,
                clips=spec.batch / seconds,
                tflops=flops / seconds / 1e12,
                share=flops / seconds / median(answer["peak"] for answer in measured.rounds),
                memory=int(measured.end["peak_memory"]),
                ratio=median(theirs / ours for theirs, ours in zip(plain, of_rounds, strict=True)) if plain else None,
                warm_up=measured.end["warm_up"],
            )


class Answers(NamedTuple):
    """Of one process. rounds: to each request for steps. end: its warm-up and its peak of memory."""

    rounds: list[dict[str, float]]
    end: dict[str, float]


def in_turn(orders: dict[str, dict[str, Any]], rounds: int, steps: int) -> dict[str, Answers | BenchError]:
    """The answers of processes that take their steps in turn; of one that fails, why. The others go on without it."""
    results: dict[str, Answers | BenchError] = {}
    with ExitStack() as stack:
        turns = {label: stack.enter_context(closing(_turns(label, order, rounds, steps))) for label, order in orders.items()}
        while len(results) < len(orders):
            for label in [label for label in orders if label not in results]:
                if (result := next(turns[label])) is not None:
                    results[label] = result
    return {label: results[label] for label in orders}


def _turns(label: str, order: dict[str, Any], rounds: int, steps: int) -> Generator[Answers | BenchError | None]:
    """Starts a process and takes its steps, some at a time; the last value is its answers, or why there are none."""
    try:
        with TrainWorker(label, order) as worker:
            yield None
            answers = []
            for _ in range(rounds):
                answers.append(worker.ask(steps=steps))
                yield None
            end = {**worker.ready, **worker.ask()}
        yield Answers(answers, end)
    except BenchError as error:
        yield error


class TrainWorker:
    """A process of `bench.speed.train_worker`; it has taken its first step once this has been entered."""

    def __init__(self, label: str, order: dict[str, Any]):
        self.label, self.order = label, order

    def __enter__(self) -> TrainWorker:
        command = [sys.executable, "-P", "-m", "bench.speed.train_worker", json.dumps(self.order)]
        paths = os.pathsep.join(filter(None, sys.path))
        threads = self.order.get("threads", 1)
        omp = {"OMP_NUM_THREADS": str(threads)} if self.order["device"] == "cpu" else {}
        environment = {**settings(threads, self.order["device"]), **os.environ, **omp, "PYTHONPATH": paths}
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment, text=True, start_new_session=True
        )
        try:
            self.ready = self._answer()
        except BaseException:  # stopped meanwhile, for one: its process must not go on alone
            self.__exit__()
            raise
        return self

    def __exit__(self, *error: object) -> None:
        self.process.kill()
        self.process.wait()
        assert self.process.stdin and self.process.stdout
        self.process.stdin.close()
        self.process.stdout.close()

    def ask(self, **request: int) -> dict[str, float]:
        """The answer to a request, such as steps=3."""
        assert self.process.stdin
        try:
            self.process.stdin.write(json.dumps(request) + "\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            pass  # its end explains it
        return self._answer()

    def _answer(self) -> dict[str, float]:
        assert self.process.stdout
        line = self.process.stdout.readline()
        if not line:
            raise BenchError(f"'{self.label}' could not be measured: its process ended with exit code {self.process.wait()}")
        answer: dict[str, Any] = json.loads(line)
        if "error" in answer:
            raise BenchError(f"'{self.label}' could not be measured: {answer['error']}")
        return answer


def iteration_flops(spec: RunSpec, shape: tuple[int, int, int]) -> int:
    """Floating-point operations of an iteration, of convolutions and matrix products alone, counted without computing any."""
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    from bench.speed.train_worker import AT
    from lmc.learner import MemoryAlignment
    from lmc.model import LMC

    with torch.device("meta"), FlopCounterMode(display=False) as counter:
        model = LMC(shape, **spec.model.options)
        learner = MemoryAlignment(model, spec.context, spec.horizon, spec.steps, **spec.learner.options)
        clip = torch.rand(1, learner.frames, *shape)
        with torch.device("cpu"):  # random numbers are drawn on the CPU
            for phase in learner.phases.values():
                phase(clip, AT).backward()
    return int(counter.get_total_flops()) * spec.batch


def core() -> int:
    """The core on which to measure: the last of those that this process may use."""
    return max(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 0
