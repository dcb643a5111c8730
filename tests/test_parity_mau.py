"""MAU computes what the reference does, from the same weights."""

import pytest
import torch
from torch import Tensor
from torch.nn.functional import mse_loss

from baselines.mau import MAU, MAUCell, slide
from baselines.rollout import rollout
from tests.parity import Vectors, alternating, part


def load_cell(cell: MAUCell, weights: dict[str, Tensor], prefix: str = "", conv: str = "", norm: str = "norm.") -> None:
    """Put the reference's weights in; `conv` and `norm` are its names for a convolution and for the norm after it."""
    fused = {"from_spatial": ("conv_s", "conv_s_next"), "from_temporal": ("conv_t_next",), "from_fused": ("conv_t",)}
    norms = {"spatial_norm": "conv_s", "query_norm": "conv_s_next", "temporal_norm": "conv_t_next", "fused_norm": "conv_t"}
    state = {}
    for kind in ("weight", "bias"):
        for name, sources in fused.items():
            state[f"{name}.{kind}"] = torch.cat([weights[f"{prefix}{source}.{conv}{kind}"] for source in sources])
        for name, source in norms.items():
            state[f"{name}.{kind}"] = weights[f"{prefix}{source}.{norm}{kind}"]
    cell.load_state_dict(state)


def net(vectors: Vectors) -> MAU:
    model = MAU((1, 16, 24), hidden=16, layers=2, window=3, shrink=2, recall=vectors.config["model_mode"] == "recall")
    for number, cell in enumerate(model.cells):
        load_cell(cell, vectors.weights, f"cell_list.{number}.", "0.", "1.")
    ours = {
        "embed": "encoders.0.encoder_t_conv-1",
        "down.0": "encoders.1.encoder_t0",
        "up.0": "decoders.0.c_decoder0",
        "readout": "srcnn.0",
    }
    other_weights = {
        f"{name}.{kind}": vectors.weights[f"{key}.{kind}"] for name, key in ours.items() for kind in ("weight", "bias")
    }
    missing, unexpected = model.load_state_dict(other_weights, strict=False)
    assert not unexpected and all(key.startswith("cells.") for key in missing)
    return model


@pytest.mark.parametrize("name", ["cell", "cell_residual"])
def test_the_cell_matches_the_reference_over_three_steps(name):
    vectors = part("mau", name)
    inputs = vectors.inputs
    cell = MAUCell((16, 8, 6), 5, residual=name == "cell_residual")
    load_cell(cell, vectors.weights)
    spatials, temporals = (torch.stack([inputs[f"{kind}_hist.{j}"] for j in range(3)], 1) for kind in "st")
    temporal = inputs["T"]
    for step in range(3):
        spatial, temporal = cell(inputs[f"S.t{step}"], temporal, spatials, temporals)
        spatials, temporals = slide(spatials, inputs[f"S.t{step}"]), slide(temporals, temporal)
        if step != 1:
            vectors.check(**{f"S_out_step{step + 1}": spatial, f"T_step{step + 1}": temporal})


@pytest.mark.parametrize("name", ["net", "net_recall"])
def test_the_net_matches_the_reference_in_inference_and_under_a_training_mask(name):
    vectors = part("mau", name)
    model, frames = net(vectors), vectors.inputs["frames"]
    predicted, _ = rollout(model.step, frames[:, :3], 6)
    trained, _ = rollout(model.step, frames, 6, alternating(2, 6, first=3))
    vectors.check(pred_all=predicted, train_pred_all=trained, train_loss=mse_loss(trained, frames[:, 1:]))


def test_sizes_that_cannot_shrink_are_refused_in_words():
    with pytest.raises(ValueError, match="power of two"):
        MAU((1, 12, 12), shrink=3)
    with pytest.raises(ValueError, match="12x10 cannot shrink 4 times"):
        MAU((1, 10, 12))
