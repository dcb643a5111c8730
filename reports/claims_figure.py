"""Claims as a picture: every seed's gain, the interval, and the verdict, one claim a line."""

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator
from matplotlib.transforms import blended_transform_factory

from reports.claim import ALIGNMENT
from reports.claims import ALPHA, HOLDS, NO_DIFFERENCE, REFUTED, UNDECIDED, UNMEASURED, Judged
from reports.claims_table import compared, gain_text, metric_of, more_text
from reports.columns import with_unit
from reports.footnotes import changed_settings
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
WIDEST = 110  # letters of a line below the title
SMALLER = 44  # letters on a line of what is compared, which is written smaller
LINE, FOOT = 0.135, 0.5  # inches that a line of text takes, and a panel's axis
LEFT, RIGHT = 0.35, 0.74  # parts of the width: sentences end at the one, verdicts begin at the other


def claims_figure(results: Results, judged: Sequence[Judged]) -> Figure:
    """A panel per unit, and below them what the marks mean.

    Claims that are not measured are counted below, unless none is measured.
    """
    measured = [judgement for judgement in judged if judgement.verdict != UNMEASURED] or list(judged)
    panels: dict[str, list[Judged]] = {}
    for judgement in measured:
        panels.setdefault(_unit(results, judgement), []).append(judgement)
    texts = {unit: [_Text.of(results, judgement) for judgement in group] for unit, group in panels.items()}
    tall = {unit: LINE * sum(text.lines for text in group) for unit, group in texts.items()}  # inches
    titles = [f"{results.name}, {results.scale} scale, {results.metadata.dataset}", *_changed(results)]
    above = (len(titles) + 0.5) * LINE
    missing = len(judged) - len(measured)
    below = 2 * LINE + (LINE if missing else 0)
    height = above + sum(tall.values()) + FOOT * len(tall) + below
    with paper():
        figure = Figure(figsize=(PAGE, height))
        figure.set_layout_engine("none")
        for number, title in enumerate(titles):
            weight = "normal" if number else "bold"
            figure.text(0.005, 1 - (number + 0.4) * LINE / height, title, weight=weight, va="top", fontsize=8)
        top = height - above
        for unit, group in panels.items():
            top -= tall[unit]
            panel = figure.add_axes((LEFT, top / height, RIGHT - LEFT, tall[unit] / height))
            _panel(panel, results, group, unit, texts[unit])
            top -= FOOT
        position: Any = {"loc": "lower left", "bbox_to_anchor": (-0.005, (below - 2 * LINE) / height)}
        figure.legend(
            handles=_legend(measured, len(judged)), ncols=4, borderaxespad=0, handlelength=1.6, columnspacing=1.6, **position
        )
        if missing:
            words = f"not measured here: {missing} of {len(judged)} claims"
            figure.text(0.005, 0.3 * LINE / height, words, color=GREY, va="bottom", fontsize=7.5)
    return figure


@dataclass(frozen=True)
class _Text:
    """What stands left of a claim's interval: its sentence, and in smaller letters what is compared."""

    sentence: list[str]
    compared: list[str]

    @classmethod
    def of(cls, results: Results, judgement: Judged) -> "_Text":
        claim = judgement.claim
        return cls(textwrap.wrap(claim.sentence, LETTERS), textwrap.wrap(compared(results, claim), SMALLER))

    @property
    def lines(self) -> int:
        """How many lines it takes: at least the three of the verdict, and one to the next claim."""
        return max(3, len(self.sentence) + len(self.compared)) + 1


def _changed(results: Results) -> list[str]:
    """That settings were changed, on as many lines as it takes."""
    return [line for note in changed_settings(results) for line in textwrap.wrap(note.text, WIDEST)]


def _legend(shown_claims: Sequence[Judged], count: int) -> list[Artist]:
    """What the marks of the claims that are shown mean. count: of all claims, which the intervals hold for together."""
    together = f" for all {count} claims together" if count > 1 else ""
    interval = f"mean and interval, {100 * (1 - ALPHA):g}%{together}"
    handles: list[Artist] = [
        Line2D([], [], color=GREY, marker="|", markersize=5, linewidth=0, label="a seed"),
        Line2D([], [], color=GREY, linewidth=2.2, marker="D", markerfacecolor="white", label=interval),
    ]
    if any(judgement.claim.within for judgement in shown_claims):
        handles.append(Patch(facecolor=BLUE, alpha=0.1, linewidth=0, label="no difference: the whole interval in here"))
    if any(judgement.claim.at_least for judgement in shown_claims):
        handles.append(Line2D([], [], color=INK, linestyle="--", linewidth=0.8, label="claimed at least"))
    return handles


def _unit(results: Results, judgement: Judged) -> str:
    if judgement.claim.metric == ALIGNMENT:
        return "gain in correlation of storing and matching"
    return f"gain in {with_unit(judgement.claim.score, metric_of(results, judgement.claim))}"


def _panel(panel: Axes, results: Results, group: Sequence[Judged], unit: str, texts: Sequence[_Text]) -> None:
    heights = np.array([text.lines for text in texts])
    centres = heights.cumsum() - heights / 2
    for judgement, centre, text in zip(group, centres, texts, strict=True):
        _write(panel, results, judgement, float(centre), text)
        _line(panel, results, judgement, float(centre), text.lines)
    panel.axvline(0, color=INK, linewidth=0.8, zorder=1)
    panel.set_ylim(float(heights.sum()), 0)
    panel.yaxis.set_visible(False)
    panel.spines["left"].set_visible(False)
    panel.xaxis.set_major_locator(MaxNLocator(5))
    clips = f", clips of '{results.metadata.label}'" if results.metadata.label else ""
    panel.set_xlabel(f"{unit}{clips}; to the right is better")
    _fit(panel, results, group)
    for judgement, centre in zip(group, centres, strict=True):
        _mark_hidden_ends(panel, results, judgement, float(centre))
    if not any(judgement.gains for judgement in group):
        panel.set_xticks([])


def _write(panel: Axes, results: Results, judgement: Judged, centre: float, text: _Text) -> None:
    """The sentence and what is compared on the left, the verdict on the right; heights are in lines."""
    transform = blended_transform_factory(panel.figure.transFigure, panel.transData)  # x in parts of the figure's width
    top = centre - (len(text.sentence) + len(text.compared)) / 2
    style: Any = {"transform": transform, "fontsize": 7.5}
    panel.text(0.005, top, "\n".join(text.sentence), va="top", **style)
    panel.text(0.005, top + len(text.sentence), "\n".join(text.compared), va="top", color=GREY, **{**style, "fontsize": 6.5})
    colour = LOOKS[judgement.verdict][0]
    panel.text(RIGHT + 0.015, centre, _described(results, judgement), color=colour, va="center", **style)


def _mark_hidden_ends(panel: Axes, results: Results, judgement: Judged, centre: float) -> None:
    """An arrow where an interval goes on beyond the axis."""
    scale = metric_of(results, judgement.claim).scale
    for end, edge, beyond, arrow in zip(
        (judgement.low, judgement.high), panel.get_xlim(), (np.less, np.greater), "<>", strict=True
    ):
        if end is not None and beyond(end * scale, edge):
            panel.plot(edge, centre, arrow, color=LOOKS[judgement.verdict][0], markersize=5, clip_on=False)


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
        look: Any = {"markeredgecolor": "white", "markeredgewidth": 0.6} if judgement.decided else {"markerfacecolor": "white"}
        panel.plot(judgement.gain * scale, centre, marker, color=colour, markersize=7, zorder=3, **look)


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
