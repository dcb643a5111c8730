"""Pictures of a search: its history, the curves of its trials, what mattered, each setting, and what quality costs."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator, NullLocator, StrMethodFormatter

from reports.columns import header
from reports.csv_cells import harmless
from reports.files import write
from reports.panels import plain_logarithmic
from reports.style import COLOURS, COLUMN, PAGE, paper, save
from reports.tuning import COMPLETE, PRUNED, Searched, confirmed_table, markdown, trials_table

BLUE, ORANGE, GREEN = COLOURS[:3]


def history(searched: Searched) -> Figure:
    """The value of every trial by its number, and the best so far."""
    with paper():
        figure, panel = _panel()
        _scatter(panel, searched, searched.trials["trial"])
        best = searched.best_so_far
        if len(best):
            panel.step([*best.index, searched.trials["trial"].max()], [*best, best.iloc[-1]], where="post", color=GREEN)
        best_so_far = _key("solid", "", GREEN, "best so far")
        _legend(figure, searched, [_key("none", "o", GREEN, _best(searched)), best_so_far])
        panel.set(xlabel="trial", ylabel=_axis(searched, searched.first))
        panel.xaxis.set_major_locator(MaxNLocator(8, integer=True))
    return figure


def curves(searched: Searched) -> Figure:
    """The first objective of every trial while it was trained; a cross is where a trial was pruned."""
    with paper():
        figure, panel = _panel()
        scale = searched.objectives[searched.first].scale
        states = searched.trials.set_index("trial")["state"]
        for trial, curve in searched.curves.groupby("trial"):
            best, pruned = trial in searched.front, states[trial] == PRUNED
            colour = GREEN if best else ORANGE if pruned else BLUE
            panel.plot(
                curve["step"], curve["value"] * scale, color=colour, linewidth=1.8 if best else 0.8, zorder=3 if best else 2
            )
            if pruned:
                panel.plot(curve["step"].iloc[-1], curve["value"].iloc[-1] * scale, "x", color=ORANGE, zorder=3)
        _legend(figure, searched, [_key("solid", "", GREEN, "best")], lines=True)
        panel.set(xlabel="training step", ylabel=f"{_axis(searched, searched.first)} while training")
    return figure


def importances(searched: Searched) -> Figure:
    """How much of the variation between complete trials each setting explains."""
    with paper():
        shares = dict(reversed(list(searched.importances.items())))
        figure = Figure(figsize=(COLUMN, 0.7 + 0.22 * max(len(shares), 1)))
        panel = figure.subplots()
        bars = panel.barh(list(shares), list(shares.values()), color=BLUE, height=0.6)
        panel.bar_label(bars, [f"{share:.0%}" for share in shares.values()], padding=2, fontsize=7)
        panel.set(
            xlim=(0, 1.12 * max(shares.values(), default=1)),
            xlabel=f"importance, from {len(searched.complete)} complete trials",
        )
        panel.xaxis.set_major_formatter(StrMethodFormatter("{x:.0%}"))
        panel.grid(axis="y", visible=False)
    return figure


def slices(searched: Searched) -> Figure:
    """A panel per setting: the value of every trial over its value of that setting."""
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
                panel.xaxis.set_minor_locator(NullLocator())
            else:
                words = values.astype("str").where(values.notna())
                kinds = sorted(words.dropna().unique())
                _scatter(panel, searched, words.map({kind: position for position, kind in enumerate(kinds)}))
                panel.set_xticks(range(len(kinds)), kinds)
                panel.set_xlim(-0.5, len(kinds) - 0.5)
            panel.set(xlabel=name)
        for row in range(rows):
            panels[row * columns].set_ylabel(_axis(searched, searched.first))
        _legend(figure, searched)
    return figure


def front(searched: Searched) -> Figure:
    """The first objective against the second; what no other trial beats in both is joined by a line."""
    one, other = list(searched.objectives)[:2]
    with paper():
        figure, panel = _panel()
        best = searched.complete[searched.complete["trial"].isin(searched.front)].sort_values(other)
        scales = [searched.objectives[name].scale for name in (other, one)]
        for rows, colour in ((searched.complete, BLUE), (best, GREEN)):
            panel.plot(rows[other] * scales[0], rows[one] * scales[1], "o", color=colour)
        panel.step(best[other] * scales[0], best[one] * scales[1], where="post", color=GREEN, linewidth=0.8)
        if (searched.complete[other] > 0).all() and searched.complete[other].max() > 3 * searched.complete[other].min():
            panel.set_xscale("log")
            panel.xaxis.set_minor_locator(NullLocator())
        panel.set(xlabel=_axis(searched, other), ylabel=_axis(searched, one))
        _legend(figure, searched)
    return figure


def everything(searched: Searched, folder: Path) -> list[Path]:
    """Write the tables and all pictures that the search allows. Returns what was written."""
    drawn: dict[str, tuple[Callable[[Searched], Figure], bool]] = {
        "history": (history, len(searched.complete) > 0),
        "curves": (curves, len(searched.curves) > 0),
        "importances": (importances, len(searched.importances) > 0),
        "slices": (slices, len(searched.settings.columns) > 0 and len(searched.complete) > 0),
        "front": (front, len(searched.objectives) > 1 and len(searched.complete) > 0),
    }
    written = []
    for name, table in (("trials", trials_table(searched)), ("confirmed", confirmed_table(searched))):
        if len(table):
            written.append(write(folder / f"{name}.csv", harmless(table).to_csv(index=False).encode()))
            written.append(write(folder / f"{name}.md", markdown(table).encode()))
    for name, (draw, possible) in drawn.items():
        if possible:
            written += save(draw(searched), folder, name)
    return written


def _panel() -> tuple[Figure, Axes]:
    figure = Figure(figsize=(COLUMN * 1.25, 2.6))
    return figure, figure.subplots()


def _scatter(panel: Axes, searched: Searched, x: "pd.Series[float]") -> None:
    """Every trial with a value over x, by how it ended; the best last."""
    values = searched.trials[searched.first].to_numpy(float) * searched.objectives[searched.first].scale
    x_values, states = np.asarray(x, float), searched.trials["state"].to_numpy()
    best = searched.trials["trial"].isin(searched.front).to_numpy()
    for state, marker, colour in ((PRUNED, "x", ORANGE), (COMPLETE, "o", BLUE)):
        chosen = states == state
        panel.plot(x_values[chosen], values[chosen], marker, color=colour)
    panel.plot(x_values[best], values[best], "o", color=GREEN, markersize=5)


def _legend(figure: Figure, searched: Searched, extra: Sequence[Line2D] = (), lines: bool = False) -> None:
    """What can be seen, under the figure: how trials ended, then `extra` or the best."""
    kinds = [(COMPLETE, "o", BLUE, "complete"), (PRUNED, "x", ORANGE, "pruned (last value)")]
    states, style = set(searched.trials["state"]), "solid" if lines else "none"
    handles = [_key(style, marker, colour, label) for state, marker, colour, label in kinds if state in states]
    handles += extra or [_key("none", "o", GREEN, _best(searched))]
    figure.set_figheight(figure.get_figheight() + 0.2)
    figure.legend(handles=handles, loc="outside lower center", ncols=len(handles), columnspacing=1)


def _key(style: Any, marker: str, colour: str, label: str) -> Line2D:
    return Line2D([], [], linestyle=style, marker=marker, color=colour, label=label)


def _best(searched: Searched) -> str:
    return "on the Pareto front" if len(searched.objectives) > 1 else "best"


def _axis(searched: Searched, name: str) -> str:
    return header(f"validation/{name}", searched.objectives[name])
