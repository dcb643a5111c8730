"""A queued run executes the code that was there when it was planned, or refuses and names the difference."""

import shutil
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from bench.executors import worker_process
from bench.executors.local import Local
from bench.spec.component import Component
from bench.store import seal, snapshot
from bench.store.run import FAILED, FINISHED
from bench.sweep.plan import plan
from bench.sweep.scheduler import Scheduler
from bench.worker.main import execute
from tests.conftest import FLOOR


@pytest.fixture
def run(store, tiny):
    run = store.run(tiny)
    run.create(tiny)
    return run


def test_the_code_is_copied_once_and_imports_from_its_copy(store, run):
    code_copy = snapshot.take(store)
    assert snapshot.take(store) == code_copy and len(list(store.root.glob(".code/*"))) == 1
    code_copy.note(run)
    code = "import bench.worker.main, lmc, sys; print(bench.__file__, lmc.__file__, sep='\\n')"
    environment = worker_process.environment(run, threads=1)
    done = subprocess.run([sys.executable, "-P", "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert all(line.startswith(code_copy.folder) for line in done.stdout.splitlines())


def test_several_may_check_one_copy_at_the_same_time_while_compiled_files_come_and_go(store):
    code_copy, errors = snapshot.take(store), []

    def check():
        try:
            seal.check(Path(code_copy.folder), code_copy.digest)
        except (seal.Broken, OSError) as error:
            errors.append(error)

    for _ in range(5):
        for package in ("bench", "bench/data", "lmc", "reports"):
            compiled = Path(code_copy.folder, package, "__pycache__")
            compiled.mkdir(exist_ok=True)
            for number in range(50):
                (compiled / f"{number}.pyc").write_bytes(b"")
        checks = [threading.Thread(target=check) for _ in range(4)]
        for thread in checks:
            thread.start()
        for thread in checks:
            thread.join()
    assert not errors


def test_what_is_edited_after_planning_changes_nothing_for_queued_runs(store, pair, tmp_path, monkeypatch):
    edited = tmp_path / "edited"
    shutil.copytree(snapshot.code_folder() / "baselines", edited / "baselines")
    code_copy = snapshot.take(store)
    monkeypatch.syspath_prepend(str(edited))
    (edited / "baselines" / "trivial.py").write_text("raise RuntimeError('edited meanwhile')")
    planned_runs = [planned for planned in plan(pair, store) if planned.label == "copy"]
    Scheduler(planned_runs, store, Local(workers=1), prepare=code_copy.note).run()
    assert planned_runs[0].run.status().state == FINISHED


def test_the_users_own_model_is_noted_as_it_was_at_the_first_run_that_needs_it(store, tmp_path, monkeypatch):
    module = tmp_path / "my_edited_floor.py"
    module.write_text("from baselines.trivial import CopyLast\n\nclass Mine(CopyLast):\n    pass\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    code_copy, notes = snapshot.take(store), []
    for seed in range(2):
        spec = FLOOR.but(model=Component("my_edited_floor:Mine"), seed=seed)
        run = store.run(spec)
        run.create(spec)
        code_copy.note(run)
        notes.append(snapshot.planned_for(run).own)
        module.write_text(module.read_text() + "# edited while the sweep goes on\n")
    assert notes[0] == notes[1] and len(notes[0]) == 1
    with pytest.raises(snapshot.Changed, match=r"my_edited_floor\.py"):
        snapshot.verify(run)


def test_a_run_whose_planned_code_is_gone_refuses(store, run):
    snapshot.Snapshot(str(store.root / ".code" / "gone"), "0123456789ab").note(run)
    assert execute(run, [], "cpu", lambda: False) == FAILED
    assert run.status().kind == "changed" and "is gone; `bench run` plans it anew" in run.status().reason


def test_a_run_refuses_when_a_file_of_the_suite_is_another_one(store, run):
    code_copy = snapshot.take(store)
    copy = store.root / ".code" / "other"
    shutil.copytree(code_copy.folder, copy)
    (copy / "lmc" / "model.py").write_text("# as it was\n")
    digest = seal.fingerprint(copy)
    snapshot.Snapshot(str(copy.rename(copy.with_name(digest))), digest).note(run)
    with pytest.raises(snapshot.Changed, match=r"since this run was planned: lmc/model\.py; "):
        snapshot.verify(run)


def test_a_run_refuses_when_the_users_own_model_has_changed(store, tmp_path, monkeypatch):
    (tmp_path / "my_floor.py").write_text("from baselines.trivial import CopyLast\n\nclass Mine(CopyLast):\n    pass\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    spec = FLOOR.but(model=Component("my_floor:Mine"))
    run = store.run(spec)
    run.create(spec)
    snapshot.take(store).note(run)
    snapshot.verify(run)
    (tmp_path / "my_floor.py").write_text("# edited\n")
    with pytest.raises(snapshot.Changed, match=r"my_floor\.py"):
        snapshot.verify(run)
