"""PhyDNet computes what the reference does, from the same weights."""

import pytest
import torch
from torch import Tensor
from torch.testing import assert_close

from baselines.phydnet import PhyCell, PhyDNet, ResidualCell, moments, powers
from baselines.rollout import rollout
from tests.parity import part

PHYCELL = {"derivatives": "F.conv1", "norm": "F.bn1", "combine": "F.conv2", "gain": "convgate"}


def renamed(weights: dict[str, Tensor], names: dict[str, str]) -> dict[str, Tensor]:
    """The reference's weights under our names of their modules."""
    return {f"{ours}.{kind}": weights[f"{theirs}.{kind}"] for ours, theirs in names.items() for kind in ("weight", "bias")}


def names_in_the_net() -> dict[str, str]:
    names = {f"physical_cell.{ours}": f"phycell.cell_list.0.{theirs}" for ours, theirs in PHYCELL.items()}
    names |= {f"residual_cells.{n}.gates": f"convcell.cell_list.{n}.conv" for n in range(3)}
    stacks = {"encoder": ("encoder_E.c", 3), "to_physical": ("encoder_Ep.c", 2), "to_residual": ("encoder_Er.c", 2)}
    stacks |= {"from_physical": ("decoder_Dp.upc", 2), "from_residual": ("decoder_Dr.upc", 2)}
    for ours, (theirs, count) in stacks.items():
        for n, layer in ((n, layer) for n in range(count) for layer in (0, 1)):
            names[f"{ours}.{n}.{layer}"] = f"encoder.{theirs}{n + 1}.main.{layer}"
    decoder = "encoder.decoder_D."
    names |= {f"decoder.{layer}": f"{decoder}upc1.main.{layer}" for layer in (0, 1)}
    names |= {f"decoder.3.{layer}": f"{decoder}upc2.main.{layer}" for layer in (0, 1)}
    return names | {"decoder.4": f"{decoder}upc3"}


def as_convolutions(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """The transposed convolutions of stride 1 as plain ones: channels swapped, kernels reversed."""
    decoders = ("decoder_Dp.upc1", "decoder_Dp.upc2", "decoder_Dr.upc1", "decoder_Dr.upc2", "decoder_D.upc2")
    keys = [f"encoder.{decoder}.main.0.weight" for decoder in decoders]
    return weights | {key: weights[key].transpose(0, 1).flip(2, 3) for key in keys}


def test_the_phycell_matches_the_reference_over_three_steps():
    vectors = part("phydnet", "phycell")
    cell = PhyCell(16, 7)
    cell.load_state_dict(renamed(vectors.weights, PHYCELL))
    state = vectors.inputs["h"]
    states = [state := cell(vectors.inputs[f"x.t{t}"], state) for t in range(3)]
    vectors.check(h_step1=states[0], h_step3=states[2])


def test_the_residual_cell_matches_the_reference_over_three_steps():
    vectors = part("phydnet", "convlstm_cell")
    cell = ResidualCell(4, 16)
    cell.load_state_dict(renamed(vectors.weights, {"gates": "conv"}))
    state = vectors.inputs["h"], vectors.inputs["c"]
    states = [state := cell(vectors.inputs[f"x.t{t}"], *state) for t in range(3)]
    vectors.check(h_step1=states[0][0], c_step1=states[0][1], h_step3=states[2][0], c_step3=states[2][1])


def test_the_net_and_its_loss_match_the_reference():
    vectors = part("phydnet", "net")
    model, frames = PhyDNet((1, 32, 32)), vectors.inputs["frames"]
    model.load_state_dict(renamed(as_convolutions(vectors.weights), names_in_the_net()))
    outputs, state = rollout(model.step, frames[:, :3], 6)
    vectors.check(pred=model(frames[:, :3], 3), train_loss=model.loss(outputs, frames[:, 1:], state))


def test_moments_and_moment_loss_match_the_reference():
    vectors = part("phydnet", "moments")
    cell = PhyCell(16, 7)
    cell.derivatives.weight.data = vectors.inputs["F.conv1.weight"]
    square, oblong = (moments(vectors.inputs[name].double()).float() for name in ("filter", "filter53"))
    vectors.check(moments=square, moments53=oblong, moment_loss=cell.moment_loss())


def test_a_filter_that_is_one_at_its_centre_is_the_identity_and_a_central_difference_the_first_derivative():
    centre, difference = torch.zeros(3, 3), torch.tensor([[0.0, 0, 0], [-0.5, 0, 0.5], [0, 0, 0]])
    centre[1, 1] = 1
    assert_close(moments(centre), torch.tensor([[1.0, 0, 0], [0, 0, 0], [0, 0, 0]]))
    assert_close(moments(difference), torch.tensor([[0.0, 1, 0], [0, 0, 0], [0, 0, 0]]))


def test_the_moment_loss_vanishes_for_filters_that_are_the_derivatives_they_stand_for():
    cell, inverse = PhyCell(4, 5), torch.linalg.inv(powers(5, torch.device("cpu")))
    derivatives = inverse @ torch.eye(25, dtype=torch.float64).reshape(25, 5, 5) @ inverse.T
    cell.derivatives.weight.data = derivatives[:, None].repeat(1, 4, 1, 1).float()
    assert_close(cell.moment_loss(), torch.tensor(0.0), atol=1e-8, rtol=0)


def test_training_on_the_moment_loss_lowers_it():
    torch.manual_seed(0)
    cell = PhyCell(4, 3)
    optimizer = torch.optim.Adam(cell.parameters(), lr=1e-2)
    before = cell.moment_loss().item()
    for _ in range(20):
        optimizer.zero_grad()
        cell.moment_loss().backward()
        optimizer.step()
    assert cell.moment_loss().item() < 0.7 * before


def test_sizes_that_cannot_work_are_refused_in_words():
    with pytest.raises(ValueError, match="divisible by 4, got 32x30"):
        PhyDNet((1, 30, 32))
    with pytest.raises(ValueError, match="multiple of 32"):
        PhyDNet((1, 32, 32), width=48)
    with pytest.raises(ValueError, match="odd"):
        PhyDNet((1, 32, 32), kernel=4)
