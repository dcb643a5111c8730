"""E3D-LSTM's cell computes what the authors' does once its memory flows; its attention is softmax attention, unscaled."""

import torch
from torch.nn.functional import conv3d, pad
from torch.testing import assert_close

from baselines.e3d_lstm import E3DLSTM, Cell, WindowConv, recall, tokens
from baselines.learners import Direct
from tests.parity import part


def test_the_cell_is_the_authors_with_the_memory_flowing():
    vectors = part("e3dlstm_orig", "cell_memory_flows")
    cell = Cell(inputs=4, hidden=16, kernel=5)
    w = vectors.weights
    named = {"merge.weight": w["conv_last.weight"].squeeze(2), "merge.bias": w["conv_last.bias"]}
    for ours, conv in {"from_new_cell": "conv_oc", "from_new_memory": "conv_om"}.items():
        named |= {f"{ours}.weight": of_two_frames(w[f"{conv}.weight"]), f"{ours}.bias": w[f"{conv}.bias"]}
    for ours, letter in {"from_input": "x", "from_hidden": "h", "from_memory": "m"}.items():
        named |= {
            f"{ours}.0.weight": of_two_frames(w[f"conv_{letter}.weight"]),
            f"{ours}.0.bias": w[f"conv_{letter}.bias"],
            f"{ours}.1.gain": w[f"norm_{letter}.weight"][:, None, None],
            f"{ours}.1.shift": w[f"norm_{letter}.bias"][:, None, None],
        }
    named |= {"cell_norm.gain": w["norm_c.weight"][:, None, None], "cell_norm.shift": w["norm_c.bias"][:, None, None]}
    cell.load_state_dict(named)
    h, c, m = (vectors.inputs[name].transpose(1, 2) for name in "hcm")  # [B, C, T, H, W] -> [B, T, C, H, W]
    history = tokens(c)
    for t in range(3):
        h, c, m, history = cell(vectors.inputs[f"x.t{t}"].transpose(1, 2), h, c, m, history)
        if t == 0:
            vectors.check(h_step1=h.transpose(1, 2), c_step1=c.transpose(1, 2), m_step1=m.transpose(1, 2))
    vectors.check(h_step3=h.transpose(1, 2), c_step3=c.transpose(1, 2), m_step3=m.transpose(1, 2))


def test_a_window_convolution_is_a_3d_convolution_with_one_frame_of_zeros_after():
    torch.manual_seed(0)
    layer = WindowConv(inputs=2, outputs=3, kernel=3)
    weight = layer.weight.unflatten(1, (2, 2)).transpose(1, 2)  # [out, (frame, in), k, k] -> [out, in, frame, k, k]
    window = torch.rand(1, 2, 2, 5, 4)
    padded = pad(window.transpose(1, 2), (1, 1, 1, 1, 0, 1))
    assert_close(layer(window).transpose(1, 2), conv3d(padded, weight, layer.bias))


def test_what_is_recalled_of_one_token_repeated_is_that_token():
    token = torch.tensor([0.3, -1.0, 2.0])
    assert_close(recall(torch.randn(1, 4, 3), token.expand(1, 7, 3)), token.expand(1, 4, 3))


def test_recall_weighs_tokens_by_the_softmax_of_unscaled_products():
    query, history = torch.tensor([[[1.0, 0.0]]]), torch.tensor([[[0.0, 3.0], [1.0, 5.0]]])
    e = torch.e
    assert_close(recall(query, history), torch.tensor([[[e / (1 + e), (3 + 5 * e) / (1 + e)]]]))


def test_a_layers_history_gains_one_entry_with_every_step():
    model = E3DLSTM((1, 8, 8), hidden=4, layers=1, patch=4)
    state = None
    for t in range(3):
        _, state = model.step(torch.rand(1, 1, 8, 8), state)
        (layer,), _, _ = state
        assert layer[2].shape == (1, 2 * 2 * 2 * (t + 2), 4)  # the zero state and one entry per step so far


def of_two_frames(weight):
    """[out, in, 2, k, k] of a 3D convolution -> [out, 2*in, k, k] of ours."""
    return weight.transpose(1, 2).flatten(1, 2)


def test_gradients_in_bfloat16_are_those_in_float32():  # two frames are where oneDNN's 3D convolutions went wrong
    torch.manual_seed(0)
    model, clip = E3DLSTM((1, 32, 32), hidden=32, layers=2), torch.rand(2, 5, 1, 32, 32)
    learner, gradients = Direct(model, context=3, horizon=2, steps=1, outputs="all"), {}
    for low in (False, True):
        model.zero_grad()
        for size in (2**14, 2**18, 2**22):
            torch.full((size,), torch.nan)  # memory that comes back unwritten holds no zeros
        with torch.autocast("cpu", torch.bfloat16, enabled=low):
            loss = learner.prediction(clip, 0)
        loss.backward()
        gradients[low] = [parameter.grad.clone() for parameter in model.parameters()]
    for exact, rounded in zip(gradients[False], gradients[True], strict=True):
        assert (rounded - exact).norm() < 0.05 * exact.norm()
