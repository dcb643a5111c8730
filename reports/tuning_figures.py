"""Figures of a search: its history, the curves of its trials, what mattered, each setting, and what quality costs."""

import textwrap
from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, MaxNLocator, NullLocator, StrMethodFormatter

from reports.panels import plain_logarithmic
from reports.parallel_coordinates import parallel
from reports.quantities import counted
from reports.style import COLUMN, PAGE, paper
from reports.tuning import COMPLETE, PRUNED, Searched
from reports.tuning_style import BEST, STYLES, best_title, legend_key, score_title
from reports.tuning_tables import FOUND, FRONT, MATTERED, PARALLEL

KINDS = {COMPLETE: "complete", PRUNED: "pruned (last value)"}


def history(searched: Searched) -> Figure:
    """The value of every trial by its number, and the best so far."""
    with paper():
        figure, panel = _panel()
        _scatter(panel, searched, searched.trials["trial"])
        best = searched.best_so_far
        if len(best):
            reached = np.array([*best, best.iloc[-1]]) * searched.objectives[searched.first].scale
            style = STYLES[BEST]
            panel.step(
                [*best.index, searched.trials["trial"].max()], reached, where="post", color=style.colour, linestyle=style.dash
            )
        so_far = [legend_key(BEST, best_title(searched)), legend_key(BEST, "best so far", line=True, marked=False)]
        _legend(figure, searched, so_far if len(best) else ())
        panel.set(xlabel="trial", ylabel=score_title(searched, searched.first))
        panel.xaxis.set_major_locator(MaxNLocator(8, integer=True))
    return figure


def curves(searched: Searched) -> Figure:
    """The first objective of every trial while it was trained; a cross is where a trial was pruned."""
    with paper():
        figure, panel = _panel()
        scale = searched.objectives[searched.first].scale
        states = searched.trials.set_index("trial")["state"]
        for trial, curve in searched.curves.groupby("trial"):
            best = trial in searched.front
            kind = BEST if best else states[trial] if states[trial] in KINDS else COMPLETE
            style, last = STYLES[kind], len(curve) - 1
            panel.plot(
                curve["step"], curve["value"] * scale, color=style.colour, linestyle=style.dash, marker=style.marker,
                markevery=[last], linewidth=1.8 if best else 0.8, zorder=3 if best else 2,
            )  # fmt: skip
        _legend(figure, searched, lines=True)
        panel.set(xlabel="training step", ylabel=f"validation {score_title(searched, searched.first)}")
    return figure


def importances(searched: Searched) -> Figure:
    """How much of the variation between complete trials each setting explains."""
    with paper():
        shares = dict(reversed(list(searched.importances.items())))
        figure = Figure(figsize=(COLUMN, 0.7 + 0.22 * max(len(shares), 1)))
        panel = figure.subplots()
        bars = panel.barh(list(shares), list(shares.values()), color=STYLES[COMPLETE].colour, height=0.6)
        panel.bar_label(bars, [f"{share:.0%}" for share in shares.values()], padding=2, fontsize=7)
        panel.set(
            xlim=(0, 1.12 * max(shares.values(), default=1)),
            xlabel=f"importance, from {len(searched.complete)} complete trials",
        )
        panel.xaxis.set_major_formatter(StrMethodFormatter("{x:.0%}"))
        panel.grid(axis="y", visible=False)
    return figure


def slices(searched: Searched) -> Figure:
    """A panel per setting: the value of every trial over what it was given."""
    names = list(searched.settings.columns)
    columns = min(3, len(names))
    rows = -(-len(names) // columns)
    with paper():
        figure = Figure(figsize=(PAGE if columns > 1 else COLUMN, 0.4 + 1.8 * rows))
        panels = figure.subplots(rows, columns, squeeze=False, sharey=True).ravel()
        for empty in panels[len(names) :]:
            empty.remove()
        for panel, name in zip(panels, names, strict=False):
            values = searched.settings[name].reindex(searched.trials["trial"])
            numbers = pd.to_numeric(values, errors="coerce")
            if numbers.notna().sum() == values.notna().sum():
                _scatter(panel, searched, numbers)
                if name in searched.logarithmic:
                    panel.set_xscale("log")
                    plain_logarithmic(panel.xaxis)
                    panel.tick_params(axis="x", labelrotation=30)
                panel.xaxis.set_minor_locator(NullLocator())
            else:
                words = values.astype("str").where(values.notna())
                kinds = sorted(words.dropna().unique())
                _scatter(panel, searched, words.map({kind: number for number, kind in enumerate(kinds)}))
                panel.set_xticks(range(len(kinds)), [textwrap.fill(kind, 20) for kind in kinds], rotation=15)
                panel.set_xlim(-0.5, len(kinds) - 0.5)
            panel.set(xlabel=name)
        for row in range(rows):
            panels[row * columns].set_ylabel(score_title(searched, searched.first))
        _legend(figure, searched)
    return figure


def front(searched: Searched) -> Figure:
    """The first objective against the second; what no other trial beats in both is joined by a line."""
    first, second = list(searched.objectives)[:2]
    with paper():
        figure, panel = _panel()
        best = searched.complete[searched.complete["trial"].isin(searched.front)].sort_values(second)
        scales = [searched.objectives[name].scale for name in (second, first)]
        for rows, kind in ((searched.complete, COMPLETE), (best, BEST)):
            panel.plot(rows[second] * scales[0], rows[first] * scales[1], STYLES[kind].marker, color=STYLES[kind].colour)
        line = STYLES[BEST]
        panel.step(
            best[second] * scales[0],
            best[first] * scales[1],
            where="post",
            color=line.colour,
            linestyle=line.dash,
            linewidth=0.8,
        )
        if (searched.complete[second] > 0).all() and searched.complete[second].max() > 3 * searched.complete[second].min():
            panel.set_xscale("log")
            panel.xaxis.set_minor_locator(NullLocator())
        if not searched.objectives[second].digits:
            panel.xaxis.set_major_formatter(FuncFormatter(_counted))
        panel.set(xlabel=score_title(searched, second), ylabel=score_title(searched, first))
        _legend(figure, searched)
    return figure


def search_figures(searched: Searched) -> dict[str, tuple[str, str, Figure]]:
    """File name -> (heading of the page, caption, figure), of those that the search allows."""
    settings, scored = len(searched.settings.columns) > 0, bool(searched.trials[searched.first].notna().any())
    drawn: dict[str, tuple[str, str, Callable[[Searched], Figure], bool]] = {
        "importances": (MATTERED, "Parameter importances", importances, len(searched.importances) > 0),
        "slices": (MATTERED, "Every trial's score over each of its settings", slices, settings and scored),
        "history": (FOUND, "The score of every trial in order, and the best so far", history, scored),
        "curves": (FOUND, "Every trial while it was trained", curves, len(searched.curves) > 0),
        "parallel": (
            PARALLEL,
            "A line per trial through its settings to its score, broken where it has no such setting",
            parallel,
            settings and scored,
        ),
        "front": (
            FRONT,
            "What each objective costs in the other",
            front,
            len(searched.objectives) > 1 and len(searched.complete) > 0,
        ),
    }
    return {name: (heading, caption, draw(searched)) for name, (heading, caption, draw, possible) in drawn.items() if possible}


def _panel() -> tuple[Figure, Axes]:
    figure = Figure(figsize=(COLUMN * 1.25, 2.6))
    return figure, figure.subplots()


def _scatter(panel: Axes, searched: Searched, x: "pd.Series[float]") -> None:
    """Every trial with a value over x, by how it ended; the best last."""
    values = searched.trials[searched.first].to_numpy(float) * searched.objectives[searched.first].scale
    positions, states = np.asarray(x, float), searched.trials["state"].to_numpy()
    best = searched.trials["trial"].isin(searched.front).to_numpy()
    for state in (PRUNED, COMPLETE):
        chosen = states == state
        panel.plot(positions[chosen], values[chosen], STYLES[state].marker, color=STYLES[state].colour)
    panel.plot(positions[best], values[best], STYLES[BEST].marker, color=STYLES[BEST].colour, markersize=5)


def _legend(figure: Figure, searched: Searched, extra: Sequence[Line2D] = (), lines: bool = False) -> None:
    """What can be seen, under the figure: how trials ended, then `extra` or the best."""
    states = set(searched.trials["state"][searched.trials[searched.first].notna()])
    handles = [legend_key(state, label, lines) for state, label in KINDS.items() if state in states]
    handles += extra or ([legend_key(BEST, best_title(searched), lines)] if searched.front else [])
    figure.set_figheight(figure.get_figheight() + 0.2)
    figure.legend(
        handles=handles, loc="outside lower center", ncols=len(handles), columnspacing=1, handlelength=3 if lines else 2
    )


def _counted(value: float, position: int | None = None) -> str:
    return counted(value)
