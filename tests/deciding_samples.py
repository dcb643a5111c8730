"""An experiment whose claims are decided by made-up scores, and an executor that makes them up instead of training."""

from collections.abc import Sequence
from concurrent.futures import Future
from functools import cache

import numpy as np

from bench.evaluation.evaluate import metadata_of
from bench.evaluation.scores import Scores
from bench.metrics.protocols import PROTOCOLS, score_names
from bench.spec import Claim, Evaluation, Experiment
from bench.spec.runspec import RunSpec
from bench.store.failures import Failure
from bench.store.run import FAILED, FINISHED, Run
from bench.sweep.executor import Executor
from tests.conftest import FLOOR, TINY

CLIPS = 3
CLEAR = Claim("Five slots are better than two.", "full", "few")
OPEN = Claim("Eight channels are better than four.", "wide", "full")
VARIANTS = {"full": TINY, "few": TINY.but(model=TINY.model.but(slots=2)), "wide": TINY.but(model=TINY.model.but(width=8))}
EXPERIMENT = Experiment(
    "Does it decide?", {**VARIANTS, "copy": FLOOR}, evaluation=Evaluation(clips=CLIPS), name="deciding", claims=(CLEAR, OPEN)
)


def experiment(scale: str) -> Experiment:
    """The experiment as `bench run tests/deciding_samples.py` finds it."""
    return EXPERIMENT


def psnr(spec: RunSpec) -> float:
    """In dB: two slots lose 1 dB in every seed, and eight channels win and lose 1 dB by turns."""
    if spec.model.options.get("slots") == 2:
        return 19 + 0.01 * spec.seed
    return 20 + (-1) ** spec.seed * (spec.model.options.get("width") == 8)


class MadeUp(Executor):
    """Ends every run at once with made-up scores, or with an error where its seed is one of `failing`; `ended` counts them."""

    slots = 1

    def __init__(self, failing: Sequence[int] = ()):
        self.failing, self.ended = failing, 0

    def submit(self, run: Run, evaluations: Sequence[Evaluation]) -> Future[str]:
        future: Future[str] = Future()
        future.set_result("")
        self.ended += 1
        if run.spec.seed in self.failing:
            run.set_status(FAILED, kind=Failure.CODE, reason="as told")
            return future
        for evaluation in evaluations:
            values = np.full((CLIPS, run.spec.horizon, len(score_names())), psnr(run.spec), np.float32)
            Scores(values, score_names(), metadata(evaluation)).save(run.scores_file(evaluation.key))
        run.set_status(FINISHED, step=run.spec.steps, trained=True)
        return future

    def stop(self) -> None: ...

    def kill(self) -> None: ...


@cache
def metadata(evaluation: Evaluation) -> dict[str, object]:
    """What a file of scores says of its clips."""
    versions = {name: protocol.version for name, protocol in PROTOCOLS.items()}
    plain = metadata_of(TINY.data.build(), evaluation, TINY.context, CLIPS)
    return {**plain, "protocols": versions, "lpips": "", "lpips_missing": "no backbone", "targets": "0123456789ab"}
