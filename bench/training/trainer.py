"""The Trainer: from a spec to trained weights, resumable at every step.

What it relies on: batches are a pure function of (seed, step), learners hold no state, and a checkpoint holds the weights, the
optimizer and every random number generator. So a run that was killed and resumed is bit for bit the run that never was.
"""

from __future__ import annotations

import logging
import math
import random
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from bench.data.base import Dataset
from bench.data.loading import batches
from bench.evaluation.evaluate import validate
from bench.store.checkpoint_files import is_whole, newest_first
from bench.store.labels import retrain_command
from bench.store.run import Run
from bench.training import checkpoint
from bench.training.compiling import compile_in_place
from bench.training.control import UNCONTROLLED, Control, Interrupted
from bench.training.graphs import RecordedPhases
from bench.training.initial import initialise
from bench.training.learner import build_learner
from bench.training.losses import Losses
from bench.training.model import build_model
from bench.training.process_group import SINGLE, ProcessGroup
from bench.training.schedule import Schedule
from bench.training.step import take_step

log = logging.getLogger(__name__)
CHECKPOINT_SECONDS = 60.0  # at most this much work is lost to a kill, beside the checkpoint at every validation


@dataclass
class Progress:
    """The part of a checkpoint besides weights, optimizer and random generators."""

    step: int = 0
    seconds: float = 0.0  # spent in the step loop so far, over all interruptions
    best: float = -math.inf  # validation PSNR in dB
    sums: dict[str, float] = field(default_factory=dict)  # losses since the last line of metrics
    summed: int = 0

    def restore(self, values: dict[str, Any]) -> None:
        """Take over values of a checkpoint that have a known name and type; ValueError if necessary ones are missing."""
        valid: dict[str, Any] = {
            name: value for name, value in values.items() if type(value) is type(getattr(self, name, None))
        }
        if not {"step", "seconds", "sums", "summed"} <= valid.keys() or valid["step"] < 0:
            raise ValueError(f"its progress is {values!r:.80}")
        vars(self).update(valid)

    def add(self, losses: list[dict[str, float]]) -> None:
        """Losses of steps, by phase, to the sums."""
        for of_step in losses:
            self.summed += 1
            for phase, loss in of_step.items():
                self.sums[phase] = self.sums.get(phase, 0.0) + loss


class Trainer:
    """Trains one run from the newest checkpoint, or from the start, to its last step.

    device: where it computes. control: asked after every step. group: the processes that train the run together; each has a
    Trainer, and the main one alone writes, decides and gets the model that was selected.
    """

    def __init__(
        self,
        run: Run,
        data: Dataset,
        device: torch.device,
        control: Control = UNCONTROLLED,
        group: ProcessGroup = SINGLE,
    ):
        self.run, self.spec, self.data, self.device, self.control, self.group = run, run.spec, data, device, control, group
        self.progress = Progress()
        _seed(self.spec.seed)
        model = build_model(self.spec, data).to(device)
        if self.spec.init and not any(map(is_whole, newest_first(self.checkpoints, "step"))):
            initialise(self.spec, model)
        self.model: nn.Module = compile_in_place(model, device) if self.spec.compile else model
        self.learner = build_learner(self.spec, self.model)
        self.losses = Losses()

    def resume(self) -> int:
        """Go back to the newest checkpoint, if there is one; the step after which training goes on. Once, before `train`."""
        if self.learner.phases:
            self.optimizer: torch.optim.Optimizer = self.spec.optimizer.build(parameters=self.model.parameters())
            self._restore()
        return self.progress.step

    def train(self) -> nn.Module:
        """The trained model that the spec selects, after `resume`.

        Raises Interrupted after a requested stop (a checkpoint is saved first) or when another process owns the run (nothing
        is written); Diverged, by `Losses.read`, when a loss is NaN or infinite (before it is written).
        """
        if self.learner.phases:
            self._train_to_the_end()
            if self.spec.select == "best" and self.group.is_main:
                checkpoint.forget_former_best(self.checkpoints)
                best = checkpoint.selected(self.checkpoints, "best")["model"]
                checkpoint.load_weights(self.model, best, "the best checkpoint")
        return self.model.eval()

    @property
    def checkpoints(self) -> Path:
        """The folder of the run's checkpoints."""
        return self.run.path / "checkpoints"

    def _train_to_the_end(self) -> None:
        spec, group, progress = self.spec, self.group, self.progress
        schedule: Schedule = spec.schedule.build(steps=spec.steps)
        base_rate = self.optimizer.defaults["lr"]
        micro_batches = self.run.micro_batches()
        recorded = RecordedPhases(self.model, self.learner, spec.precision) if self.device.type == "cuda" else None
        self.started_at, self.last_saved = time.monotonic() - progress.seconds, time.monotonic()
        share = group.share(spec.batch)
        for clips in batches(
            self.data, spec.seed, progress.step, spec.steps, spec.batch, self.learner.frames, self.device, share
        ):
            settings = schedule(progress.step, base_rate)
            for param_group in self.optimizer.param_groups:
                beta1, beta2 = param_group["betas"]
                param_group["lr"], param_group["betas"] = settings["lr"], (settings.get("beta1", beta1), beta2)
            losses = take_step(
                spec, self.model, self.learner, self.optimizer, clips, progress.step, micro_batches, group, recorded
            )
            progress.step += 1
            if group.is_main:
                self.losses.add(progress.step, losses)
                self._after_step()

    def _after_step(self) -> None:
        """Log, validate, save and stop, each when it is due."""
        spec, progress = self.spec, self.progress
        last = progress.step == spec.steps
        logged = progress.step % _log_every(spec.steps) == 0 or last
        validated = progress.step % spec.validate_every == 0 or last
        stop = not last and self.control.stop_requested()
        save = validated or stop or time.monotonic() - self.last_saved > CHECKPOINT_SECONDS
        if logged or save or self.device.type == "cpu":  # on a GPU, reading a loss waits for all work before it
            progress.add(self.losses.read())
        self.control.check_owned()
        if logged:
            means = {f"loss/{name}": total / progress.summed for name, total in progress.sums.items()}
            self.run.metrics.append(progress.step, {**means, "rate": self.optimizer.param_groups[0]["lr"]})
            progress.sums, progress.summed = {}, 0
        if validated:
            self._validate()
        if save:
            self._save()
        if stop:
            raise Interrupted

    def _validate(self) -> None:
        with torch.random.fork_rng():
            scores = validate(self.model, self.data, self.spec, self.device)
        self.control.check_owned()  # it can take minutes
        self.run.metrics.append(self.progress.step, {f"validation/{name}": value for name, value in scores.items()})
        if self.spec.select == "best" and scores["psnr"] > self.progress.best:
            self.progress.best = scores["psnr"]
            checkpoint.save_best(self.checkpoints, self.progress.step, self._weights())

    def _save(self) -> None:
        self.progress.seconds, self.last_saved = time.monotonic() - self.started_at, time.monotonic()
        state = {
            **self._weights(),
            "optimizer": self.optimizer.state_dict(),
            "random": checkpoint.random_state(self.device),
            "progress": vars(self.progress),
        }
        checkpoint.save(self.checkpoints, self.progress.step, state)
        self.run.set_status("running", step=self.progress.step)

    def _weights(self) -> dict[str, Any]:
        return {"trained_as": checkpoint.trained_as(self.spec, self.data.shape), "model": self.model.state_dict()}

    def _restore(self) -> None:
        if not self.group.is_main:
            self.group.barrier()  # until the main process has put damaged checkpoints out of the way
        state = checkpoint.newest(self.checkpoints)
        if state is None and self.run.status().trained:
            raise checkpoint.Damaged(
                f"the checkpoints of {self.run.name}, which is trained, are gone; {retrain_command(self.run)}"
            )
        if state is not None:
            try:
                checkpoint.load_weights(self.model, state["model"], "the checkpoint")
                self.optimizer.load_state_dict(state["optimizer"])
                checkpoint.restore_random(state["random"], self.device)
                self.progress.restore(state["progress"])
            except (KeyError, TypeError, ValueError, AttributeError, IndexError, RuntimeError) as error:
                raise checkpoint.Damaged(
                    f"the newest checkpoint of {self.run.name} is not one of a run ({type(error).__name__}: {error}); "
                    f"{retrain_command(self.run)}"
                ) from error
        if self.group.is_main:
            self.run.metrics.cut(self.progress.step)
            if self.progress.step:
                self._record_deviation(self._lost_metrics())
            checkpoint.forget_best_after(self.checkpoints, self.progress.step)
            self._forget_lost_best()
            self.group.barrier()

    def _forget_lost_best(self) -> None:
        """Forget which weights were the best so far, and say so, if these are gone."""
        progress = self.progress
        is_known = progress.best > -math.inf and progress.step < self.spec.steps
        if is_known and not newest_first(self.checkpoints, "best"):
            progress.best = -math.inf
            self._record_deviation(f"the best weights up to step {progress.step} are gone: selected among those after it")

    def _record_deviation(self, deviation: str) -> None:
        """Store in the provenance, once, what is missing of the steps before; nothing if that is empty."""
        provenance = self.run.provenance(to_write=True)
        declared = provenance.get("deviations", [])
        if deviation and not any(text.startswith(deviation) for text in declared):
            log.warning("%s", deviation)
            self.run.write("provenance.json", {**provenance, "deviations": [*declared, deviation]})

    def _lost_metrics(self) -> str:
        """Which steps before the checkpoint have lost their logged losses, in words; empty if none."""
        logged_steps = [
            int(line["step"]) for line in self.run.metrics.lines() if any(name.startswith("loss/") for name in line)
        ]
        first = min(logged_steps, default=self.progress.step + 1)
        expected = _log_every(self.spec.steps)
        lost = expected <= self.progress.step and first > expected
        return f"the metrics up to step {first - 1} are gone" if lost else ""


def _log_every(steps: int) -> int:
    """Steps between two lines of losses."""
    return max(1, min(100, steps // 100))


def _seed(seed: int) -> None:
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)
