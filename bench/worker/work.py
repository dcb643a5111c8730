"""The work of a worker: resume training, then score what is not scored yet."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Any

from bench.common.errors import BenchError
from bench.spec.experiment import Evaluation
from bench.store import snapshot
from bench.store.run import RUNNING, Run
from bench.worker import record

if TYPE_CHECKING:
    import torch
    from torch import nn

    from bench.data.base import Dataset
    from bench.spec.runspec import RunSpec
    from bench.training.control import Control
    from bench.training.process_group import ProcessGroup
    from bench.training.trainer import Trainer

PICTURES = 4  # clips of the test split that are kept as pictures
log = logging.getLogger(__name__)


def train_and_score(
    run: Run,
    evaluations: list[Evaluation],
    device_name: str,
    control: Control,
    group: ProcessGroup | None = None,
    started_at: float | None = None,
    max_threads: int = 1,
) -> None:
    """Resume training and score what is not scored yet; as the main process, if there are several.

    started_at: start of this worker process, by `time.monotonic`; None if it does other work too, or is one of several.
    max_threads: threads of the processor, of which as many are used as pay; 1 leaves the number unchanged.
    """
    import torch

    from bench.training.process_group import SINGLE
    from bench.training.step import spec_deviation
    from bench.training.threads import use_threads_that_pay
    from bench.training.trainer import Trainer

    spec, group = run.spec, group or SINGLE
    snapshot.verify(run)
    trained = run.status().trained
    run.set_status(RUNNING)
    device = torch.device(device_name)
    data = spec.data.build()
    if max_threads > 1 and not trained and spec.steps:
        use_threads_that_pay(spec, data, max_threads, control)
    log.info("%s on %s, threads: %d, data %s", run.name, device, torch.get_num_threads(), data.fingerprint())
    _check_data_and_precision(spec, data, device, run.provenance())
    trainer = Trainer(run, data, device, control, group)
    step = trainer.resume()
    trains = step < spec.steps if trainer.learner.phases and spec.steps else not trained
    if trains:  # what is trained keeps its record, wherever it is scored
        batch_deviation = spec_deviation(trainer.model, spec.batch, run.micro_batches(), group)
        record.begin(run, data, device, group, step, batch_deviation)
    model, progress = trainer.train(), trainer.progress
    control.check_owned()
    if not trained:
        if trains or "train_seconds" not in run.provenance():
            _record(run, {"train_seconds": progress.seconds, **_costs(trainer, model), "written": time.time()})
        run.set_status(RUNNING, step=spec.steps, trained=True)
    scoring_seconds = _score_missing(run, model, data, evaluations, device, control)
    if not trained:
        _record_seconds(run, scoring_seconds, progress.seconds if step == 0 else None, started_at)


def _check_data_and_precision(spec: RunSpec, data: Dataset, device: torch.device, recorded: dict[str, Any]) -> None:
    """Warn of slow arithmetic; BenchError if the data are not those that the run began with."""
    from bench.common.machine import has_bf16

    if spec.precision == "bf16" and not has_bf16(device.type):
        log.warning("%s has no instructions for bfloat16: imitated, it is many times slower than precision=float32", device)
    fingerprint = data.fingerprint()
    if recorded.get("fingerprint", fingerprint) != fingerprint:
        raise BenchError(f"the data have changed since this run began (now {fingerprint}, then {recorded['fingerprint']})")


def _costs(trainer: Trainer, model: nn.Module) -> dict[str, Any]:
    """What a trained model costs: parameters, weight updates, operations, memory and the time of a rollout."""
    from bench.training.flops import flops, parameters, parameters_used, rollout_seconds

    spec, shape = trainer.spec, trainer.data.shape
    return {
        "parameters": parameters(model),
        "parameters_used": parameters_used(model, shape, spec.context),
        "updates": spec.steps * len(trainer.learner.phases),  # one for each phase at every step
        "flops": flops(model, shape, spec.context, spec.horizon),
        "peak_memory_bytes": _peak_memory(trainer.device),
        "rollout_seconds_per_clip": rollout_seconds(model, shape, spec.context, spec.horizon, spec.precision),
    }


def _score_missing(
    run: Run, model: nn.Module, data: Dataset, evaluations: list[Evaluation], device: torch.device, control: Control
) -> dict[str, float]:
    """Score what is not scored yet; the seconds that each evaluation took."""
    seconds = {}
    for evaluation in (evaluation.at(run.spec) for evaluation in evaluations):
        if not run.scores_file(evaluation.key).exists():
            started = time.monotonic()
            _score(run, model, data, evaluation, device, control)
            seconds[evaluation.key] = time.monotonic() - started
    return seconds


def _score(run: Run, model: nn.Module, data: Dataset, evaluation: Evaluation, device: torch.device, control: Control) -> None:
    from bench.evaluation.evaluate import evaluate
    from bench.training.control import Interrupted

    def stop_between_chunks(done: int, total: int) -> None:
        control.check_owned()
        if control.stop_requested() and done < total:
            raise Interrupted

    keep = run.predictions_file(evaluation.key) if evaluation.keep_predictions else None
    precision = run.spec.precision
    scores = evaluate(model, data, run.spec.context, evaluation, device, precision, keep, stop_between_chunks)
    control.check_owned()
    _keep_pictures(run, model, data, evaluation, device)
    scores.save(run.scores_file(evaluation.key))  # last: once it exists, the evaluation is complete
    log.info("scored %d clips: %s", len(scores.values), {k: round(v, 4) for k, v in scores.means().items()})


def _keep_pictures(run: Run, model: nn.Module, data: Dataset, evaluation: Evaluation, device: torch.device) -> None:
    from bench.common.images import save_png, strip
    from bench.evaluation.evaluate import clips_to_score, predictions

    context, horizon = run.spec.context, evaluation.at(run.spec).horizon or 0
    count = min(PICTURES, clips_to_score(data, evaluation, context))
    clips = data.clips(evaluation.split, 0, count, context + horizon).numpy()
    chunks = predictions(model, data, evaluation.split, count, context, horizon, device, run.spec.precision)
    predicted = [prediction for chunk, _ in chunks for prediction in chunk]
    for number, (clip, prediction) in enumerate(zip(clips, predicted, strict=True)):
        rows = {"context and truth": clip, "prediction": prediction.cpu().numpy()}
        save_png(
            strip(rows, first={"prediction": context}),
            run.path / "predictions" / f"{evaluation.key}-clip-{number}.png",
            run.path,
        )


def _record_seconds(run: Run, scoring: dict[str, float], training: float | None, started_at: float | None) -> None:
    """Record timings for the forecasts of `bench plan`: seconds of each evaluation, and the overhead of a worker.

    training: seconds, None if other processes had a part in it. started_at: start of this worker process, None if it does
    other work too.
    """
    spent: dict[str, Any] = {"score_seconds": scoring}
    if started_at is not None and training is not None:
        spent["other_seconds"] = time.monotonic() - started_at - training - sum(scoring.values())
    _record(run, spent)


def _record(run: Run, values: dict[str, Any]) -> None:
    run.write("provenance.json", {**run.provenance(to_write=True), **values})


def _peak_memory(device: torch.device) -> int:
    """Bytes: of the accelerator where there is one, else of this process, the last one that has trained the run."""
    import torch

    from bench.common.machine import peak_memory

    return torch.cuda.max_memory_allocated(device) if device.type == "cuda" else peak_memory()
