"""Which number is black and which is white: decided in one place for all external arrays and pictures.

uint8 means 0..255 and booleans 0..1. Floating-point numbers mean 0..1 while they stay in it and come near 0. Everything else
is ambiguous, and a wrong guess would give a wrong score that looks right: it is refused until `--range LOW..HIGH` states the
range.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bench.common.errors import BenchError

ROUNDING = 1.5e-6
"""Fraction of the range by which numbers may exceed it, because float32 rounds."""
NEAR_BLACK = 0.1
"""Floating-point frames in 0..1 that never fall below this may also be the upper half of -1..1."""
OVERSHOOT = 0.5
"""Fraction of the range by which the raw output of a model may exceed 0..1 and still be accepted, with a warning."""


@dataclass(frozen=True)
class ValueRange:
    """The numbers that mean black and white."""

    black: float
    white: float

    def __str__(self) -> str:
        return f"{self.black:g}..{self.white:g}"

    @property
    def span(self) -> float:
        return self.white - self.black


UNIT, BYTE = ValueRange(0, 1), ValueRange(0, 255)
COMMON = (UNIT, ValueRange(-1, 1), BYTE, ValueRange(0, 1023), ValueRange(0, 4095), ValueRange(0, 65535))
"""What code bases of the field write; messages suggest the first that holds the numbers found."""


ALL = ""
"""The key of a range that is stated for both sides."""


def parse_ranges(texts: Iterable[str], sides: Sequence[str] = ()) -> dict[str, ValueRange]:
    """The stated ranges by side, from `--range 0..255` (key ALL) and, where there are sides, `--range target=0..255`."""
    stated: dict[str, ValueRange] = {}
    number = r"[-+]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][-+]?\d+)?"
    for text in texts:
        side, _, bounds = text.rpartition("=")
        match = re.fullmatch(rf"\s*({number})\s*\.\.\s*({number})\s*", bounds)
        if not match or side not in (ALL, *sides) or not float(match[1]) < float(match[2]):
            side_hint = f", or {sides[0]}=LOW..HIGH for one side" if sides else ""
            raise BenchError(f"--range takes LOW..HIGH, black and white, such as 0..255 or -1..1{side_hint}; got '{text}'")
        if side in stated:
            raise BenchError(f"--range is given twice{f' for {side}' if side else ''}: {stated[side]} and {bounds}")
        stated[side] = ValueRange(float(match[1]), float(match[2]))
    return stated


@dataclass(frozen=True)
class Extent:
    """The type of some numbers, and the least and the largest finite one of them (None where there is none)."""

    dtype: np.dtype[np.generic]
    least: float | None = None
    largest: float | None = None
    all_finite: bool = True

    @classmethod
    def of(cls, values: NDArray[np.generic]) -> Extent:
        """The extent of an array of numbers."""
        if values.dtype.kind not in "buif":
            return cls(values.dtype)
        if values.dtype.kind != "f":
            return cls(values.dtype, float(values.min()), float(values.max())) if values.size else cls(values.dtype)
        finite = np.isfinite(values)
        finite_values = values if finite.all() else values[finite]
        if not finite_values.size:
            return cls(values.dtype, all_finite=not values.size)
        return cls(values.dtype, float(finite_values.min()), float(finite_values.max()), bool(finite.all()))

    def __or__(self, other: Extent) -> Extent:
        least = [value for value in (self.least, other.least) if value is not None]
        largest = [value for value in (self.largest, other.largest) if value is not None]
        return Extent(
            self.dtype, min(least, default=None), max(largest, default=None), self.all_finite and other.all_finite
        )  # fmt: skip

    def __str__(self) -> str:
        return "no finite number" if self.least is None else f"{self.dtype} from {self.least:g} to {self.largest:g}"

    def within(self, bounds: ValueRange, by: float = ROUNDING) -> bool:
        """Whether all finite numbers lie in the range, or leave it by at most that part of it."""
        if self.least is None or self.largest is None:
            return True
        slack = by * bounds.span
        return bounds.black - slack <= self.least and self.largest <= bounds.white + slack


@dataclass(frozen=True)
class Scale:
    """How numbers become pixels in which 0 is black and 1 white.

    overshoots: whether they leave the range by more than rounding, as the raw output of a model does.
    guessed: whether floating-point numbers are taken for 0..1 though nobody has stated their range.
    """

    bounds: ValueRange
    dtype: np.dtype[np.generic]
    overshoots: bool = False
    guessed: bool = False

    @property
    def is_bytes(self) -> bool:
        """Whether every pixel is one of 256 levels, stored as such."""
        return self.dtype == np.uint8 and self.bounds == BYTE

    def __call__(self, values: NDArray[np.generic], clamp: bool = False) -> NDArray[np.float32]:
        """Pixels, float32. clamp: to 0..1, for targets, which may have left it by rounding."""
        pixels: NDArray[np.float32]
        if self.bounds == UNIT:
            pixels = values.astype(np.float32)
        elif self.bounds.black == 0 and values.dtype.itemsize <= 4:
            pixels = np.divide(values, np.float32(self.bounds.white), dtype=np.float32)
        else:
            pixels = ((values.astype(np.float64) - self.bounds.black) / self.bounds.span).astype(np.float32)
        return np.clip(pixels, 0, 1) if clamp else pixels


def decide(
    extent: Extent, subject: str, ranges: Mapping[str, ValueRange] | None = None, side: str = ALL, raw: bool = False
) -> Scale:
    """The scale of some numbers; BenchError, with the option that states it, if it is ambiguous.

    subject: what holds the numbers, for messages. ranges: the stated ones by side; one that is stated for ALL does not
    overrule uint8, which says its own. raw: whether they may be the raw output of a model, which leaves its range.
    """
    dtype, stated = extent.dtype, _stated(extent, subject, ranges or {}, side)
    if dtype.kind not in "buif":
        raise BenchError(f"{subject} holds {dtype}, which are no pixels; save real numbers, such as uint8 or float32")
    bounds = stated or (BYTE if dtype == np.uint8 else UNIT)
    if not extent.all_finite and not raw:
        raise BenchError(f"{subject} holds numbers that are not finite (NaN or infinite); only predictions may")
    if stated is None:
        _refuse_unsaid(extent, subject, side, raw)
    guessed = stated is None and dtype.kind == "f"
    if extent.within(bounds):
        return Scale(bounds, dtype, guessed=guessed)
    if not raw or dtype.kind != "f":
        raise BenchError(f"{subject} holds {extent}, which leaves the range {bounds}; {_suggestion(extent, side)}")
    return Scale(bounds, dtype, overshoots=True, guessed=guessed)


def _stated(extent: Extent, subject: str, ranges: Mapping[str, ValueRange], side: str) -> ValueRange | None:
    """The range that is stated for a side, by its name or for all; None where its type says another or none is stated."""
    if side in ranges and side != ALL:
        return ranges[side]
    general = ranges.get(ALL)
    if general is None or extent.dtype == bool:
        return None
    if extent.dtype == np.uint8 and side != ALL:
        return general if extent.largest is not None and extent.largest <= 1 and general in (UNIT, BYTE) else None
    unlike = extent.within(UNIT) and general != UNIT and (general.black != 0 or extent.largest != 0)
    if side != ALL and unlike and extent.least is not None:
        raise BenchError(
            f"{subject} holds {extent}, which may be {general} as --range says or 0..1; "
            f"say it for this side: --range {side}={general} or --range {side}=0..1"
        )
    return general


def _refuse_unsaid(extent: Extent, subject: str, side: str, raw: bool) -> None:
    """BenchError for numbers whose range has to be stated."""
    option = _option(side)
    if extent.dtype == np.uint8 and extent.largest == 1:
        raise BenchError(
            f"{subject} holds {extent}: masks of 0 and 1, or frames that are almost black? "
            f"State which: {option}0..1 or {option}0..255"
        )
    if extent.dtype.kind in "iu" and extent.dtype != np.uint8:
        raise BenchError(f"{subject} holds {extent}, which does not say what is white; {_suggestion(extent, side)}")
    if extent.dtype.kind == "f" and not extent.within(UNIT, OVERSHOOT if raw else ROUNDING):
        raise BenchError(f"{subject} holds {extent}, which is not 0..1; {_suggestion(extent, side)}")
    if extent.dtype.kind == "f" and not raw and extent.least is not None and extent.least > NEAR_BLACK:
        raise BenchError(
            f"{subject} holds {extent} and nothing near black: bright frames in 0..1, or in -1..1? "
            f"State which: {option}0..1 or {option}-1..1"
        )


def _option(side: str) -> str:
    return f"--range {side}=" if side else "--range "


def _suggestion(extent: Extent, side: str) -> str:
    is_integer = extent.dtype.kind in "iu"
    fitting = [
        bounds for bounds in COMMON if extent.within(bounds) and not (is_integer and (bounds.black or extent.largest == 0))
    ]
    default = ValueRange(0, 65535) if extent.dtype == np.uint16 else BYTE
    nearly_fitting = [bounds for bounds in COMMON if not is_integer and extent.within(bounds, 0.25)]
    likely = [*fitting, *nearly_fitting, default][0]
    return f"say what is black and white, such as {_option(side)}{likely}"


def warning(scale: Scale, extent: Extent, subject: str, side: str = ALL) -> str:
    """The warning about numbers outside their range; an empty string if there are none."""
    if not scale.overshoots:
        return ""
    explanation = (
        f"taken for raw output in 0..1 ({_option(side)}LOW..HIGH says otherwise)" if scale.guessed else f"beyond {scale.bounds}"
    )
    return f"{subject} holds {extent}, {explanation}; protocols that clamp see it clamped"
