"""Stochastic depth leaves branches out in training only, and keeps their mean."""

import torch
from torch.testing import assert_close

from baselines.layers.drop_path import DropPath


def test_a_branch_is_left_out_or_scaled_up_for_a_whole_sample():
    torch.manual_seed(0)
    dropped = DropPath(0.25)(torch.ones(4000, 2, 3))
    assert_close(dropped, dropped[:, :1, :1].expand_as(dropped))
    assert_close(dropped.unique(), torch.tensor([0, 4 / 3]))
    assert abs(dropped.mean().item() - 1) < 0.03  # the standard error is 0.009


def test_outside_training_the_branch_passes():
    branch = torch.rand(4, 2)
    assert DropPath(0.9).eval()(branch) is branch
