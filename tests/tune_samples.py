"""A search that trains nothing: an executor whose runs score what a formula says, and spaces of tiny runs."""

import math
import random
import threading
import time
from concurrent.futures import Future

import numpy as np

from bench.common import lease
from bench.evaluation.scores import Scores
from bench.metrics.protocols import score_names
from bench.spec.component import Component
from bench.spec.runspec import RunSpec
from bench.store.run import DIVERGED, FINISHED, INTERRUPTED, RUNNING
from bench.store.search_results import Aim
from bench.sweep.executor import Executor
from bench.sweep.scheduler import Scheduler
from bench.tune.search import Search, SearchBudget
from bench.tune.spaces import Space
from bench.tune.study import begin
from tests.conftest import TINY

PLAN = SearchBudget(12)
BASE = TINY.but(steps=9, validate_every=1)


def draw(trial) -> RunSpec:
    """Two settings, the rate and the slots."""
    return BASE.but(
        optimizer=Component("adam", lr=trial.suggest_float("lr", 1e-5, 1e-1, log=True)),
        model=BASE.model.but(slots=trial.suggest_int("slots", 2, 500, log=True)),
    )


def few(trial) -> RunSpec:
    """Four different specs in all."""
    return BASE.but(model=BASE.model.but(slots=trial.suggest_int("slots", 5, 8)))


def quality(spec: RunSpec) -> float:
    """Best, at 30 dB, with a rate of 1e-3 and 40 slots; a little better with higher seeds."""
    rate, slots = math.log10(spec.optimizer.options["lr"]), math.log10(spec.model.options["slots"])
    return 30 - 2 * (rate + 3) ** 2 - 3 * (slots - math.log10(40)) ** 2 + 0.01 * spec.seed


class Pretend(Executor):
    """Runs end after about `seconds`, each in a thread; they log a curve, can be asked to stop, and diverge at high rates."""

    def __init__(self, slots: int = 2, seconds: float = 0.0, diverging: float = math.inf, ends=None):
        self.slots, self.seconds, self.diverging, self.ends = slots, seconds, diverging, ends or {}
        self.started: list[str] = []
        self.stopping = False

    def submit(self, run, evaluations):
        self.started.append(run.name)
        future: Future[str] = Future()
        if self.seconds:
            threading.Thread(target=self._run, args=(run, evaluations, future), daemon=True).start()
        else:
            self._run(run, evaluations, future)
        return future

    def stop(self):
        self.stopping = True

    def kill(self):
        self.stopping = True

    def _run(self, run, evaluations, future):
        spec, state, words = run.spec, FINISHED, {"trained": True, "step": run.spec.steps}
        first = run.metrics.step() + 1
        owned = lease.take(run.path)
        run.set_status(RUNNING)
        for step in range(first, spec.steps + 1):
            time.sleep(random.uniform(0, 2 * self.seconds / spec.steps))
            if self.stopping or run.stop_requested():
                kind = "asked" if run.stop_requested() else "stopped"
                state, words = INTERRUPTED, {"reason": run.stop_requested() or "stopped", "kind": kind, "step": step - 1}
                break
            if spec.optimizer.options["lr"] > self.diverging:
                state, words = DIVERGED, {"reason": f"the loss is nan at step {step}", "kind": "diverged"}
                break
            run.metrics.append(step, {"validation/psnr": quality(spec) - 5 / step, "validation/ssim": 0.5})
        if run.name in self.ends:
            state, words = self.ends[run.name]
        if state == FINISHED:
            from bench.common.files import write_json

            write_json(run.path / "provenance.json", {"train_seconds": 1.5, "flops": 1000 * spec.model.options["slots"]})
            names = score_names()
            values = np.full((1, 2, len(names)), quality(spec), np.float32)
            for evaluation in evaluations:
                Scores(values, names).save(run.scores_file(evaluation.key))
        run.set_status(state, **words)
        owned.release()
        future.set_result("")


def search(store, executor=None, plan=PLAN, draw=draw, start=None, stop_after=None, url=None, name="sample", **aim):
    """A search to its end, or until so many trials have ended: (the study, the executor, the Search)."""
    study = begin(store, name, Aim("sample", "small", **aim), url)
    executor = executor or Pretend()
    searching = Search(study, Space("sample", draw, start), plan, [])

    class Stopper:
        ended_runs = 0

        def started(self, planned): ...
        def tick(self): ...
        def ended(self, planned):
            self.ended_runs += 1
            if self.ended_runs == stop_after:
                scheduler.stop()

    scheduler = Scheduler([], store, executor, [searching, Stopper()])
    searching.watch(scheduler)
    scheduler.run()
    return study, executor, searching
