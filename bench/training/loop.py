"""The step loop: from a spec to trained weights, resumable at every step.

What it relies on: batches are a pure function of (seed, step), learners hold no state, and a checkpoint holds the weights, the
optimizer and every random number generator. So a run that was killed and resumed is bit for bit the run that never was.
"""

from __future__ import annotations

import math
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import nn

from bench.common.errors import BenchError
from bench.data.base import Dataset
from bench.data.loading import batches
from bench.evaluation.evaluate import validate
from bench.spec import catalog
from bench.spec.runspec import RunSpec
from bench.store.store import Run
from bench.training import checkpoint
from bench.training.compiling import compiled
from bench.training.graphs import RecordedPhases
from bench.training.losses import Losses
from bench.training.model import build_model
from bench.training.process_group import ALONE, Team
from bench.training.step import deviation, take_step

CHECKPOINT_SECONDS = 60.0  # at most this much work is lost to a kill, beside the checkpoint at every validation


class Interrupted(Exception):
    """Asked to stop; everything needed to go on is saved."""


@dataclass
class Progress:
    """What a checkpoint keeps besides weights, optimizer and generators."""

    step: int = 0
    seconds: float = 0.0  # spent in the step loop so far, over all interruptions
    best: float = -math.inf  # validation PSNR in dB
    sums: dict[str, float] = field(default_factory=dict)  # losses since the last line of metrics
    summed: int = 0

    def add(self, losses: list[dict[str, float]]) -> None:
        """Losses of steps, by phase, to the sums."""
        for of_step in losses:
            self.summed += 1
            for phase, loss in of_step.items():
                self.sums[phase] = self.sums.get(phase, 0.0) + loss


def train(
    spec: RunSpec,
    data: Dataset,
    run: Run,
    device: torch.device,
    stopping: Callable[[], bool] = lambda: False,
    lost: Callable[[], bool] = lambda: False,
    team: Team = ALONE,
) -> tuple[nn.Module, Progress]:
    """Train from the newest checkpoint, or from the start, to the last step; the model that the spec selects, and what it took.

    Of a team every process calls this; the one that leads alone writes, decides, and gets the model that was selected.
    Raises Interrupted once a checkpoint is written after `stopping()`, or without writing anything once the run is `lost()` to
    another process; Diverged when a loss is found to be not finite, before anything of it is written.
    """
    _seed(spec.seed)
    model = build_model(spec, data).to(device)
    if spec.compile:
        model = compiled(model, device)
    learner = catalog.build(
        "learners", spec.learner.name, spec.learner.options,
        model=model, context=spec.context, horizon=spec.horizon, steps=spec.steps,
    )  # fmt: skip
    progress = Progress()
    if learner.phases:
        optimizer = catalog.build("optimizers", spec.optimizer.name, spec.optimizer.options, parameters=model.parameters())
        _resume(model, optimizer, progress, run, team)
        _loop(spec, data, run, device, stopping, lost, team, model, learner, optimizer, progress)
        if spec.select == "best" and team.leads:
            checkpoint.load_weights(
                model, checkpoint.selected(run.path / "checkpoints", "best")["model"], "the best checkpoint"
            )
    return model.eval(), progress


def _loop(
    spec: RunSpec,
    data: Dataset,
    run: Run,
    device: torch.device,
    stopping: Callable[[], bool],
    lost: Callable[[], bool],
    team: Team,
    model: nn.Module,
    learner: Any,
    optimizer: torch.optim.Optimizer,
    progress: Progress,
) -> None:
    schedule = catalog.build("schedules", spec.schedule.name, spec.schedule.options, steps=spec.steps)
    base_rate = optimizer.defaults["lr"]
    log_every = max(1, min(100, spec.steps // 100))
    micro_batches = run.micro_batches()
    if team.leads and progress.step < spec.steps:
        _declare(run, progress.step, deviation(model, spec.batch, micro_batches, team))
    recorded = RecordedPhases(model, learner, spec.precision) if device.type == "cuda" else None
    began, saved, losses = time.monotonic() - progress.seconds, time.monotonic(), Losses()
    for clip in batches(data, spec.seed, progress.step, spec.steps, spec.batch, learner.frames, device, team.share(spec.batch)):
        settings = schedule(progress.step, base_rate)
        for group in optimizer.param_groups:
            group["lr"] = settings["lr"]
            group["betas"] = (settings.get("beta1", group["betas"][0]), group["betas"][1])
        found = take_step(spec, model, learner, optimizer, clip, progress.step, micro_batches, team, recorded)
        progress.step += 1
        if not team.leads:
            continue
        losses.add(progress.step, found)
        last = progress.step == spec.steps
        logged = progress.step % log_every == 0 or last
        validated = progress.step % spec.validate_every == 0 or last
        stop = not last and stopping()
        due = validated or stop or time.monotonic() - saved > CHECKPOINT_SECONDS
        if logged or due or device.type == "cpu":  # on a processor there is nothing to wait for
            progress.add(losses.read())
        if lost():
            raise Interrupted  # another process owns the run now: nothing more may be written
        if logged:
            means = {f"loss/{name}": total / progress.summed for name, total in progress.sums.items()}
            run.append(progress.step, {**means, "rate": optimizer.param_groups[0]["lr"]})
            progress.sums, progress.summed = {}, 0
        if validated:
            _validate(spec, data, run, device, model, progress, lost)
        if due:
            progress.seconds, saved = time.monotonic() - began, time.monotonic()
            _save(model, optimizer, progress, run)
        if stop:
            raise Interrupted


def _validate(
    spec: RunSpec,
    data: Dataset,
    run: Run,
    device: torch.device,
    model: nn.Module,
    progress: Progress,
    lost: Callable[[], bool],
) -> None:
    with torch.random.fork_rng():
        scores = validate(model, data, spec, device)
    if lost():  # it can take minutes
        raise Interrupted
    run.append(progress.step, {f"validation/{name}": value for name, value in scores.items()})
    if spec.select == "best" and scores["psnr"] > progress.best:
        progress.best = scores["psnr"]
        checkpoint.save_best(run.path / "checkpoints", progress.step, {"model": model.state_dict()})


def _save(model: nn.Module, optimizer: torch.optim.Optimizer, progress: Progress, run: Run) -> None:
    state = {
        "model": model.state_dict(),
        "optimizer": optimizer.state_dict(),
        "random": checkpoint.random_state(),
        "progress": vars(progress),
    }
    checkpoint.save(run.path / "checkpoints", progress.step, state)
    run.set_status("running", step=progress.step)


def _declare(run: Run, step: int, how: str) -> None:
    """Keep in the provenance how the run departs from its spec, and since when; once, however often it is resumed."""
    known = run.provenance()
    said = known.get("deviations", [])
    if how and not any(other.startswith(how) for other in said[-1:]):
        since = f" (from step {step + 1} on)" if step else ""
        run.write("provenance.json", {**known, "deviations": [*said, how + since]})


def _resume(model: nn.Module, optimizer: torch.optim.Optimizer, progress: Progress, run: Run, team: Team) -> None:
    if not team.leads:
        team.wait()  # until the one that leads has put damaged checkpoints out of the way
    state = checkpoint.newest(run.path / "checkpoints")
    if state is None and run.status().trained:
        raise BenchError(f"the checkpoints of {run.name}, which is trained, are gone; `bench run --fresh` trains it again")
    if state is not None:
        checkpoint.load_weights(model, state["model"], "the checkpoint")
        optimizer.load_state_dict(state["optimizer"])
        checkpoint.restore_random(state["random"])
        vars(progress).update(state["progress"])
    if team.leads:
        run.cut_metrics(progress.step)
        team.wait()


def _seed(seed: int) -> None:
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)
