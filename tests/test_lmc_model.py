"""What LMC-Memory promises at any size: equal to the plain reading, and every option doing what it says."""

import pytest
import torch
from torch.testing import assert_close

from lmc.model import LMC
from lmc.plain import PlainLMC
from tests.lmc_plain import plain_motion

OPTIONS = [
    {},
    {"layers": 2},
    {"decompose": False},
    {"temperature": 0.1},
    {"output": "sigmoid"},
    {"slots": 1},
    {"storing": False},
    {"memory": False},
]


def small(shape=(1, 32, 32), seed=0, kind=LMC, **options) -> LMC:
    torch.manual_seed(seed)
    return kind(shape, **{"width": 8, "layers": 1, "slots": 5, **options})


def clip(*shape: int) -> torch.Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_reordered_work_equals_the_plain_frame_by_frame_reading(options):
    model, plain, context = small(**options), small(kind=PlainLMC, **options), clip(2, 10, 1, 32, 32)
    motion = None if plain.memory is None else plain_motion(plain, context, "matching")
    expected = plain.predict(context, 4, motion)
    assert_close(plain(context, 4), expected, rtol=0, atol=1e-5)
    assert_close(model(context, 4), expected, rtol=0, atol=1e-5)


def test_gradients_equal_those_of_the_plain_reading_in_both_phases():
    model, plain, context = small(layers=2), small(kind=PlainLMC, layers=2), clip(2, 10, 1, 32, 32)
    for phase in ("storing", "matching"):
        motion = model.memory.recall(model.memory.query(context, phase))
        model.predict(context, 3, motion).square().mean().backward()
        plain.predict(context, 3, plain_motion(plain, context, phase)).square().mean().backward()
        gradients = {name: p.grad for name, p in model.named_parameters()}
        assert_close(gradients, {name: p.grad for name, p in plain.named_parameters()}, rtol=1e-3, atol=1e-6)
        model.zero_grad()
        plain.zero_grad()


@pytest.mark.parametrize("shape", [(1, 16, 16), (3, 32, 16), (2, 48, 32)])
def test_any_channels_and_any_sides_divisible_by_16_work(shape):
    frames = small(shape)(clip(2, 9, *shape), 3)
    assert frames.shape == (2, 3, *shape)
    assert frames.isfinite().all()


@pytest.mark.parametrize(
    ("shape", "options", "words"),
    [
        ((1, 40, 32), {}, "sides divisible by 16, got 32x40"),
        ((1, 30, 32), {"memory": False}, "sides divisible by 4, got 32x30"),
        ((1, 32, 32), {"width": 6}, "a width that is a multiple of 4, got 6"),
        ((1, 32, 32), {"slots": 0}, "layers, slots and temperature above 0, got 1, 0 and 1.0"),
        ((1, 32, 32), {"temperature": 0.0}, "layers, slots and temperature above 0"),
    ],
)
def test_sizes_that_cannot_work_are_refused_in_words(shape, options, words):
    with pytest.raises(ValueError, match=words):
        small(shape, **options)


def test_fewer_than_9_context_frames_are_refused_in_words_and_announced():
    assert small().min_context == 9
    with pytest.raises(ValueError, match=r"at least 9 frames .* got 8"):
        small()(clip(1, 8, 1, 32, 32), 1)
    assert small()(clip(1, 9, 1, 32, 32), 1).shape == (1, 1, 1, 32, 32)


def test_without_memory_a_single_context_frame_is_enough():
    model = small((1, 20, 20), memory=False)
    assert model.min_context == 1
    assert model(clip(1, 1, 1, 20, 20), 2).shape == (1, 2, 1, 20, 20)


def test_frames_of_another_shape_than_the_model_s_are_refused_in_words():
    with pytest.raises(ValueError, match=r"frames of shape \(1, 32, 32\), got \(1, 64, 64\)"):
        small()(clip(1, 9, 1, 64, 64), 1)


def test_a_clip_s_prediction_does_not_depend_on_its_neighbours_in_the_batch():
    model, context = small(), clip(3, 9, 1, 32, 32)
    assert_close(model(context, 3)[1:2], model(context[1:2], 3), rtol=0, atol=1e-5)


def test_a_longer_horizon_begins_with_the_shorter_one():
    model, context = small(layers=2), clip(1, 9, 1, 32, 32)
    assert_close(model(context, 7)[:, :2], model(context, 2))


def test_two_calls_give_the_same_frames_for_no_state_survives():
    model, context = small(layers=2), clip(1, 9, 1, 32, 32)
    first = model(context, 3)
    model(1 - context, 3)
    assert_close(model(context, 3), first, rtol=0, atol=0)


def test_a_sigmoid_keeps_frames_within_0_and_1():
    frames = small(output="sigmoid")(100 * clip(1, 9, 1, 32, 32), 3)
    assert frames.min() >= 0 and frames.max() <= 1


def test_addressing_weights_are_the_softmax_of_cosine_similarities_over_the_temperature():
    memory = small((1, 16, 16), slots=2, temperature=0.5).memory
    with torch.no_grad():
        memory.memory_w.zero_()
        memory.memory_w[0, 0], memory.memory_w[1, 1] = 2.0, 5.0
    query = torch.zeros(1, 64, 1, 1)
    query[0, 0] = 3.0  # similarity 1 with slot 0, 0 with slot 1
    e2 = torch.e**2
    assert_close(memory.address(query).flatten(), torch.tensor([e2 / (e2 + 1), 1 / (e2 + 1)]))


def test_decomposed_positions_are_answered_on_their_own_and_otherwise_all_alike():
    frames = clip(1, 10, 1, 32, 32)
    by_position, mean = (model.memory.query(frames, "matching") for model in (small(), small(decompose=False)))
    assert by_position.shape == mean.shape == (1, 64, 2, 2)
    assert not torch.equal(by_position[..., 0, 0], by_position[..., 1, 1])
    assert_close(mean, by_position.mean((2, 3), keepdim=True).expand_as(by_position))


def test_addressing_is_the_same_under_bfloat16_for_it_stays_in_float32():
    memory, query = small(slots=100).memory, clip(1, 64, 2, 2)
    with torch.autocast("cpu", torch.bfloat16):
        weights = memory.address(query)
        assert memory.recall(query.bfloat16()).dtype == torch.bfloat16
    assert torch.equal(weights, memory.address(query))


@pytest.mark.parametrize("frames", [9, 10, 17, 20])
def test_bfloat16_gradients_point_where_float32_ones_do(frames):
    """oneDNN's bfloat16 weight gradient of a 3D convolution over two frames reads memory that was never written."""
    memory = small(width=16).memory

    def gradient() -> torch.Tensor:
        memory.zero_grad()
        query = memory.query(clip(4, frames, 1, 32, 32), "matching")
        litter = [torch.full((2**size,), torch.nan) for size in range(4, 22) for _ in range(4)]
        del litter  # what was never written is now NaN
        query.float().square().sum().backward()
        return torch.cat([p.grad.flatten() for p in memory.motion_matching_encoder.parameters()])

    exact = gradient()
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.cosine_similarity(gradient(), exact, 0) > 0.99


def test_both_motion_encoders_start_alike_and_share_nothing():
    memory = small().memory
    pairs = zip(memory.motion_matching_encoder.parameters(), memory.motion_context_encoder.parameters(), strict=True)
    assert all(torch.equal(a, b) and a is not b for a, b in pairs)


def test_without_storing_the_motion_context_encoder_is_gone_and_asking_it_is_refused():
    memory = small(storing=False).memory
    assert not any("motion_context_encoder" in name for name in memory.state_dict())
    with pytest.raises(ValueError, match="storing=False"):
        memory.query(clip(1, 9, 1, 32, 32), "storing")


def test_without_memory_the_predictor_keeps_its_size():
    def predictor(model: LMC) -> dict:
        return {name: p.shape for name, p in model.named_parameters() if not name.startswith("memory.")}

    assert predictor(small(memory=False)) == predictor(small())


def test_a_zero_output_bias_is_all_that_differs_from_the_weights_that_are_drawn_without_it():
    drawn, zeroed = small().state_dict(), small(zero_output_bias=True).state_dict()
    differing = [name for name, weight in drawn.items() if not torch.equal(weight, zeroed[name])]
    assert differing == ["decoder.6.bias"] and zeroed["decoder.6.bias"].tolist() == [0.0]
    assert small(output="sigmoid", zero_output_bias=True).decoder[6].bias.tolist() == [0.0]


def test_untrained_slots_stay_as_drawn_and_everything_else_learns():
    model, context = small(train_slots=False), clip(2, 10, 1, 32, 32)
    assert torch.equal(model.memory.memory_w, small().memory.memory_w)  # as a full model begins
    for phase in ("storing", "matching"):
        model.predict(context, 2, model.memory.recall(model.memory.query(context, phase))).square().mean().backward()
    assert [name for name, weight in model.named_parameters() if weight.grad is None] == ["memory.memory_w"]


def test_shuffled_addresses_read_other_slots_at_every_training_step_and_the_same_ones_in_use():
    memory, context = small(shuffled=True).memory, clip(2, 10, 1, 32, 32)
    query = memory.query(context, "matching")
    torch.manual_seed(0)
    first, second = memory.train().recall(query), memory.recall(query)
    torch.manual_seed(0)
    assert torch.equal(memory.recall(query), first) and not torch.equal(first, second)
    turned = small().memory.eval()
    turned.memory_w.data = turned.memory_w.data.flip(0)  # slots the other way round are addressed the other way round ...
    straight = small().memory.eval()
    assert_close(turned.recall(query), straight.recall(query))  # ... and read as before
    recalled = memory.eval().recall(query)
    assert torch.equal(recalled, memory.recall(query)) and not torch.allclose(recalled, straight.recall(query))
