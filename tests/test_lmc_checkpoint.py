"""Files with the names of LMC-Memory's published checkpoints load with or without their prefix; what does not fit is named."""

from pathlib import Path

import pytest
import torch

from bench.common.errors import BenchError
from bench.converters.recognition import recognised
from bench.converters.state_dict import read, unwrapped
from lmc.model import LMC

HERE = Path("lmc.pt")


def small(**options) -> LMC:
    torch.manual_seed(0)
    return LMC((1, 32, 32), **{"width": 4, "layers": 1, "slots": 3, **options})


def prefixed(model: LMC) -> dict[str, torch.Tensor]:
    return {f"module.{name}": value for name, value in model.state_dict().items()}


@pytest.mark.parametrize("legacy", [False, True], ids=["zip", "before PyTorch 1.6"])
@pytest.mark.parametrize("naming", [prefixed, LMC.state_dict], ids=["module.", "no prefix"])
def test_weights_load_with_and_without_the_prefix_and_predict_the_same(tmp_path, naming, legacy):
    theirs = small()
    torch.save(naming(theirs), tmp_path / "lmc.pt", _use_new_zipfile_serialization=not legacy)
    converted = recognised(read(tmp_path / "lmc.pt"))
    ours = LMC((1, 32, 32), **converted.model.options)
    ours.load_state_dict(converted.weights)
    context = torch.rand(1, 9, 1, 32, 32)
    assert torch.equal(ours(context, 2), theirs(context, 2))


@pytest.mark.parametrize(
    ("options", "sizes"),
    [
        ({}, {"width": 4, "layers": 1, "memory": True, "slots": 3, "storing": True}),
        ({"width": 8, "layers": 2, "slots": 5}, {"width": 8, "layers": 2, "memory": True, "slots": 5, "storing": True}),
        ({"memory": False}, {"width": 4, "layers": 1, "memory": False}),
        ({"storing": False}, {"width": 4, "layers": 1, "memory": True, "slots": 3, "storing": False}),
    ],
    ids=str,
)
def test_weights_tell_all_sizes(options, sizes):
    assert recognised(unwrapped(prefixed(small(**options)), HERE)).model.options == sizes


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"decoder.6.bias": None}, "'decoder.6.bias' is missing"),
        ({"decoder.6.bias_2": torch.zeros(1)}, "'decoder.6.bias_2' is not expected"),
        ({"decoder.6.bias": torch.zeros(2)}, "'decoder.6.bias' has the shape"),
        ({"encoder.0.weight": torch.zeros(4)}, "'encoder.0.weight' is missing or no convolution"),
    ],
    ids=["missing", "extra", "misshapen", "no convolution"],
)
def test_a_tensor_that_does_not_fit_is_named(change, words):
    state = {name: value for name, value in {**small().state_dict(), **change}.items() if value is not None}
    with pytest.raises(BenchError, match=words):
        recognised(unwrapped(state, HERE))
