"""How many threads a run gets is decided once, from what is free and what pays, and belongs to its record."""

import json
import os
import subprocess
import sys
import threading
import time

import numpy as np
import pytest
import torch

from bench.commands import _threads
from bench.common import load, machine
from bench.evaluation import scores
from bench.executors import local, threads, worker_process
from bench.executors.inline import Inline
from bench.executors.local import Local
from bench.store.provenance import threads_of
from bench.store.run import FINISHED
from bench.store.store import Store
from bench.sweep.plan import plan
from bench.training.control import Control, Interrupted
from bench.training.threads import candidates, paying, use_threads_that_pay
from bench.worker import spin_control
from bench.worker.main import execute
from tests.conftest import EVALUATION, TINY


@pytest.fixture
def free(monkeypatch):
    """Says how many cores there are, and how many are busy; nobody has limited the threads."""

    def say(cores, busy=0.0):
        monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
        monkeypatch.setattr(threads, "cores", lambda: cores)
        monkeypatch.setattr(local, "cores", lambda: cores)
        monkeypatch.setattr(threads, "busy_cores", lambda own_processes: busy)

    return say


@pytest.mark.parametrize(
    ("cores", "busy", "in_use", "at_once", "threads_each"),
    [
        (2, 0.0, 0, 1, 2),  # alone on a quiet machine
        (2, 0.1, 0, 1, 2),  # a neighbour that hardly does anything
        (2, 0.7, 0, 1, 1),
        (2, 2.0, 0, 1, 1),  # never none
        (2, 0.0, 0, 2, 1),  # a sweep of many runs: one core each, as ever
        (2, 0.0, 1, 1, 1),  # its last run, beside another
        (2, 0.0, 4, 1, 1),
        (4, 0.0, 0, 3, 1),
        (4, 0.0, 1, 2, 1),
        (4, 0.0, 2, 1, 2),  # it drains: what is still to be started gets what is left
        (16, 3.6, 0, 4, 3),
        (64, 0.0, 0, 1, 64),
        (1, 0.0, 0, 1, 1),
    ],
)
def test_what_is_free_is_shared_among_the_runs_that_are_about_to_start(cores, busy, in_use, at_once, threads_each):
    assert threads.share(cores, busy, in_use, at_once) == threads_each


@pytest.mark.parametrize(
    ("seconds", "chosen"),
    [
        ({1: 1.0}, 1),
        ({1: 1.0, 2: 0.7}, 2),
        ({1: 1.0, 2: 0.95}, 1),
        ({1: 1.0, 2: 3.0}, 1),  # beside busy neighbours
        ({1: 1.0, 2: 0.6, 4: 0.4, 8: 0.38}, 4),
        ({1: 1.0, 2: 0.6, 4: 0.58, 8: 0.2}, 2),
        ({1: 1.0, 2: 0.6, 3: 0.5}, 3),  # not twice as many: as large a share of the gain is asked for
        ({1: 1.0, 2: 0.6, 3: 0.56}, 2),
    ],
)
def test_more_threads_are_taken_as_long_as_each_doubling_pays(seconds, chosen):
    assert paying(seconds) == chosen


def test_threads_that_are_tried_are_the_powers_of_two_and_all_that_are_offered():
    assert [candidates(offered) for offered in (1, 2, 3, 6, 8)] == [[1], [1, 2], [1, 2, 3], [1, 2, 4, 6], [1, 2, 4, 8]]


def test_omp_num_threads_limits_what_is_offered_and_nobody_looks_at_the_neighbours_where_that_changes_nothing(
    free, monkeypatch
):
    free(8)
    assert threads.offered(1) == 8
    monkeypatch.setenv("OMP_NUM_THREADS", "3,2")
    assert threads.offered(1) == 3
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.setattr(threads, "busy_cores", lambda own_processes: pytest.fail("it looked"))
    assert threads.offered(1) == 1 == threads.offered(8)


def test_work_of_others_makes_cores_busy_and_that_of_ones_own_processes_does_not():
    spin = subprocess.Popen([sys.executable, "-S", "-c", "while True: pass"])
    try:
        everything = load.busy_cores()
        os.sched_yield()
        without = load.busy_cores(own_processes=[spin.pid])
    finally:
        spin.kill()
        spin.wait()
    assert everything > 0.2 and 0 <= without < len(os.sched_getaffinity(0))


@pytest.mark.parametrize(
    ("files", "listing", "cores"),
    [
        ({"cpu.max": "max 100000"}, "0::/", None),
        ({"cpu.max": "150000 100000"}, "0::/", 1.5),
        ({"job/cpu.max": "max 100000", "cpu.max": "200000 100000"}, "0::/job", 2.0),
        ({"cpu/job/cpu.cfs_quota_us": "300000", "cpu/job/cpu.cfs_period_us": "100000"}, "4:cpuset:/\n3:cpu,cpuacct:/job", 3.0),
        ({"cpu/cpu.cfs_quota_us": "-1", "cpu/cpu.cfs_period_us": "100000"}, "3:cpu:/gone", None),
        ({"cpu.max": "nonsense"}, "0::/", None),
        ({}, "nonsense", None),
    ],
)
def test_the_quota_of_a_container_is_found_in_its_control_groups(tmp_path, files, listing, cores):
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text + "\n")
    (tmp_path / "listing").write_text(listing + "\n")
    assert load.quota(tmp_path, tmp_path / "listing") == cores


def test_a_container_has_as_many_cores_as_its_quota_has_whole_ones_and_at_least_one(monkeypatch):
    for granted, cores in ((0.5, 1), (1.9, 1), (1000.0, len(os.sched_getaffinity(0)))):
        monkeypatch.setattr(machine, "quota", lambda granted=granted: granted)
        assert machine.cores() == cores


def test_a_run_alone_is_offered_all_cores_and_one_of_many_its_share(free, store, tiny):
    free(4)
    alone, run = Local(workers=1), store.run(tiny)
    assert alone.threads_for(run) == 4
    many = Local(workers=4)
    many.waiting = 7
    assert many.threads_for(run) == 1
    many.waiting = 0  # the last one, though three slots more are free
    assert many.threads_for(run) == 4
    free(4, busy=2.9)
    assert alone.threads_for(run) == 1


def test_a_run_that_has_begun_keeps_its_threads_and_waits_for_room(free, store, tiny):
    free(2)
    executor, run = Local(workers=2), store.run(tiny)
    run.create(tiny)
    run.write("provenance.json", {"threads": 2})
    assert executor.threads_for(run) == 2 and executor.has_room(run)
    executor._threads[0] = 1  # another goes on
    assert not executor.has_room(run) and executor.has_room(store.run(tiny.but(seed=1)))
    free(1)
    assert executor.threads_for(run) == 1, "fewer cores than then: it goes on with what there is, and notes it"
    assert Local(threads=1).threads_for(run) == 1 and Local(threads=3).threads_for(run) == 3


def test_as_many_runs_as_asked_for_go_on_at_once_though_there_are_fewer_cores(free, store, tiny):
    free(2)
    executor = Local(workers=4)
    executor._threads.update({0: 1, 1: 1, 2: 1})
    assert executor.has_room(store.run(tiny))


@pytest.mark.parametrize(
    ("provenance", "number"),
    [
        ({}, None),
        ({"threads": 3, "machine": {"threads": 1}}, 3),
        ({"machine": {"threads": 2}}, 2),  # an older store
        ({"machine": {"threads": 2}, "devices": 2}, 4),
        ({"deviations": ["provenance.json is damaged"]}, None),
    ],
)
def test_the_number_on_record_is_that_of_the_run_or_in_older_stores_that_of_the_machine(provenance, number):
    assert threads_of(provenance) == number


def test_how_threads_wait_is_left_to_the_worker_where_there_are_several_and_to_the_user_where_he_says(store, tiny, monkeypatch):
    run = store.run(tiny)
    for name in ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT"):
        monkeypatch.delenv(name, raising=False)
    assert "OMP_WAIT_POLICY" not in worker_process.environment(run, 2)
    assert (
        worker_process.environment(run, 1)["OMP_WAIT_POLICY"]
        == "PASSIVE"
        == worker_process.environment(run, 8, "cuda")["OMP_WAIT_POLICY"]
    )
    monkeypatch.setenv("OMP_WAIT_POLICY", "ACTIVE")
    assert worker_process.environment(run, 2)["OMP_WAIT_POLICY"] == "ACTIVE"
    monkeypatch.setattr(spin_control, "SpinControl", lambda: pytest.fail("it watches"))
    spin_control.watch()


@pytest.mark.parametrize(
    ("count", "cores", "busy", "crowded"),
    [
        (2, 2, 0.0, False), (2, 2, 0.2, False), (2, 2, 1.0, True), (2, 4, 2.0, False), (2, 4, 3.0, True), (1, 2, 2.0, False),
        (2, 1, 0.0, True),
    ],
)  # fmt: skip
def test_threads_that_must_share_cores_are_crowded(count, cores, busy, crowded):
    assert spin_control.crowded(count, cores, busy) is crowded


def test_teams_are_held_while_it_is_crowded_and_some_looks_longer(monkeypatch):
    monkeypatch.setattr(spin_control, "cores", lambda: 2)
    monkeypatch.setattr(spin_control, "_hold_threads", lambda release: release.wait())
    before, watch = threading.active_count(), spin_control.SpinControl()
    watch.adjust(2, 0.0)
    assert not watch.asleep and threading.active_count() == before
    for busy in (1.0, 2.0, *[0.0] * (spin_control.CALM - 1), 1.0, *[0.0] * (spin_control.CALM - 1)):
        watch.adjust(2, busy)
        assert watch.asleep
    assert threading.active_count() - before == spin_control.teams(2, spin_control.available())
    watch.adjust(2, 0.0)
    assert not watch.asleep
    until = time.monotonic() + 10
    while threading.active_count() > before and time.monotonic() < until:
        time.sleep(0.01)
    assert threading.active_count() == before


@pytest.mark.parametrize(("count", "available"), [(2, 2), (2, 4), (3, 4), (16, 64), (2, 64)])
def test_teams_that_are_held_are_more_threads_than_cores(count, available):
    assert count * (1 + spin_control.teams(count, available)) > available


def test_measuring_what_pays_leaves_no_trace_in_the_run(tmp_path, monkeypatch):
    thread_counts, outcomes = [], []
    monkeypatch.setattr("bench.training.threads.TOO_SHORT", 0.0)
    monkeypatch.setattr("bench.training.threads.paying", lambda seconds: thread_counts.append(seconds) or 1)
    for measured in (False, True):
        run = Store(tmp_path / str(measured)).run(TINY)
        run.create(TINY)
        assert execute(run, [EVALUATION], "cpu", lambda: False, threads=2, measure_threads=measured) == FINISHED
        outcomes.append(scores.load(run.scores_file(EVALUATION.at(TINY).key)).values)
    assert sorted(thread_counts[0]) == [1, 2] and min(thread_counts[0].values()) > 0
    assert np.array_equal(*outcomes, equal_nan=True) and run.provenance()["threads"] == 1


def test_who_is_asked_to_stop_while_measuring_has_decided_nothing(monkeypatch):
    monkeypatch.setattr("bench.training.threads.TOO_SHORT", 0.0)
    with pytest.raises(Interrupted):
        use_threads_that_pay(TINY, TINY.data.build(), 2, Control(lambda: True))
    torch.set_num_threads(1)


def test_one_thread_is_neither_offered_nor_measured(monkeypatch):
    monkeypatch.setattr("bench.training.threads.build_model", lambda *arguments: pytest.fail("it measured"))
    assert use_threads_that_pay(TINY, TINY.data.build(), 1) == 1


def test_what_a_sweep_is_about_to_do_is_said_with_what_runs_keep_that_have_begun(free, store, pair):
    free(2)
    assert _threads.before(Local(workers=1), plan(pair, store)) == "one after another, up to 2 threads each, as many as pay"
    assert _threads.before(Local(workers=2), plan(pair, store)) == "2 at once, 1 thread each"
    assert _threads.before(Local(threads=2), plan(pair, store)) == "one after another, 2 threads each"
    assert _threads.before(Inline(), plan(pair, store)) == ""
    run = store.run(TINY)
    run.create(TINY)
    run.write("provenance.json", {"threads": 2})
    sentence = _threads.before(Local(workers=2), plan(pair, store))
    assert sentence == "2 at once, 1 thread each; 1 that began with 2 threads keeps them"


def test_plan_and_run_say_how_many_threads_a_run_gets(bench, monkeypatch, tmp_path):
    from tests.conftest import EXPERIMENT

    (tmp_path / "pair.py").write_text(EXPERIMENT)
    assert "one after another, 3 threads each" in bench("plan", "pair.py", "--threads", "3", "--workers", "1")[1]
    rows = json.loads(bench("plan", "pair.py", "--json", "--threads", "1")[1])
    assert [row["threads"] for row in rows] == [1, 1]
    code, out, _ = bench("run", "pair.py", "--executor", "inline")
    assert code == 0 and "trained with 1 thread" in out
    monkeypatch.delenv("OMP_NUM_THREADS")
    monkeypatch.setattr(threads, "cores", lambda: 4)
    monkeypatch.setattr(threads, "busy_cores", lambda own_processes: 0.0)
    out = bench("plan", "pair.py", "--workers", "1", "--set", "steps=8")[1]
    assert "up to 4 threads, as many as pay" in out and "one after another" not in out  # of the one run that is to be done
