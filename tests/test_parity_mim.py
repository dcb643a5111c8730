"""MIM computes what OpenSTL's does once its inner state starts at zero in every sequence."""

import torch
from torch.nn.functional import mse_loss

from baselines.mim import MIM, MIMBlock, PeepholeLSTM
from baselines.rollout import rollout
from tests.parity import alternating, part

ST_LSTM = {
    "from_input": "conv_x.0", "from_hidden": "conv_h.0", "from_memory": "conv_m.0", "output_gate": "conv_o.0",
    "merge": "conv_last",
}  # fmt: skip
BLOCK = {
    "from_input": "conv_x_cc.0", "from_hidden": "conv_t_cc.0", "from_memory": "conv_s_cc.0", "merge": "conv_last",
    "stationary.from_input": "conv_x_concat.0", "stationary.from_hidden": "conv_h_concat.0",
}  # fmt: skip


def test_mim_n_is_the_references():
    vectors = part("mim", "mimn")
    cell = PeepholeLSTM(hidden=16, kernel=5, height=8, width=6)
    w = vectors.weights
    cell.load_state_dict({
        "from_input.weight": w["conv_x.weight"],
        "from_hidden.weight": w["conv_h.weight"],
        "peep_if": w["peep_if"],
        "peep_o": w["peep_o"],
    })  # fmt: skip
    h, c = vectors.inputs["h"], vectors.inputs["c"]
    for t in range(3):
        h, c = cell(vectors.inputs[f"x.t{t}"], h, c)
        if t == 0:
            vectors.check(h_step1=h, c_step1=c)
    vectors.check(h_step3=h, c_step3=c)


def test_the_block_is_the_references():
    vectors = part("mim", "cell")
    block = MIMBlock(hidden=16, kernel=5, height=8, width=6)
    w = vectors.weights
    block.load_state_dict({
        "from_input.weight": w["conv_x.weight"],
        "from_hidden.weight": w["conv_h.weight"],
        "from_memory.weight": w["conv_m.weight"],
        "merge.weight": w["conv_last.weight"],
        "stationary.from_input.weight": w["mims_conv_d.weight"],
        "stationary.from_hidden.weight": w["mims_conv_c.weight"],
        "stationary.peep_if": w["mims_peep_if"],
        "stationary.peep_o": w["mims_peep_o"],
    })  # fmt: skip
    h, c, m = (vectors.inputs[name] for name in "hcm")
    inner = torch.zeros_like(c)
    for t in range(3):
        h, c, m, inner = block(vectors.inputs[f"x.t{t}"], vectors.inputs[f"d.t{t}"], h, c, m, inner)
        if t == 0:
            vectors.check(h_step1=h, c_step1=c, m_step1=m, s_step1=inner)
    vectors.check(h_step3=h, c_step3=c, m_step3=m, s_step3=inner)


def test_predictions_and_training_loss_are_the_references():
    vectors = part("mim", "net")
    model = MIM((1, 16, 24), hidden=16, layers=3, patch=2)
    theirs = {"output.weight": "conv_last.weight"}
    theirs |= {f"first.{role}.weight": f"stlstm_layer.0.{conv}.weight" for role, conv in ST_LSTM.items()}
    for n in range(2):
        block, difference = f"stlstm_layer.{n + 1}", f"stlstm_layer_diff.{n}"
        theirs |= {f"blocks.{n}.{role}.weight": f"{block}.{conv}.weight" for role, conv in BLOCK.items()}
        theirs |= {
            f"blocks.{n}.stationary.peep_if": f"{block}.ct_weight",
            f"blocks.{n}.stationary.peep_o": f"{block}.oc_weight",
            f"differences.{n}.from_input.weight": f"{difference}.conv_x_concat.0.weight",
            f"differences.{n}.from_hidden.weight": f"{difference}.conv_h_concat.0.weight",
            f"differences.{n}.peep_if": f"{difference}.ct_weight",
            f"differences.{n}.peep_o": f"{difference}.oc_weight",
        }
    model.load_state_dict({parameter: vectors.weights[key] for parameter, key in theirs.items()})
    clip = vectors.inputs["frames"]
    free, _ = rollout(model.step, clip[:, :3], 6)
    fed, _ = rollout(model.step, clip, 6, alternating(2, 6, first=3))
    vectors.check(pred_all=free, train_pred_all=fed, train_loss=mse_loss(fed, clip[:, 1:]))
