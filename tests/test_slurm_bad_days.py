"""What goes wrong on real clusters: refusals, slow controllers, jobs that others cancel, views of the queue that hide jobs."""

import threading
import time
from dataclasses import replace

import pytest

from bench.commands import stop
from bench.common.errors import BenchError
from bench.executors import slurm_queue
from bench.spec import catalog
from bench.store import labels, tickets
from bench.store.store import Store
from bench.sweep import active
from bench.sweep.plan import plan
from bench.sweep.scheduler import Scheduler

pytest.importorskip("submitit", reason="submitit is not installed: pip install -c constraints.txt -e '.[slurm]'")


@pytest.fixture
def four(pair, tiny):
    return replace(pair, variants={"tiny": tiny}, seeds=(0, 1, 2, 3))


def _executor(**options):
    return catalog.build("executors", "slurm", options)


def _hand_over(planned_runs, store, **options):
    """A scheduler that has put into the queue what fits, as `bench run --detach` does."""
    executor = _executor(**options)
    scheduler = Scheduler(planned_runs, store, executor)
    scheduler.hand_over()
    executor.detach()
    return scheduler


@pytest.fixture
def waiting(store, four):
    """A scheduler in a thread, as `bench run` is; what it raised."""
    threads, raised = [], []

    def start(planned_runs):
        scheduler = Scheduler(planned_runs, store, _executor())

        def run():
            try:
                scheduler.run()
            except BenchError as error:
                raised.append(str(error))

        threads.append(threading.Thread(target=run))
        threads[-1].start()
        return scheduler, threads[-1], raised

    yield start
    for thread in threads:
        thread.join(timeout=20)
        assert not thread.is_alive()


def _until_queued(planned_runs):
    while not all(tickets.ticket(planned.run) for planned in planned_runs):
        time.sleep(0.05)


def test_a_detached_sweep_that_slurm_refuses_ends_with_its_words_and_not_well(cluster, bench):
    cluster.refuse("Invalid account or account/partition combination specified")
    code, out, err = bench("run", "mine.py", "--executor", "slurm", "--detach")
    assert code == 2 and "queued 0 runs of mine" in out and "2 runs could not be queued" in out
    assert "SLURM does not take the runs: sbatch: error: Invalid account" in err.splitlines()[-1]


def test_what_is_queued_already_counts_for_the_limit_of_the_queue(cluster, store, four):
    _hand_over(plan(four, store)[:2], store, queue=2)
    scheduler = _hand_over(plan(four, store), store, queue=3)
    assert len(scheduler.active) == 1 and len(scheduler.waiting) == 1 and len(cluster.scripts()) == 2


def test_a_job_that_cannot_be_queued_again_does_not_end_the_watch_over_the_others(cluster, store, four, waiting):
    scheduler, thread, raised = waiting(plan(four, store))
    _until_queued(plan(four, store))
    cluster.refuse("Job violates accounting/QOS policy")
    cluster.say(_1_0="NODE_FAIL", _1_1="RUNNING", _1_2="RUNNING", _1_3="RUNNING")
    while not scheduler.halted:
        time.sleep(0.05)
    assert thread.is_alive() and "Job violates accounting/QOS policy" in scheduler.halted
    cluster.say(_1_1="COMPLETED", _1_2="COMPLETED", _1_3="COMPLETED")
    thread.join(timeout=20)
    assert not thread.is_alive() and not raised


def test_a_refusal_does_not_end_the_watch_over_what_others_have_queued(cluster, store, four, waiting):
    _hand_over(plan(four, store), store)
    scheduler, thread, raised = waiting(plan(four, store))
    cluster.refuse("Job violates accounting/QOS policy")
    cluster.say(_1_0="NODE_FAIL", _1_1="RUNNING", _1_2="RUNNING", _1_3="RUNNING")
    while not scheduler.halted:
        time.sleep(0.05)
    time.sleep(1)
    assert thread.is_alive()
    cluster.say(_1_1="CANCELLED", _1_2="CANCELLED", _1_3="CANCELLED")
    thread.join(timeout=20)
    assert not thread.is_alive() and not raised


def test_jobs_that_somebody_cancels_are_not_queued_again_by_a_process_that_only_watches(cluster, store, four, waiting):
    _hand_over(plan(four, store), store)
    _, thread, _ = waiting(plan(four, store))
    cluster.say(_1_0="CANCELLED", _1_1="CANCELLED", _1_2="CANCELLED", _1_3="CANCELLED")
    thread.join(timeout=20)
    assert not thread.is_alive() and len(cluster.scripts()) == 1
    assert [planned.why for planned in plan(four, store)] == [
        f"its SLURM job 1_{n} was cancelled at step 0 of 6" for n in range(4)
    ]


def test_stopping_a_sweep_takes_back_what_another_process_has_queued_for_it(cluster, bench, tmp_path, monkeypatch):
    assert bench("run", "mine.py", "--executor", "slurm", "--detach")[0] == 0
    monkeypatch.setattr(stop, "LONGEST", 0.3)
    store = Store(tmp_path / "runs")
    assert all(labels.labels(run) for run in store.runs())
    with active.register_sweep(store, "mine-small", "bench run mine.py"):
        code, out, _ = bench("stop", "mine")
    assert code == 0 and "asked 1 sweep and 2 runs" in out
    (call,) = cluster.calls("scancel")
    assert sorted(call.split()) == ["--", "--state=PENDING", "1_0", "1_1"]


def test_ctrl_c_does_not_wait_for_a_controller_that_is_slow_to_answer(cluster, store, four, waiting, monkeypatch):
    scheduler, thread, _ = waiting(plan(four, store))
    _until_queued(plan(four, store))
    waits, answers, jobs_of = threading.Event(), threading.Event(), slurm_queue._jobs_of

    def slow(user):
        if not waits.is_set():
            waits.set()
            answers.wait(10)
            return jobs_of(user)
        time.sleep(0.2)
        return None

    monkeypatch.setattr(slurm_queue, "_jobs_of", slow)
    waits.wait(10)
    before = time.monotonic()
    scheduler.stop()
    assert time.monotonic() - before < 5 and cluster.calls("scancel")  # 4 runs, of which the controller was asked once or twice
    answers.set()
    thread.join(timeout=20)
    assert not thread.is_alive()


def test_hidden_partitions_and_a_users_own_views_of_the_queue_hide_no_job(cluster, store, four, monkeypatch):
    monkeypatch.setenv("SQUEUE_STATES", "RUNNING")
    _hand_over(plan(four, store), store)
    assert plan(four, store)[0].state == "queued"
    assert all("--all" in call.split() for call in cluster.calls("squeue"))
    assert "SQUEUE_STATES" not in slurm_queue.slurm_output("env")


def test_a_run_gets_the_cores_and_the_folders_of_its_job_whatever_the_cluster_hands_on(
    cluster, store, four, monkeypatch, tmp_path
):
    monkeypatch.setenv("BENCH_DATA", str(tmp_path / "data"))
    _hand_over(plan(four, store), store, cpus=4)
    (script,) = cluster.scripts()
    srun = next(line for line in script.splitlines() if line.startswith("srun"))
    assert "--cpus-per-task=4" in srun
    before = script.partition("\nsrun")[0]
    assert f"export BENCH_DATA={tmp_path / 'data'}" in before and "unset SLURM_EXPORT_ENV" in before
