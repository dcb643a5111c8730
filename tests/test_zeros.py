"""The state before the first step costs nothing, and is zeros all the same."""

import pytest
import torch
from torch import nn
from torch.testing import assert_close
from torch.utils.flop_counter import FlopCounterMode

from baselines.convlstm import ConvLSTM
from baselines.e3d_lstm import WindowConv
from baselines.layers.zeros import StateConv, untouched, zeros
from baselines.predrnn import PredRNN


@pytest.mark.parametrize("bias", [True, False])
def test_a_convolution_of_the_first_state_is_what_it_is_of_zeros(bias):
    layer, state = StateConv(3, 5, 3, bias), zeros(torch.rand(2, 7, 4, 6), 3)
    assert untouched(state) and state.shape == (2, 3, 4, 6) and not state.any()
    assert_close(layer(state), nn.Conv2d.forward(layer, torch.zeros(2, 3, 4, 6)))


def test_a_window_convolution_of_the_first_state_is_what_it_is_of_zeros():
    layer, state = WindowConv(3, 5, 3), zeros(torch.rand(2, 7, 4, 6), 3)[:, None].expand(-1, 2, -1, -1, -1)
    assert_close(layer(state), layer(torch.zeros(2, 2, 3, 4, 6)))


def test_a_state_that_was_computed_is_never_taken_for_the_first():
    for shape in ((1, 1, 1, 1), (2, 3, 4, 5)):
        first = zeros(torch.rand(shape), shape[1])
        for computed in (first + 0, first.sigmoid() * first, torch.zeros(shape), 0 * torch.rand(shape) + first):
            assert untouched(first) and not untouched(computed)


def test_the_first_step_multiplies_no_state():
    model, costs, state = ConvLSTM((1, 8, 8), hidden=4, layers=2, kernel=3), [], None
    for _ in range(2):
        with FlopCounterMode(display=False) as counter:
            _, state = model.step(torch.rand(1, 1, 8, 8), state)
        costs.append(counter.get_total_flops())
    state_products = 2 * 2 * (4 * 16 * 9) * 2 * 2  # two layers, 4 -> 16 channels, 3x3, on 2x2 patches; two FLOPs each
    assert costs[1] - costs[0] == state_products


def test_normalised_state_convolutions_begin_as_they_did():
    model = PredRNN((1, 8, 8), hidden=4, layers=1, layer_norm=True)
    nn.init.normal_(model.cells[0].from_hidden[1].bias)
    x, zero = torch.rand(2, 16, 2, 2), torch.zeros(2, 4, 2, 2)
    first = zeros(x, 4)
    assert_close(model.cells[0](x, first, first, first), model.cells[0](x, zero, zero, zero))
