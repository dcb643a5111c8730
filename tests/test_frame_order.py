"""The order of frames by their names: sorted where it is plain, refused with two of the names where it is not."""

import pytest

from bench.data.frame_order import DoubtfulOrder, frame_order, natural


@pytest.mark.parametrize(
    "names",
    [
        ("frame_2.png", "frame_10.png"),
        ("0.0.png", "0.05.png", "0.1.png", "0.15.png"),  # decimals, not numbers of one and two digits
        ("0.05.png", "0.10.png", "0.15.png"),
        ("v1.9.png", "v2.0.png", "v2.1.png"),
        ("-10.png", "-1.png", "0.png", "1.png", "10.png"),
        ("t-10.png", "t-1.png", "t0.png", "t+1.png"),
        ("frame-1.png", "frame-2.png", "frame-10.png"),  # a hyphen that separates is no sign
        ("09.png", "0a.png", "0b.png", "0c.png", "0d.png", "0e.png", "0f.png", "10.png", "11.png"),
        ("8.png", "9.png", "a.png", "b.png"),
        ("x_0E.png", "x_0F.png", "x_10.png"),
        ("a.png", "b.png", "c.png"),
        ("٢.png", "٣.png", "١٠.png"),  # decimal digits of another script
        ("clip_01_frame_2.png", "clip_01_frame_10.png", "clip_02_frame_1.png"),
        ("2024-01-02_10.png", "2024-01-10_2.png"),
        ("0.png",),
    ],
)
def test_frames_are_sorted_as_their_names_count(names):
    assert [names[::-1][position] for position in frame_order(names[::-1])] == list(names)


@pytest.mark.parametrize(
    ("names", "examples"),
    [
        (("1.5.png", "1.10.png"), ("1.5.png", "1.10.png")),  # a half and a tenth, or parts 5 and 10
        (("0.5.png", "0.25.png", "1.0.png"), ("0.5.png", "0.25.png")),
        (("10²0.png", "1020.png"), ("10²0.png", "1020.png")),
        (("gt1.png", "pd1.png"), ("gt1.png", "pd1.png")),
        (("cover.png", "frame_1.png", "frame_2.png"), ("cover.png",)),
        (("1.png", "01.png"), ("1.png", "01.png")),
        (("1.png", "1.jpg"), ("1.png", "1.jpg")),
        (("first.png", "second.png"), ("first.png", "second.png")),
        (("3fa9.png", "77b2.png", "0c1d.png"), ("3fa9.png",)),
    ],
)
def test_names_with_two_readings_are_refused_with_two_of_them(names, examples):
    with pytest.raises(DoubtfulOrder) as caught:
        frame_order(names)
    assert all(example in str(caught.value) for example in examples)


def test_a_superscript_is_no_digit():
    assert natural("10²0") == ["", 10, "²", 0, ""]
