"""A run that goes on otherwise than it began says what differs and from which step on; what is trained keeps its record."""

import shutil

import pytest

from bench.store import checkpoint_files
from bench.store.run import FINISHED, INTERRUPTED, Run
from bench.store.store import Store
from bench.worker import record
from bench.worker.main import execute
from tests.conftest import EVALUATION, TINY

HERE = {
    "code": {"commit": "a" * 40, "diff": "", "files": "0123456789ab"},
    "packages": {"torch": "2.13.0", "numpy": "2.2.0", "mlflow": "3.1"},
    "machine": {"processor": "Intel Xeon", "accelerators": ["NVIDIA H100", "NVIDIA L4"]},
    "device": "cpu",
    "devices": 1,
    "threads": 2,
    "own_code": {"mine/model.py": "1"},
}


@pytest.fixture(scope="module")
def begun(tmp_path_factory):
    """A run that was stopped after three of its six steps."""
    run = Store(tmp_path_factory.mktemp("begun")).run(TINY)
    run.create(TINY)
    answers = iter([False, False, True])
    assert execute(run, [], "cpu", lambda: next(answers)) == INTERRUPTED
    return run


@pytest.fixture
def stopped(begun, tmp_path):
    return Run(shutil.copytree(begun.path, tmp_path / begun.name))


def _goes_on(run, **changes):
    """Its provenance at the end, where that of its beginning had these values."""
    run.write("provenance.json", {**run.provenance(), **changes})
    assert execute(run, [], "cpu", lambda: False) == FINISHED
    return run.provenance()


@pytest.mark.parametrize(
    ("before", "words"),
    [
        ({}, []),
        ({"packages": {**HERE["packages"], "mlflow": "2.0"}, "written": 3.0, "command": "bench run other"}, []),
        ({"packages": {}, "machine": {}, "own_code": {}}, []),
        (
            {"code": {"commit": "b" * 40, "diff": "+1", "files": "ba9876543210"}},
            [
                "trained with the suite's code at commit aaaaaaaaaaaa (files 0123456789ab), "
                "before at commit bbbbbbbbbbbb and changes (files ba9876543210)"
            ],
        ),
        ({"code": {"commit": "b" * 40, "diff": "+1", "files": "0123456789ab"}}, []),
        ({"code": {"commit": "a" * 40, "diff": ""}}, []),
        (
            {"code": {"commit": "not a git checkout", "version": "0.1"}},
            ["trained with the suite's code at commit aaaaaaaaaaaa (files 0123456789ab), before at version 0.1"],
        ),
        (
            {"packages": {"torch": "2.12.0", "numpy": "2.1.0"}},
            ["trained with torch 2.13.0, numpy 2.2.0, before with torch 2.12.0, numpy 2.1.0"],
        ),
        ({"machine": {"processor": "AMD EPYC"}}, ["trained on cpu (Intel Xeon), before on cpu (AMD EPYC)"]),
        ({"device": "cuda:1"}, ["trained on cpu (Intel Xeon), before on cuda (NVIDIA L4)"]),
        ({"device": "cuda", "machine": {}}, ["trained on cpu (Intel Xeon), before on cuda"]),
        ({"devices": 2}, ["trained on 1 device, before on 2: sums round otherwise"]),
        ({"threads": 1}, ["trained with 2 threads, before with 1: sums round otherwise"]),
        ({"own_code": {"mine/model.py": "2"}}, ["trained with another version of mine/model.py"]),
    ],
)
def test_what_the_bits_depend_on_is_compared_and_nothing_else(before, words):
    assert list(record.changes({**HERE, **before}, HERE)) == words


def test_other_gpus_are_told_apart_and_their_threads_do_not_matter():
    now = {**HERE, "device": "cuda:0"}
    assert list(record.changes({**now, "threads": 1, "device": "cuda"}, now)) == []
    assert list(record.changes({**now, "device": "cuda:1"}, now)) == [
        "trained on cuda (NVIDIA H100), before on cuda (NVIDIA L4)"
    ]


def test_a_run_that_goes_on_as_it_began_says_nothing(stopped):
    assert not {"deviations", "earlier"} & _goes_on(stopped).keys()


def test_a_run_that_goes_on_with_other_code_says_so_and_keeps_both_on_record(stopped):
    begun_with = {"commit": "b" * 40, "diff": "+1", "files": "ba9876543210"}
    provenance = _goes_on(stopped, code=begun_with)
    assert [words.partition(", before at ")[2] for words in provenance["deviations"]] == [
        "commit bbbbbbbbbbbb and changes (files ba9876543210) (from step 4 on)"
    ]
    assert provenance["earlier"][0]["until"] == 3 and provenance["earlier"][0]["code"] == begun_with != provenance["code"]


def test_a_run_whose_record_is_lost_in_between_says_that_it_is(stopped):
    (stopped.path / "provenance.json").unlink()
    words = "with what it was trained before is not on record: its provenance.json was gone or damaged (from step 4 on)"
    assert _goes_on(stopped)["deviations"] == [words]


def test_where_training_starts_over_the_deviations_of_steps_that_are_gone_are_gone_too(stopped):
    shutil.rmtree(stopped.path / "checkpoints")
    assert "deviations" not in _goes_on(stopped, devices=2, deviations=["trained otherwise (from step 2 on)"])


def test_micro_batches_are_told_once_however_often_the_run_is_resumed(tmp_path):
    run = Store(tmp_path).run(TINY)
    run.create(TINY)
    run.set_micro_batches(2)
    parts = "trained in 2 micro-batches of 1 clip: the same up to rounding"
    for _ in range(3):
        assert execute(run, [], "cpu", iter([False, True]).__next__) in (INTERRUPTED, FINISHED)
        run.write("provenance.json", {**run.provenance(), "devices": 2})
    devices = "trained on 1 device, before on 2: sums round otherwise"
    assert run.provenance()["deviations"] == [parts, *(f"{devices} (from step {step} on)" for step in (3, 5))]


def test_a_run_that_is_tried_again_with_whole_batches_says_from_when(stopped):
    parts = "trained in 2 micro-batches of 1 clip: the same up to rounding"
    provenance = _goes_on(stopped, parts=parts, deviations=[parts])
    assert provenance["deviations"] == [parts, "trained on whole batches again (from step 4 on)"]


@pytest.mark.parametrize("trained", [True, False])
def test_what_is_trained_keeps_its_record_even_if_its_status_is_lost(stopped, trained):
    before = _goes_on(stopped) | {"code": {"commit": "b" * 40}, "packages": {"torch": "1"}, "machine": {"processor": "old"}}
    stopped.write("provenance.json", before)
    if not trained:
        (stopped.path / "status.json").write_text('{"state": "fini')
    assert execute(stopped, [EVALUATION], "cpu", lambda: False) == FINISHED
    after = stopped.provenance()
    assert stopped.status().trained and {name: after[name] for name in before if name != "score_seconds"} == {
        name: before[name] for name in before if name != "score_seconds"
    }


def test_a_trained_run_whose_last_steps_are_trained_once_more_says_with_what(stopped):
    before = _goes_on(stopped)
    checkpoint_files.newest_first(stopped.path / "checkpoints", "step")[0].unlink()
    assert _goes_on(stopped, devices=2)["deviations"] == [
        "trained on 1 device, before on 2: sums round otherwise (from step 4 on)"
    ]
    assert before["train_seconds"] == stopped.provenance()["train_seconds"]
