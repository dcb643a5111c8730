"""OpenSTL's E3D-LSTM predicts and learns as OpenSTL's does, without the parameters that move none of its numbers."""

from baselines.e3d_lstm_openstl import OpenSTLE3DLSTM
from baselines.rollout import rollout
from tests.parity import alternating, part

CONVS = {
    "from_input": "conv_x", "from_hidden": "conv_h", "from_new_cell": "conv_new_cell", "from_new_memory": "conv_new_gm",
}  # fmt: skip


def test_predictions_and_training_loss_are_openstls():
    vectors = part("e3dlstm", "net")
    w = vectors.weights
    model = OpenSTLE3DLSTM((1, 16, 24), hidden=16, layers=2, patch=2)
    named = {"output.weight": w["conv_last.weight"].flatten(1, 2)}
    for n in range(2):
        for ours, theirs in CONVS.items():  # [out, in, frame, k, k] -> [out, (in, frame), k, k]
            named[f"cells.{n}.{ours}.weight"] = w[f"cell_list.{n}.{theirs}.0.conv3d.weight"].flatten(1, 2)
        named[f"cells.{n}.merge.weight"] = w[f"cell_list.{n}.conv_last.conv3d.weight"]
        for kind in ("weight", "bias"):
            named[f"cells.{n}.cell_norm.{kind}"] = w[f"cell_list.{n}._norm_c_t.{kind}"].flatten(0, 1)
    model.load_state_dict({key: tensor.reshape(model.get_parameter(key).shape) for key, tensor in named.items()})
    clip = vectors.inputs["frames"]
    free, _ = rollout(model.step, clip[:, :3], 6)
    fed, state = rollout(model.step, clip, 6, alternating(2, 6, 3))
    vectors.check(pred_all=free, train_pred_all=fed, train_loss=model.loss(fed, clip[:, 1:], state))
