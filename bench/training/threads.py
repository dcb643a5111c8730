"""Whether a model gains from more threads of the processor: measured with a few steps before training begins.

Operations (FLOPs) do not tell: at small scale two threads make SimVP 1.5 times as fast, and PhyDNet, with three times as many
operations, no faster at all.
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
from bench.training.control import FREE, Control, Interrupted
from bench.training.model import build_model
from bench.training.step import take_step

PAYS = 1.15  # times as fast for twice as many threads: less is not worth the processor time that it takes
TOO_SHORT = 0.02  # seconds of a step that starting and joining threads would take a large part of
STEPS = 2  # timed for each number of threads, after one that warms up
ENOUGH = 30.0  # seconds of measuring after which one step of each number of threads has to do
log = logging.getLogger(__name__)


def threads_that_pay(spec: RunSpec, data: Dataset, offered: int, control: Control = FREE) -> int:
    """How many of the threads offered to take: 1, 2, 4 ... or all of them. Sets as many for this process.

    The steps are taken by a model that is thrown away, before the Trainer seeds what it draws. Interrupted if asked to stop.
    """
    if offered < 2:
        return 1
    seconds = _measured(spec, data, offered, control)
    chosen = paying(seconds)
    told = ", ".join(f"{number}: {taken * 1000:.0f} ms" for number, taken in seconds.items())
    log.info("%d of %d threads pay (a step with %s)", chosen, offered, told)
    torch.set_num_threads(chosen)
    return chosen


def paying(seconds: Mapping[int, float]) -> int:
    """The most threads up to which each doubling makes a step `PAYS` times as fast; seconds of a step by threads, from 1 up."""
    chosen, *others = sorted(seconds)
    for more in others:
        doublings = np.log2(more / chosen)
        if seconds[chosen] < seconds[more] * PAYS**doublings:
            break
        chosen = more
    return chosen


def candidates(offered: int) -> list[int]:
    """1, 2, 4 ... and the number offered."""
    return sorted({*(2**power for power in range(offered.bit_length()) if 2**power <= offered), offered})


def _measured(spec: RunSpec, data: Dataset, offered: int, control: Control) -> dict[int, float]:
    """Seconds of a step by threads: the fastest of some, taken in turn so that neighbours disturb all alike."""
    numbers, began = candidates(offered), time.monotonic()
    model = build_model(spec, data)
    learner = spec.learner.build(model=model, context=spec.context, horizon=spec.horizon, steps=spec.steps)
    optimizer = spec.optimizer.build(parameters=model.parameters())
    clip = next(iter(batches(data, spec.seed, 0, 1, spec.batch, learner.frames, torch.device("cpu"))))

    def timed(threads: int) -> float:
        torch.set_num_threads(threads)
        before = time.perf_counter()
        take_step(spec, model, learner, optimizer, clip, 0)
        return time.perf_counter() - before

    timed(1)  # what is made once: primitives, memory
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
        if time.monotonic() - began > ENOUGH:
            break
    return seconds
