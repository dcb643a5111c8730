"""What a trained memory does is measured once, from its checkpoint, and a report never stops because it cannot be."""

import shutil
import subprocess
import sys

import numpy as np
import pytest
import torch

from bench.common.errors import Blocked
from bench.external.models import find
from bench.reporting import analysis
from bench.reporting.analysis import directions, memories
from bench.spec.experiment import Experiment
from bench.store.store import Store
from bench.sweep.plan import plan
from tests.conftest import EVALUATION, TINY


@pytest.fixture
def planned_runs(finished_store, pair):
    return plan(pair, finished_store)


def test_addresses_are_those_of_both_paths_on_the_scored_clips(planned_runs):
    measured = memories(planned_runs)
    assert list(measured.variants) == ["tiny"]  # the floor has no memory
    (run,) = measured.runs
    memory = (
        find(str(planned_runs[0].run.path), Store(planned_runs[0].run.path.parent))
        .build((1, 16, 16), torch.device("cpu"))
        .memory
    )
    clips = TINY.data.build().clips("test", 0, 3, 11)
    with torch.no_grad():
        matching = memory.address(memory.query(clips[:, :9], "matching"))
        storing = memory.address(memory.query(clips, "storing"))
    assert run.matching == pytest.approx(matching.numpy(), abs=1e-6)
    assert run.storing == pytest.approx(storing.numpy(), abs=1e-6)
    assert run.matching.sum(1) == pytest.approx(np.ones((3, 1, 1)), abs=1e-5)
    assert run.recalled.shape == (3, 8)
    assert measured.shown.numbers == [0, 1, 2] and measured.shown.context == 9
    assert np.array_equal(measured.shown.frames[0], (clips[0] * 255).round().numpy())


def test_it_is_measured_once_and_outlives_its_checkpoints(planned_runs, monkeypatch):
    first = memories(planned_runs).runs[0]
    shutil.rmtree(planned_runs[0].run.path / "checkpoints")
    monkeypatch.setattr(analysis, "_measured", lambda *arguments: pytest.fail("measured again"))
    assert np.array_equal(memories(planned_runs).runs[0].matching, first.matching)


def test_another_checkpoint_or_a_damaged_file_is_measured_again(planned_runs):
    messages = []
    memories(planned_runs, messages.append)
    (checkpoint,) = sorted((planned_runs[0].run.path / "checkpoints").glob("step-*.pt"))[-1:]
    checkpoint.rename(checkpoint.with_name(checkpoint.name.replace("step-00000006", "step-00000007")))
    memories(planned_runs, messages.append)
    (file,) = (planned_runs[0].run.path / "analysis").iterdir()
    file.write_bytes(file.read_bytes()[:100])
    memories(planned_runs, messages.append)
    assert messages == ["looking into memory 1 of 1: tiny, seed 0"] * 3
    assert memories(planned_runs, lambda line: pytest.fail(line)).runs


def test_a_store_that_cannot_be_written_is_looked_into_all_the_same(planned_runs, monkeypatch):
    def refused(*path):
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(analysis, "replacing", refused)
    assert memories(planned_runs).runs


def test_clips_with_labels_are_told_by_them_and_each_label_is_shown_once(planned_runs, monkeypatch):
    monkeypatch.setattr("bench.data.digits.Digits.labels", lambda *arguments: ["boxing", "walking", "boxing"])
    shown = memories(planned_runs).shown
    assert (shown.labelled, shown.labels, shown.places) == ("label", ["boxing", "walking", "boxing"], [0, 1])
    assert len(shown.frames) == 2


def test_checkpoints_that_are_gone_are_said_and_nothing_stops(planned_runs):
    shutil.rmtree(planned_runs[0].run.path / "checkpoints")
    measured = memories(planned_runs)
    assert not measured.runs and measured.shown is None
    assert "no readable checkpoint" in measured.missing["tiny", 0]


def test_data_that_are_absent_are_said_and_nothing_stops(planned_runs, monkeypatch):
    def absent(*arguments, **named):
        raise Blocked("moving_mnist is not there; `bench prepare moving_mnist` puts it there")

    monkeypatch.setattr("bench.data.digits.Digits.clips", absent)
    assert "bench prepare" in memories(planned_runs).missing["tiny", 0]


def test_a_run_that_is_not_finished_is_named_with_its_state(tmp_path):
    pair = Experiment("Does it run?", {"tiny": TINY}, evaluation=EVALUATION, name="pair")
    assert memories(plan(pair, Store(tmp_path))).missing == {("tiny", 0): "new: never started"}


def test_without_a_memory_nothing_is_looked_for(planned_runs):
    assert memories(planned_runs[1:]).variants == []


def test_kept_analyses_are_read_without_torch(planned_runs):
    memories(planned_runs)
    code = (
        "import sys\n"
        "from bench.reporting.analysis import memories\nfrom bench.spec import Evaluation\n"
        "from bench.sweep.plan import plan_run\nfrom bench.store.store import Store\n"
        f"store = Store({str(planned_runs[0].run.path.parent)!r})\n"
        "run, = [run for run in store.runs() if run.name.startswith('lmc')]\n"
        "found = memories([plan_run('tiny', run.spec, store, (Evaluation(clips=3, horizon=2),))])\n"
        "print(len(found.runs), 'torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "1 False"


def test_directions_by_hand():
    clips = np.zeros((5, 6, 1, 20, 20), np.float32)
    for clip, (down, right) in enumerate(((0, 4), (0, -4), (3, 1), (-5, 4), (0, 0))):
        clips[clip, :3, 0, 8, 8] = 1  # long before the end: no matter
        for t in range(4):
            clips[clip, 2 + t, 0, 8, 8] = 0
            clips[clip, 2 + t, 0, 8 + down * t // 3, 8 + right * t // 3] = 1
    assert directions(clips) == ["right", "left", "down", "up", "nowhere"]
    assert directions(np.zeros((1, 3, 1, 4, 4), np.float32)) == ["nowhere"]


def test_a_report_of_memories_is_a_table_like_any_other(finished):
    code, out, _ = finished("report", "mine.py", "--memory", "--format", "csv")
    assert code == 0
    header, row = out.splitlines()
    assert header.startswith("variant,slots,matching_usage,")
    assert row.startswith("tiny,5,2.")
    code, out, err = finished("report", "mine.py", "--memory")
    assert (code, err) == (0, "")  # measured already
    assert "What the memories do" in out


def test_without_a_memory_the_report_says_so(finished):
    code, _, err = finished("report", "mine.py", "--only", "copy", "--memory")
    assert code == 2
    assert "no variant of mine is an LMC-Memory" in err


@pytest.mark.slow
def test_a_folder_has_the_memory_and_goes_on_without(finished, tmp_path):
    assert finished("report", "mine.py", "--out", "with")[0] == 0
    assert (tmp_path / "with" / "memory_alignment.pdf").exists()
    for gone in ("checkpoints", "analysis"):
        for folder in (tmp_path / "runs").glob(f"*/{gone}"):
            shutil.rmtree(folder)
    assert finished("report", "mine.py", "--out", "without")[0] == 0
    assert "no readable checkpoint" in (tmp_path / "without" / "memory.md").read_text("utf-8")
    assert not (tmp_path / "without" / "memory_alignment.pdf").exists()
