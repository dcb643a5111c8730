"""Published checkpoints load with or without their prefix; anything else is refused in words, and nothing in it is executed."""

import pickle
from pathlib import Path

import pytest
import torch

from lmc.checkpoint import load
from lmc.model import LMC
from tests.hostile import Hostile


def small(seed=0, **options) -> LMC:
    torch.manual_seed(seed)
    return LMC((1, 32, 32), **{"width": 4, "layers": 1, "slots": 3, **options})


def saved(path: Path, state: object) -> Path:
    torch.save(state, path)
    return path


def prefixed(model: LMC) -> dict[str, torch.Tensor]:
    return {f"module.{name}": value for name, value in model.state_dict().items()}


@pytest.mark.parametrize("naming", [prefixed, LMC.state_dict], ids=["module.", "no prefix"])
def test_weights_load_with_and_without_the_prefix_and_predict_the_same(tmp_path, naming):
    theirs, ours = small(), small(seed=1)
    load(ours, saved(tmp_path / "lmc.pt", naming(theirs)))
    context = torch.rand(1, 9, 1, 32, 32)
    assert torch.equal(ours(context, 2), theirs(context, 2))


def test_the_format_of_before_pytorch_1_6_loads_too(tmp_path):
    torch.save(prefixed(small()), tmp_path / "lmc.pt", _use_new_zipfile_serialization=False)
    load(small(seed=1), tmp_path / "lmc.pt")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"slots": 5}, "is an LMC with slots=3; this model has slots=5"),
        ({"width": 8, "layers": 2}, "is an LMC with width=4, layers=1; this model has width=8, layers=2"),
        ({"memory": False}, "is an LMC with memory=True; this model has memory=False"),
        ({"storing": False}, "is an LMC with storing=True; this model has storing=False"),
    ],
)
def test_other_sizes_are_named_with_both_values(tmp_path, options, words):
    with pytest.raises(ValueError, match=words):
        load(small(**options), saved(tmp_path / "lmc.pt", prefixed(small())))


@pytest.mark.parametrize(
    "write", [torch.save, lambda value, path: path.write_bytes(pickle.dumps(value, 2))], ids=["torch", "pickle"]
)
def test_a_hostile_pickle_is_refused_without_being_executed(tmp_path, write):
    write({"encoder.0.weight": Hostile(tmp_path / "executed")}, tmp_path / "lmc.pt")
    with pytest.raises(ValueError, match="is no checkpoint"):
        load(small(), tmp_path / "lmc.pt")
    assert not (tmp_path / "executed").exists()


@pytest.mark.parametrize("length", [0, 1, 100, 0.5, -1], ids=str)
def test_a_file_that_was_cut_off_is_refused(tmp_path, length):
    whole = saved(tmp_path / "whole.pt", prefixed(small())).read_bytes()
    (tmp_path / "cut.pt").write_bytes(whole[: int(length * len(whole)) if isinstance(length, float) else length])
    with pytest.raises(ValueError, match="cut off or damaged"):
        load(small(), tmp_path / "cut.pt")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (torch.nn.Linear(2, 2).state_dict(), "is no LMC-Memory: 'encoder.0.weight' is missing"),
        ({}, "is no LMC-Memory: 'encoder.0.weight' is missing"),
        ([torch.zeros(2)], "is no state dict but list"),
        (torch.zeros(2), "is no state dict but Tensor"),
        ({"epoch": 3}, "it holds int by the name of 'epoch'"),
        ({3: torch.zeros(2)}, "it holds Tensor by the name of 3"),
    ],
)
def test_a_file_of_something_else_is_refused_in_words(tmp_path, content, words):
    with pytest.raises(ValueError, match=words):
        load(small(), saved(tmp_path / "lmc.pt", content))


def test_a_missing_an_extra_and_a_misshapen_tensor_are_named(tmp_path):
    for change, words in [
        ({"decoder.6.bias": None}, "'decoder.6.bias' is missing"),
        ({"decoder.8.bias": torch.zeros(1)}, "'decoder.8.bias' is not expected"),
        ({"decoder.6.bias": torch.zeros(2)}, r"'decoder.6.bias' is \(2,\), not \(1,\)"),
    ]:
        state = {name: value for name, value in {**small().state_dict(), **change}.items() if value is not None}
        with pytest.raises(ValueError, match=words):
            load(small(), saved(tmp_path / "lmc.pt", state))


def test_a_file_that_is_not_there_or_a_folder_is_refused_in_words(tmp_path):
    for path in (tmp_path / "nowhere.pt", tmp_path):
        with pytest.raises(ValueError, match="cannot read"):
            load(small(), path)
