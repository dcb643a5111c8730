"""What nobody needs is listed and removed, and nothing else ever is."""

import json
import os
import shutil
import time

import pytest

from bench.common import lease
from bench.external.rescore import rescore
from bench.maintenance import gc
from bench.spec.loading import load
from bench.store.run import FINISHED
from bench.store.store import Store
from tests.conftest import EVALUATION, TINY


def _old(path, content=b"half"):
    """A file that nobody has written to for an hour."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    os.utime(path, (time.time() - 3600,) * 2)
    return path


def _kinds(store, **also):
    return {waste.kind for waste in gc.find(store, **also)}


def _files(store):
    return {path.relative_to(store.root) for path in store.root.rglob("*") if path.is_file()}


def _lmc(store):
    return store.run(TINY)


def test_of_a_finished_run_older_checkpoints_go_and_it_can_be_scored_and_resumed_all_the_same(finished_store):
    import torch

    run = _lmc(finished_store)
    before = {path.name for path in run.path.glob("checkpoints/*")}
    [waste] = [waste for waste in gc.find(finished_store) if waste.kind == "checkpoints"]
    assert gc.remove(finished_store, waste)
    left = {path.name for path in run.path.glob("checkpoints/*")}
    assert len(before) == 2 and len(left) == 1 and next(iter(left)).startswith("step-00000006")
    shutil.rmtree(run.path / "predictions")
    assert rescore(run, EVALUATION.at(TINY), ["standard"], torch.device("cpu")) == "its checkpoint"
    assert gc.find(finished_store) == []


def test_the_older_checkpoint_stays_where_the_newest_is_damaged(finished_store):
    run = _lmc(finished_store)
    newest = max(run.path.glob("checkpoints/step-*"))
    newest.write_bytes(newest.read_bytes()[:-1])
    [waste] = [waste for waste in gc.find(finished_store) if waste.kind == "checkpoints"]
    assert not gc.remove(finished_store, waste) and waste.path.exists()


def test_a_checkpoint_that_another_run_starts_from_stays_and_so_does_its_run(finished_store):
    run = _lmc(finished_store)
    [older] = [waste.path for waste in gc.find(finished_store) if waste.kind == "checkpoints"]
    spec = next(iter(load("ablation").variants.values())).but(seed=7, init=os.path.relpath(older))
    finished_store.run(spec).create(spec)
    assert not [waste for waste in gc.find(finished_store) if waste.kind == "checkpoints"]
    assert run.name in {waste.path.name for waste in gc.find(finished_store, runs=True)}  # with the run that starts from it
    assert lease.take(finished_store.run(spec).path)
    assert run.name not in {waste.path.name for waste in gc.find(finished_store, runs=True)}


def test_leftovers_of_the_dead_are_found_and_what_is_fresh_is_not(finished_store):
    run = _lmc(finished_store)
    half = _old(run.path / "scores" / ".test-2.npz.0123abcd.npz")
    damaged = _old(run.path / "checkpoints" / "step-00000003-0123456789ab.damaged")
    (run.path / ".status.json.0123abcd.json").write_text("being written right now")
    probe = _old(finished_store.root / ".probe-0123abcd")
    newest = max(int(path.name.rpartition("-")[2]) for path in run.path.glob("lease-*"))
    (run.path / f"lease-{newest + 1}").write_text(json.dumps({"released": True}))
    leftovers = {waste.path for waste in gc.find(finished_store) if waste.kind != "checkpoints"}
    assert leftovers == {half, damaged, probe, run.path / f"lease-{newest}"}


def test_of_a_run_that_goes_on_nothing_is_listed_and_nothing_is_removed(finished_store):
    run = _lmc(finished_store)
    _old(run.path / ".log.0123abcd")
    listed = [waste for waste in gc.find(finished_store, runs=True) if waste.run is not None and waste.run.name == run.name]
    owned = lease.take(run.path)
    before = _files(finished_store)
    assert not [waste for waste in gc.find(finished_store, runs=True) if waste.run is not None and waste.run.name == run.name]
    assert listed and not any(gc.remove(finished_store, waste) for waste in listed) and _files(finished_store) == before
    owned.release()


def test_runs_that_no_experiment_refers_to_are_listed_on_request_alone(finished_store):
    ours = next(iter(load("ablation").variants.values())).but(seed=7)  # `bench run ablation --seeds 7`
    run = finished_store.run(ours)
    run.create(ours)
    assert gc.RUNS not in _kinds(finished_store)
    listed = [waste for waste in gc.find(finished_store, runs=True) if waste.kind == gc.RUNS]
    assert {waste.run.spec.model.name for waste in listed} == {"lmc", "copy_last"} and len(listed) == 2
    assert all(gc.remove(finished_store, waste) for waste in listed) and [run.name for run in finished_store.runs()] == [
        run.name
    ]


def test_runs_set_aside_and_what_an_interrupted_removal_left_are_removed(finished_store, monkeypatch):
    aside = finished_store.set_aside(_lmc(finished_store))
    [waste] = [waste for waste in gc.find(finished_store) if waste.kind == "set aside"]
    assert waste.path == aside and waste.size == gc.size_of(aside) > 1000

    def interrupted(path, dir_fd):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(shutil, "rmtree", interrupted)
        gc.remove(finished_store, waste)
    assert not aside.exists() and _kinds(finished_store) == {"trash"}
    assert all(gc.remove(finished_store, waste) for waste in gc.find(finished_store)) and gc.find(finished_store) == []


def test_copies_of_the_code_stay_as_long_as_a_run_waits_for_them_or_a_sweep_goes_on(finished_store):
    from bench.store.snapshot import Snapshot
    from bench.sweep import active

    for name in (needed := "0123456789ab", "unused"):
        _old(finished_store.root / ".code" / name / "bench" / "x.py")
    run = _lmc(finished_store)
    Snapshot(str(finished_store.root / ".code" / needed), needed).note(run)
    owned = lease.take(run.path)
    assert [waste.path.name for waste in gc.find(finished_store) if waste.kind == "code"] == ["unused"]
    [unused] = [waste for waste in gc.find(finished_store) if waste.kind == "code"]
    with active.register_sweep(finished_store, "mine-small", "bench run mine.py"):
        assert "code" not in _kinds(finished_store) and not gc.remove(finished_store, unused)
    owned.release()
    assert gc.remove(finished_store, unused)


def test_the_command_lists_asks_and_removes(finished, tmp_path):
    store = Store(tmp_path / "runs")
    code, out, _ = finished("gc")
    assert code == 0 and "1 x checkpoints" in out and "`bench gc --yes` does it without asking" in out
    assert finished("gc", "--yes", "--dry-run")[0] == 0 and _kinds(store) == {"checkpoints"}
    code, out, _ = finished("gc", "--yes")
    assert code == 0 and "removed 1 thing," in out
    assert "there is nothing in" in finished("gc")[1] and _lmc(store).status().state == FINISHED
    assert json.loads(finished("gc", "--json", "--runs")[1])[0]["kind"] == "runs"


def test_what_probes_have_measured_goes_on_request_alone(finished_store):
    (finished_store.root / "forecast.json").write_text("{}")
    assert gc.CACHES not in _kinds(finished_store) and gc.CACHES in _kinds(finished_store, caches=True)
