"""The embedded actions: six movements, figures kept apart by split, clips drawn alike on every device."""

import hashlib
from collections import Counter

import numpy as np
import pytest
import torch

from bench.common.errors import BenchError
from bench.data import stick_figure
from bench.data.actions import SPLITS, Actions, actions_of_clips, figures
from bench.data.strokes import draw, draw_on_device, strokes
from bench.spec import catalog

EACH = len(stick_figure.ACTIONS)


def performed(action, frames, **changed):
    """Both ends of all segments [segments, 2, frames] of one figure, x + iy in parts of the canvas."""
    plain = {"height": 0.5, "pace": 1.0, "stride": 1.0, "phase": 0.0, "start_x": 0.3, "ground": 0.9, "facing": 1.0} | changed
    arrays = {name: np.array([value]) for name, value in plain.items()}
    return stick_figure.joints(np.array([stick_figure.ACTIONS.index(action)]), frames=frames, **arrays)[:, :, 0]


def test_the_actions_are_those_of_kth():
    from bench.data.preparing.kth_sequences import ACTIONS

    assert stick_figure.ACTIONS == ACTIONS


def test_figures_of_the_splits_are_disjoint_and_no_two_alike():
    covered = [set(range(*bounds)) for bounds in SPLITS.values()]
    assert sum(map(len, covered)) == len(set.union(*covered)) == len(figures()) == 1000
    assert len(np.unique(figures(), axis=0)) == 1000


@pytest.mark.parametrize("seed", [0, 2021])
def test_any_six_clips_in_a_row_from_a_multiple_of_six_show_every_action_once(seed):
    shown = actions_of_clips(seed, "train", 0, 60).reshape(10, 6)
    assert (np.sort(shown) == np.arange(6)).all() and len({tuple(row) for row in shown}) > 1
    assert (actions_of_clips(seed, "train", 8, 29) == actions_of_clips(seed, "train", 0, 60)[8:29]).all()
    assert (actions_of_clips(seed, "train", 0, 60) != actions_of_clips(seed, "test", 0, 60)).any()


def test_labels_name_the_actions_and_each_clip_does_what_its_label_says():
    data = Actions()
    labels = data.labels("test", 40, 60)
    assert Counter(labels) == dict.fromkeys(stick_figure.ACTIONS, 10)
    clips = data.clips("test", 0, 60, 40)[:, :, 0]
    columns = clips.sum(2) @ torch.arange(32.0) / clips.sum((2, 3))  # [clips, frames]: the centre of brightness, in pixels
    ways = columns.diff(dim=1).abs().mean(1)
    means = {action: ways[torch.tensor([label == action for label in labels])].mean() for action in stick_figure.ACTIONS}
    assert means["running"] > means["jogging"] > means["walking"] > 3 * means["boxing"]


@pytest.mark.parametrize(("action", "period"), [(action, period) for action, (period, *_) in stick_figure.MOVEMENTS.items()])
def test_a_movement_comes_back_after_its_period_and_not_within_ten_frames(action, period):
    poses = performed(action, int(period) + 1, stride=0.0)  # on the spot, where it does not turn around
    shapes = poses - poses[0, 0]  # seen from the hip
    assert np.allclose(shapes[..., 0], shapes[..., -1])
    assert not np.isclose(shapes[..., :1], shapes[..., 1:10]).all((0, 1)).any()


def test_a_walking_figure_stands_on_the_ground_keeps_its_limbs_and_turns_around_at_the_edge():
    poses = performed("walking", 200)
    assert np.allclose(poses.imag.max((0, 1)), 0.9)
    lengths = np.abs(poses[:, 1] - poses[:, 0])
    assert np.allclose(lengths, lengths[:, :1])
    hips = poses[0, 0].real
    assert hips.min() >= stick_figure.EDGES[0] - 1e-9 and hips.max() <= stick_figure.EDGES[1] + 1e-9
    speeds = np.diff(hips)
    assert np.isclose(speeds[0], 0.97 * 0.5 / 26) and speeds.min() == pytest.approx(-speeds.max())


def test_a_figure_facing_left_is_the_mirror_image():
    right, left = performed("jogging", 30, start_x=0.4), performed("jogging", 30, start_x=0.6, facing=-1.0)
    assert np.allclose(right.real, 1 - left.real) and np.allclose(right.imag, left.imag)


def test_a_line_has_full_tone_inside_none_outside_and_a_smooth_edge():
    ends = np.array([[[4 + 8j], [12 + 8j]]])  # from (4, 8) to (12, 8) on the border between two rows of pixels
    drawn = draw(strokes(ends, np.array([[1.25]])), np.array([200], np.uint8), 16)[0]
    assert drawn[5:11, 8].tolist() == [0, 50, 200, 200, 50, 0]  # centres 0.5 from the line, then 1.5: a quarter covered
    assert drawn[7, 1:5].tolist() == [0, 50, 200, 200] and (drawn == drawn[::-1]).all() and (drawn == drawn[:, ::-1]).all()


def test_lines_may_reach_beyond_the_canvas_or_lie_outside():
    ends = np.array([[[-8 + 8j], [8 + 8j]], [[60 + 60j], [70 + 60j]]])
    drawn = draw(strokes(ends, np.full((2, 1), 1.5)), np.array([255], np.uint8), 16)[0]
    assert (drawn[7:9, :8] == 255).all() and not drawn[:, 11:].any() and not drawn[:5].any()


@pytest.mark.parametrize("size", [32, 45, 96])
def test_every_way_of_drawing_gives_the_same_bytes(size):
    rng = np.random.default_rng(size)
    ends = size * (rng.uniform(-0.1, 1.1, (9, 2, 20)) + 1j * rng.uniform(-0.1, 1.1, (9, 2, 20)))
    ends[:, 1] = 0.8 * ends[:, 0] + 0.2 * ends[:, 1]
    lines, tones = strokes(ends, rng.uniform(0.3, 3, (9, 20))), rng.integers(1, 256, 20).astype(np.uint8)
    drawn = draw(lines, tones, size)
    assert (draw_on_device(lines, tones, size, torch.device("cpu")).numpy() == drawn).all()  # what a GPU computes
    assert (draw(type(lines)(*(part[:, 7:8] for part in lines)), tones[7:8], size) == drawn[7:8]).all()


def test_the_pixels_of_version_1_stay_as_they_are():
    clips = Actions().clips("test", 0, EACH, 5).mul(255).round().to(torch.int64)
    assert clips.sum((1, 2, 3, 4)).tolist() == [51934, 89479, 64803, 79506, 70527, 59256]


@pytest.mark.parametrize(
    ("size", "digest"),
    [
        (32, "5346ecca3b69f10d"),
        (45, "a027f26ece000bb5"),
        (64, "680d534f16970cb8"),
        (96, "57af116ed42a5d55"),
    ],
)
def test_clips_of_many_seeds_are_those_of_version_1_bit_for_bit(size, digest):
    data, shown = Actions(size), hashlib.sha256()
    for seed in (0, 1, 7, 123, 2021, 2**31, 2**40 + 3):
        shown.update(data.batch(seed, seed % 1000, 6, 30).numpy().tobytes())
    for split, first, last, frames in (("test", 0, 12, 20), ("test", 57, 59, 120), ("val", 99, 100, 1)):
        shown.update(data.clips(split, first, last, frames).numpy().tobytes())
    assert shown.hexdigest()[:16] == digest


@pytest.mark.parametrize("at_once", [1, 700, 20_000])
def test_how_many_frames_are_drawn_at_once_changes_no_pixel(monkeypatch, at_once):
    clips = Actions().clips("test", 0, EACH, 7)
    monkeypatch.setattr("bench.data.strokes.AT_ONCE", at_once)
    assert torch.equal(Actions().clips("test", 0, EACH, 7), clips)


def test_frames_of_equal_and_of_different_lines_are_drawn_together_as_each_for_itself():
    ends = np.array([[[4 + 8j] * 6, [12 + 8j] * 6], [[3 + 3j] * 6, [3 + 13j] * 6]])
    ends[1, 1, 3:] += 2j  # the second line is longer from the fourth frame on
    tones = np.array([200, 200, 200, 200, 90, 90], np.uint8)
    lines = strokes(ends, np.full((2, 6), 1.25))
    single = [draw(type(lines)(*(part[:, [n]] for part in lines)), tones[[n]], 16)[0] for n in range(6)]
    assert (draw(lines, tones, 16) == single).all()


def test_a_canvas_too_small_for_limbs_is_refused_in_words():
    with pytest.raises(BenchError, match="data set 'actions': figures need a canvas of at least 32 pixels, got size=16"):
        catalog.build("datasets", "actions", {"size": 16})
