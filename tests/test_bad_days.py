"""Full disks, read-only stores, clocks set back, directories deleted: each ends in words and loses no other run."""

import json
import os
import shutil
import subprocess
import time
from concurrent.futures import Future
from threading import Event, Thread

import pytest

from bench.common import lease
from bench.common.errors import BenchError
from bench.common.files import write_json
from bench.store.run import FINISHED, RUNNING
from bench.store.store import Store
from bench.sweep.executor import Executor
from bench.sweep.plan import plan_run
from bench.sweep.scheduler import Scheduler
from bench.worker.main import execute
from tests.conftest import EVALUATION, FLOOR, TINY


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 8 MiB, and a function that mounts it anew with other options."""
    folder = tmp_path / "disk"
    folder.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", folder], capture_output=True).returncode:
        pytest.skip("making a small file system needs the right to mount one")
    yield folder, lambda how: subprocess.run(["mount", "-o", f"remount,{how}", folder], check=True)
    subprocess.run(["umount", "--lazy", folder], check=True)


@pytest.mark.usefixtures("mlflow_ready")
def test_a_full_disk_ends_in_words_and_the_same_command_goes_on_once_there_is_room(bench, small_disk, monkeypatch):
    disk, remount = small_disk
    monkeypatch.setenv("BENCH_STORE", str(disk / "runs"))
    (disk / "filler").write_bytes(b"0" * (8 * 2**20 - 60_000))
    code, out, err = bench("run", "mine.py", "--executor", "inline")
    assert code in (1, 2) and "No space left on device" in out + err and "Traceback" not in out + err
    remount("size=64m")
    code, out, _ = bench("run", "mine.py", "--executor", "inline")
    assert code == 0 and "2 of 2 runs finished" in out, out


def test_a_read_only_store_is_read_and_not_written_and_says_so(finished, trained, small_disk, monkeypatch):
    disk, remount = small_disk
    shutil.copytree(trained, disk / "runs")
    remount("ro")
    monkeypatch.setenv("BENCH_STORE", str(disk / "runs"))
    assert finished("status")[0] == 0 and finished("plan", "mine.py")[0] == 0
    assert finished("report", "mine.py")[0] == 0
    code, _, err = finished("run", "mine.py", "--set", "steps=7", "--executor", "inline")
    assert code == 2 and "Read-only file system" in err and "choose another folder with --store" in err


def test_a_run_directory_that_is_deleted_under_its_worker_ends_that_run_alone_and_stays_deleted(tmp_path):
    store = Store(tmp_path)
    doomed, other = store.run(TINY), store.run(FLOOR)
    doomed.create(TINY)
    other.create(FLOOR)

    def deleted_at_step_two():
        if doomed.metrics.latest().get("step") == 2:
            shutil.rmtree(doomed.path)
        return False

    assert execute(doomed, [EVALUATION], "cpu", deleted_at_step_two) == RUNNING
    assert not doomed.path.exists()
    assert execute(other, [EVALUATION], "cpu", lambda: False) == FINISHED


def _on_another_host(run):
    """A lease of an owner on another host."""
    path = run.path / "lease-0"
    write_json(path, {"host": "elsewhere", "space": "another", "process": 1, "started": "1"})
    return path


@pytest.fixture
def owned_elsewhere(store, tiny, monkeypatch):
    monkeypatch.setattr(lease, "HEARTBEAT", 0.05)
    run = store.run(tiny)
    run.create(tiny)
    return run, _on_another_host(run)


@pytest.mark.parametrize("hours", [-3, 3])
def test_a_clock_that_is_set_back_or_forward_makes_no_second_owner_of_a_run_that_is_alive(owned_elsewhere, hours):
    run, path = owned_elsewhere
    has_ended = Event()

    def beat():  # on a host whose clock is hours off
        while not has_ended.wait(0.02):
            os.utime(path, (time.time() + 3600 * hours,) * 2)

    Thread(target=beat, daemon=True).start()
    time.sleep(0.05)
    held_lease = lease.take(run.path)
    has_ended.set()
    assert held_lease is None


class Refused(Executor):
    """Notes what it is asked to run; its workers end without a word, as those whose run somebody else has."""

    slots = 1

    def __init__(self):
        self.submitted = []

    def submit(self, run, evaluations):
        self.submitted.append(run.name)
        future = Future()
        future.set_result("")
        return future

    def stop(self): ...
    def kill(self): ...


@pytest.fixture
def behind(owned_elsewhere):
    """A run that trains on a host whose clock is two minutes behind."""
    run, path = owned_elsewhere
    run.set_status(RUNNING, step=1)
    has_ended = Event()

    def beat():
        while not has_ended.wait(0.02):
            os.utime(path, (time.time() - 120,) * 2)

    Thread(target=beat, daemon=True).start()
    time.sleep(0.05)
    yield run
    has_ended.set()


def test_a_run_that_trains_where_the_clock_is_behind_is_followed_and_never_called_dead(behind, tiny, store, monkeypatch):
    monkeypatch.setattr("bench.sweep.scheduler.TICK_S", 0.01)
    executor, prepared, ends_at = Refused(), [], time.monotonic() + 0.5
    planned = plan_run("tiny", tiny, store, (EVALUATION,))
    scheduler = Scheduler(
        [planned], store, executor, stop_requested=lambda: "enough" * (time.monotonic() > ends_at), prepare=prepared.append
    )
    scheduler.run()
    assert executor.submitted == prepared == [] and scheduler.running_elsewhere
    assert json.loads((behind.path / "status.json").read_text())["state"] == RUNNING


def test_a_run_that_trains_where_the_clock_is_behind_is_not_set_aside(behind, store):
    with pytest.raises(BenchError, match="is being trained by elsewhere, process 1"):
        store.set_aside(behind)
    assert behind.path.is_dir()


def test_a_run_whose_owner_elsewhere_is_dead_is_started_after_a_look(owned_elsewhere, tiny, store, monkeypatch):
    monkeypatch.setattr("bench.sweep.scheduler.TICK_S", 0.01)
    run, path = owned_elsewhere
    os.utime(path, (time.time() - 120,) * 2)
    executor = Refused()
    Scheduler([plan_run("tiny", tiny, store, (EVALUATION,))], store, executor).run()
    assert set(executor.submitted) == {run.name}


@pytest.mark.parametrize("hours", [-3, 3])
def test_after_a_clock_was_set_a_dead_owner_elsewhere_is_still_found_dead(owned_elsewhere, hours):
    run, path = owned_elsewhere
    os.utime(path, (time.time() + 3600 * hours,) * 2)
    assert lease.take(run.path) is not None


def test_an_owner_in_another_container_of_the_same_name_is_not_taken_for_dead(store, tiny):
    run = store.run(tiny)
    run.create(tiny)
    path = _on_another_host(run)
    write_json(path, {**lease._owner(""), "space": "another container", "process": 2**22 + 1})
    assert lease.holder(run.path) is not None and lease.take(run.path) is None
