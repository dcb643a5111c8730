"""A run that is stopped and goes on keeps its threads and its bits, or says that it did not."""

import os
import subprocess
import sys

import pytest
import torch

from bench.executors import worker_process
from bench.store.run import FINISHED, Run
from bench.store.store import Store
from bench.training import checkpoint
from bench.worker.main import execute
from tests.conftest import EVALUATION, TINY

WIDE = TINY.but(data=TINY.data.but(size=32), model=TINY.model.but(width=16), batch=8, steps=6, validate_every=100)
"""Large enough that two threads add up its sums in another order."""


@pytest.fixture
def stopped(store):
    """A run that began with two threads and was stopped after three steps."""
    run = store.run(WIDE)
    run.create(WIDE)
    answers = iter([False, False, True, *[True] * 10])
    torch.set_num_threads(2)
    execute(run, [EVALUATION], "cpu", lambda: next(answers))
    torch.set_num_threads(1)
    assert run.status().step == 3 and run.provenance()["threads"] == 2
    return run


def _work(run, *words, cores=None):
    """A worker as an executor starts it."""
    command = worker_process.command(run, [EVALUATION], "cpu", *words)
    environment = worker_process.environment(run, words[0])
    prefix = ["taskset", "-c", cores] if cores else []
    subprocess.run([*prefix, *command], env=environment, check=True, capture_output=True)
    return run


def _bits(run):
    """The weights that it ends with."""
    weights = checkpoint.newest(run.path / "checkpoints")["model"]
    return b"".join(weights[name].numpy().tobytes() for name in sorted(weights))


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The weights of the run that was never stopped, by its threads."""
    bits = {}
    for number in (1, 2):
        run = Store(tmp_path_factory.mktemp("whole")).run(WIDE)
        run.create(WIDE)
        bits[number] = _bits(_work(run, number))
    return bits


@pytest.mark.slow
def test_resumed_with_more_on_offer_a_run_keeps_its_threads_and_its_bits(stopped, whole):
    _work(stopped, 2, 1, False)
    assert stopped.provenance()["threads"] == 2 and "deviations" not in stopped.provenance()
    assert _bits(stopped) == whole[2]


@pytest.mark.slow
def test_resumed_with_fewer_threads_a_run_says_so_and_keeps_those_from_then_on(stopped, whole):
    _work(stopped, 1, 1, False)
    deviation = "trained with 1 thread, before with 2: sums round otherwise (from step 4 on)"
    assert stopped.provenance()["deviations"] == [deviation] and stopped.provenance()["threads"] == 1
    assert whole[1] != whole[2], "otherwise this test would show nothing"


@pytest.mark.slow
def test_killed_and_resumed_with_other_workers_on_other_cores_it_is_the_same_run_or_says_that_it_is_not(stopped, whole):
    """As `bench run` does it, in a process that may use one core less."""
    code = (
        "import sys; from bench.executors.local import Local; from bench.spec.experiment import Experiment; "
        "from bench.store.store import Store; from bench.sweep.plan import plan; from bench.sweep.scheduler import Scheduler; "
        "from tests.test_threads_resumed import EVALUATION, WIDE; store = Store(sys.argv[1]); "
        "runs = Experiment('?', {'wide': WIDE, 'other': WIDE.but(seed=1)}, evaluation=EVALUATION); "
        "Scheduler(plan(runs, store), store, Local(workers=int(sys.argv[2]))).run()"
    )
    environment = {name: value for name, value in os.environ.items() if name != "OMP_NUM_THREADS"}
    cores = sorted(os.sched_getaffinity(0))
    for prefix, workers in ((["taskset", "-c", str(cores[0])], 1), ([], 2))[: 1 if len(cores) < 2 else None]:
        folder = stopped.path.parent.with_name(f"copy{workers}")
        subprocess.run(["cp", "-r", str(stopped.path.parent), str(folder)], check=True)
        subprocess.run([*prefix, sys.executable, "-c", code, str(folder), str(workers)], env=environment, check=True)
        run = Run(folder / stopped.name)
        assert run.status().state == FINISHED
        same, deviations = _bits(run) == whole[2], run.provenance().get("deviations", [])
        assert same is (workers == 2) and bool(deviations) is not same, (same, deviations)
