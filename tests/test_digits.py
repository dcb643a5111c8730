"""The embedded data set."""

import numpy as np
import torch

from bench.data.bouncing import trajectories
from bench.data.digits import SPLITS, Digits, resized


def test_a_batch_is_a_function_of_seed_and_step_alone():
    data = Digits()
    assert torch.equal(data.batch(1, 5, 2, 4), Digits().batch(1, 5, 2, 4))
    assert not torch.equal(data.batch(1, 5, 2, 4), data.batch(1, 6, 2, 4))
    assert not torch.equal(data.batch(1, 5, 2, 4), data.batch(2, 5, 2, 4))


def test_a_fixed_clip_is_the_same_in_whatever_batch_it_comes():
    data = Digits()
    assert torch.equal(data.clips("test", 3, 5, 6), data.clips("test", 0, 9, 6)[3:5])


def test_the_digits_of_the_splits_are_disjoint():
    covered = [set(range(*bounds)) for bounds in SPLITS.values()]
    assert sum(map(len, covered)) == len(set.union(*covered)) == len(resized(20)) == 1797


def test_clips_are_grey_frames_between_0_and_1():
    clips = Digits(size=24, digit=12, digits=2).clips("val", 0, 4, 7)
    assert clips.shape == (4, 7, 1, 24, 24) and clips.dtype == torch.float32
    assert clips.min() >= 0 and 0.9 < clips.max() <= 1


def test_a_digit_moves_a_tenth_of_the_square_per_frame_and_turns_at_the_border():
    path = trajectories(np.array([[0.5, 0.75]]), np.array([0.0]), 4)[0]  # to the right
    assert np.allclose(path[:, 0], 0.5)
    assert np.allclose(path[:, 1], [0.85, 0.95, 1.0, 0.9])
