"""LMC-Memory computes what the authors' model computes (golden numbers in tests/data/golden)."""

import pytest
import torch
from torch.testing import assert_close

from bench.common.machine import has_bf16
from lmc.learner import MemoryAlignment
from lmc.model import LMC
from tests.lmc_golden import REFERENCE, blobs, forward_numbers, weights


def published(side: int) -> LMC:
    model = LMC((1, side, side))
    model.load_state_dict(weights())
    return model


@torch.inference_mode()
def both_phases(model: LMC) -> dict[str, torch.Tensor]:
    clip = blobs("forward-a", 1, 30, 64)
    stored = model.memory.recall(model.memory.query(clip, "storing"))
    matched = model.memory.recall(model.memory.query(clip[:, :10], "matching"))
    return {
        "recall1": stored[:, ::8].float(),
        "phase1": model.predict(clip[:, :10], 10, stored).float(),
        "recall2": matched[:, ::8].float(),
        "phase2": model(clip[:, :10], 10).float(),
    }


def test_the_paper_s_model_has_33_911_825_parameters_named_and_shaped_as_published():
    model = LMC((1, 64, 64))
    assert sum(p.numel() for p in model.parameters()) == 33_911_825 == REFERENCE["n_params"]
    assert {name: list(value.shape) for name, value in model.state_dict().items()} == REFERENCE["state_dict"]


def test_predictions_and_motion_contexts_of_both_phases_are_the_authors_to_1e_4():
    assert_close(both_phases(published(64)), forward_numbers(), rtol=0, atol=1e-4)


@pytest.mark.skipif(not has_bf16("cpu"), reason="this processor has no instructions for bfloat16; imitating them takes minutes")
def test_in_bfloat16_they_stay_within_2e_2():
    with torch.autocast("cpu", torch.bfloat16):
        outputs = both_phases(published(64))
    assert_close(outputs, forward_numbers(), rtol=0, atol=2e-2)


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["grads_none", "grads_zero"])
def test_four_iterations_of_both_phases_have_the_authors_losses_to_a_thousandth(mode):
    model = published(32)
    learner = MemoryAlignment(model, context=10, horizon=6, steps=4, long=16)
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-4)
    clip = blobs("train-a", 2, 16, 32)
    for step, expected in enumerate(REFERENCE["train"][mode]["losses"]):
        for phase, published_loss in zip(learner.phases.values(), expected, strict=True):
            optimizer.zero_grad(set_to_none=mode == "grads_none")
            loss = phase(clip, step)
            assert loss.item() == pytest.approx(published_loss, rel=1e-3)
            loss.backward()
            optimizer.step()
    slots = model.memory.memory_w.detach().double()
    assert slots.sum().item() == pytest.approx(REFERENCE["train"][mode]["memory_sum"], rel=1e-4)
    assert slots.abs().sum().item() == pytest.approx(REFERENCE["train"][mode]["memory_abs_sum"], rel=1e-5)
