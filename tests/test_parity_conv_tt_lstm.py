"""Conv-TT-LSTM computes the paper's equations: worked out literally in NumPy, and as vectors from the reference say."""

import numpy as np
import pytest
import torch
from scipy.signal import correlate2d
from torch import Tensor

from baselines.conv_tt_lstm import ConvTTCell, ConvTTLSTM, LayerState
from baselines.rollout import rollout
from tests.parity import part


def load_cell(cell: ConvTTCell, weights: dict[str, Tensor], project: str, couple: str, gates: str) -> None:
    """Put the reference's weights in, given its names of link l's projection, coupling and of the gates."""
    projections = [weights[f"{project}.{link}.weight"] for link in range(cell.order)]  # each [rank, hidden, k, k, window]
    state = {
        "project.weight": torch.cat([lag for weight in projections for lag in weight.unbind(-1)]),
        "project_bias": torch.stack([weights[f"{project}.{link}.bias"] for link in range(cell.order)])[..., None, None],
    }
    for kind in ("weight", "bias"):
        state[f"gates.{kind}"] = weights[f"{gates}.{kind}"]
        state |= {f"couple.{link}.{kind}": weights[f"{couple}.{link}.{kind}"] for link in range(cell.order - 1)}
    cell.load_state_dict(state)


def state_with(cell: ConvTTCell, hiddens: list[Tensor], memory: Tensor) -> LayerState:
    return hiddens[-1], memory, [cell.project(hidden) for hidden in hiddens[:-1]]


@pytest.mark.parametrize("name", ["cell", "cell_steps5"])
def test_the_cell_matches_the_reference_over_three_steps(name):
    vectors = part("convttlstm", name)
    history, inputs = vectors.config["steps"], vectors.inputs
    cell = ConvTTCell(4, 16, order=3, history=history, rank=4, kernel=5)
    load_cell(cell, vectors.weights, "proj", "tt", "gates")
    state = state_with(cell, [inputs[f"h_hist.{n}"] for n in range(history)], inputs["c"])
    states = [state := cell(inputs[f"x.t{t}"], state) for t in range(3)]
    vectors.check(h_step1=states[0][0], c_step1=states[0][1], h_step3=states[2][0], c_step3=states[2][1])


def test_the_net_matches_the_reference():
    vectors = part("convttlstm", "net")
    model = ConvTTLSTM((1, 16, 24), hidden=(8, 12, 12, 8), layers=(1, 1, 2, 1), rank=4)
    for cell, layer in zip(model.cells, ("b0l0", "b1l0", "b2l0", "b2l1", "b3l0"), strict=True):
        layer = f"layers.{layer}"
        load_cell(cell, vectors.weights, f"{layer}.layers_", f"{layer}.layers", f"{layer}.layers.2")
    model.readout.load_state_dict({kind: vectors.weights[f"layers.output.{kind}"] for kind in ("weight", "bias")})
    vectors.check(pred_all=rollout(model.step, vectors.inputs["frames"], 6)[0])


def convolved(maps: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """[in, H, W] and [out, in, k, k] -> [out, H, W], zeros outside the maps."""
    return np.stack([sum(correlate2d(m, w, mode="same") for m, w in zip(maps, out, strict=True)) for out in weight])


def sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


@pytest.mark.parametrize(("order", "history"), [(1, 1), (1, 2), (3, 3), (2, 4)])
def test_the_cell_is_the_papers_equations_taken_literally(order, history):
    torch.manual_seed(0)
    rank, width, window = 2, 3, history - order + 1
    cell = ConvTTCell(1, width, order, history, rank, kernel=3).double()
    for parameter in cell.parameters():
        torch.nn.init.normal_(parameter, std=0.3)  # biases included
    hiddens, memory, current = torch.randn(history, width, 5, 4), torch.randn(width, 5, 4), torch.randn(1, 5, 4)
    hiddens, memory, current = hiddens.double(), memory.double(), current.double()

    filters = cell.project.weight.detach().numpy().reshape(order, window, rank, width, 3, 3)
    biases = cell.project_bias.detach().numpy()
    train = np.zeros((rank, 5, 4))
    for link in range(order):
        read = sum(convolved(hiddens[link + lag].numpy(), filters[link, lag]) for lag in range(window)) + biases[link]
        couple = [p.detach().numpy() for p in cell.couple[link - 1].parameters()] if link else None
        train = read + convolved(train, couple[0]) + couple[1][:, None, None] if couple else read
    gates = convolved(np.concatenate([current.numpy(), train]), cell.gates.weight.detach().numpy())
    enter, keep, leave, candidate = np.split(gates + cell.gates.bias.detach().numpy()[:, None, None], 4)
    expected_memory = sigmoid(keep) * memory.numpy() + sigmoid(enter) * np.tanh(candidate)
    expected_hidden = sigmoid(leave) * np.tanh(expected_memory)

    hidden, next_memory, _ = cell(current[None], state_with(cell, [h[None] for h in hiddens], memory[None]))
    np.testing.assert_allclose(next_memory[0].detach().numpy(), expected_memory, atol=1e-12)
    np.testing.assert_allclose(hidden[0].detach().numpy(), expected_hidden, atol=1e-12)


def test_it_learns_by_the_absolute_and_the_squared_error():
    loss = ConvTTLSTM((1, 8, 8), hidden=(4,), layers=(1,)).loss(
        torch.full((1, 2, 1, 8, 8), 0.5), torch.zeros(1, 2, 1, 8, 8), None
    )
    assert loss.item() == 0.5 + 0.25


def test_sizes_that_cannot_work_are_refused_in_words():
    with pytest.raises(ValueError, match="same number of blocks"):
        ConvTTLSTM((1, 16, 16), hidden=(8, 8), layers=(1,))
    with pytest.raises(ValueError, match="history of at least as many"):
        ConvTTLSTM((1, 16, 16), order=3, history=2)
