"""PredRNN, PredRNN-V2 and PredRNN++ compute what OpenSTL's do, cell by cell and as a whole."""

import pytest

from baselines.learners import loss
from baselines.predrnn import STLSTM, PredRNN
from baselines.predrnn_pp import CausalLSTM, GradientHighway, PredRNNpp
from baselines.predrnn_v2 import PredRNNv2
from baselines.rollout import rollout
from tests.parity import alternating, part

ST_LSTM = {
    "from_input": "conv_x", "from_hidden": "conv_h", "from_memory": "conv_m", "output_gate": "conv_o", "merge": "conv_last",
}  # fmt: skip
CAUSAL_LSTM = {
    "from_input": "conv_x", "from_hidden": "conv_h", "from_cell": "conv_c", "from_memory": "conv_m",
    "from_new_cell": "conv_c2m", "from_new_memory": "conv_om", "merge": "conv_last",
}  # fmt: skip


def test_the_st_lstm_is_the_references():
    vectors = part("predrnn", "cell")
    cell = STLSTM(inputs=4, hidden=16, kernel=5)
    cell.load_state_dict({f"{ours}.weight": vectors.weights[f"{theirs}.weight"] for ours, theirs in ST_LSTM.items()})
    check_three_steps(cell, vectors)


def test_the_st_lstm_with_layer_norm_is_the_references():
    vectors = part("predrnn", "cell_layernorm")
    cell = STLSTM(inputs=4, hidden=16, kernel=5, norm_map=(8, 6))
    normed = {ours: theirs for ours, theirs in ST_LSTM.items() if ours != "merge"}
    cell.load_state_dict(
        {f"{ours}.0.weight": vectors.weights[f"{theirs}.weight"] for ours, theirs in normed.items()}
        | {f"{ours}.1.weight": vectors.weights[f"{theirs}.norm.weight"] for ours, theirs in normed.items()}
        | {f"{ours}.1.bias": vectors.weights[f"{theirs}.norm.bias"] for ours, theirs in normed.items()}
        | {"merge.weight": vectors.weights["conv_last.weight"]}
    )
    check_three_steps(cell, vectors)


def test_the_st_lstm_tells_what_it_writes_as_the_reference_does():
    vectors = part("predrnnv2", "cell")
    cell = STLSTM(inputs=4, hidden=16, kernel=5)
    cell.load_state_dict({f"{ours}.weight": vectors.weights[f"{theirs}.weight"] for ours, theirs in ST_LSTM.items()})
    h, c, m = (vectors.inputs[name] for name in "hcm")
    for t in range(3):
        h, c, m, (to_c, to_m) = cell(vectors.inputs[f"x.t{t}"], h, c, m)
        if t == 0:
            vectors.check(h_step1=h, c_step1=c, m_step1=m, delta_c_step1=to_c, delta_m_step1=to_m)
    vectors.check(h_step3=h, c_step3=c, m_step3=m, delta_c_step3=to_c, delta_m_step3=to_m)


def test_the_causal_lstm_is_the_references():
    vectors = part("predrnnpp", "cell")
    cell = CausalLSTM(inputs=4, hidden=16, kernel=5)
    cell.load_state_dict({f"{ours}.weight": vectors.weights[f"{theirs}.weight"] for ours, theirs in CAUSAL_LSTM.items()})
    check_three_steps(cell, vectors)


def test_the_gradient_highway_is_the_references():
    vectors = part("predrnnpp", "ghu")
    highway = GradientHighway(hidden=16, kernel=5)
    w = vectors.weights
    highway.load_state_dict({"from_input.weight": w["conv_x.weight"], "from_state.weight": w["conv_z.weight"]})
    z1 = highway(vectors.inputs["x.t0"], vectors.inputs["z"])
    z3 = highway(vectors.inputs["x.t2"], highway(vectors.inputs["x.t1"], z1))
    vectors.check(z_step1=z1, z_step3=z3)


@pytest.mark.parametrize(
    ("name", "model", "roles", "first_slot"),
    [
        ("predrnn", PredRNN((1, 16, 24), hidden=16, layers=2, patch=2), ST_LSTM, 3),
        ("predrnnv2", PredRNNv2((1, 16, 24), hidden=16, layers=2, patch=2, beta=0.1), ST_LSTM, 1),
        ("predrnnpp", PredRNNpp((1, 16, 24), hidden=16, layers=3, patch=2), CAUSAL_LSTM, 3),
    ],
)
def test_predictions_and_training_loss_are_the_references(name, model, roles, first_slot):
    vectors = part(name, "net")
    theirs = {"output.weight": "conv_last.weight"}
    for n in range(len(model.cells)):
        for role, conv in roles.items():
            theirs[f"cells.{n}.{role}.weight"] = f"cell_list.{n}.{conv}{'' if role == 'merge' else '.0'}.weight"
    if name == "predrnnv2":
        theirs["adapter.weight"] = "adapter.weight"
    if name == "predrnnpp":
        theirs["highway.from_input.weight"] = "gradient_highway.x_concat.0.weight"
        theirs["highway.from_state.weight"] = "gradient_highway.z_concat.0.weight"
    model.load_state_dict({parameter: vectors.weights[key] for parameter, key in theirs.items()})
    clip = vectors.inputs["frames"]
    free, _ = rollout(model.step, clip[:, :3], 6)
    fed, state = rollout(model.step, clip, 6, alternating(2, 6, first_slot))
    vectors.check(pred_all=free, train_pred_all=fed, train_loss=loss(model, fed, clip[:, 1:], state))


def check_three_steps(cell, vectors):
    h, c, m = (vectors.inputs[name] for name in "hcm")
    for t in range(3):
        h, c, m, *_ = cell(vectors.inputs[f"x.t{t}"], h, c, m)
        if t == 0:
            vectors.check(h_step1=h, c_step1=c, m_step1=m)
    vectors.check(h_step3=h, c_step3=c, m_step3=m)
