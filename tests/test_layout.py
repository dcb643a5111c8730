"""Which axis of an array is which: told by the shape, stated by --layout, or refused."""

import numpy as np
import pytest

from bench.common.errors import BenchError
from bench.data.layout import arranged, layout_of, parse_layout, refuse_doubtful_time


@pytest.mark.parametrize(
    ("shape", "one_clip", "layout"),
    [
        ((2, 5, 1, 8, 8), False, "NTCHW"),
        ((2, 5, 8, 8, 3), False, "NTHWC"),
        ((5, 3, 8, 8), True, "TCHW"),
        ((5, 8, 8, 1), True, "THWC"),
    ],
)
def test_channels_tell_the_layout(shape, one_clip, layout):
    assert layout_of(shape, "x.npy", one_clip) == layout


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ((50, 20, 64, 64), "--layout NTHW, --layout TNHW"),
        ((5, 3, 8, 8), "--layout NTHW"),
        ((2, 5, 3, 8, 3), "--layout NTCHW, --layout NTHWC"),
        ((4, 3, 2, 8, 8), "--layout NTCHW, --layout NCTHW"),
        ((4, 1, 3, 8, 8), "--layout NTCHW, --layout NCTHW"),
        ((4, 3, 1, 8, 8), "--layout NTCHW, --layout NCTHW"),  # three grey frames, or one of colour
        ((4, 3, 3, 8, 8), "--layout NTCHW, --layout NCTHW"),
        ((2, 5, 4, 8, 8), "with 1 to 3 channels"),
        ((20, 8, 8), "--layout THW"),
        ((8, 8), "3 to 5 axes"),
    ],
)
def test_a_shape_that_does_not_tell_is_refused_with_the_options(shape, message):
    with pytest.raises(BenchError) as caught:
        layout_of(shape, "x.npy")
    assert message in str(caught.value)


def test_channels_that_a_data_set_will_be_asked_about_are_no_frames():
    assert layout_of((4, 3, 1, 8, 8), "x.npy", checked=True) == "NTCHW"


@pytest.mark.parametrize("layout", ["NTCHW", "TNHWC", "NTHW", "TNHW", "THW", "THWC", "CTHW", "HWT"])
def test_every_layout_arranges_the_same_video(layout):
    clip = np.arange(2 * 3 * 4 * 5).reshape(2, 3, 1, 4, 5)
    axes = [n for n, letter in enumerate("NTCHW") if letter not in layout]
    source_clip = clip[0:1] if "N" not in layout else clip
    letters = [letter for letter in "NTCHW" if letter in layout]
    stored = source_clip.squeeze(tuple(axes)).transpose([letters.index(letter) for letter in layout])
    assert np.array_equal(arranged(stored, layout, "x.npy"), source_clip)


@pytest.mark.parametrize("text", ["NTTHW", "NTH", "XTHW", ""])
def test_what_is_no_layout_is_refused(text):
    with pytest.raises(BenchError, match="--layout takes the letters"):
        parse_layout(text)


def test_clips_that_are_videos_along_the_other_axis_are_refused():
    random = np.random.default_rng(0)
    videos = random.random((6, 1, 1, 4, 4)) + random.random((1, 8, 1, 4, 4)) / 100  # alike in time, different by clip
    refuse_doubtful_time(videos, "NTCHW", "x.npy")
    refuse_doubtful_time(random.random((6, 8, 1, 4, 4)), "NTCHW", "x.npy")  # noise says nothing
    with pytest.raises(BenchError, match="6 clips of one frame or one clip of 6 frames"):
        refuse_doubtful_time(videos[:, :1], "NTCHW", "x.npy")
    with pytest.raises(BenchError, match="--layout TNCHW or --layout NTCHW"):
        refuse_doubtful_time(videos.swapaxes(0, 1), "NTCHW", "x.npy")
