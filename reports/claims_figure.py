"""Claims as a picture: every seed's gain, the interval, and the verdict, one claim a line."""

import textwrap
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from matplotlib.transforms import blended_transform_factory

from reports.claim import ALIGNMENT
from reports.claims import HOLDS, NO_DIFFERENCE, REFUTED, UNDECIDED, UNMEASURED, Judged
from reports.claims_table import CORRELATION, gain_text, metric_of, more_text
from reports.columns import shown
from reports.results import Results
from reports.style import BLUE, GREEN, GREY, INK, ORANGE, PAGE, paper

# Colour and marker: verdicts are told apart in black and white as well.
LOOKS = {
    HOLDS: (GREEN, "o"),
    REFUTED: (ORANGE, "X"),
    NO_DIFFERENCE: (BLUE, "s"),
    UNDECIDED: (GREY, "D"),
    UNMEASURED: (GREY, ""),
}
LETTERS = 38  # of a sentence on one line
LINE, FOOT = 0.135, 0.5  # inches that a line of text takes, and a panel's axis
LEFT, RIGHT = 0.35, 0.74  # parts of the width: sentences end at the one, verdicts begin at the other


def claims_figure(results: Results, judged: Sequence[Judged]) -> Figure:
    """A panel per unit. Dots: one a seed; bar: the anytime-valid interval; dashed: what is claimed at least; shaded: the margin
    within which nothing differs.

    Claims that are not measured are counted below, unless none is measured.
    """
    measured = [judgement for judgement in judged if judgement.verdict != UNMEASURED]
    panels: dict[str, list[Judged]] = {}
    for judgement in measured or judged:
        panels.setdefault(_unit(results, judgement), []).append(judgement)
    sentences = {
        unit: [textwrap.wrap(judgement.claim.sentence, LETTERS) for judgement in group] for unit, group in panels.items()
    }
    tall = {unit: LINE * sum(map(_lines, wrapped)) for unit, wrapped in sentences.items()}  # inches
    missing = len(judged) - len(measured) if measured else 0
    height = sum(tall.values()) + FOOT * len(tall) + (LINE if missing else 0)
    with paper():
        figure = Figure(figsize=(PAGE, height))
        figure.set_layout_engine("none")
        top = height
        for unit, group in panels.items():
            top -= tall[unit]
            panel = figure.add_axes((LEFT, top / height, RIGHT - LEFT, tall[unit] / height))
            _panel(panel, results, group, unit, sentences[unit])
            top -= FOOT
        if missing:
            words = f"not measured here: {missing} of {len(judged)} claims"
            figure.text(0.005, 0.3 * LINE / height, words, color=GREY, va="bottom", fontsize=7.5)
    return figure


def _lines(sentence: Sequence[str]) -> int:
    """How many lines of text a claim takes: its sentence's, at least the three of its verdict, and one to the next claim."""
    return max(3, len(sentence)) + 1


def _unit(results: Results, judgement: Judged) -> str:
    if judgement.claim.metric == ALIGNMENT:
        return "gain in correlation of storing and matching"
    metric = results.metrics.get(judgement.claim.metric, CORRELATION)
    unit = f" ({metric.unit})" if metric.unit else f" (×{metric.scale:g})" if metric.scale != 1 else ""
    return f"gain in {shown(judgement.claim.score, metric)}{unit}"


def _panel(panel: Axes, results: Results, group: Sequence[Judged], unit: str, sentences: Sequence[Sequence[str]]) -> None:
    heights = np.array([_lines(lines) for lines in sentences])
    centres = heights.cumsum() - heights / 2
    transform = blended_transform_factory(panel.figure.transFigure, panel.transData)  # x in parts of the figure's width
    for judgement, centre, height, lines in zip(group, centres, heights, sentences, strict=True):
        panel.text(0.005, centre, "\n".join(lines), transform=transform, va="center", fontsize=7.5)
        panel.text(
            RIGHT + 0.015,
            centre,
            _described(results, judgement),
            color=LOOKS[judgement.verdict][0],
            transform=transform,
            va="center",
            fontsize=7.5,
        )
        _line(panel, results, judgement, float(centre), float(height))
    panel.axvline(0, color=INK, linewidth=0.8, zorder=1)
    panel.set_ylim(float(heights.sum()), 0)
    panel.yaxis.set_visible(False)
    panel.spines["left"].set_visible(False)
    panel.xaxis.set_major_locator(MaxNLocator(5))
    clips = f", clips of '{results.metadata.label}'" if results.metadata.label else ""
    panel.set_xlabel(f"{unit}{clips}; to the right is better")
    _fit(panel, results, group)
    if not any(judgement.gains for judgement in group):
        panel.set_xticks([])


def _line(panel: Axes, results: Results, judgement: Judged, centre: float, height: float) -> None:
    colour, marker = LOOKS[judgement.verdict]
    scale = metric_of(results, judgement.claim).scale
    if judgement.gain is not None:
        top, bottom = centre - height / 2 + 0.35, centre + height / 2 - 0.35
        if judgement.claim.within:
            margin = judgement.claim.within * scale
            panel.fill_betweenx([top, bottom], -margin, margin, color=BLUE, alpha=0.1, linewidth=0)
        if judgement.claim.at_least:
            panel.plot([judgement.claim.at_least * scale] * 2, [top, bottom], "--", color=INK, linewidth=0.8)
        dots = np.array(judgement.gains) * scale
        panel.plot(dots, np.full(len(dots), centre + 0.55), "|", color=colour, markersize=5, alpha=0.6)
        if judgement.low is not None and judgement.high is not None:
            panel.plot(
                [judgement.low * scale, judgement.high * scale],
                [centre, centre],
                color=colour,
                linewidth=2.2,
                solid_capstyle="butt",
            )
        hollow = {} if judgement.decided else {"markerfacecolor": "white"}
        panel.plot(judgement.gain * scale, centre, marker, color=colour, markersize=6, zorder=3, **hollow)  # type: ignore[arg-type]


def _described(results: Results, judgement: Judged) -> str:
    if judgement.verdict == UNMEASURED:
        return "\n".join([judgement.verdict, *textwrap.wrap(judgement.why, 30)[:2]])
    seeds = f"{len(judgement.seeds)} seed{'s' if len(judgement.seeds) != 1 else ''}"
    more = (
        f"\nprobably {more_text(judgement).partition(',')[0]} more" if judgement.verdict == UNDECIDED and judgement.more else ""
    )
    return f"{judgement.verdict}, {seeds}{more}\n{gain_text(results, judgement)}"


def _fit(panel: Axes, results: Results, group: Sequence[Judged]) -> None:
    """The axis shows all gains and 0; of intervals at most as much again on either side, since early ones reach far."""
    gains = [gain * metric_of(results, judgement.claim).scale for judgement in group for gain in judgement.gains]
    margins = [(judgement.claim.within or 0) * metric_of(results, judgement.claim).scale for judgement in group]
    low, high = min([0.0, *gains, *(-margin for margin in margins)]), max([0.0, *gains, *margins])
    room = (high - low) or 1.0
    ends = [
        end * metric_of(results, judgement.claim).scale
        for judgement in group
        for end in (judgement.low, judgement.high)
        if end is not None
    ]
    panel.set_xlim(
        max(low - room, min([low, *ends])) - 0.04 * room,
        min(high + room, max([high, *ends])) + 0.04 * room,
    )
