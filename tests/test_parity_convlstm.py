"""ConvLSTM computes what OpenSTL's does, and its peephole cell what the paper's does."""

from torch.nn.functional import mse_loss

from baselines.convlstm import Cell, ConvLSTM, PeepholeCell
from baselines.rollout import rollout
from tests.parity import alternating, part


def test_the_cell_is_the_references():
    vectors = part("convlstm", "cell")
    cell = Cell(inputs=4, hidden=16, kernel=5)
    w = vectors.weights
    cell.load_state_dict({"from_input.weight": w["conv_x.weight"], "from_hidden.weight": w["conv_h.weight"]})
    check_three_steps(cell, vectors)


def test_the_peephole_cell_is_the_references():
    vectors = part("convlstm", "peephole_cell")
    cell = PeepholeCell(inputs=4, hidden=16, kernel=3, height=8, width=6)
    w = vectors.weights
    cell.load_state_dict({
        "gates.weight": w["conv.weight"],
        "gates.bias": w["conv.bias"],
        "peep_i": w["Wci"][0],
        "peep_f": w["Wcf"][0],
        "peep_o": w["Wco"][0],
    })  # fmt: skip
    check_three_steps(cell, vectors)


def test_predictions_and_training_loss_are_the_references():
    vectors = part("convlstm", "net")
    model = ConvLSTM((1, 16, 24), hidden=16, layers=2, patch=2)
    w = vectors.weights
    model.load_state_dict(
        {f"cells.{n}.from_input.weight": w[f"cell_list.{n}.conv_x.0.weight"] for n in range(2)}
        | {f"cells.{n}.from_hidden.weight": w[f"cell_list.{n}.conv_h.0.weight"] for n in range(2)}
        | {"output.weight": w["conv_last.weight"]}
    )
    clip = vectors.inputs["frames"]
    free, _ = rollout(model.step, clip[:, :3], 6)
    fed, _ = rollout(model.step, clip, 6, alternating(2, 6, first=3))
    vectors.check(pred_all=free, train_pred_all=fed, train_loss=mse_loss(fed, clip[:, 1:]))


def check_three_steps(cell, vectors):
    h, c = vectors.inputs["h"], vectors.inputs["c"]
    for t in range(3):
        h, c = cell(vectors.inputs[f"x.t{t}"], h, c)
        if t == 0:
            vectors.check(h_step1=h, c_step1=c)
    vectors.check(h_step3=h, c_step3=c)
