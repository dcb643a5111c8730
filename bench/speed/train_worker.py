"""One way of training, in a process of its own: it takes steps on request and answers how long they took.

`bench speed train` starts one for each way. So each has its own peak of memory, and steps can be taken in turn. One JSON
object a line both ways: what to train comes as the argument; `{"steps": N}` is answered by what they took, `{}` by the peak.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from bench.common.errors import BenchError
from bench.common.machine import peak_memory, wait_for
from bench.spec.runspec import RunSpec
from bench.speed.timing import clock_of
from bench.training.compiling import compile_in_place
from bench.training.graphs import WARM_UP, RecordedPhases
from bench.training.learner import build_learner
from bench.training.step import take_step
from bench.worker.spin_control import SpinControl
from lmc.learner import MemoryAlignment
from lmc.plain import PlainLMC

SIDE = {"cpu": 2048, "cuda": 8192}  # of the matrices whose product shows the peak speed of the device
STEPS_BEFORE = {"cpu": 1, "cuda": 1 + WARM_UP}  # the first measured one: what is compiled and recorded is done by then
AT = 10**6  # the step that is taken: long after the warm-up


def main(order: dict[str, Any]) -> None:
    """Take steps as standard input asks.

    order: spec: as JSON. shape: of a frame. device. plain: whether to train on the plain path, in float32. core: on which alone
    to compute, with one thread. threads: how many instead, wherever they run; then no matrix product is timed.
    """
    spec, shape, device = RunSpec.from_json(order["spec"]), tuple(order["shape"]), torch.device(order["device"])
    if "threads" in order:
        torch.set_num_threads(order["threads"])
    elif device.type == "cpu":
        pin_to_core(order["core"])
    try:
        step = plain_step(spec, shape, device) if order["plain"] else own_step(spec, shape, device)
        began = time.perf_counter()
        for _ in range(STEPS_BEFORE[device.type]):
            step()
        wait_for(device)
        say(warm_up=time.perf_counter() - began)
        if "threads" in order:
            answer_by_clock(step, order["threads"], device)
        else:
            answer(step, "float32" if order["plain"] else spec.precision, device)
    except (BenchError, torch.cuda.OutOfMemoryError) as error:
        say(error=str(error).partition("\n")[0])


def answer_by_clock(step: Callable[[], object], threads: int, device: torch.device) -> None:
    """Answer requests for steps with their processor time and their time by the clock."""
    asleep = SpinControl()  # the neighbours come with each request: the other measured processes do not count as such
    for line in sys.stdin:
        request = json.loads(line)
        asleep.adjust(threads, request["neighbours"])
        began = time.perf_counter()
        seconds = timed(step, steps := request["steps"], device)
        say(seconds=seconds, clock=(time.perf_counter() - began) / steps)


def answer(step: Callable[[], object], precision: str, device: torch.device) -> None:
    """Answer requests for steps with their time, and with the speed of a matrix product that is timed after them."""
    memory, product = 0, None
    for line in sys.stdin:
        steps = json.loads(line).get("steps")
        if not steps:
            say(peak_memory=memory)
            continue
        seconds = timed(step, steps, device)
        if product is None:
            memory = torch.cuda.max_memory_allocated(device) if device.type == "cuda" else peak_memory()
            product = matrix_product(precision, device)  # which takes memory itself
        flops, of_product = product
        say(seconds=seconds, peak=flops / timed(of_product, 1, device))


def own_step(spec: RunSpec, shape: tuple[int, ...], device: torch.device) -> Callable[[], object]:
    """A step as `bench run` takes it."""
    model: nn.Module = spec.model.build(shape=shape, context=spec.context, horizon=spec.horizon).to(device)
    if spec.compile:
        compile_in_place(model, device)
    learner = build_learner(spec, model)
    optimizer = spec.optimizer.build(parameters=model.parameters())
    clip = torch.rand(spec.batch, learner.frames, *shape, device=device)
    recorded = RecordedPhases(model, learner, spec.precision) if device.type == "cuda" else None
    return lambda: take_step(spec, model, learner, optimizer, clip, AT, recorded=recorded)


def plain_step(spec: RunSpec, shape: tuple[int, ...], device: torch.device) -> Callable[[], object]:
    """The same step on the plain path, in float32 (on a GPU with TF32), with PyTorch's own Adam, losses read at once."""
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = True
    model = PlainLMC((shape[0], shape[1], shape[2]), **spec.model.options).to(device)
    learner = MemoryAlignment(model, spec.context, spec.horizon, spec.steps, **spec.learner.options)
    optimizer = torch.optim.Adam(model.parameters(), lr=spec.optimizer.options.get("lr", 2e-4))
    clip = torch.rand(spec.batch, learner.frames, *shape, device=device)

    def step() -> None:
        for phase in learner.phases.values():
            optimizer.zero_grad()
            loss = phase(clip, AT)
            loss.backward()
            if spec.clip_norm is not None:
                nn.utils.clip_grad_norm_(model.parameters(), spec.clip_norm)
            optimizer.step()
            float(loss.detach())

    return step


def matrix_product(precision: str, device: torch.device) -> tuple[int, Callable[[], object]]:
    """How many operations a large matrix product takes, and the product; on a GPU with TF32, as convolutions compute."""
    side = SIDE[device.type]
    kind = torch.bfloat16 if precision == "bf16" else torch.float32
    a, b = (torch.rand(side, side, device=device).to(kind) for _ in range(2))

    def multiply() -> None:
        settings = torch.backends.cuda.matmul
        before, settings.allow_tf32 = settings.allow_tf32, True
        try:
            a @ b
        finally:
            settings.allow_tf32 = before  # steps multiply as `bench run` does

    return 2 * side**3, multiply


def timed(work: Callable[[], object], times: int, device: torch.device) -> float:
    """Seconds that it takes, by the clock of the device."""
    clock = clock_of(device)
    began = clock()
    for _ in range(times):
        work()
    return (clock() - began) / times


def pin_to_core(core: int) -> None:
    """One thread, where possible always on one core."""
    torch.set_num_threads(1)
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {core})


def say(**answer: Any) -> None:
    """Answer on standard output with one line of JSON."""
    print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
