"""What an experiment claims: a sentence that the scores can show to be right or wrong."""

from dataclasses import dataclass

ALIGNMENT = "alignment"
"""Stands for a metric in claims about memories: how much more alike storing and matching address the same clip than different
clips do, as the correlation over slots (`bench report X --memory`)."""
CHANCE = "chance"
"""What an alignment is compared with: it is measured against different clips."""


@dataclass(frozen=True)
class Claim:
    """`better` scores better than `than`, by more than `at_least`, in the mean over `frames`.

    sentence: the claim in words that a reader of the abstract understands. source: who says so, and where.
    better, than: labels of variants; `than` is CHANCE for an ALIGNMENT.
    metric, protocol: whose scores. frames: first and last predicted frame, both included; None for the whole horizon.
    more_than: other frames, for a claim about an interaction: the gain over `than` is larger at `frames` than at these.
    at_least: the gain that is claimed, 0 for any gain. within: a gain of less than this in either direction makes no
      difference; None where no such margin is stated. Both in the unit of the score, as it is before a table scales it.
    """

    sentence: str
    better: str
    than: str
    metric: str = "psnr"
    protocol: str = "standard"
    frames: tuple[int, int] | None = None
    more_than: tuple[int, int] | None = None
    at_least: float = 0.0
    within: float | None = None
    source: str = ""

    def __post_init__(self) -> None:
        for span in (self.frames, self.more_than):
            if span is not None and not _is_span(span):
                raise ValueError(f"the frames of a claim are the first and the last one, (21, 30); got {span!r}")
        if self.at_least < 0 or (self.within is not None and self.within <= 0):
            raise ValueError(f"a claim's at_least is 0 or more and its within above 0; got {self.at_least} and {self.within}")
        if self.better == self.than:
            raise ValueError(f"a claim compares two variants; got '{self.better}' twice")
        if (self.metric == ALIGNMENT) != (self.than == CHANCE):
            raise ValueError(f"an {ALIGNMENT} is compared with '{CHANCE}', and nothing else is; got {self.metric}, {self.than}")

    @property
    def variants(self) -> tuple[str, ...]:
        """Whose runs decide it."""
        return tuple(label for label in (self.better, self.than) if label != CHANCE)

    @property
    def score(self) -> str:
        """The column of scores: "standard/psnr"."""
        return f"{self.protocol}/{self.metric}"


def _is_span(span: object) -> bool:
    """Whether these are a first and a last frame, whole numbers from 1 up."""
    if not isinstance(span, tuple | list) or len(span) != 2 or not all(type(frame) is int for frame in span):
        return False
    first, last = span
    return bool(1 <= first <= last)
