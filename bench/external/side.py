"""One side of a comparison, predictions or targets, with the numbers as its files store them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.common.errors import BenchError
from bench.data.pictures import made_grey
from bench.data.value_range import ALL, Extent, Scale, ValueRange, decide

PREDICTION, TARGET = "prediction", "target"
CHUNK = 2**24  # numbers read together


@dataclass(frozen=True)
class Reading:
    """What the user states about files that do not state it themselves.

    layout: of arrays, such as TNHW. grey: make colour grey. of_data_set: the frames will be compared with those of a data set.
    """

    layout: str | None = None
    grey: bool = False
    of_data_set: bool = False


@dataclass(frozen=True)
class Side:
    """One side of a comparison: `count` clips of shape (T, C, H, W), in the numbers of the file.

    subject: the file or folder, for messages. names: of the clips, None where they have none. read: some clips by position.
    """

    side: str
    subject: str
    count: int
    shape: tuple[int, int, int, int]
    dtype: np.dtype[Any]
    names: tuple[str, ...] | None
    read: Callable[[Sequence[int]], NDArray[Any]]

    @cached_property
    def extent(self) -> Extent:
        """The range of all numbers; of bytes only as far as needed to tell masks of 0 and 1 from frames."""
        size = 1 if self.dtype == np.uint8 else max(1, CHUNK // int(np.prod(self.shape)))
        extent = Extent(self.dtype)
        for first in range(0, self.count, size):
            extent |= Extent.of(self.read(range(first, min(first + size, self.count))))
            if self.dtype == np.uint8 and extent.largest is not None and extent.largest > 1:
                break
        return extent

    def scale(self, ranges: Mapping[str, ValueRange]) -> Scale:
        """How its numbers become pixels; a BenchError if the user has to state that."""
        return decide(self.extent, self.subject, ranges, self.side, raw=self.side != TARGET)

    def grey(self) -> Side:
        """The side with its frames made grey."""
        shape = (self.shape[0], 1, *self.shape[2:])
        return replace(self, shape=shape, read=lambda chosen: made_grey(self.read(chosen)))


@dataclass(frozen=True)
class Sides:
    """Predictions, the targets beside them if there are any, and the manifest of `bench data export` that lies with them.

    source: the file or folder that the user named.
    """

    source: Path
    prediction: Side
    target: Side | None
    manifest: str | None = None

    def scales(self, ranges: Mapping[str, ValueRange]) -> tuple[Scale, Scale | None]:
        """How the numbers of predictions and targets become pixels; one BenchError where both have to be stated alike."""
        if not self.target:
            return self.prediction.scale(ranges), None
        errors = []
        for side in (self.prediction, self.target):
            try:
                side.scale(ranges)
            except BenchError as error:
                errors.append(error)
        if len(errors) == 2 and not ranges:
            replace(self.prediction, side=ALL).scale(ranges)
        if errors:
            raise errors[0]
        return self.prediction.scale(ranges), self.target.scale(ranges)
