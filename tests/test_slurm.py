"""Runs on a SLURM cluster that only pretends: what is asked of it, and what becomes of runs whatever it does."""

import subprocess
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

from bench.common.errors import BenchError
from bench.spec import catalog
from bench.store import snapshot, tickets
from bench.store.store import Store
from bench.sweep import queued_runs
from bench.sweep.plan import NEW, QUEUED, RESUMABLE, plan
from bench.sweep.scheduler import Scheduler

pytest.importorskip("submitit", reason="submitit is not installed: pip install -c constraints.txt -e '.[slurm]'")


@pytest.fixture
def four(pair, tiny):
    return replace(pair, variants={"tiny": tiny}, seeds=(0, 1, 2, 3))


def _executor(**options):
    return catalog.build("executors", "slurm", options)


def _queued(experiment, store, **options):
    """The experiment's items after all were queued by a process that is gone."""
    executor = _executor(**options)
    scheduler = Scheduler(plan(experiment, store), store, executor)
    scheduler.hand_over()
    executor.detach()
    return plan(experiment, store)


def test_a_plan_becomes_one_array_job_with_the_options_that_were_asked_for(cluster, store, four):
    _queued(
        four, store, workers=2, partition="low", time=60, cpus=4, gpus=1, constraint="a100", notice=300,
        extra="--account=vision --mem=16G --exclusive",
    )  # fmt: skip
    (script,) = cluster.scripts()
    sbatch_options = {line.removeprefix("#SBATCH ") for line in script.splitlines() if line.startswith("#SBATCH")}
    assert sbatch_options >= {
        "--array=0-3%2", "--partition=low", "--time=60", "--cpus-per-task=4", "--gpus-per-node=1", "--constraint=a100",
        "--signal=USR2@300", "--requeue", "--account=vision", "--mem=16G", "--exclusive",
    }  # fmt: skip


def test_what_is_not_asked_for_is_left_to_the_cluster(cluster, store, four):
    _queued(four, store)
    for option in ("--partition", "--time", "--gpus", "--constraint", "--wckey", "--mem"):
        assert option not in cluster.scripts()[0]


def test_a_queued_run_is_not_submitted_again_and_says_where_it_is(cluster, store, four):
    planned_runs = _queued(four, store)
    assert [planned.state for planned in planned_runs] == [QUEUED] * 4
    assert planned_runs[1].why == "SLURM job 1_1: pending (Priority), at step 0 of 6"
    _queued(four, store)
    assert len(cluster.scripts()) == 1


@pytest.mark.parametrize("state", ["PENDING", "RUNNING", "PREEMPTED", "REQUEUED", "COMPLETING", "SUSPENDED", "CONFIGURING"])
def test_a_job_that_comes_back_is_alive(cluster, store, four, state):
    _queued(four, store)
    cluster.say(_1_0=state, _1_1=state, _1_2=state, _1_3=state)
    assert [planned.state for planned in plan(four, store)] == [QUEUED] * 4


def test_a_full_disk_does_not_keep_who_waits_from_hearing_of_the_end(cluster, store, four, monkeypatch):
    executor, planned = _executor(), plan(four, store)[0]
    planned.run.create(planned.spec)
    future = executor.submit(planned.run, planned.evaluations)
    monkeypatch.setattr(queued_runs, "forget", lambda *words: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    until = time.monotonic() + 20
    while not cluster.scripts() and time.monotonic() < until:
        time.sleep(0.05)
    cluster.say(_1_0="CANCELLED")
    assert future.result(timeout=20).startswith("SLURM job 1 ended")


@pytest.mark.parametrize("state", ["CANCELLED", "TIMEOUT", "NODE_FAIL", "OUT_OF_MEMORY", "FAILED", "COMPLETED"])
def test_a_job_that_ended_or_is_forgotten_leaves_its_run_to_be_done(cluster, store, four, state):
    _queued(four, store)
    cluster.say(_1_0=state)
    assert [planned.state for planned in plan(four, store)] == [RESUMABLE] * 4


def test_where_squeue_does_not_answer_a_queued_run_is_not_taken_for_lost_and_can_be_taken_back(
    cluster, store, four, monkeypatch
):
    planned = _queued(four, store)[0]
    monkeypatch.setenv("PATH", "/nowhere")
    planned = plan(four, store)[0]
    assert planned.state == QUEUED and "no answer from its queue" in planned.why
    queued_runs.cancel([planned.run])
    assert plan(four, store)[0].state == RESUMABLE


def test_two_submitters_at_the_same_moment_queue_every_run_once(cluster, store, four):
    barrier = threading.Barrier(2)

    def submit():
        executor = _executor()
        scheduler = Scheduler(plan(four, store), store, executor)
        scheduler.hand_over()
        barrier.wait()
        executor.detach()

    threads = [threading.Thread(target=submit) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(cluster.scripts()) == 1


def test_a_scheduler_learns_from_squeue_how_its_jobs_ended(cluster, store, four):
    planned_runs = plan(four, store)
    executor = _executor()
    futures = []
    for planned in planned_runs:
        planned.run.create(planned.spec)
        futures.append(executor.submit(planned.run, planned.evaluations))
    while not all(tickets.ticket(planned.run) for planned in planned_runs):
        time.sleep(0.05)
    assert not any(future.done() for future in futures)
    cluster.say(_1_0="COMPLETED", _1_1="OUT_OF_MEMORY", _1_2="NODE_FAIL", _1_3="PREEMPTED")
    words = [future.result(timeout=10) for future in futures[:3]]
    assert words == ["", "killed by the kernel for want of memory", "SLURM job 1_2 ended as node_fail"]
    assert not futures[3].done()
    executor.kill()
    assert futures[3].result(timeout=10) == "cancelled" and cluster.calls("scancel") == ["-- 1_3"]


def test_a_run_whose_job_somebody_cancelled_is_not_submitted_again_at_once(cluster, store, four):
    executor = _executor()
    scheduler = Scheduler(plan(four, store)[:1], store, executor)
    thread = threading.Thread(target=scheduler.run)
    thread.start()
    while not tickets.ticket(plan(four, store)[0].run):
        time.sleep(0.05)
    cluster.say(_1="CANCELLED")
    thread.join(timeout=20)
    assert not thread.is_alive() and len(cluster.scripts()) == 1
    assert plan(four, store)[0].why == "its SLURM job 1 was cancelled at step 0 of 6"


def test_runs_that_wait_are_counted_and_not_listed_one_by_one(cluster, store, four):
    import io

    from rich.console import Console

    from bench.sweep.progress import SweepProgress

    planned_runs = _queued(four, store)
    cluster.say(_1_0="RUNNING", _1_1="PENDING", _1_2="REQUEUED")
    printed = io.StringIO()
    with SweepProgress(Console(file=printed, force_terminal=True, width=100), planned_runs, 0) as display:
        for planned in planned_runs[:3]:
            display.started(planned)
        display.tick()
    last = printed.getvalue().rpartition("all runs")
    lines = [line for line in last[2].splitlines() if " running " in line]
    assert "0 of 4 runs done, 2 queued" in last[2] and len(lines) == 1 and planned_runs[0].label in lines[0]


def test_stopping_takes_back_what_waits_and_asks_what_runs_to_save(cluster, store, four):
    executor = _executor()
    scheduler = Scheduler(plan(four, store), store, executor)
    thread = threading.Thread(target=scheduler.run)
    thread.start()
    while not all(tickets.ticket(planned.run) for planned in plan(four, store)):
        time.sleep(0.05)
    cluster.say(_1_0="RUNNING", _1_1="PENDING", _1_2="PENDING", _1_3="PENDING")
    scheduler.stop()
    running = plan(four, store)[0]
    assert running.state == QUEUED and running.run.stop_requested()
    cluster.say(_1_0="COMPLETED")
    thread.join(timeout=10)
    assert not thread.is_alive() and cluster.calls("scancel") == ["--state=PENDING -- 1_0 1_1 1_2 1_3"]


def test_what_slurm_refuses_is_said_in_its_own_words(cluster, store, four):
    cluster.refuse("invalid partition specified: lwo")
    with pytest.raises(BenchError, match="SLURM does not take the runs: sbatch: error: invalid partition specified: lwo"):
        Scheduler(plan(four, store), store, _executor(partition="lwo")).run()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"partitoin": "low"}, "did you mean 'partition'?"),
        ({"time": 1}, "runs save 120 s before their time limit, which is 1 min"),
        ({"extra": "account=vision"}, "extra takes options as --name=value, got 'account=vision'"),
        ({"cpus": 0}, "must be at least 1"),
        ({"extra": "--clusters=b"}, "--clusters=b sends jobs to another cluster"),
    ],
)
def test_an_impossible_option_is_refused_in_words(cluster, options, message):
    with pytest.raises(BenchError) as refusal:
        _executor(**options)
    assert message in str(refusal.value)


def test_without_slurm_there_is_one_clear_error(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(BenchError, match="there is no sbatch here; start it where jobs are submitted"):
        _executor()


def test_bench_run_detach_queues_and_returns_and_bench_status_shows_it(cluster, bench):
    code, out, _ = bench("run", "mine.py", "--executor", "slurm", "--on", "time=60", "--detach")
    assert code == 0 and "queued 2 runs of mine as SLURM job 1" in out
    assert "SLURM job 1_0: pending (Priority)" in bench("status")[1]
    assert "0 of 2 runs to do" in bench("plan", "mine.py")[1]
    code, out, _ = bench("run", "mine.py", "--executor", "slurm", "--detach")
    assert code == 0 and "queued 0 runs of mine; 2 were queued before" in out and len(cluster.scripts()) == 1
    code, _, err = bench("run", "mine.py", "--fresh")
    assert code == 2 and "`bench stop" in err
    bench("stop", "--all")
    assert "2 of 2 runs to do" in bench("plan", "mine.py")[1]


def test_a_detached_sweep_is_stopped_by_the_name_of_its_experiment(cluster, bench, tmp_path):
    assert bench("run", "mine.py", "--executor", "slurm", "--detach")[0] == 0
    code, out, _ = bench("stop", "mine.py")
    assert code == 0 and "asked 2 runs to save their work and end" in out
    (call,) = cluster.calls("scancel")
    assert sorted(call.split()) == ["--", "--state=PENDING", "1_0", "1_1"]
    assert "2 of 2 runs to do" in bench("plan", "mine.py")[1]


def test_a_ticket_that_names_a_job_of_something_else_cancels_nothing(cluster, bench, tmp_path):
    """As in a store from elsewhere, whose queue.json holds the number of a job of one's own."""
    assert bench("run", "mine.py", "--executor", "slurm", "--detach")[0] == 0
    text = (cluster.folder / "queue").read_text()
    others = "77|PENDING||Priority|/home/me/thesis/train.sh\n78|PENDING||Priority|/elsewhere/runs/slurm/.submission_file_1.sh\n"
    (cluster.folder / "queue").write_text(text + others)
    for run, job in zip(Store(tmp_path / "runs").runs(), ("77", "78"), strict=True):
        tickets.put(run, "slurm", job)
    code, out, _ = bench("stop", "--all")
    assert code == 0 and not cluster.calls("scancel")
    for job in ("77", "78"):
        assert f"slurm job {job}, which a queue.json names, is not of this store; it is left alone" in out
    assert "77|PENDING" in (cluster.folder / "queue").read_text()


def test_detaching_wants_an_executor_that_outlives_the_command(bench):
    code, _, err = bench("run", "mine.py", "--detach")
    assert code == 2 and "--executor slurm" in err


@pytest.mark.parametrize("changed", [False, True])
def test_a_job_hashes_its_copy_of_the_code_before_anything_of_it_is_executed(cluster, store, four, changed):
    copy = snapshot.take(store)
    executor = _executor()
    Scheduler(plan(four, store), store, executor, prepare=copy.note).hand_over()
    executor.detach()
    canary = cluster.folder / "canary"
    if changed:
        code = Path(copy.folder) / "lmc" / "__init__.py"
        code.write_text(f"open({str(canary)!r}, 'w')\n" + code.read_text())
    script = cluster.folder / "job.sh"
    script.write_text(cluster.scripts()[0])
    done = subprocess.run(["bash", script], capture_output=True, text=True)
    assert bool(cluster.calls("srun")) != changed and not canary.exists()
    assert (done.returncode == 1 and "is not what its name says" in done.stderr) == changed


def test_a_new_run_is_new_and_not_queued(cluster, store, four):
    assert [planned.state for planned in plan(four, store)] == [NEW] * 4
