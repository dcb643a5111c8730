"""Predicting uses weights laid out once per rollout; nobody but the clock can tell."""

import copy

import pytest
import torch
from torch import nn
from torch.testing import assert_close

from baselines.convlstm import ConvLSTM
from baselines.e3d_lstm import E3DLSTM
from baselines.layers.packed import FEWEST, packed
from baselines.phydnet import PhyDNet
from baselines.predrnn import PredRNN
from baselines.rollout import Recurrent
from baselines.swinlstm import SwinLSTM

# Of each kind of layer that has a packed form, models with one that is large enough.
MODELS = {
    "convlstm": lambda: ConvLSTM((1, 16, 16), hidden=32, layers=2),
    "predrnn with layer norm": lambda: PredRNN((1, 16, 16), hidden=32, layers=2, layer_norm=True),
    "two weights in one parameter": lambda: E3DLSTM((1, 16, 16), hidden=32, layers=2),
    "strides and padding by name": lambda: PhyDNet((1, 32, 32), width=64),
    "linear layers": lambda: SwinLSTM((1, 32, 32), depths=(2, 2), heads=(2, 2), width=128, window=4),
}
every_model = pytest.mark.parametrize("build", MODELS.values(), ids=MODELS)


class Watched(Recurrent):
    """Counts the steps taken with a packed weight."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Conv2d(64, 64, 5, padding=2)
        self.steps_packed = 0

    def step(self, frame, state):
        self.steps_packed += "_conv_forward" in vars(self.layer)
        return self.layer(frame), None


def built(build, seed=0):
    torch.manual_seed(seed)
    return build().eval()


def frames(model):
    side = 32 if isinstance(model, PhyDNet | SwinLSTM) else 16
    return torch.rand(2, 3, 1, side, side, generator=torch.Generator().manual_seed(0))


@every_model
def test_predictions_are_those_of_the_plain_layers(build):
    model = built(build)
    assert any(layer.weight.numel() >= FEWEST for layer in model.modules() if isinstance(layer, nn.Conv2d | nn.Linear))
    with torch.no_grad():
        plain = model(frames(model), 4)
    with torch.inference_mode():
        assert_close(model(frames(model), 4), plain, rtol=1e-4, atol=1e-5)


@every_model
def test_weights_that_change_between_predictions_count(build):
    model, other = built(build), built(build, seed=1)
    with torch.inference_mode():
        before = model(frames(model), 4)
        expected = other(frames(model), 4)
    model.load_state_dict(other.state_dict())
    with torch.inference_mode():
        after = model(frames(model), 4)
    assert_close(after, expected)
    assert not torch.allclose(after, before)


def test_a_model_is_as_it_was_afterwards_even_if_a_step_fails():
    model = Watched()
    with torch.inference_mode():
        model(torch.rand(1, 2, 64, 8, 8), 2)
        assert model.steps_packed == 3
        with pytest.raises(RuntimeError):
            model(torch.rand(1, 2, 3, 8, 8), 2)  # channels that the layer does not take
    assert set(vars(model.layer)) == set(vars(nn.Conv2d(64, 64, 5, padding=2)))
    copy.deepcopy(model)


@pytest.mark.parametrize("circumstance", ["gradients", "double precision", "bfloat16", "no gradients but counting"])
def test_nothing_is_packed_where_it_would_not_pay(circumstance):
    model, clip = Watched(), torch.rand(1, 2, 64, 8, 8)
    if circumstance == "gradients":
        model(clip, 2).sum().backward()
        assert model.layer.weight.grad.any()
    elif circumstance == "double precision":
        with torch.inference_mode():
            model.double()(clip.double(), 2)
    elif circumstance == "bfloat16":
        with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16):
            model(clip, 2)
    else:  # FLOPs are counted so, and must be those of the plain layers
        with torch.no_grad():
            model(clip, 2)
    assert model.steps_packed == 0


def test_many_pixels_at_once_are_left_to_the_plain_convolution():
    layer = nn.Conv2d(64, 64, 3, padding=1)
    with torch.inference_mode():
        maps = torch.rand(4, 64, 16, 16)  # 1,024 pixels, of 9 * 64 products each
        plain = layer(maps)
        with packed(layer, maps):
            assert torch.equal(layer(maps), plain)
