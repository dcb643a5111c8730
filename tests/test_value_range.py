"""Which number is black and which is white: accepted, refused with the option that says it, or warned about."""

import numpy as np
import pytest

from bench.common.errors import BenchError
from bench.data.value_range import ALL, BYTE, UNIT, Extent, ValueRange, decide, parse_ranges, warning


def scaled(values, stated=None, raw=False, clamp=False):
    array = np.asarray(values)
    return decide(Extent.of(array), "x.npy", {ALL: stated} if stated else {}, raw=raw)(array, clamp)


@pytest.mark.parametrize(
    ("values", "stated", "expected"),
    [
        (np.uint8([0, 51, 255]), None, [0, 0.2, 1]),
        (np.uint8([0, 0, 0]), None, [0, 0, 0]),  # black either way
        (np.array([False, True]), None, [0, 1]),
        (np.float64([0, 0.5, 1]), None, [0, 0.5, 1]),
        (np.uint8([0, 1]), UNIT, [0, 1]),
        (np.uint8([0, 1]), BYTE, [0, 1 / 255]),
        (np.int64([0, 51, 255]), BYTE, [0, 0.2, 1]),
        (np.uint16([0, 65535]), ValueRange(0, 65535), [0, 1]),
        (np.uint16([0, 4095]), ValueRange(0, 4095), [0, 1]),
        (np.float32([-1, 0, 1]), ValueRange(-1, 1), [0, 0.5, 1]),
        (np.float32([0, 51, 255]), BYTE, [0, 0.2, 1]),
    ],
)
def test_what_is_plain_or_stated_is_scaled(values, stated, expected):
    np.testing.assert_allclose(scaled(values, stated), expected, rtol=1e-6)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (np.uint8([0, 1, 1]), "--range 0..1 or --range 0..255"),
        (np.int64([0, 200]), "such as --range 0..255"),
        (np.uint16([0, 4000]), "such as --range 0..4095"),
        (np.uint16([0, 60000]), "such as --range 0..65535"),
        (np.float32([0, 254.5]), "such as --range 0..255"),
        (np.float32([-1, 1]), "such as --range -1..1"),
        (np.float32([0.2, 1]), "--range 0..1 or --range -1..1"),  # all bright in -1..1, or never dark in 0..1
        (np.float32([0, np.nan]), "not finite"),
        (np.complex64([1]), "real numbers"),
        (np.array(["a"]), "real numbers"),
    ],
)
def test_what_may_mean_several_things_is_refused_with_the_option_that_says_it(values, message):
    with pytest.raises(BenchError, match=r"x\.npy holds") as caught:
        scaled(values)
    assert message in str(caught.value)


def test_rounding_beyond_the_range_is_no_error_and_targets_are_brought_back():
    values = np.float64([-1e-6, 1.000001])
    assert scaled(values, clamp=True).tolist() == [0, 1]
    assert scaled(values * 255, BYTE, clamp=True).tolist() == [0, 1]
    with pytest.raises(BenchError):
        scaled([-1e-4, 1.0])


def test_raw_output_of_a_model_may_leave_0_to_1_with_a_warning():
    values = np.float32([-0.2, 1.3])
    extent = Extent.of(values)
    scale = decide(extent, "p.npy", raw=True)
    assert scale.overshoots and scale.guessed and scale(values).tolist() == values.tolist()
    assert "taken for raw output in 0..1" in warning(scale, extent, "p.npy")
    assert not warning(decide(Extent.of(values * 0), "p.npy", raw=True), extent, "p.npy")
    with pytest.raises(BenchError):
        decide(Extent.of(np.float32([-0.9, 1])), "p.npy", raw=True)


def test_integers_never_overshoot_a_stated_range():
    with pytest.raises(BenchError, match=r"leaves the range 0\.\.1"):
        decide(Extent.of(np.uint8([0, 200])), "p.npy", {ALL: UNIT}, raw=True)


def test_a_range_is_stated_for_all_or_for_one_side():
    sides = ("prediction", "target")
    assert parse_ranges(["0..255"], sides) == {ALL: BYTE}
    assert parse_ranges(["prediction=-1..1"], sides) == {"prediction": ValueRange(-1, 1)}
    for wrong in ("255", "1..0", "0-255", "left=0..1", "nan..1", "=0..1x"):
        with pytest.raises(BenchError, match=r"--range takes LOW\.\.HIGH"):
            parse_ranges([wrong], sides)


def test_a_range_for_all_sides_leaves_alone_what_says_its_own():
    ranges = {ALL: ValueRange(-1, 1)}
    assert decide(Extent.of(np.uint8([0, 200])), "t.npy", ranges, "target").bounds == BYTE
    assert decide(Extent.of(np.float32([-1, 1])), "p.npy", ranges, "prediction").bounds == ValueRange(-1, 1)
    assert decide(Extent.of(np.uint8([0, 1])), "t.npy", {ALL: UNIT}, "target").bounds == UNIT
    for values, general in ((np.float32([0, 1]), ValueRange(-1, 1)), (np.float32([0, 1]), BYTE), (np.int64([0, 1]), BYTE)):
        with pytest.raises(BenchError, match=r"--range target=0\.\.1"):  # the other side's range, most likely
            decide(Extent.of(values), "t.npy", {ALL: general}, "target")
    assert decide(Extent.of(np.float32([0, 1])), "t.npy", {ALL: BYTE, "target": UNIT}, "target").bounds == UNIT


def test_one_missing_number_does_not_hide_the_others():
    extent = Extent.of(np.float32([np.nan, np.inf, 0.25, 0.75]))
    assert (extent.least, extent.largest, extent.all_finite) == (0.25, 0.75, False)
