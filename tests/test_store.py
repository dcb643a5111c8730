"""Run directories and who owns them."""

import errno
import os
import shutil
import subprocess
import sys
import threading

import pytest

from bench.common import lease
from bench.common.errors import BenchError
from bench.common.files import replacing, write_json
from bench.spec.runspec import RunSpec
from bench.store.labels import remember
from bench.store.run import FAILED, FINISHED, INTERRUPTED, RUNNING
from bench.store.run_names import find_run


@pytest.fixture
def run(store, tiny):
    run = store.run(tiny)
    run.create(tiny)
    return run


def test_a_status_says_how_far_a_run_is_and_forgets_old_reasons(run):
    run.set_status(FAILED, kind="disk", reason="full", step=3)
    run.set_status(FINISHED)
    assert (run.status().state, run.status().step, run.status().reason) == (FINISHED, 3, "")


def test_a_status_file_cut_in_half_is_an_interrupted_run(run):
    run.set_status(RUNNING, step=3)
    path = run.path / "status.json"
    path.write_bytes(path.read_bytes()[:20])
    assert run.status().state == INTERRUPTED


def test_a_line_of_metrics_cut_in_half_is_passed_over(run):
    run.metrics.append(1, {"loss": 0.5})
    with open(run.path / "metrics.jsonl", "a") as file:
        file.write('{"step": 2, "lo')
    assert [line["step"] for line in run.metrics.lines()] == [1]
    run.metrics.cut(1)
    run.metrics.append(2, {"loss": 0.25})
    assert [line["loss"] for line in run.metrics.lines()] == [0.5, 0.25]


def test_metrics_are_cut_back_to_a_step(run):
    for step in (1, 2, 3):
        run.metrics.append(step, {"loss": 1 / step})
    run.metrics.cut(2)
    assert [line["step"] for line in run.metrics.lines()] == [1, 2]
    assert run.metrics.latest()["loss"] == 0.5


def test_a_write_that_fails_leaves_the_old_file_and_no_trace(tmp_path):
    path = tmp_path / "value.json"
    write_json(path, 1)
    with pytest.raises(OSError, match="disk full"), replacing(path) as temporary:
        temporary.write_text("half")
        raise OSError("disk full")
    assert [p.name for p in tmp_path.iterdir()] == ["value.json"] and path.read_text() == "1\n"


def test_a_run_is_found_by_part_of_its_name(store, run):
    assert find_run(store, run.name[-5:]).path == run.path
    with pytest.raises(BenchError, match="there is no run 'nonsense'"):
        find_run(store, "nonsense")


def test_runs_are_told_apart_by_variant_and_seed_and_found_by_neither(store, run, tiny):
    other = store.run(tiny.but(seed=1))
    other.create(tiny.but(seed=1))
    for named in (run, other):
        remember(named, "ablation-small", "Full")
        remember(named, "comparison-small", "LMC")
    names = f"{run.name} (Full, LMC, seed {run.spec.seed})", f"{other.name} (Full, LMC, seed 1)"
    for name, message in (
        ("lmc", "'lmc' fits 2 runs: "),
        ("full", "'full' is a variant, not a run; its runs are "),
        ("LMC", "'LMC' is a variant, not a run; its runs are "),
    ):
        with pytest.raises(BenchError) as refused:
            find_run(store, name)
        assert str(refused.value).startswith(message) and all(described in str(refused.value) for described in names)
    with pytest.raises(BenchError, match=r"there is no run 'Fulll' in .*: did you mean 'Full'"):
        find_run(store, "Fulll")


def test_of_many_takers_exactly_one_owns_a_run(run):
    leases = []
    takers = [threading.Thread(target=lambda: leases.append(lease.take(run.path))) for _ in range(16)]
    for taker in takers:
        taker.start()
    for taker in takers:
        taker.join()
    owned = [owner for owner in leases if owner]
    assert len(owned) == 1 and run.status().state == RUNNING
    owned[0].release()
    assert lease.holder(run.path) is None and lease.take(run.path) is not None


def test_the_run_of_a_dead_process_is_free_at_once(run):
    code = (
        f"from bench.common import lease; import os, pathlib; assert lease.take(pathlib.Path({str(run.path)!r})); os._exit(9)"
    )
    subprocess.run([sys.executable, "-c", code], check=False)
    assert list(run.path.glob("lease-*")) and lease.holder(run.path) is None
    assert run.status().state == INTERRUPTED


def test_an_owner_on_another_host_counts_as_alive_until_it_has_been_silent(run):
    path = run.path / "lease-0"
    write_json(path, {"host": "elsewhere", "process": 1, "started": "1"})
    assert lease.holder(run.path) == "elsewhere, process 1"
    os.utime(path, (1, 1))
    assert lease.holder(run.path) is None


def test_an_owner_that_was_believed_dead_finds_that_it_has_lost_the_run(run, monkeypatch):
    monkeypatch.setattr(lease, "HEARTBEAT", 0.01)
    first_lease = lease.take(run.path)
    assert first_lease is not None
    (run.path / "lease-1").write_text("{}")
    threading.Event().wait(0.2)
    assert first_lease.lost
    first_lease.release()


def test_an_owner_whose_directory_was_made_anew_never_takes_the_new_owner_s_lease_for_its_own(run, store, tiny, monkeypatch):
    monkeypatch.setattr(lease, "HEARTBEAT", 0.01)
    old = lease.take(run.path)
    shutil.rmtree(run.path)
    run.create(tiny)
    new = lease.take(run.path)
    assert new.path == old.path  # lease-0 again
    threading.Event().wait(0.2)
    assert old.is_lost() and not new.is_lost()
    old.release()
    assert lease.holder(run.path)
    new.release()
    assert lease.holder(run.path) is None


def test_a_lease_that_was_lost_stays_lost_when_its_directory_comes_back(run):
    owned = lease.take(run.path)
    run.path.rename(run.path.with_name("away"))
    assert owned.is_lost()
    run.path.with_name("away").rename(run.path)
    assert owned.is_lost()


def test_a_record_that_cannot_be_read_just_now_is_not_written_over(run, monkeypatch):
    run.metrics.append(1, {"loss": 0.5})
    run.write("provenance.json", {"flops": 7})

    def failing(*_, **__):
        raise OSError(errno.EIO, "Input/output error", "a file")

    with monkeypatch.context() as patch:
        patch.setattr("bench.store.metrics_log.content", failing)
        patch.setattr("bench.store.run.json_in", failing)
        with pytest.raises(OSError, match="Input/output"):
            run.metrics.cut(1)
        with pytest.raises(OSError, match="Input/output"):
            run.provenance(to_write=True)
        assert run.provenance() == {"deviations": ["a file Input/output error"]}  # readers are told
    assert [line["loss"] for line in run.metrics.lines()] == [0.5] and run.provenance() == {"flops": 7}


def test_a_number_in_the_metrics_that_no_float_can_hold_is_passed_over(run):
    run.metrics.append(1, {"loss": 0.5})
    with (run.path / "metrics.jsonl").open("a") as file:
        file.write(f'{{"step": 2, "loss": {10**400}}}\n')
    assert run.metrics.latest()["loss"] == 0.5 and run.metrics.step() == 1


def test_a_run_whose_data_are_absent_is_found_by_its_spec_and_the_store_read_once(store, tiny, monkeypatch):
    specs = [tiny.but(seed=seed) for seed in range(4)]
    for spec in specs:
        store.run(spec).create(spec)
    absent_specs = [RunSpec.from_json(spec.to_json()) for spec in specs]
    for spec in absent_specs:
        vars(spec)["fingerprint"] = None
    listings, listing = [], store.listing
    monkeypatch.setattr(store, "listing", lambda: listings.append(1) or listing())
    assert [store.run(spec).name for spec in absent_specs] == [store.run(spec).name for spec in specs]
    assert len(listings) == 1
    later = tiny.but(seed=9)
    store.run(later).create(later)
    absent = RunSpec.from_json(later.to_json())
    vars(absent)["fingerprint"] = None
    assert store.run(absent).path.exists() and len(listings) == 2


def test_a_run_set_aside_is_kept_and_one_that_goes_on_is_not_touched(store, run):
    owned = lease.take(run.path)
    with pytest.raises(BenchError, match="is being trained by"):
        store.set_aside(run)
    assert owned is not None
    owned.release()
    aside = store.set_aside(run)
    assert (aside / "spec.json").exists() and not run.path.exists() and store.runs() == []


def test_a_taker_so_slow_that_others_have_come_and_gone_gets_nothing(run, monkeypatch):
    (run.path / "lease-2").write_text("{}")
    monkeypatch.setattr(lease, "is_owned", lambda folder: False)
    newest_numbers = iter([0, 2])  # what it saw when it looked, and what is true once it has written its own
    monkeypatch.setattr(lease, "_newest", lambda folder: next(newest_numbers))
    assert lease.take(run.path) is None
    assert {path.name for path in run.path.glob("lease-*")} == {"lease-2"}
