"""What every model in the catalogue promises, whatever its inside. A new entry is covered the moment it is listed."""

import io
from typing import NamedTuple

import pytest
import torch
from torch import nn
from torch.nn.functional import mse_loss
from torch.testing import assert_close

from bench.common.errors import BenchError
from bench.spec import catalog

# Options that make a model small enough to train here on frames of 16x16, and the learner it is trained by.
TINY = {
    "lmc": ({"width": 8, "layers": 1, "slots": 5}, "memory_alignment"),
    "convlstm": ({"hidden": 16, "layers": 2}, "scheduled_sampling"),
    "convlstm_peephole": ({"hidden": 16, "layers": 2}, "scheduled_sampling"),
    "trajgru": ({"hidden": (8, 8, 8), "stem": 8, "links": 3}, "direct"),
    "predrnn": ({"hidden": 16, "layers": 2}, "scheduled_sampling"),
    "predrnn_pp": ({"hidden": 16, "layers": 2}, "scheduled_sampling"),
    "predrnn_v2": ({"hidden": 16, "layers": 2}, "reverse_scheduled_sampling"),
    "e3d_lstm": ({"hidden": 16, "layers": 2}, "scheduled_sampling"),
    "e3d_lstm_openstl": ({"hidden": 16, "layers": 2}, "scheduled_sampling"),
    "mim": ({"hidden": 16, "layers": 2}, "scheduled_sampling"),
    "mau": ({"hidden": 16, "layers": 2}, "scheduled_sampling"),
    "phydnet": ({"width": 32, "residual": (16, 16)}, "teacher_forcing"),
    "conv_tt_lstm": ({"hidden": (8, 8, 8), "layers": (1, 1, 1)}, "scheduled_sampling"),
    "swinlstm": ({"width": 16, "depths": (2, 2), "heads": (2, 2), "window": 2}, "direct"),
    "simvp": ({"spatial": 16, "temporal": 32, "temporal_layers": 2, "ratio": 2}, "direct"),
    "simvp_first": ({"spatial": 16, "temporal": 32, "temporal_layers": 2}, "direct"),
    "tau": ({"spatial": 16, "temporal": 32, "temporal_layers": 2, "ratio": 2}, "direct"),
    "copy_last": ({}, "nothing"),
    "mean_context": ({}, "nothing"),
    "black": ({}, "nothing"),
}
SHAPE, CONTEXT, HORIZON, STEPS = (1, 16, 16), 9, 3, 100


class Lesson(NamedTuple):
    """How a batch is learnt by heart: the model's and the learner's options, frames to predict, steps and learning rate."""

    model: dict[str, object]
    learner: dict[str, object] = {}
    horizon: int = 5
    steps: int = 200
    lr: float = 2e-3


# Those that as in TINY would stay black for minutes. SwinLSTM: one scale, which sees the loss of every step, as published.
LESSONS = {
    "e3d_lstm": Lesson({"hidden": 16, "layers": 1}, steps=180),
    "swinlstm": Lesson(
        {"width": 32, "depths": (2,), "heads": (2,), "drop_path": 0.0}, {"outputs": "all"}, horizon=2, steps=240, lr=3e-3
    ),
}


def _with(option):
    """The models that have an option."""
    return [
        name
        for name in catalog.CATALOG["models"]
        if option in {declared.name for declared in catalog.signature("models", name)}
    ]


LEARNED = [name for name in catalog.CATALOG["models"] if name not in TINY or TINY[name][1] != "nothing"]
every_model = pytest.mark.parametrize("name", catalog.CATALOG["models"])
every_learned_model = pytest.mark.parametrize("name", LEARNED)


def tiny(name, seed=0, shape=SHAPE, horizon=HORIZON, options=None):
    """A small build of a model with weights of a seed."""
    if name not in TINY:
        pytest.fail(f"'{name}' needs a row in TINY (tests/test_contracts.py): options that make it small, and its learner")
    torch.manual_seed(seed)
    model = catalog.build("models", name, options or TINY[name][0], shape=shape, context=CONTEXT, horizon=horizon)
    return model.eval()


def learner_of(name, model, horizon=HORIZON, steps=STEPS, options=None):
    return catalog.build("learners", TINY[name][1], options or {}, model=model, context=CONTEXT, horizon=horizon, steps=steps)


def clips(seed=0, count=2, frames=CONTEXT, shape=SHAPE):
    return torch.rand(count, frames, *shape, generator=torch.Generator().manual_seed(seed))


@torch.no_grad()
def predict(model, context, horizon=HORIZON):
    return model(context, horizon)


@every_model
@pytest.mark.parametrize("shape", [(1, 16, 16), (3, 16, 32), (2, 32, 16)], ids=str)
def test_predictions_have_the_shape_asked_for_and_are_finite(name, shape):
    model = tiny(name, shape=shape)
    for horizon in (1, HORIZON, CONTEXT + 2):
        prediction = predict(model, clips(shape=shape), horizon)
        assert prediction.shape == (2, horizon, *shape)
        assert prediction.isfinite().all()


@every_model
def test_a_size_that_cannot_work_is_refused_in_words(name):
    try:
        model = tiny(name, shape=(1, 15, 18))
    except BenchError as error:
        assert "15" in str(error)
    else:
        assert predict(model, clips(shape=(1, 15, 18))).shape == (2, HORIZON, 1, 15, 18)


@pytest.mark.parametrize("name", _with("kernel"))
def test_an_even_kernel_is_refused_in_words_where_frames_would_change_their_size(name):
    for kernel in (2, 4):
        with pytest.raises(BenchError, match=f"kernel must be odd.*got .*{kernel}"):
            tiny(name, options={**TINY[name][0], "kernel": kernel})


@pytest.mark.parametrize("name", _with("drop_path"))
@pytest.mark.parametrize("rate", [-0.1, 1.0, 2.0])
def test_a_rate_that_is_no_probability_is_refused_in_words(name, rate):
    with pytest.raises(BenchError, match="drop_path must be at least 0"):
        tiny(name, options={**TINY[name][0], "drop_path": rate})


@every_model
def test_every_parameter_gets_a_gradient_in_some_phase(name):
    model = tiny(name).train()
    learner = learner_of(name, model)
    idle = {parameter for parameter, _ in model.named_parameters()}
    optimizer = torch.optim.Adam(model.parameters()) if idle else None
    for step in range(3):  # weights that begin at zero hide others from the first gradients
        for loss_of in learner.phases.values():
            optimizer.zero_grad()
            loss_of(clips(step, frames=learner.frames), step).backward()
            idle -= {key for key, weight in model.named_parameters() if weight.grad is not None and weight.grad.any()}
            optimizer.step()
    assert not idle


@every_model
def test_the_same_seed_gives_the_same_output(name):
    assert torch.equal(predict(tiny(name, seed=3), clips()), predict(tiny(name, seed=3), clips()))


@every_model
def test_a_clip_is_predicted_independently_of_its_neighbours_in_the_batch(name):
    model, batch = tiny(name), clips()
    other = torch.stack([batch[0], clips(seed=1)[1]])
    assert torch.equal(predict(model, batch)[0], predict(model, other)[0])


@every_model
def test_nothing_is_remembered_between_batches(name):
    model, batch = tiny(name), clips()
    before = predict(model, batch)
    predict(model, clips(seed=1, count=3))
    assert torch.equal(predict(model, batch), before)


@every_model
def test_frames_after_the_context_are_never_seen(name):
    model, clip = tiny(name), clips(frames=CONTEXT + HORIZON)
    before = predict(model, clip[:, :CONTEXT])
    clip[:, CONTEXT:] = torch.rand(())
    assert torch.equal(predict(model, clip[:, :CONTEXT]), before)


@every_model
def test_the_context_is_left_as_it_was(name):
    context = clips()
    predict(tiny(name), context)
    assert torch.equal(context, clips())


@every_model
def test_a_longer_horizon_only_adds_frames(name):
    model, context = tiny(name), clips()
    assert_close(predict(model, context, CONTEXT + 2)[:, :2], predict(model, context, 2))


@every_model
def test_saved_weights_predict_what_the_model_did(name):
    model, other, file = tiny(name, seed=0), tiny(name, seed=1), io.BytesIO()
    torch.save(model.state_dict(), file)
    file.seek(0)
    other.load_state_dict(torch.load(file, weights_only=True))
    assert torch.equal(predict(other, clips()), predict(model, clips()))


@every_model
def test_bfloat16_changes_the_prediction_by_little_and_leaves_the_loss_in_float32(name):
    model = tiny(name)
    with torch.autocast("cpu", torch.bfloat16):
        prediction = predict(model, clips())
    assert_close(prediction.float(), predict(model, clips()), atol=0.1, rtol=0.1)
    for loss_of in learner_of(name, model.train()).phases.values():
        with torch.autocast("cpu", torch.bfloat16):
            loss = loss_of(clips(frames=CONTEXT + HORIZON), 0)
        assert loss.isfinite() and loss.dtype == torch.float32


@every_model
def test_double_precision_changes_the_prediction_by_rounding_only(name):
    model = tiny(name)
    single = predict(model, clips())
    assert_close(single.double(), predict(model.double(), clips().double()), atol=1e-4, rtol=1e-4)


@pytest.mark.slow
@every_learned_model
def test_one_small_batch_can_be_learnt_by_heart(name):
    options, learning, horizon, steps, lr = LESSONS.get(name, Lesson({}))
    clip = squares(CONTEXT + horizon)
    context, future = clip[:, :CONTEXT], clip[:, CONTEXT:]
    model = tiny(name, shape=(1, 32, 32), horizon=horizon, options=options)
    learner = learner_of(name, model, horizon, steps, learning)
    optimizer = torch.optim.Adam(model.parameters(), lr=lr)
    for step in range(steps):
        model.train()
        for loss_of in learner.phases.values():
            optimizer.zero_grad()
            loss_of(clip, step).backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
    floor = min(mse_loss(still, future) for still in (context[:, -1:].expand_as(future), torch.zeros_like(future)))
    assert mse_loss(predict(model.eval(), context, horizon), future) < floor / 2


def squares(frames, side=32, size=6):
    """Four clips of a white square that moves, each its own way."""
    clip = torch.zeros(4, frames, 1, side, side)
    for number, (dy, dx) in enumerate([(1, 1), (1, -1), (-1, 1), (0, 1)]):
        for t in range(frames):
            y, x = side // 2 - size // 2 + (t - frames // 2) * dy, side // 2 - size // 2 + (t - frames // 2) * dx
            clip[number, t, 0, y : y + size, x : x + size] = 1
    return clip
