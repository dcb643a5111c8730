"""Runs on a real SLURM cluster of two nodes, which tests/slurm/cluster.sh starts on this machine: nothing that SLURM does to a
job costs more than time."""

import contextlib
import os
import signal
import subprocess
import threading
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from bench.common import lease
from bench.evaluation.scores import load
from bench.executors.inline import Inline
from bench.spec import catalog
from bench.store import tickets
from bench.store.run import FINISHED, INTERRUPTED
from bench.store.store import Store
from bench.sweep.plan import QUEUED, plan
from bench.sweep.scheduler import Scheduler

pytestmark = pytest.mark.chaos
pytest.importorskip("submitit", reason="submitit is not installed: pip install -c constraints.txt -e '.[slurm]'")

SCRIPT = Path(__file__).parent / "slurm" / "cluster.sh"
LONGEST = 300.0  # seconds that a sweep may take on a busy machine
EXPERIMENT = """
from dataclasses import replace
from bench.spec import Experiment
from tests.conftest import EVALUATION, TINY

def experiment(scale):
    spec = TINY.but(steps=100, validate_every=50)
    return Experiment("Does it survive?", {"tiny": spec}, seeds=(0, 1), evaluation=EVALUATION, name="survives")
"""


@pytest.fixture(scope="module")
def cluster():
    started = subprocess.run([SCRIPT, "start"], capture_output=True, text=True)
    if started.returncode:
        pytest.skip(f"no SLURM here: {started.stderr.strip() or started.stdout.strip()}")
    yield
    subprocess.run([SCRIPT, "stop"], check=True)


@pytest.fixture(autouse=True)
def _empty(cluster):
    yield
    subprocess.run(["scancel", "--user=root"], check=True)
    _until(lambda: not subprocess.run(["squeue", "--noheader"], capture_output=True).stdout)


@pytest.fixture
def survives(pair, tiny):
    return replace(pair, variants={"tiny": tiny.but(steps=100, validate_every=50)}, seeds=(0, 1, 2))


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """The scores and curves of those runs by their names, trained inline."""
    from tests.conftest import EVALUATION, TINY, Experiment

    store = Store(tmp_path_factory.mktemp("undisturbed") / "runs")
    variants = {"tiny": TINY.but(steps=100, validate_every=50)}
    experiment = Experiment("Does it survive?", variants, seeds=(0, 1, 2), evaluation=EVALUATION, name="survives")
    Scheduler(plan(experiment, store), store, Inline()).run()
    return {planned.run.name: _outcome(planned) for planned in plan(experiment, store)}


def _outcome(planned):
    assert planned.state == FINISHED, planned
    curves = [{key: value for key, value in line.items() if key != "time"} for line in planned.run.metrics.lines()]
    return load(planned.run.scores_file(planned.evaluations[0].key)).values, curves


def _assert_the_same(planned_runs, undisturbed):
    for planned in planned_runs:
        scores, curves = _outcome(planned)
        assert np.array_equal(scores, undisturbed[planned.run.name][0], equal_nan=True)
        assert curves == undisturbed[planned.run.name][1]


@contextlib.contextmanager
def _sweep(experiment, store, **options):
    """A scheduler that goes on beside the block, and has ended after it."""
    scheduler = Scheduler(plan(experiment, store), store, catalog.build("executors", "slurm", {"time": 10, **options}))
    errors = []

    def go():
        try:
            scheduler.run()
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=go)
    thread.start()
    try:
        yield
        thread.join(LONGEST)
        assert not thread.is_alive() and not errors, errors
    finally:
        if thread.is_alive():
            scheduler.stop()
            scheduler.stop()
            thread.join()


def _until(true):
    until = time.monotonic() + LONGEST
    while not true():
        assert time.monotonic() < until
        time.sleep(0.2)


def _in_the_middle(runs):
    """Wait until these runs train; their jobs."""
    _until(lambda: all(5 < run.metrics.step() < 90 for run in runs))
    return [tickets.ticket(run).job for run in runs]


def _tell(*command):
    with contextlib.suppress(subprocess.TimeoutExpired):  # scancel repeats a signal as long as others of the array wait
        subprocess.run(command, check=True, timeout=3)


def _restarts(run):
    return (run.path / "log.txt").read_text().count("restarted")


def test_requeued_signalled_or_killed_in_the_middle_an_array_of_runs_ends_the_same(cluster, store, survives, undisturbed):
    planned_runs = plan(survives, store)
    first, second, third = (planned.run for planned in planned_runs)
    with _sweep(survives, store):
        requeued, signalled = _in_the_middle([first, second])
        _tell("scontrol", "requeue", requeued)
        _tell("scancel", "--signal=USR2", signalled)
        _in_the_middle([third])
        os.kill(int(lease.holder(third.path).rpartition(" ")[2]), signal.SIGKILL)  # its scheduler submits it again
        _until(lambda: _restarts(first) and _restarts(second))
    _assert_the_same(plan(survives, store), undisturbed)
    assert "got SIGUSR2 and is queued again" in (second.path / "log.txt").read_text()
    assert "killed by SIGKILL" in (third.path / "log.txt").read_text() and not _restarts(third)


def test_preempted_by_those_who_go_first_a_detached_sweep_goes_on_by_itself(cluster, store, survives, undisturbed):
    executor = catalog.build("executors", "slurm", {"time": 10, "partition": "low"})
    scheduler = Scheduler(plan(survives, store), store, executor)
    scheduler.hand_over()
    assert len(executor.detach()) == 3
    assert [planned.state for planned in plan(survives, store)] == [QUEUED] * 3
    runs = [planned.run for planned in plan(survives, store)]
    _in_the_middle(runs[:2])
    subprocess.run(["sbatch", "--partition=high", "--nodes=2", "--output=/dev/null", "--wrap=sleep 5"], check=True)
    _until(lambda: runs[0].status().state == runs[1].status().state == INTERRUPTED)
    assert [planned.state for planned in plan(survives, store)] == [QUEUED] * 3
    _until(lambda: all(planned.state == FINISHED for planned in plan(survives, store)))
    _assert_the_same(plan(survives, store), undisturbed)
    assert all(_restarts(run) for run in runs[:2])


def test_the_shell_that_submitted_may_close_and_a_later_bench_run_waits_for_what_is_queued(
    cluster, tmp_path, bench, mlflow_ready
):
    (tmp_path / "survives.py").write_text(EXPERIMENT)
    code, out, _ = bench("run", "survives.py", "--executor", "slurm", "--on", "time=10", "--detach")
    assert code == 0 and "queued 2 runs" in out
    assert bench("status")[1].count("queued") + bench("status")[1].count("running") >= 2
    code, out, _ = bench("run", "survives.py", "--executor", "slurm", "--on", "time=10")
    assert code == 0 and "2 of 2 runs finished" in out
    assert len(list((tmp_path / "runs" / "slurm").glob("*_submission.sh"))) == 1


def test_a_cancelled_job_is_over_and_its_run_resumable(cluster, store, survives):
    executor = catalog.build("executors", "slurm", {"time": 10})
    Scheduler(plan(survives, store), store, executor).hand_over()
    executor.detach()
    run = plan(survives, store)[0].run
    (job,) = _in_the_middle([run])
    subprocess.run(["scancel", job.partition("_")[0]], check=True)
    _until(lambda: all(planned.state == "resumable" for planned in plan(survives, store)))
    assert run.status().step > 5 and "queued again" not in (run.path / "log.txt").read_text()
