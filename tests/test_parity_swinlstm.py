"""SwinLSTM computes what the reference does, from the same weights."""

import pytest
import torch
from torch import Tensor
from torch.nn.functional import mse_loss
from torch.testing import assert_close

from baselines.rollout import rollout
from baselines.swinlstm import Expand, Merge, SwinLSTM, SwinLSTMCell, across_the_edge, unwindowed, windows
from tests.parity import part

BLOCK = {
    "before_attention": "norm1",
    "before_perceptron": "norm2",
    "attention.inward": "attn.qkv",
    "attention.outward": "attn.proj",
    "perceptron.0": "mlp.fc1",
    "perceptron.2": "mlp.fc2",
}


def renamed(weights: dict[str, Tensor], names: dict[str, str]) -> dict[str, Tensor]:
    """The reference's weights under our names of their layers; some layers have no bias."""
    kinds = [(ours, theirs, kind) for ours, theirs in names.items() for kind in ("weight", "bias")]
    return {f"{ours}.{kind}": weights[f"{theirs}.{kind}"] for ours, theirs, kind in kinds if f"{theirs}.{kind}" in weights}


def blocks(weights: dict[str, Tensor], ours: str, theirs: str, depth: int) -> dict[str, Tensor]:
    """The weights of a cell's blocks; the layer that fuses a second input is used in every other block."""
    state = {}
    for n in range(depth):
        layers = BLOCK | ({"fuse": "red"} if n % 2 == 0 else {})
        state |= renamed(weights, {f"{ours}.{n}.{layer}": f"{theirs}.{n}.{name}" for layer, name in layers.items()})
        state[f"{ours}.{n}.attention.position_bias"] = weights[f"{theirs}.{n}.attn.relative_position_bias_table"]
    return state


def test_the_cell_matches_the_reference_over_three_steps():
    vectors = part("swinlstm", "cell")
    cell = SwinLSTMCell(16, (8, 12), heads=2, window=4, drop_rates=[0.0] * 4)
    cell.load_state_dict(blocks(vectors.weights, "blocks", "blocks", 4))
    inputs = {key: tokens.unflatten(1, (8, 12)) for key, tokens in vectors.inputs.items()}
    memory = inputs["h"], inputs["c"]
    memories = [memory := cell(inputs[f"x.t{t}"], memory) for t in range(3)]
    (h1, c1), _, (h3, c3) = [(hidden.flatten(1, 2), state.flatten(1, 2)) for hidden, state in memories]
    vectors.check(h_step1=h1, c_step1=c1, h_step3=h3, c_step3=c3)


@pytest.mark.parametrize(
    ("name", "layer", "names", "shape"),
    [
        ("patch_merging", Merge(8), {"norm": "norm", "reduce": "reduction"}, (8, 12)),
        ("patch_expanding", Expand(16), {"enlarge": "expand", "norm": "norm"}, (4, 6)),
    ],
)
def test_a_change_of_scale_matches_the_reference(name, layer, names, shape):
    vectors = part("swinlstm", name)
    layer.load_state_dict(renamed(vectors.weights, names))
    vectors.check(y=layer(vectors.inputs["x"].unflatten(1, shape)).flatten(1, 2))


def test_the_readout_matches_the_reference():
    vectors = part("swinlstm", "patch_inflated")
    readout = SwinLSTM((2, 8, 16), width=16, depths=(1,), heads=(1,)).readout
    readout.load_state_dict({kind: vectors.weights[f"Conv.{kind}"] for kind in ("weight", "bias")})
    vectors.check(y=readout(vectors.inputs["x"].unflatten(1, (4, 6)).movedim(3, 1)))


def test_the_net_and_its_loss_match_the_reference():
    vectors = part("swinlstm", "net_D")
    model = SwinLSTM((1, 32, 32), width=16, depths=(2, 4), heads=(2, 4)).eval()
    names = {
        "embed": "Downsample.patch_embed.proj",
        "embed_norm": "Downsample.patch_embed.norm",
        "readout": "Upsample.Unembed.Conv",
    }
    for n in range(2):
        merge, expand = f"Downsample.downsample.{n}", f"Upsample.upsample.{n}"
        names |= {f"resizes.{n}.norm": f"{merge}.norm", f"resizes.{n}.reduce": f"{merge}.reduction"}
        names |= {f"resizes.{n + 2}.norm": f"{expand}.norm", f"resizes.{n + 2}.enlarge": f"{expand}.expand"}
    state = renamed(vectors.weights, names)
    for n, depth in enumerate((2, 4)):
        state |= blocks(vectors.weights, f"cells.{n}.blocks", f"Downsample.layers.{n}.STBs", depth)
        state |= blocks(vectors.weights, f"cells.{n + 2}.blocks", f"Upsample.layers.{n}.STBs", depth)
    model.load_state_dict(state)
    frames = vectors.inputs["frames"]
    outputs, _ = rollout(model.step, frames[:, :3], 6)
    vectors.check(pred_all=outputs, loss=mse_loss(outputs, frames[:, 1:]))


def test_windows_hold_neighbours_and_can_be_put_back():
    tokens = torch.arange(16.0).reshape(1, 4, 4, 1)
    tiles = windows(tokens, 2)
    assert tiles[0, :, :, 0].tolist() == [[0, 1, 4, 5], [2, 3, 6, 7], [8, 9, 12, 13], [10, 11, 14, 15]]
    assert_close(unwindowed(tiles, 4, 4), tokens)


def test_only_shifted_windows_at_the_far_edges_mix_opposite_edges():
    unseen = across_the_edge((4, 6), window=2, shift=1)  # 2 x 3 windows
    assert unseen.flatten(1).any(1).tolist() == [False, False, True, True, True, True]
    assert unseen[2].int().tolist() == [[0, 1, 0, 1], [1, 0, 1, 0], [0, 1, 0, 1], [1, 0, 1, 0]]  # columns apart, rows together
    assert not across_the_edge((4, 6), window=2, shift=0).any()


def test_the_chance_of_dropping_a_branch_rises_to_the_coarsest_map_and_falls_after_it():
    model = SwinLSTM((1, 32, 32), width=16, depths=(1, 2), heads=(1, 1), drop_path=0.2)
    rates = [[block.drop.rate for block in cell.blocks] for cell in model.cells]
    assert rates == [[0.0], [0.1, 0.2], [0.2], [0.1, 0.0]]


def test_sizes_that_windows_cannot_tile_and_heads_that_do_not_fit_are_refused_in_words():
    with pytest.raises(ValueError, match="divisible by 32, got 64x48"):
        SwinLSTM((1, 48, 64))
    with pytest.raises(ValueError, match="heads that divide its width"):
        SwinLSTM((1, 32, 32), width=16, heads=(3, 3))
