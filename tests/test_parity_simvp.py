"""SimVP computes what the reference does, from the same weights."""

import pytest
import torch
from torch import Tensor, nn
from torch.testing import assert_close

from baselines.simvp import AttentionBlock, ConvNorm, GatedAttention, Inception, SimVP
from tests.parity import part

ATTENTION = {
    "inward": "proj_1",
    "outward": "proj_2",
    "near": "spatial_gating_unit.conv0",
    "far": "spatial_gating_unit.conv_spatial",
    "gate": "spatial_gating_unit.conv1",
}
SHARED = {"attention_norm": "norm1", "perceptron_norm": "norm2"}
SHARED |= {"perceptron.0": "mlp.fc1", "perceptron.1": "mlp.dwconv.dwconv", "perceptron.3": "mlp.fc2"}


def load(module: nn.Module, weights: dict[str, Tensor], names: dict[str, str]) -> None:
    """Put in the reference's weights under our names; what is not named (running statistics) stays as it is at the start."""
    for ours, theirs in names.items():
        for kind in ("weight", "bias"):
            if f"{theirs}.{kind}" in weights:
                module.get_submodule(ours).get_parameter(kind).data = weights[f"{theirs}.{kind}"]


def load_block(block: AttentionBlock, weights: dict[str, Tensor], prefix: str, attention: dict[str, str]) -> None:
    """Put in the weights of one block, given the names of its attention's layers."""
    names = SHARED | {f"attention.{ours}": f"attn.{theirs}" for ours, theirs in attention.items()}
    load(block, weights, {ours: prefix + theirs for ours, theirs in names.items()})
    block.attention_scale.data = weights[f"{prefix}layer_scale_1"][:, None, None]
    block.perceptron_scale.data = weights[f"{prefix}layer_scale_2"][:, None, None]


def load_inception(block: Inception, weights: dict[str, Tensor], prefix: str) -> None:
    names = {"narrow": "conv1"}
    for n in range(4):
        names |= {f"branches.{n}.0": f"layers.{n}.conv", f"branches.{n}.1": f"layers.{n}.norm"}
    load(block, weights, {ours: prefix + theirs for ours, theirs in names.items()})


def load_outer_layers(model: SimVP, weights: dict[str, Tensor]) -> None:
    """Put in the weights of encoder and decoder."""
    names = {"readout": "dec.readout"}
    for n in range(4):
        up = ".0" if n % 2 == 0 else ""
        names |= {f"encoder.{n}.0": f"enc.enc.{n}.conv.conv", f"encoder.{n}.2": f"enc.enc.{n}.conv.norm"}
        names |= {f"decoder.{n}.0": f"dec.dec.{n}.conv.conv{up}", f"decoder.{n}.2": f"dec.dec.{n}.conv.norm"}
    load(model, weights, names)


def load_chain(model: SimVP, weights: dict[str, Tensor], attention: dict[str, str]) -> None:
    """Put in the weights of a translator of three attention blocks with a change of width after the first and the last."""
    for block, at in enumerate((0, 2, 3)):
        load_block(model.translator[at], weights, f"hid.enc.{block}.block.", attention)
    load(model.translator, weights, {"1": "hid.enc.0.reduction", "4": "hid.enc.2.reduction"})


def small(**options) -> SimVP:
    return SimVP((2, 32, 24), 3, spatial=16, temporal=32, temporal_layers=3, **options).eval()


def test_layers_that_halve_and_double_match_the_reference():
    for name, layer, conv in (
        ("convsc_down", ConvNorm(3, 16, stride=2), "conv.conv"),
        ("convsc_up", ConvNorm(16, 16, up=True), "conv.conv.0"),
    ):
        vectors = part("simvp", name)
        load(layer, vectors.weights, {"0": conv, "2": "conv.norm"})
        vectors.check(y=layer(vectors.inputs["x"]))


def test_blocks_match_the_reference():
    vectors = part("simvp", "gsta_block")
    block = AttentionBlock(GatedAttention(16), 16, ratio=8, drop_rate=0.0).eval()
    load_block(block, vectors.weights, "", ATTENTION)
    vectors.check(y=block(vectors.inputs["x"]))

    vectors = part("simvp", "incepu_block")
    inception = Inception(12, 8, 16)
    load_inception(inception, vectors.weights, "")
    vectors.check(y=inception(vectors.inputs["x"]))


def test_the_net_with_gated_attention_matches_the_reference():
    vectors, model = part("simvp", "net_gsta"), small()
    load_outer_layers(model, vectors.weights)
    load_chain(model, vectors.weights, ATTENTION)
    vectors.check(y=model(vectors.inputs["frames"], 3))


def test_the_net_with_inception_blocks_matches_the_reference():
    vectors, model = part("simvp", "net_incepu"), small(translator="incepu")
    load_outer_layers(model, vectors.weights)
    for n in range(3):
        load_inception(model.translator.down[n], vectors.weights, f"hid.enc.{n}.")
        load_inception(model.translator.up[n], vectors.weights, f"hid.dec.{n}.")
    vectors.check(y=model(vectors.inputs["frames"], 3))


def test_longer_horizons_are_passes_over_its_own_predictions():
    torch.manual_seed(0)
    model, context = small(), torch.rand(2, 3, 2, 32, 24)
    first = model(context, 3)
    assert_close(model(context, 5), torch.cat((first, model(first, 2)), 1))
    assert_close(model(context, 1), first[:, :1])


def test_in_use_a_prediction_does_not_depend_on_the_batch():
    torch.manual_seed(0)
    model, context = small(), torch.rand(3, 3, 2, 32, 24)
    model.train()(context, 3)  # gives the norms some statistics
    assert_close(model.eval()(context, 3)[:1], model(context[:1], 3))


def test_sizes_that_cannot_work_are_refused_in_words():
    with pytest.raises(ValueError, match="divisible by 4, got 32x30"):
        SimVP((1, 30, 32), 10)
    with pytest.raises(ValueError, match="context \\* spatial divisible by 8"):
        SimVP((1, 32, 32), 3, spatial=4, translator="incepu")
    with pytest.raises(ValueError, match="built to see 3 frames, got 4"):
        small()(torch.rand(1, 4, 2, 32, 24), 3)
