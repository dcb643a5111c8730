"""What every figure of curves is made of: panels, lines with their bands, axes, and a legend that names all variants."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import LogLocator, MaxNLocator, NullLocator, StrMethodFormatter

from reports.results import Results
from reports.style import COLUMN, PAGE, LineStyle, line_styles

OVER_SEEDS = "95% interval over seeds"
LINE = 0.16  # inches that a line of the legend takes
SHARE = 0.45  # of the panels' height that the legend may take at most


def panels_of(count: int, across: int = 3) -> tuple[Figure, list[Axes]]:
    """Panels side by side, up to so many in a row."""
    columns = min(count, across)
    rows = -(-count // columns)
    figure = Figure(figsize=(COLUMN if count == 1 else PAGE, 0.3 + 2.1 * rows))
    axes = figure.subplots(rows, columns, squeeze=False).ravel()
    for empty in axes[count:]:
        empty.remove()
    return figure, list(axes[:count])


def draw_curve(panel: Axes, x: np.ndarray, y: np.ndarray, style: LineStyle, number: int) -> None:
    """A line with about six markers, a little apart from those of the other variants."""
    step = max(1, len(x) // 6)
    panel.plot(x, y, color=style.colour, linestyle=style.dash, marker=style.marker, markevery=(number % step, step))


def draw_band(panel: Axes, x: np.ndarray, low: np.ndarray, high: np.ndarray, style: LineStyle) -> None:
    panel.fill_between(x, low, high, color=style.colour, alpha=0.15, linewidth=0)


def in_short(reasons: Sequence[str], panels: int) -> str:
    """Why a variant is not visible, or only in part, from the reasons why single panels do not show it."""
    if len(reasons) == panels and len(set(reasons)) == 1:
        return reasons[0]
    return "partly off the axis" if any("axis" in reason for reason in reasons) else ""


def fit_axis(panel: Axes, results: Results, values: np.ndarray) -> dict[str, str]:
    """Fit the axis to the trained variants' values [variants, seeds, x], without bands.

    Returns trivial baseline -> "off the axis" or "partly off the axis", for those that are.
    """
    trivial = [number for number, variant in enumerate(results.variants) if variant in results.untrained]
    trained = np.delete(values, trivial, axis=0)
    if np.isnan(trained).all():
        return {}
    low, high = np.nanmin(trained), np.nanmax(trained)
    margin = 0.15 * (high - low) or 1.0
    panel.set_ylim(low - margin, high + margin)
    means = {results.variants[number]: values[number] for number in trivial if not np.isnan(values[number]).all()}
    inside = {v: (low - margin <= m[~np.isnan(m)]) & (m[~np.isnan(m)] <= high + margin) for v, m in means.items()}
    return {v: "partly off the axis" if within.any() else "off the axis" for v, within in inside.items() if not within.all()}


def plain_logarithmic(axis: Axis) -> None:
    """Ticks at plain numbers, the closer the fewer decades there are."""
    low, high = axis.get_view_interval()
    decades = np.log10(high / low)
    multiples = (1,) if decades > 3 else (1, 2, 5) if decades > 1 else (1, 1.5, 2, 3, 5, 7)
    axis.set_major_locator(LogLocator(subs=multiples) if decades > 0.4 else MaxNLocator(4))
    axis.set_minor_locator(NullLocator())
    axis.set_major_formatter(StrMethodFormatter("{x:g}"))


def spread_title(results: Results, shape: str) -> str:
    """What the legend says of intervals. shape: how they are drawn, "bands" or "bars"."""
    return f"{shape}: {OVER_SEEDS}" if len(results.seeds) > 1 else "one seed: no confidence interval"


def add_legend(figure: Figure, results: Results, title: str, unseen: Mapping[str, str], lines: bool = True) -> None:
    """All variants under the figure in declared order, and why some cannot be seen. It stays smaller than the panels: where
    it would not, the figure becomes as wide as a page, and then higher."""
    labels = [f"{variant} ({unseen[variant]})" if variant in unseen else variant for variant in results.variants]
    handles = [
        Line2D([], [], color=style.colour, linestyle=style.dash if lines else "", marker=style.marker)
        for style in line_styles(results.variants).values()
    ]
    width = 0.55 + 0.055 * max(map(len, labels))  # inches
    drawn = figure.get_figheight()
    if LINE * len(labels) > SHARE * drawn and figure.get_figwidth() < PAGE:
        figure.set_figwidth(PAGE)
    columns = max(1, min(len(labels), int(figure.get_figwidth() / width)))
    tall = LINE * -(-len(labels) // columns)
    figure.set_figheight(max(drawn, tall / SHARE) + tall)
    figure.legend(
        handles,
        labels,
        loc="outside lower center",
        ncols=columns,
        title=title,
        title_fontsize=6.5,
        handlelength=3,
        columnspacing=1,
    )
