"""`bench speed threads`: an iteration of training with 1, 2, 4 ... threads of the processor, alone and beside busy neighbours.

Every number of threads is a process of its own, with a worker's settings; they take their steps in turn, timed by the clock and
in processor time. Then the same again beside as many busy processes as there are cores.
"""

from __future__ import annotations

import contextlib
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from statistics import median
from typing import Any

from bench.common.machine import cores, has_bf16
from bench.spec.runspec import Precision, RunSpec
from bench.speed import train
from bench.speed.train import Recipe, Scale, TrainWorker
from bench.training.threads import candidates
from experiments.recipes import SMALL

MODELS = ("ConvLSTM", "SimVP", "PhyDNet")  # beside LMC-Memory: of one scan, of large convolutions, of many small ones
ROUNDS = {"small": 10, "paper-size": 2}
BUSY_ROUNDS = {"small": 4, "paper-size": 1}
COUNTING = "import os\nparent = os.getppid()\nwhile os.getppid() == parent:\n    for _ in range(10**5): pass"


@dataclass(frozen=True)
class ThreadsRow:
    """One number of threads.

    neighbours: busy processes beside it. seconds: of an iteration, by the clock. processor: seconds of processor time.
    ratio: how many times as fast as one thread by the clock, beside as many neighbours. processor_ratio: its processor time,
    in that of one thread.
    """

    name: str
    model: str
    threads: int
    neighbours: int
    seconds: float
    processor: float
    ratio: float
    processor_ratio: float


def measure(scale: Scale = "small", precision: Precision | None = None) -> Iterator[ThreadsRow]:
    """LMC-Memory and a few baselines, in that precision, or in float32 and, where there are instructions for it, bfloat16."""
    natural: tuple[Precision, ...] = ("float32", "bf16") if has_bf16("cpu") else ("float32",)
    for name, spec, shape in recipes(scale):
        for kind in (precision,) if precision else natural:
            yield from compare(f"{name}, {kind}", spec.but(precision=kind), shape, scale)


def recipes(scale: Scale) -> list[Recipe]:
    """What is trained: LMC-Memory and baselines at small scale; at paper size LMC-Memory alone, which takes minutes."""
    if scale == "paper-size":
        return [("LMC-Memory, paper size", *train.LARGE[1:])]
    _, spec, shape = train.SMALL
    return [("LMC-Memory", spec, shape), *((label, SMALL[label], shape) for label in MODELS)]


def compare(model: str, spec: RunSpec, shape: tuple[int, int, int], scale: Scale) -> Iterator[ThreadsRow]:
    """A row for each number of threads, alone and then beside neighbours."""
    orders = {
        number: {"spec": spec.to_json(), "plain": False, "shape": shape, "device": "cpu", "threads": number}
        for number in candidates(cores())
    }
    with ExitStack() as stack:
        workers = {
            number: stack.enter_context(TrainWorker(f"{model}: {number} threads", order)) for number, order in orders.items()
        }
        for neighbours, rounds in ((0, ROUNDS[scale]), (cores(), BUSY_ROUNDS[scale])):
            with busy(neighbours):
                answers: dict[int, list[dict[str, float]]] = {number: [] for number in workers}
                for _ in range(rounds):
                    for number, worker in workers.items():
                        answers[number].append(worker.ask(steps=1, neighbours=neighbours))
            yield from _rows(model, neighbours, answers)


def _rows(model: str, neighbours: int, answers: dict[int, list[dict[str, float]]]) -> Iterator[ThreadsRow]:
    single = answers[1]
    for number, measured in answers.items():
        load = f"beside {neighbours} busy" if neighbours else "alone"
        yield ThreadsRow(
            name=f"{model}, {number} thread{'s' * (number > 1)}, {load}",
            model=model,
            threads=number,
            neighbours=neighbours,
            seconds=median(answer["clock"] for answer in measured),
            processor=median(answer["seconds"] for answer in measured),
            ratio=_ratio(single, measured, "clock"),
            processor_ratio=1 / _ratio(single, measured, "seconds"),
        )


def _ratio(single: list[dict[str, float]], several: list[dict[str, float]], field: str) -> float:
    """The time of one thread divided by that of several, the median over rounds."""
    return median(first[field] / other[field] for first, other in zip(single, several, strict=True))


@contextlib.contextmanager
def busy(count: int) -> Iterator[None]:
    """So many processes that keep a core busy each, until the end of the block, or of this process."""
    processes: list[subprocess.Popen[Any]] = []
    try:
        for _ in range(count):
            processes.append(subprocess.Popen([sys.executable, "-S", "-c", COUNTING], start_new_session=True))
        yield
    finally:
        for process in processes:
            process.kill()
            process.wait()
