"""TrajGRU computes what the references do, and its flows move content where they say."""

import torch
from torch.testing import assert_close

from baselines.trajgru import TrajGRU, TrajGRULayer, warp
from tests.parity import part

CELL = {"from_input": "i2h", "flow_input": "i2f", "flow_hidden": "h2f", "flows": "flow", "from_warped": "h2h"}
CELL_IN_NET = {
    "from_input": "i2h", "flow_input": "i2f_conv1", "flow_hidden": "h2f_conv1", "flows": "flows_conv", "from_warped": "ret",
}  # fmt: skip


def test_the_cell_is_the_references():
    vectors = part("trajgru", "cell")
    cell = TrajGRULayer(inputs=4, hidden=16, links=5)
    cell.load_state_dict(of_cell(cell, vectors.weights, CELL))
    inputs = torch.stack([vectors.inputs[f"x.t{t}"] for t in range(3)], 1)
    states = cell(inputs, vectors.inputs["h"], 3)
    vectors.check(h_step1=states[:, 0], h_step3=states[:, 2])


def test_the_cell_without_input_is_the_references():
    vectors = part("trajgru", "cell_noinput")
    cell = TrajGRULayer(inputs=0, hidden=16, links=5)
    cell.load_state_dict(of_cell(cell, vectors.weights, CELL))
    states = cell(None, vectors.inputs["h"], 3)
    vectors.check(h_step1=states[:, 0], h_step3=states[:, 2])


def test_predictions_are_the_references():
    vectors = part("trajgru", "net")
    model = TrajGRU((1, 32, 32), hidden=(16, 16, 16), stem=8, links=5)
    named = {}
    for n in range(3):
        for ours, theirs in (("encoder", "er"), ("forecaster", "fr")):
            weights = {
                k.removeprefix(f"{theirs}.{n}."): w for k, w in vectors.weights.items() if k.startswith(f"{theirs}.{n}.")
            }
            gru = getattr(model, ours)[n]
            named |= {f"{ours}.{n}.{k}": w for k, w in of_cell(gru, weights, CELL_IN_NET).items()}
        for ours, theirs in (("down", "e"), ("up", "d")):
            prefix = f"{theirs}.{n}."
            named |= {f"{ours}.{n}." + k.removeprefix(prefix): w for k, w in vectors.weights.items() if k.startswith(prefix)}
    model.load_state_dict(named)
    vectors.check(pred=model(vectors.inputs["frames"], 3))


def test_without_flow_the_state_stays_where_it_is():
    h = torch.rand(2, 3, 4, 5)
    warped = warp(h, torch.zeros(2, 4, 4, 5))  # two links
    assert_close(warped.unflatten(1, (3, 2)), h[:, :, None].expand(-1, -1, 2, -1, -1))


def test_a_flow_of_one_pixel_in_x_moves_content_right_and_zeros_enter():
    h = torch.tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])[None, None]
    flow = torch.tensor([1.0, 0.0])[None, :, None, None].expand(1, 2, 2, 3)
    assert_close(warp(h, flow), torch.tensor([[0.0, 1.0, 2.0], [0.0, 4.0, 5.0]])[None, None])


def test_a_flow_of_half_a_pixel_in_y_blends_rows():
    h = torch.tensor([[2.0], [4.0], [8.0]])[None, None]
    flow = torch.tensor([0.0, 0.5])[None, :, None, None].expand(1, 2, 3, 1)
    assert_close(warp(h, flow), torch.tensor([[1.0], [3.0], [6.0]])[None, None])


def of_cell(cell, weights, names):
    """The reference's weights under our names; its warped states are ordered link by link, ours channel by channel."""
    named = {}
    for key in cell.state_dict():
        role, kind = key.split(".")
        weight = weights[f"{names[role]}.{kind}"]
        if key == "from_warped.weight":
            weight = weight.unflatten(1, (-1, cell.hidden)).transpose(1, 2).flatten(1, 2)
        named[key] = weight
    return named
