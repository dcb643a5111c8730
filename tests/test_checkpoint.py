"""Checkpoints: whole, or passed over; read without executing anything."""

import pickle
import random

import numpy as np
import pytest
import torch

from bench.common.errors import BenchError
from bench.training import checkpoint


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
    class Hostile:
        def __reduce__(self):
            return (open, (str(tmp_path / "executed"), "w"))

    path = tmp_path / "weights.pt"
    path.write_bytes(pickle.dumps({"model": Hostile()}))
    with pytest.raises(BenchError, match="cannot be read as a checkpoint of weights alone"):
        checkpoint.read(path)
    torch.save({"model": Hostile()}, path)
    with pytest.raises(BenchError, match="cannot be read as a checkpoint of weights alone"):
        checkpoint.read(path)
    assert not (tmp_path / "executed").exists()


def test_every_generator_goes_on_where_it_was_saved(tmp_path):
    def draw():
        return random.random(), float(np.random.rand()), float(torch.rand(()))

    checkpoint.save(tmp_path, 1, checkpoint.random_state())
    expected = draw()
    restored = checkpoint.newest(tmp_path)
    assert restored is not None
    checkpoint.restore_random(restored)
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
