"""What a SLURM job does on its node. The worker is a pretended one, which does as the test says; so is the cluster."""

import os
import signal
import sys
import threading
import time

import pytest

from bench.common import lease
from bench.common.errors import BenchError
from bench.common.files import write_json
from bench.executors import slurm_job, worker_process
from bench.store import tickets
from bench.store.run import FAILED, FINISHED, INTERRUPTED, RUNNING
from bench.sweep import queued_runs
from tests.conftest import EVALUATION, TINY

pytest.importorskip("submitit", reason="submitit is not installed: pip install -c constraints.txt -e '.[slurm]'")

SAVES = "import signal, time; signal.signal(signal.SIGTERM, lambda *_: end('interrupted', 'stopped')); begin(3); time.sleep(20)"
FINISHES = "begin(6); end('finished', '')"
BEGINNING = """
import sys, time
from pathlib import Path
from bench.common import lease
from bench.store.run import Run
run = Run(Path({path!r}))
owned = lease.take(run.path)
def begin(step): run.set_status('running', step=step); run.metrics.append(step, {{}})
def end(state, kind): run.set_status(state, kind=kind, trained=state == 'finished'); owned.release(); sys.exit()
"""


@pytest.fixture
def job(cluster, store, monkeypatch):
    """A queued run, and `job(script)` which does what job 1 of SLURM does with a worker that follows the script."""
    run = store.run(TINY)
    run.create(TINY)
    tickets.put(run, "slurm", "1")
    cluster.say(_1="RUNNING")
    monkeypatch.setenv("SLURM_JOB_ID", "1")
    monkeypatch.delenv("SLURM_ARRAY_JOB_ID", raising=False)
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT, signal.SIGUSR2)}

    def work(script, number=None):
        code = BEGINNING.format(path=str(run.path)) + script
        monkeypatch.setattr(worker_process, "command", lambda *_: [sys.executable, "-c", code])
        notifier = threading.Thread(target=_notify, args=(run, number)) if number else None
        if notifier:
            notifier.start()
        slurm_job.work(1, 1, str(run.path), [EVALUATION])
        return (run.path / "log.txt").read_text()

    work.run = run
    yield work
    for number, handler in before.items():
        signal.signal(number, handler)


def _notify(run, number):
    while not run.metrics.latest():
        time.sleep(0.02)
    os.kill(os.getpid(), number)


@pytest.mark.parametrize("number", [signal.SIGUSR2, signal.SIGTERM])
def test_told_that_its_time_is_up_a_job_saves_and_queues_itself_again(cluster, job, number):
    log = job(SAVES, number)
    assert job.run.status().state == INTERRUPTED and job.run.status().step == 3
    assert cluster.calls("scontrol") == ["requeue 1"] and f"got {number.name} and is queued again" in log
    assert queued_runs.location(job.run).startswith("SLURM job 1")


def test_a_job_that_slurm_is_ending_saves_and_leaves_to_slurm_whether_it_comes_back(cluster, job):
    cluster.say(_1="COMPLETING")
    job(SAVES, signal.SIGTERM)
    assert job.run.status().state == INTERRUPTED and cluster.calls("scontrol") == []


def test_a_run_that_was_asked_to_stop_does_not_come_back(cluster, job):
    job("begin(3); run.ask_to_stop('enough'); end('interrupted', 'asked')")
    assert cluster.calls("scontrol") == [] and queued_runs.location(job.run) == ""
    assert "BEGUN" not in job("print('BEGUN')")  # and a job that starts afterwards leaves it alone


def test_a_finished_run_leaves_the_queue(cluster, job):
    job(FINISHES)
    assert job.run.status().state == FINISHED and tickets.ticket(job.run) is None and cluster.calls("scontrol") == []


@pytest.mark.parametrize(("kills", "state"), [(2, FINISHED), (5, FAILED)])
def test_a_worker_that_is_killed_is_started_again_by_its_job_some_times(cluster, job, kills, state):
    count = job.run.path / "count"
    dies = f"begin(3)\nwith open({str(count)!r}, 'a') as file: file.write('x')\n"
    dies += f"if Path({str(count)!r}).stat().st_size <= {kills}:\n    import os, signal; os.kill(os.getpid(), signal.SIGKILL)\n"
    log = job(f"{dies}end('finished', '')")
    assert job.run.status().state == state and count.stat().st_size == 3
    assert log.count("it is started again at step 3") == 2
    if state == FAILED:
        assert job.run.status().reason.startswith("its process died 3 times at step 3 (killed by SIGKILL)")


def test_a_job_whose_ticket_was_never_written_writes_it(cluster, job):
    tickets.forget(job.run, "1")
    job("assert (run.path / 'queue.json').exists(); " + FINISHES)
    assert job.run.status().state == FINISHED and tickets.ticket(job.run) is None


def test_a_job_that_slurm_does_not_let_requeue_itself_is_queued_if_slurm_does_so_and_else_left_to_bench_run(cluster, job):
    (cluster.folder / "bin" / "scontrol").write_text("#!/bin/sh\nexit 1\n")
    assert "should SLURM not bring it back itself, `bench run` goes on" in job(SAVES, signal.SIGUSR2)
    cluster.say(_1="PENDING")
    assert queued_runs.location(job.run)
    cluster.say(_1="COMPLETED")
    assert not queued_runs.location(job.run) and job.run.status().state == INTERRUPTED


def test_a_run_that_slurm_stops_again_and_again_before_it_gets_any_further_asks_for_more_time(cluster, job):
    for _ in range(2 + slurm_job.IDLE):
        job(SAVES, signal.SIGUSR2)
        (job.run.path / "metrics.jsonl").unlink()
    status = job.run.status()
    assert (status.state, status.kind) == (FAILED, "died") and "needs a longer time limit" in status.reason
    assert len(cluster.calls("scontrol")) == 1 + slurm_job.IDLE


def test_a_detached_job_that_runs_out_of_memory_goes_on_by_itself_with_smaller_micro_batches(cluster, job):
    log = job("begin(3); end(*(('failed', 'memory') if run.micro_batches() == 1 else ('finished', '')))")
    assert job.run.status().state == FINISHED and job.run.micro_batches() == 2
    assert "out of memory; resumes with 2 micro-batches per batch" in log and not cluster.calls("sbatch")


def test_a_job_waits_until_the_lease_of_a_lost_node_has_run_out(cluster, job, monkeypatch):
    monkeypatch.setattr(lease, "SILENCE", 2.0)
    monkeypatch.setattr(lease, "HEARTBEAT", 0.1)
    owner = {"host": "lost", "space": "another", "process": 1, "started": "1"}
    write_json(job.run.path / "lease-0", owner)
    assert job.run.status().state == RUNNING
    job(FINISHES)
    assert job.run.status().state == FINISHED


def test_a_node_that_does_not_see_the_store_says_so(cluster, job, tmp_path):
    with pytest.raises(BenchError, match="the store must be a folder that all nodes share"):
        slurm_job.work(1, 1, str(tmp_path / "elsewhere"), [])
