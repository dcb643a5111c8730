"""Where the scores of a report come from."""

from __future__ import annotations

from typing import NamedTuple

from bench.evaluation.scores import ScoresHeader


class Source(NamedTuple):
    """A file of scores that enters a report. label, seed: the row and the seed that it is of."""

    label: str
    seed: int
    header: ScoresHeader
