"""Where the scores of a report come from."""

from __future__ import annotations

from typing import NamedTuple

from bench.evaluation.scores import ScoresHeader


class Source(NamedTuple):
    """Scores that enter a report: of which row, and of which seed."""

    label: str
    seed: int
    kept: ScoresHeader
