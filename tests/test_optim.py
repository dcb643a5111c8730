"""Learning rates over a run, and Adam in two phases."""

import copy

import pytest
import torch

from bench.training.optimizer import Adam
from bench.training.schedule import Constant, Cosine, OneCycle


def test_cosine_warms_up_then_falls_to_its_floor():
    schedule = Cosine(steps=110, warmup=10, floor=0.1)
    assert schedule(0, 1.0)["lr"] == pytest.approx(0.1)
    assert schedule(9, 1.0)["lr"] == pytest.approx(1.0)
    assert schedule(60, 1.0)["lr"] == pytest.approx(0.55)
    assert schedule(110, 1.0)["lr"] == pytest.approx(0.1)


def test_constant_leaves_the_rate_alone():
    assert Constant()(7, 0.3) == {"lr": 0.3}


def test_one_cycle_equals_the_schedule_of_torch():
    weight = torch.nn.Parameter(torch.zeros(1))
    optimizer = torch.optim.Adam([weight], lr=1e-3)
    theirs = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=1e-3, total_steps=50)
    ours = OneCycle(steps=50)
    for step in range(50):
        group = optimizer.param_groups[0]
        assert ours(step, 1e-3)["lr"] == pytest.approx(group["lr"])
        assert ours(step, 1e-3)["beta1"] == pytest.approx(group["betas"][0])
        optimizer.step()
        if step < 49:
            theirs.step()


@pytest.mark.parametrize(("idle_momentum", "moves"), [(False, False), (True, True)])
def test_a_parameter_idle_in_a_phase_moves_only_by_the_old_momentum(idle_momentum, moves):
    used, idle = torch.nn.Parameter(torch.ones(1)), torch.nn.Parameter(torch.ones(1))
    optimizer = Adam([used, idle], lr=0.1, idle_momentum=idle_momentum)
    (used + idle).sum().backward()
    optimizer.step()
    before = idle.item()
    optimizer.zero_grad()
    used.sum().backward()
    optimizer.step()
    assert (idle.item() != before) is moves


@pytest.mark.parametrize("weight_decay", [0.0, 0.01])
def test_a_step_is_that_of_the_plain_adam_of_torch(weight_decay):
    parameter, expected = (torch.nn.Parameter(torch.linspace(-1, 1, 24).view(2, 3, 2, 2)) for _ in range(2))
    ours = Adam([parameter], lr=0.1, weight_decay=weight_decay)
    theirs = torch.optim.Adam([expected], lr=0.1, weight_decay=weight_decay, foreach=False)
    for _ in range(5):
        for weight, optimizer in ((parameter, ours), (expected, theirs)):
            optimizer.zero_grad()
            weight.pow(3).sum().backward()
            optimizer.step()
    torch.testing.assert_close(parameter, expected, rtol=1e-6, atol=1e-7)


def test_moments_and_gradients_that_lie_otherwise_in_memory_than_the_weights_are_put_right():
    def stepped(weight: torch.nn.Parameter, optimizer: Adam) -> torch.Tensor:
        for step in (1, 2):
            weight.grad = torch.sin(step * torch.arange(24.0)).view(2, 3, 2, 2)
            optimizer.step()
        return weight.detach().clone()

    plain = torch.nn.Parameter(torch.zeros(2, 3, 2, 2))
    first = Adam([plain], lr=0.1)
    start, saved = stepped(plain, first), copy.deepcopy(first.state_dict())
    strided = torch.nn.Parameter(start.clone(memory_format=torch.channels_last))
    second = Adam([strided], lr=0.1)
    second.load_state_dict(saved)
    torch.testing.assert_close(stepped(strided, second), stepped(plain, first), check_stride=False)
