"""Checkpoints: whole, or passed over; read without executing anything."""

import errno
import pickle
import random

import numpy as np
import pytest
import torch

from bench.common.errors import BenchError
from bench.store import checkpoint_files, failures
from bench.training import checkpoint
from tests.hostile import Hostile

CPU = torch.device("cpu")


def test_only_the_newest_two_are_kept(tmp_path):
    for step in (1, 2, 3):
        checkpoint.save(tmp_path, step, {"step": step})
    assert [path.name[:13] for path in sorted(tmp_path.iterdir())] == ["step-00000002", "step-00000003"]
    assert checkpoint.newest(tmp_path) == {"step": 3}


@pytest.mark.parametrize(
    "damage", [lambda content: content[:-20], lambda content: content[:50] + b"x" + content[51:], lambda content: b""]
)
def test_a_damaged_newest_checkpoint_falls_back_to_the_one_before_and_says_so(tmp_path, caplog, damage):
    checkpoint.save(tmp_path, 1, {"step": 1})
    newest = checkpoint.save(tmp_path, 2, {"step": 2})
    newest.write_bytes(damage(newest.read_bytes()))
    assert checkpoint.newest(tmp_path) == {"step": 1}
    assert "damaged" in caplog.text and "falling back to the checkpoint before it" in caplog.text


def test_where_every_checkpoint_is_damaged_the_run_starts_again(tmp_path):
    checkpoint.save(tmp_path, 1, {"step": 1}).write_bytes(b"nothing")
    assert checkpoint.newest(tmp_path) is None


def test_a_checkpoint_that_would_execute_something_is_refused(tmp_path):
    path = tmp_path / "weights.pt"
    path.write_bytes(pickle.dumps({"model": Hostile(tmp_path / "executed")}))
    with pytest.raises(BenchError, match="cannot be read as a checkpoint of weights alone"):
        checkpoint.read(path)
    torch.save({"model": Hostile(tmp_path / "executed")}, path)
    with pytest.raises(BenchError, match="cannot be read as a checkpoint of weights alone"):
        checkpoint.read(path)
    assert not (tmp_path / "executed").exists()


def test_every_generator_goes_on_where_it_was_saved(tmp_path):
    def draw():
        return random.random(), float(np.random.rand()), float(torch.rand(()))

    checkpoint.save(tmp_path, 1, checkpoint.random_state(CPU))
    expected = draw()
    restored = checkpoint.newest(tmp_path)
    assert restored is not None
    checkpoint.restore_random(restored, CPU)
    assert draw() == expected


def test_weights_that_do_not_fit_are_named():
    with pytest.raises(BenchError, match="some file does not fit the model"):
        checkpoint.load_weights(torch.nn.Linear(2, 2), {"weight": torch.zeros(3, 2)}, "some file")


def test_a_checkpoint_that_cannot_be_read_just_now_is_not_taken_for_damaged(tmp_path, monkeypatch):
    path = checkpoint.save(tmp_path, 1, {"step": 1})
    with monkeypatch.context() as patch:
        patch.setattr(torch, "load", lambda *_, **__: (_ for _ in ()).throw(MemoryError()))
        with pytest.raises(MemoryError):
            checkpoint.newest(tmp_path)
    assert path.exists() and checkpoint.newest(tmp_path) == {"step": 1}


def test_a_read_error_of_the_system_is_no_fault_of_the_checkpoint(tmp_path, monkeypatch):
    checkpoint.save(tmp_path, 1, {"step": 1})
    with monkeypatch.context() as patch:
        patch.setattr(checkpoint, "content", lambda *_: (_ for _ in ()).throw(OSError(errno.EIO, "Input/output error")))
        with pytest.raises(OSError, match="Input/output error") as error:
            checkpoint.newest(tmp_path)
    assert failures.is_retried(failures.kind_of(error.value)) and checkpoint.newest(tmp_path) == {"step": 1}


@pytest.mark.parametrize(
    ("stored", "device", "expected"),
    [(["first"], "cuda", "first"), (["first", "second"], "cuda", "first"), (["first", "second"], "cuda:1", "second"),
     (["first"], "cuda:1", "first"), ([], "cuda", None), (["first"], "cpu", None)],
)  # fmt: skip
def test_a_run_goes_on_where_other_gpus_are_visible_than_before(monkeypatch, stored, device, expected):
    """stored: a state of each GPU that was visible in older checkpoints, of the one in use today."""
    restored = {}
    monkeypatch.setattr(torch.cuda, "set_rng_state", lambda state, device: restored.update({str(device): state}))
    state = checkpoint.random_state(CPU)
    assert state["cuda"] == []
    checkpoint.restore_random({**state, "cuda": stored}, torch.device(device))
    assert restored == ({device: expected} if expected else {})


def test_of_the_gpus_only_the_one_in_use_is_stored(monkeypatch):
    monkeypatch.setattr(torch.cuda, "get_rng_state", lambda device: f"state of {device}")
    assert checkpoint.random_state(torch.device("cuda:1"))["cuda"] == ["state of cuda:1"]


def _best(folder):
    return [int(path.name[5:13]) for path in checkpoint_files.newest_first(folder, "best")]


def test_every_checkpoint_that_a_run_may_go_on_from_keeps_the_best_that_it_knows(tmp_path):
    steps_of_best = []
    for step, is_best in ((2, True), (4, True), (6, False), (8, True), (10, False), (12, False)):
        if is_best:
            checkpoint.save_best(tmp_path, step, {"step": step})
        checkpoint.save(tmp_path, step, {"step": step})
        steps_of_best.append(_best(tmp_path))
    assert steps_of_best == [[2], [4, 2], [4], [8, 4], [8], [8]]
    checkpoint.save_best(tmp_path, 14, {"step": 14})  # and killed before the run is saved
    assert _best(tmp_path) == [14, 8]
    checkpoint.forget_best_after(tmp_path, 12)
    assert _best(tmp_path) == [8]
