"""TAU computes what the reference does, from the same weights."""

import pytest
import torch
from torch.nn.functional import mse_loss
from torch.testing import assert_close

from baselines.simvp import AttentionBlock
from baselines.tau import TAU, TemporalAttention, differential_divergence
from tests.parity import part
from tests.test_parity_simvp import ATTENTION, load_block, load_chain, load_outer_layers

TEMPORAL = {ours: theirs for ours, theirs in ATTENTION.items() if ours != "gate"}
TEMPORAL |= {"mix": ATTENTION["gate"], "squeeze.0": "spatial_gating_unit.fc.0", "squeeze.2": "spatial_gating_unit.fc.2"}


def test_the_block_matches_the_reference():
    vectors = part("tau", "block")
    block = AttentionBlock(TemporalAttention(128), 128, ratio=1, drop_rate=0.0).eval()
    load_block(block, vectors.weights, "", TEMPORAL)
    vectors.check(y=block(vectors.inputs["x"]))


def test_the_net_matches_the_reference():
    vectors = part("tau", "net")
    model = TAU((2, 32, 24), 3, spatial=16, temporal=32, temporal_layers=3).eval()
    load_outer_layers(model, vectors.weights)
    load_chain(model, vectors.weights, TEMPORAL)
    vectors.check(y=model(vectors.inputs["frames"], 3))


def test_the_differential_divergence_matches_the_reference_and_is_a_tenth_of_it_in_the_loss():
    vectors = part("tau", "ddr")
    predicted, target = vectors.inputs["pred"], vectors.inputs["true"]
    vectors.check(ddr=differential_divergence(predicted, target))
    model = TAU((1, 8, 8), 4, spatial=2, temporal=8, temporal_layers=2)
    expected = mse_loss(predicted, target) + 0.1 * vectors.outputs["ddr"]
    assert_close(model.loss(predicted, target, None), expected)


@pytest.mark.parametrize("frames", [3, 5])
def test_a_clip_that_changes_as_it_should_has_no_divergence_whatever_its_brightness(frames):
    torch.manual_seed(0)
    clip = torch.rand(2, frames, 1, 4, 4)
    assert_close(differential_divergence(clip + 0.3, clip), torch.tensor(0.0), atol=1e-6, rtol=0)
    assert differential_divergence(clip.flip(1), clip) > 1e-3


def test_two_frames_or_fewer_have_no_divergence():
    assert differential_divergence(torch.rand(2, 2, 1, 4, 4), torch.rand(2, 2, 1, 4, 4)) == 0
