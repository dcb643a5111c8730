"""Which numbers a table shows, and what they are called over a column and at an axis."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from reports.metric import Metric
from reports.results import Results

FrameSpans = Sequence[int | tuple[int, int]]
RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


@dataclass(frozen=True)
class Column:
    """What is shown, over which frames.

    key: what names it in files: "standard/psnr", "standard/psnr@5", "standard/psnr@11-20", or a cost.
    title: what names it for people: "PSNR (dB) ↑", "PSNR t=5". score: "protocol/metric". first, last: frames, both included.
    mark: of the footnote on its protocol, where several meet. is_text: its cells are words, and start on the left.
    """

    key: str
    title: str
    metric: Metric
    score: str = ""
    first: int = 1
    last: int = 1
    mark: str = ""
    is_text: bool = False

    @property
    def protocol(self) -> str:
        return self.score.partition("/")[0]


def choose_columns(
    results: Results, metrics: Sequence[str] | None, protocols: Sequence[str], frames: FrameSpans
) -> list[Column]:
    """Per metric and protocol the whole horizon, then the frames. A ValueError names what is missing."""
    horizon, set_protocols = results.metadata.horizon, [score.partition("/")[0] for score in results.sets]
    protocols = [protocol for protocol in protocols if protocol not in set_protocols]  # metrics of whole sets imply theirs
    spans = [(1, horizon), *((frame, frame) if isinstance(frame, int) else frame for frame in frames)]
    wrong = [span for span in spans if not 1 <= span[0] <= span[1] <= horizon]
    if wrong:
        raise ValueError(f"frames {wrong[0][0]} to {wrong[0][1]} are not within the horizon, 1 to {horizon}")
    nothing_yet = [f"{protocol}/{name}" for protocol in protocols for name in results.metrics]
    available = [*results.columns, *results.sets] if results.columns else nothing_yet
    names = metrics or list(dict.fromkeys(score.partition("/")[2] for score in available))
    scores = list(dict.fromkeys(results.score_of(protocol, name) for name in names for protocol in protocols or ("",)))
    present = [score for score in scores if score in available]
    absent = [name for name in names if not any(score.partition("/")[2] == name for score in present)]
    if (absent and metrics) or not present:
        wanted_scores = f"{absent[0] if absent else 'scores'} under {' or '.join(protocols)}"
        raise ValueError(f"there is no {wanted_scores}; there are {', '.join(available)}")
    marks = dict(zip(protocols, "abcdefgh", strict=False)) if len(protocols) > 1 else {}
    return [
        _column(results, score, span, number == 0, marks.get(score.partition("/")[0], ""))
        for score in present
        for number, span in enumerate(spans)
        if number == 0 or score not in results.sets  # which no frame has
    ]


def every_nth_frame(step: int, horizon: int) -> list[int]:
    """Every `step`-th frame of the horizon: 5, 10, 15, 20."""
    return list(range(step, horizon + 1, step))


def horizon_slices(length: int, horizon: int) -> list[tuple[int, int]]:
    """The horizon cut into slices: (1, 10), (11, 20), (21, 30). The last may be shorter."""
    return [(first, min(first + length - 1, horizon)) for first in range(1, horizon + 1, length)]


def _column(results: Results, score: str, span: tuple[int, int], whole: bool, mark: str) -> Column:
    metric, frames = results.metric(score), "-".join(map(str, sorted(set(span))))
    if whole:
        return Column(score, header(score, metric), metric, score, *span, mark)
    return Column(f"{score}@{frames}", f"{shown(score, metric)} t={frames}", metric, score, *span, mark)


def header(score: str, metric: Metric) -> str:
    """What a score is called over a column and at an axis: "PSNR (dB) ↑", "LPIPS (×10⁻³) ↓"."""
    return f"{with_unit(score, metric)} {'↑' if metric.direction == 'up' else '↓'}"


def with_unit(score: str, metric: Metric) -> str:
    """What a score is called where its direction is clear: "PSNR (dB)", "LPIPS (×10⁻³)"."""
    unit = unit_of(metric)
    return shown(score, metric) + (f" ({unit})" if unit else "")


def unit_of(metric: Metric) -> str:
    """The unit of what is shown of a metric, with its power of ten: "dB", "×10⁻³"."""
    return re.sub(r"1e(-?\d+)", lambda match: "×10" + match[1].translate(RAISED), metric.shown_unit)


def shown(score: str, metric: Metric) -> str:
    """What a score is called in a sentence: "PSNR"."""
    return metric.label or score.partition("/")[2].replace("_", " ").upper()
