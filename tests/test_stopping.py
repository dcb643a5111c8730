"""Sweeps and single runs can be ended cleanly from any terminal."""

import subprocess
import sys
import threading
import time

import pytest

from bench.common import lease
from bench.store.run import FINISHED, INTERRUPTED
from bench.sweep import active
from bench.sweep.scheduler import Scheduler
from bench.worker import main
from bench.worker.main import StopRequests, execute
from tests.conftest import EVALUATION


@pytest.fixture
def started(store, tiny):
    started_run = store.run(tiny)
    started_run.create(tiny)
    return started_run


def test_a_run_that_is_asked_to_stop_saves_its_work_says_why_and_goes_on_later(started, monkeypatch):
    monkeypatch.setattr(main, "POLL_S", 0.0)
    started.ask_to_stop("asked by a test")
    assert execute(started, [EVALUATION], "cpu", StopRequests(started)) == INTERRUPTED
    status = started.status()
    assert (status.kind, status.reason, status.step) == ("asked", "asked by a test", 1)
    started.forget_stop()
    assert execute(started, [EVALUATION], "cpu", StopRequests(started)) == FINISHED


def test_a_sweep_is_seen_while_it_goes_on_and_no_longer(store):
    with active.register_sweep(store, "ablation-small", "bench run ablation") as sweep:
        assert [other.experiment for other in active.active_sweeps(store)] == ["ablation-small"]
        sweep.ask_to_stop("enough")
        assert sweep.stop_requested() == "enough"
    assert active.active_sweeps(store) == [] and not sweep.folder.exists()


def test_the_sweep_of_a_dead_scheduler_is_not_going_on(store):
    code = (
        "import os; from bench.sweep import active; from bench.store.store import Store\n"
        f"with active.register_sweep(Store({str(store.root)!r}), 'x', 'y'): os._exit(9)"
    )
    subprocess.run([sys.executable, "-c", code], check=False)
    assert list(store.root.glob(".sweeps/*/sweep.json")) and active.active_sweeps(store) == []


def test_a_scheduler_that_is_asked_ends_its_runs_and_itself(store):
    class Endless:
        slots, queue, stopped = 1, None, False

        def stop(self):
            self.stopped = True

        def kill(self): ...

    executor = Endless()
    scheduler = Scheduler([], store, executor, stop_requested=lambda: "enough")
    scheduler.run()
    assert executor.stopped and scheduler.stopped_at is not None


def test_stop_without_a_name_shows_what_goes_on_and_with_a_wrong_one_suggests(bench, store, started):
    assert "nothing is running" in bench("stop")[1]
    owned = lease.take(started.path)
    with active.register_sweep(store, "ablation-small", "bench run ablation"):
        out = bench("stop")[1]
        assert "ablation-small" in out and started.name in out and "`bench stop --all`" in out
        code, _, err = bench("stop", "ablatoin-small")
        assert code == 2 and "did you mean 'ablation-small'?" in err
    owned.release()


def test_a_sweep_can_be_stopped_by_the_file_that_it_was_started_with(bench, store, monkeypatch):
    monkeypatch.setattr("bench.commands.stop.LONGEST", 0.1)
    assert bench("stop", "--all")[1] == "nothing is running\n"
    with active.register_sweep(store, "mine-small", "bench run mine.py") as sweep:
        assert "asked 1 sweep" in bench("stop", "mine.py")[1] and sweep.stop_requested()


def test_stop_waits_until_a_run_has_ended(bench, started):
    owned = lease.take(started.path)

    def end_when_requested():
        while not started.stop_requested():
            time.sleep(0.01)
        owned.release()

    threading.Thread(target=end_when_requested, daemon=True).start()
    code, out, _ = bench("stop", started.name)
    assert code == 0 and "asked 1 run to save" in out and "they have ended" in out
