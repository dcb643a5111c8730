"""One rollout serves inference, teacher forcing and both kinds of scheduled sampling: a mask says which frames are fed."""

import pytest
import torch
from torch.testing import assert_close

from baselines.convlstm import ConvLSTM
from baselines.layers.patches import patched, patchify, unpatchify
from baselines.learners import Direct
from baselines.predrnn_v2 import PredRNNv2
from baselines.rollout import rollout
from bench.training.compiling import compile_in_place


def count(frame, state):
    """Predicts the frame plus one; the state holds what was fed so far."""
    return frame + 1, [*(state or []), frame.flatten().tolist()]


CLIP = torch.tensor([[10.0, 20.0, 30.0, 40.0], [50.0, 60.0, 70.0, 80.0]]).reshape(2, 4, 1, 1, 1)


def test_without_a_mask_the_known_frames_are_fed_and_then_its_own_outputs():
    outputs, fed = rollout(count, CLIP[:, :2], 5)
    assert fed == [[10, 50], [20, 60], [21, 61], [22, 62]]
    assert outputs.flatten(1).tolist() == [[11, 21, 22, 23], [51, 61, 62, 63]]


def test_a_mask_of_ones_is_teacher_forcing():
    _, fed = rollout(count, CLIP, 4, torch.ones(2, 3, dtype=torch.bool))
    assert fed == [[10, 50], [20, 60], [30, 70]]


def test_a_mask_chooses_for_every_sample_and_step():
    keep = torch.tensor([[True, False, True], [True, True, False]])
    _, fed = rollout(count, CLIP, 4, keep)
    assert fed == [[10, 50], [11, 60], [30, 61]]


def test_the_first_frame_is_fed_whatever_the_mask_says():
    _, fed = rollout(count, CLIP, 4, torch.zeros(2, 3, dtype=torch.bool))
    assert fed == [[10, 50], [11, 51], [12, 52]]


def test_a_mask_that_asks_for_unknown_frames_is_refused():
    with pytest.raises(ValueError, match="beyond the 2 that are known"):
        rollout(count, CLIP[:, :2], 4, torch.ones(2, 3, dtype=torch.bool))


def test_gradients_flow_through_fed_back_outputs():
    weight = torch.tensor(2.0, requires_grad=True)
    outputs, _ = rollout(lambda frame, state: (weight * frame, None), CLIP[:1, :1], 4)
    outputs[0, -1].sum().backward()  # 10 w^3
    assert weight.grad == 3 * 10 * 2.0**2


@pytest.mark.parametrize("build", [ConvLSTM, PredRNNv2])
def test_a_compiled_step_serves_prediction_and_training(monkeypatch, build):
    calls = []
    monkeypatch.setattr(
        torch, "compile", lambda function, **options: lambda *arguments: calls.append(1) or function(*arguments)
    )
    model = compile_in_place(build((1, 16, 16), hidden=32, layers=1), torch.device("cpu"))
    calls.clear()
    with torch.inference_mode():
        model(torch.rand(1, 3, 1, 16, 16), 2)
    assert len(calls) == 4
    Direct(model, context=3, horizon=2, steps=1).prediction(torch.rand(1, 5, 1, 16, 16), 0).backward()
    assert len(calls) == 8


def test_a_patch_becomes_channels_row_by_row_with_colours_innermost():
    frame = torch.arange(2 * 2 * 4.0).reshape(1, 2, 2, 4)  # two channels of 0 1 2 3 / 4 5 6 7 and the same plus 8
    patches = patchify(frame, 2)
    assert patches[0, :, 0, 1].tolist() == [2, 10, 3, 11, 6, 14, 7, 15]
    assert_close(unpatchify(patches, 2), frame)


def test_patches_that_do_not_tile_the_frame_are_refused():
    assert patched((3, 8, 12), 4) == (48, 2, 3)
    with pytest.raises(ValueError, match="patches of 4x4 pixels do not tile frames of 10x8"):
        patched((1, 8, 10), 4)
