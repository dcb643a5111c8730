"""One run from start to finish: what every executor calls, as `python -m bench.run RUN_DIRECTORY`.

Trains from where the directory stands, scores what is not scored yet, and leaves its end in status.json: that file, and not
the exit code, is what others go by.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import logging
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench import lease
from bench.errors import BenchError
from bench.experiment import Evaluation, evaluation_from_json
from bench.files import write_json
from bench.store import FAILED, FINISHED, RUNNING, Run
from bench.sweep import snapshot
from bench.training.endings import Ended, attempt

if TYPE_CHECKING:
    import torch
    from torch import nn

    from bench.data.base import Dataset
    from bench.training.team import Team

STARTED = time.monotonic()  # of a worker process: this module is the first thing that it loads
LOOK = 1.0  # seconds between two looks whether the run was asked to stop
PICTURES = 4  # clips of the test split that are kept as pictures
log = logging.getLogger(__name__)


def execute(
    run: Run,
    evaluations: list[Evaluation],
    device: str,
    stopping: Callable[[], bool],
    devices: int = 1,
    threads: int = 1,
) -> str:
    """Do what is left to do in a run directory, and return the state it ends in. Only a bug in this function itself raises.

    devices: on how many of the device's kind to train, as far as the batch has clips for them; for more than one, `threads` of
    the processor are divided among them.
    """
    try:
        owned = lease.take(run.path)
    except OSError as error:
        log.error("%s cannot be owned: %s", run.path, error.strerror or error)
        return FAILED
    if owned is None:
        return RUNNING  # somebody else is at it

    def work() -> Ended | None:
        together = min(devices, run.spec.batch)
        if together == 1 or run.status().trained or run.spec.steps == 0:
            train_and_score(run, evaluations, device, stopping, owned.is_lost)
            return None
        from bench.training.distributed import train_together

        return train_together(run, evaluations, device, together, threads, stopping, owned.is_lost)

    try:
        ended = attempt(run, work)
        return RUNNING if owned.is_lost() else _end(run, *ended)  # the new owner's word stands
    finally:
        owned.release()


def _end(run: Run, state: str, kind: str, reason: str) -> str:
    if reason:
        log.info("%s: %s", state, reason)
    with contextlib.suppress(OSError):  # on a full disk the lease alone tells that it ended: the run is then interrupted
        run.set_status(state, kind=kind, reason=reason)
    return state


def train_and_score(
    run: Run,
    evaluations: list[Evaluation],
    device_name: str,
    stopping: Callable[[], bool],
    lost: Callable[[], bool],
    team: Team | None = None,
) -> None:
    """Train from where the directory stands and score what is not scored yet; as the one that leads, if there is a team."""
    import torch

    from bench import catalog
    from bench.costs.counted import flops, parameters, rollout_seconds
    from bench.provenance import has_bf16
    from bench.train import train
    from bench.training.team import ALONE

    spec, team = run.spec, team or ALONE
    snapshot.verify(run)
    before = run.status()
    trained = before.trained
    run.set_status(RUNNING)
    device = torch.device(device_name)
    data = catalog.build("datasets", spec.data.name, spec.data.options)
    log.info("%s on %s, %d threads, data %s", run.name, device, torch.get_num_threads(), data.fingerprint())
    if spec.precision == "bf16" and not has_bf16(device.type):
        log.warning("%s has no instructions for bfloat16: imitated, it is many times slower than precision=float32", device)
    known = run.provenance()
    if known.get("fingerprint", data.fingerprint()) != data.fingerprint():
        raise BenchError(f"the data have changed since this run began (now {data.fingerprint()}, then {known['fingerprint']})")
    if not trained:  # what trained a run stays on record when it is only scored again, later and elsewhere
        where = {"device": str(device), "devices": team.size}
        _record(run, {"fingerprint": data.fingerprint(), **where, "samples": spec.steps * spec.batch, "shape": data.shape})
    model, progress = train(spec, data, run, device, stopping, lost, team)
    if not trained:
        cost = {
            "train_seconds": progress.seconds,
            "parameters": parameters(model),
            "flops": flops(model, data.shape, spec.context, spec.horizon),
            "peak_memory_bytes": _peak_memory(device),
            "rollout_seconds_per_clip": rollout_seconds(model, data.shape, spec.context, spec.horizon, spec.precision),
        }
        _record(run, cost)
        run.set_status(RUNNING, step=spec.steps, trained=True)
    scoring: dict[str, float] = {}
    for evaluation in (evaluation.at(spec) for evaluation in evaluations):
        if not run.scores_file(evaluation.key).exists():
            began = time.monotonic()
            _score(run, model, data, evaluation, device, stopping)
            scoring[evaluation.key] = time.monotonic() - began
    if not trained:
        _record_seconds(run, scoring, progress.seconds if before.step == 0 else None)


def _score(
    run: Run, model: nn.Module, data: Dataset, evaluation: Evaluation, device: torch.device, stopping: Callable[[], bool]
) -> None:
    from bench.evaluate import evaluate
    from bench.train import Interrupted

    def stop_between_chunks(done: int, total: int) -> None:
        if stopping() and done < total:
            raise Interrupted

    keep = run.predictions_file(evaluation.key) if evaluation.keep_predictions else None
    precision = run.spec.precision
    scores = evaluate(model, data, run.spec.context, evaluation, device, precision, keep, stop_between_chunks)
    _keep_pictures(run, model, data, evaluation, device)
    scores.save(run.scores_file(evaluation.key))  # last: once it exists, the evaluation is complete
    log.info("scored %d clips: %s", len(scores.values), {k: round(v, 4) for k, v in scores.means().items()})


def _keep_pictures(run: Run, model: nn.Module, data: Dataset, evaluation: Evaluation, device: torch.device) -> None:
    from bench.evaluate import clips_to_score, predictions
    from bench.reporting.pictures import save_png, strip

    context, horizon = run.spec.context, evaluation.at(run.spec).horizon or 0
    count = min(PICTURES, clips_to_score(data, evaluation, context))
    clips = data.clips(evaluation.split, 0, count, context + horizon).numpy()
    chunks = predictions(model, data, evaluation.split, count, context, horizon, device, run.spec.precision)
    predicted = [prediction for chunk, _ in chunks for prediction in chunk]
    for number, (clip, prediction) in enumerate(zip(clips, predicted, strict=True)):
        rows = {"context and truth": clip, "prediction": prediction.cpu().numpy()}
        save_png(strip(rows, first={"prediction": context}), run.path / "predictions" / f"{evaluation.key}-clip-{number}.png")


def _record(run: Run, facts: dict[str, Any]) -> None:
    from bench import provenance

    write_json(run.path / "provenance.json", {**run.provenance(), **provenance.snapshot(), **facts})


def _record_seconds(run: Run, scoring: dict[str, float], training: float | None) -> None:
    """What `bench plan` predicts the next runs from: seconds of every evaluation, and what a worker needs beside its work.

    training: seconds, None if other processes had a part in it.
    """
    spent: dict[str, Any] = {"score_seconds": scoring}
    if __name__ == "__main__" and training is not None:
        spent["other_seconds"] = time.monotonic() - STARTED - training - sum(scoring.values())
    write_json(run.path / "provenance.json", {**run.provenance(), **spent})


def _peak_memory(device: torch.device) -> int:
    """Bytes: of the accelerator where there is one, else of this process, the last one that has trained the run."""
    import torch

    from bench import provenance

    return torch.cuda.max_memory_allocated(device) if device.type == "cuda" else provenance.peak_memory()


class Stopping:
    """Whether to save and end: after a signal, after `bench stop`, or once the parent has died, for its parent's successor."""

    def __init__(self, run: Run) -> None:
        self.run, self.asked, self.looked = run, False, 0.0
        self.parent = os.getppid()
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGUSR2):
            signal.signal(number, self._ask)

    def _ask(self, number: int, frame: object) -> None:
        self.asked = True

    def __call__(self) -> bool:
        if time.monotonic() - self.looked > LOOK:
            self.looked = time.monotonic()
            self.asked = self.asked or bool(self.run.asked_to_stop())
        return self.asked or os.getppid() != self.parent


def main(arguments: list[str] | None = None) -> int:
    """Entry point of a worker process; exit code 0 if the run is finished."""
    parser = argparse.ArgumentParser(prog="python -m bench.run", description="Train and score one run directory.")
    parser.add_argument("directory", type=Path)
    parser.add_argument("--evaluations", type=json.loads, default=[], help="JSON list of evaluations")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--devices", type=int, default=1, help="how many of these devices train it together")
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%Y-%m-%d %H:%M:%S")
    stopping = Stopping(Run(options.directory))
    if options.devices == 1:  # otherwise the processes that this one starts will need it
        import torch  # after the signal handlers: importing it takes seconds in which a stop must not be lost

        torch.set_num_threads(options.threads)
    evaluations = [evaluation_from_json(values) for values in options.evaluations]
    where = (options.device, stopping, options.devices, options.threads)
    return 0 if execute(Run(options.directory), evaluations, *where) == FINISHED else 1


if __name__ == "__main__":
    ended = main()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(ended)  # all is written: taking torch down in good order would cost half a second of processor time a run
