"""How LMC-Memory learns: which phase trains what, what each phase may see, and the warm-up."""

import pytest
import torch
from torch.testing import assert_close

from lmc.learner import Learner, MatchingOnly, MemoryAlignment, loss
from lmc.model import LMC

ABLATIONS = {
    "full": ({}, MemoryAlignment),
    "no query decomposition": ({"decompose": False}, MemoryAlignment),
    "no alignment": ({"storing": False}, MatchingOnly),
    "no memory": ({"memory": False}, MatchingOnly),
}


def learner(kind=MemoryAlignment, context=9, horizon=3, steps=600, model=None, **options) -> Learner:
    torch.manual_seed(0)
    model = {"storing": kind is MemoryAlignment} | (model or {})
    return kind(LMC((1, 16, 16), width=8, layers=1, slots=4, **model), context, horizon, steps, **options)


def clip(frames: int) -> torch.Tensor:
    return torch.rand(2, frames, 1, 16, 16, generator=torch.Generator().manual_seed(1))


def reached(learner: Learner, phase: str, step: int = 599) -> set[str]:
    """Names of the parameters to which a phase gives a gradient."""
    learner.model.zero_grad()
    learner.phases[phase](clip(learner.frames), step).backward()
    return {name for name, p in learner.model.named_parameters() if p.grad is not None}


@pytest.mark.parametrize("ablation", ABLATIONS)
def test_every_parameter_gets_a_gradient_in_some_phase_of_every_ablation(ablation):
    model, kind = ABLATIONS[ablation]
    subject = learner(kind, model=model)
    trained = set.union(*(reached(subject, phase) for phase in subject.phases))
    assert trained == {name for name, _ in subject.model.named_parameters()}


def test_storing_trains_memory_and_its_own_encoder_matching_only_the_other_encoder():
    subject = learner()
    assert list(subject.phases) == ["storing", "matching"]
    storing, matching = reached(subject, "storing"), reached(subject, "matching")
    assert {name.split(".")[1] for name in storing - matching} == {"memory_w", "motion_context_encoder"}
    assert {name.split(".")[1] for name in matching - storing} == {"motion_matching_encoder"}


def test_matching_alone_trains_the_memory_too():
    assert "memory.memory_w" in reached(learner(MatchingOnly), "matching")


def test_freezing_leaves_no_state_behind():
    subject = learner()
    subject.matching(clip(subject.frames), 599)
    assert all(p.requires_grad for p in subject.model.parameters())
    assert "memory.memory_w" in reached(subject, "storing")


def test_the_two_phases_fall_together_on_one_clip():
    subject = learner(horizon=3)
    optimizer = torch.optim.Adam(subject.model.parameters(), lr=2e-3)
    repeated_clip = clip(1).expand(-1, subject.frames, -1, -1, -1)
    losses = []
    for step in range(60):
        for phase in subject.phases.values():
            optimizer.zero_grad()
            value = phase(repeated_clip, step)
            value.backward()
            optimizer.step()
            losses.append(value.item())
    assert max(losses[-2:]) < 0.6 * min(losses[:2])


def test_matching_never_sees_what_lies_after_the_context():
    subject = learner()
    frames = clip(subject.frames).requires_grad_()
    context, future = subject.split(frames, 599)
    subject.model(context, future.shape[1]).sum().backward()
    assert frames.grad[:, : subject.context].abs().sum() > 0
    assert frames.grad[:, subject.context :].abs().sum() == 0


def test_the_long_window_lies_anywhere_in_the_clip_and_follows_torch_s_generator():
    subject = learner(horizon=5, long=12)
    numbered = torch.arange(14.0).view(1, 14, 1, 1, 1)
    windows = [subject.window(numbered, 599).flatten().tolist() for _ in range(100)]
    assert all(window == list(range(int(window[0]), int(window[0]) + 12)) for window in windows)
    assert {window[0] for window in windows} == {0, 1, 2}
    torch.manual_seed(3)
    second_draws = [subject.window(numbered, 599)[0, 0].item() for _ in range(20)]
    torch.manual_seed(3)
    assert second_draws == [subject.window(numbered, 599)[0, 0].item() for _ in range(20)]


def test_warm_up_predicts_10_frames_and_stores_all_it_sees():
    subject = learner(context=10, horizon=30, steps=100, long=30, warmup=5)
    numbered = torch.arange(40.0).view(1, 40, 1, 1, 1)
    for step, predicted in [(0, 10), (4, 10), (5, 30)]:
        context, future = subject.split(numbered, step)
        assert (context.flatten().tolist(), future.shape[1]) == (list(range(10)), predicted)
    assert subject.window(numbered, 4).flatten().tolist() == list(range(20))
    assert subject.window(numbered, 5).shape[1] == 30


@pytest.mark.parametrize(("steps", "warmup"), [(300_000, 5_000), (600, 10), (50, 0)])
def test_warm_up_takes_the_paper_s_share_of_the_run(steps, warmup):
    assert learner(steps=steps).warmup == learner(MatchingOnly, steps=steps).warmup == warmup


def test_warm_up_never_predicts_beyond_the_horizon():
    subject = learner(horizon=4, warmup=5)
    assert subject.split(clip(subject.frames), 0)[1].shape[1] == 4


@pytest.mark.parametrize(
    ("kind", "model", "options", "words"),
    [
        (MemoryAlignment, {"memory": False}, {}, "memory=True"),
        (MemoryAlignment, {"storing": False}, {}, "storing=True"),
        (MatchingOnly, {"storing": True}, {}, "build the LMC with storing=False"),
        (MemoryAlignment, {}, {"long": 8}, "takes 9 to 12 frames .* got 8"),
        (MemoryAlignment, {}, {"long": 13}, "takes 9 to 12 frames .* got 13"),
    ],
)
def test_a_model_or_window_that_does_not_fit_the_learner_is_refused_in_words(kind, model, options, words):
    with pytest.raises(ValueError, match=words):
        learner(kind, model=model, **options)


def test_the_loss_is_mean_absolute_plus_mean_squared_error():
    prediction, future = torch.tensor([0.0, 1.0]), torch.tensor([0.5, 1.0])
    assert_close(loss(prediction, future), torch.tensor(0.25 + 0.125))


def test_adam_leaves_memory_alone_in_matching_unless_gradients_are_zeroed():
    """PyTorch 1.6 zeroed them, and momentum went on moving the idle memory of the published weights."""
    moved = {}
    for dropped in (True, False):
        subject = learner()
        optimizer = torch.optim.Adam(subject.model.parameters(), lr=1e-2)
        for phase in subject.phases.values():
            before = subject.memory.memory_w.detach().clone()
            optimizer.zero_grad(set_to_none=dropped)
            phase(clip(subject.frames), 599).backward()
            optimizer.step()
        moved[dropped] = (subject.memory.memory_w - before).abs().max().item()
    assert moved[True] == 0 < moved[False]
