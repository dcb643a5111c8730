"""Whether a model gains from more threads of the processor: measured with a few steps before training begins.

The number of operations (FLOPs) does not predict it: at small scale two threads make SimVP 1.65 times as fast, but PhyDNet,
with three times as many operations, 1.15 times (docs/threads.md).
"""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping

import numpy as np
import torch

from bench.data.base import Dataset
from bench.data.loading import batches
from bench.spec.runspec import RunSpec
from bench.training.control import UNCONTROLLED, Control, Interrupted
from bench.training.learner import build_learner
from bench.training.model import build_model
from bench.training.step import take_step

PAYS = 1.15  # speed-up by twice as many threads that is worth the processor time
TOO_SHORT = 0.02  # seconds of a step below which starting and joining threads costs too much
STEPS = 2  # timed for each number of threads, after one that warms up
ENOUGH = 30.0  # seconds of measuring after which each number of threads is timed only once
log = logging.getLogger(__name__)


def use_threads_that_pay(spec: RunSpec, data: Dataset, offered: int, control: Control = UNCONTROLLED) -> int:
    """Let this process compute with 1, 2, 4 ... or all of the offered threads, as many as pay; their number.

    Measured with a temporary model, before the Trainer seeds the random generators. Interrupted if a stop is requested.
    """
    if offered < 2:
        return 1
    seconds = _measured(spec, data, offered, control)
    thread_count = paying(seconds)
    timings = ", ".join(f"{number}: {duration * 1000:.0f} ms" for number, duration in seconds.items())
    log.info("%d of %d threads pay (a step with %s)", thread_count, offered, timings)
    torch.set_num_threads(thread_count)
    return thread_count


def paying(seconds: Mapping[int, float]) -> int:
    """The most threads up to which each doubling makes a step `PAYS` times as fast; seconds of a step by threads, from 1 up."""
    best, *larger_numbers = sorted(seconds)
    for number in larger_numbers:
        doublings = np.log2(number / best)
        if seconds[best] < seconds[number] * PAYS**doublings:
            break
        best = number
    return best


def candidates(offered: int) -> list[int]:
    """1, 2, 4 ... and the number offered."""
    return sorted({*(2**power for power in range(offered.bit_length()) if 2**power <= offered), offered})


def _measured(spec: RunSpec, data: Dataset, offered: int, control: Control) -> dict[int, float]:
    """Number of threads -> seconds of the fastest step. Numbers are timed in turn, so that other load disturbs all alike."""
    numbers, start = candidates(offered), time.monotonic()
    model = build_model(spec, data)
    learner = build_learner(spec, model)
    optimizer = spec.optimizer.build(parameters=model.parameters())
    clips = next(iter(batches(data, spec.seed, 0, 1, spec.batch, learner.frames, torch.device("cpu"))))

    def timed(threads: int) -> float:
        torch.set_num_threads(threads)
        step_start = time.perf_counter()
        take_step(spec, model, learner, optimizer, clips, 0)
        return time.perf_counter() - step_start

    timed(1)  # warm up: memory and primitives are made once
    seconds = {1: timed(1)}
    if seconds[1] < TOO_SHORT:
        return seconds
    for number in numbers[1:]:
        timed(number)  # starts the threads
    for _ in range(STEPS):
        for number in numbers:
            if control.stop_requested():
                raise Interrupted
            seconds[number] = min(timed(number), seconds.get(number, np.inf))
        if time.monotonic() - start > ENOUGH:
            break
    return seconds
