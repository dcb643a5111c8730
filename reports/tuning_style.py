"""How the figures of a search draw its trials, by how they ended; and what they call its scores."""

from matplotlib.lines import Line2D

from reports.columns import header
from reports.style import LineStyle, line_styles
from reports.tuning import COMPLETE, PRUNED, Searched

BEST = "best"
STYLES: dict[str, LineStyle] = line_styles((COMPLETE, PRUNED, BEST))
"""Kind of trial -> its colour, dash and marker in every figure."""


def legend_key(kind: str, label: str, line: bool = False, marked: bool = True) -> Line2D:
    """The sample of a kind of trial for a legend. line, marked: whether it shows its dash and its marker."""
    style = STYLES[kind]
    return Line2D(
        [], [], color=style.colour, linestyle=style.dash if line else "none", marker=style.marker if marked else "", label=label
    )


def best_title(searched: Searched) -> str:
    """What the best trials are called."""
    return "on the Pareto front" if len(searched.objectives) > 1 else "best"


def score_title(searched: Searched, name: str) -> str:
    """What an objective is called at an axis: "PSNR (dB) ↑"."""
    return header(name, searched.objectives[name])
