"""Learners feed the frames that the published training feeds, with probabilities that follow the published schedules."""

import json

import pytest
import torch
from torch import nn
from torch.testing import assert_close

from baselines.learners import Direct, NoTraining, ReverseScheduledSampling, ScheduledSampling, TeacherForcing
from baselines.rollout import Recurrent
from baselines.trivial import Black
from tests.parity import FOLDER

SCHEDULES = json.loads((FOLDER / "schedules.json").read_text())


class Scale(Recurrent):
    """The next frame is the last one times a weight."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.tensor(1.0))

    def step(self, frame, state):
        return self.weight * frame, None


@pytest.mark.parametrize("at", SCHEDULES["forward_linear"], ids=lambda at: str(at["itr"]))
def test_scheduled_sampling_falls_as_published(at):
    learner = ScheduledSampling(Scale(), 10, 10, steps=125_000, end=0.4)
    assert learner.probability(at["itr"]) == pytest.approx(at["eta_used"], abs=1e-9)


@pytest.mark.parametrize(
    ("published", "options"),
    [
        ("reverse_openstl_mmnist_kth", {"steps": 125_000}),
        ("reverse_thuml_mnist", {"steps": 80_000, "start": 0.3125, "end": 0.625, "decay": 0.03125}),
        ("reverse_thuml_kth", {"steps": 80_000, "start": 0.0625, "end": 0.625, "decay": 0.025}),
    ],
)
def test_reverse_scheduled_sampling_moves_as_published(published, options):
    learner = ReverseScheduledSampling(Scale(), 10, 10, **options)
    for at in SCHEDULES[published]:
        assert learner.probabilities(at["itr"]) == pytest.approx((at["r_eta"], at["eta"]), abs=1e-9)


def test_teacher_forcing_falls_by_0_003_an_epoch_as_published():
    learner = TeacherForcing(Scale(), 10, 10, steps=2000 * 625, end=1000 / 3 / 2000)
    assert learner.probability(0) == 1
    assert learner.probability(100 * 625) == pytest.approx(1 - 0.003 * 100)
    assert learner.probability(334 * 625) == 0


def test_schedules_shrink_with_the_run():
    long, short = (ScheduledSampling(Scale(), 10, 10, steps=steps) for steps in (1000, 100))
    assert long.probability(299) == pytest.approx(short.probability(29)) == pytest.approx(0.25)
    assert short.probability(40) == 0


def test_a_schedule_may_end_where_it_begins_but_not_before():
    assert ScheduledSampling(Scale(), 10, 10, steps=100, end=0.0).probability(0) == 0.0
    assert TeacherForcing(Scale(), 10, 10, steps=100, end=0.0).probability(0) == 0.0
    assert ReverseScheduledSampling(Scale(), 10, 10, steps=100, start=0.0, decay=0.0).probabilities(10) == (1.0, 0.375)
    with pytest.raises(ValueError, match="end is a fraction of the run"):
        ScheduledSampling(Scale(), 10, 10, steps=100, end=-0.1)


def test_scheduled_sampling_keeps_the_context_and_draws_for_every_clip_and_frame_after_it():
    torch.manual_seed(0)
    learner = ScheduledSampling(Scale(), context=3, horizon=41, steps=1000, end=1.0)
    keep = learner.keep(500, 749)  # probability a quarter
    assert keep.shape == (500, 43)
    assert keep[:, :3].all()
    assert keep[:, 3:].float().mean().item() == pytest.approx(0.25, abs=0.02)
    assert keep[:, 3:].float().mean(0).std() < 0.05 and keep[:, 3:].float().mean(1).std() > 0.05  # clips and frames differ
    assert not learner.keep(500, 999)[:, 3:].any()


def test_reverse_scheduled_sampling_draws_in_the_context_too():
    torch.manual_seed(0)
    learner = ReverseScheduledSampling(Scale(), context=21, horizon=21, steps=1000)
    keep = learner.keep(500, 300)  # context 1 - exp(-100 / 40) / 2, after it a quarter
    assert keep[:, 0].all()
    assert keep[:, 1:21].float().mean().item() == pytest.approx(0.959, abs=0.01)
    assert keep[:, 21:].float().mean().item() == pytest.approx(0.25, abs=0.02)


def test_teacher_forcing_draws_once_for_the_whole_batch():
    torch.manual_seed(0)
    learner = TeacherForcing(Scale(), context=3, horizon=4, steps=100, end=1.0)
    masks = [learner.keep(2, 50) for _ in range(200)]
    assert all(mask[:, 3:].unique().numel() == 1 and mask[:, :3].all() for mask in masks)
    assert sum(bool(mask.all()) for mask in masks) == pytest.approx(100, abs=25)


def test_direct_scores_the_horizon_or_all_outputs():
    clip = torch.tensor([1.0, 2.0, 4.0, 8.0]).reshape(1, 4, 1, 1, 1)  # fed 1, 2, then 2: outputs 1, 2, 2
    assert_close(Direct(Scale(), 2, 2, 1).prediction(clip, 0).item(), (2**2 + 6**2) / 2)
    assert_close(Direct(Scale(), 2, 2, 1, outputs="all").prediction(clip, 0).item(), (1 + 2**2 + 6**2) / 3)


def test_direct_serves_models_that_are_not_recurrent():
    clip = torch.full((2, 5, 1, 2, 2), 0.5)
    assert Direct(Black((1, 2, 2)), 3, 2, 1).prediction(clip, 0) == 0.25


def test_a_models_own_loss_is_used():
    class Own(Scale):
        def step(self, frame, state):
            return self.weight * frame, (state or 0) + 1

        def loss(self, outputs, target, state):
            return outputs.sum() + 100 * state

    clip = torch.ones(1, 4, 1, 1, 1)
    assert ScheduledSampling(Own(), 2, 2, 10).prediction(clip, 0) == 3 + 100 * 3


@pytest.mark.parametrize("learner", [ScheduledSampling, ReverseScheduledSampling, TeacherForcing])
def test_feeding_frame_by_frame_is_refused_for_models_without_a_step(learner):
    with pytest.raises(ValueError, match=f"{learner.__name__} feeds a model frame by frame, and Black takes"):
        learner(Black((1, 2, 2)), 2, 2, 10)
    with pytest.raises(ValueError, match="outputs='all' feeds a model frame by frame"):
        Direct(Black((1, 2, 2)), 2, 2, 10, outputs="all")


def test_models_without_parameters_learn_nothing():
    learner = NoTraining(Black((1, 2, 2)), 3, 2, 10)
    assert learner.phases == {} and learner.frames == 5


def test_an_absolute_loss_adds_the_mean_absolute_error_over_the_same_frames():
    clip = torch.rand(2, 5, 1, 4, 4, generator=torch.Generator().manual_seed(0))
    black = Black(shape=(1, 4, 4))
    squared, both = (Direct(black, 2, 3, 10, absolute=absolute).prediction(clip, 0) for absolute in (False, True))
    assert_close(squared, clip[:, 2:].square().mean())
    assert_close(both, clip[:, 2:].square().mean() + clip[:, 2:].mean())
