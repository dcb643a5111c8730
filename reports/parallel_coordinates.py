"""Parallel coordinates of a search: a line per trial through its settings to its scores."""

import textwrap
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from reports.style import COLUMN, DASHES, PAGE, paper
from reports.tuning import COMPLETE, PRUNED, Searched, setting, written
from reports.tuning_style import best_title, score_title

GREY = "#888888"
BACKGROUND = {
    "boxstyle": "square,pad=0.1",
    "facecolor": "white",
    "edgecolor": "none",
    "alpha": 0.7,
}  # behind the numbers at an axis
LETTERS = 14  # in a line of an axis's title; what stands at an axis has twice as many
TICKS = 5  # values that an axis names one by one; of more, as many evenly spread ones


@dataclass(frozen=True)
class ParallelAxis:
    """heights: by trial, where it crosses the axis, from 0 to 1; NaN where it does not. ticks: height -> its text."""

    title: str
    heights: "pd.Series[float]"
    ticks: Mapping[float, str]


def parallel(searched: Searched) -> Figure:
    """Coloured by the first objective, the best thick; pruned trials are grey, at their last value."""
    shown = searched.trials[searched.trials[searched.first].notna()].set_index("trial")
    axes = [_of_setting(searched, name, shown.index) for name in searched.settings.columns]
    axes += [_of_score(searched, name, shown) for name in searched.objectives]
    heights = np.array([axis.heights.to_numpy(float) for axis in axes]).T  # [trials, axes]
    scores = shown[searched.first] * searched.objectives[searched.first].scale
    complete = shown["state"] == COMPLETE
    with paper():
        figure = Figure(figsize=(max(1.25 * COLUMN, min(PAGE, 1.2 * len(axes))), 3.1))
        panel = figure.subplots()
        panel.grid(visible=False)
        panel.spines[:].set_visible(False)
        darker = "cividis_r" if searched.objectives[searched.first].direction == "up" else "cividis"  # the better, the darker
        shades = ScalarMappable(Normalize(scores[complete].min(), scores[complete].max()), darker)
        for trial, crossings in zip(shown.index, heights, strict=True):
            best = trial in searched.front
            if not complete[trial]:
                look = {"color": GREY, "linestyle": DASHES[1], "linewidth": 0.7, "markersize": 2, "zorder": 2}
            else:
                look = {"color": shades.to_rgba(scores[trial]), "linewidth": 2.6 if best else 1.1, "zorder": 4 if best else 3}
            panel.plot(range(len(axes)), crossings, marker="o", **look)
        for number, axis in enumerate(axes):
            panel.axvline(number, color="#444444", linewidth=0.6, zorder=1)
            for height, text in axis.ticks.items():
                panel.annotate(
                    textwrap.fill(text, 2 * LETTERS), (number, height), (4, 0), textcoords="offset points", fontsize=6,
                    va="center", bbox=BACKGROUND, zorder=5,
                )  # fmt: skip
        panel.set_xticks(range(len(axes)), [textwrap.fill(axis.title, LETTERS) for axis in axes])
        panel.tick_params(length=0)
        panel.set(yticks=[], xlim=(-0.15, len(axes) - 0.4), ylim=(-0.05, 1.05))
        if complete.any():
            figure.colorbar(shades, ax=panel, fraction=0.04, pad=0.02, label=score_title(searched, searched.first))
        keys = (
            [Line2D([], [], color="#444444", linewidth=2.6, marker="o", label=best_title(searched))] if searched.front else []
        )
        if (shown["state"] == PRUNED).any():
            keys.append(Line2D([], [], color=GREY, linestyle=DASHES[1], linewidth=0.7, label="pruned (last value)"))
        figure.legend(handles=keys, loc="outside lower center", ncols=2)
    return figure


def _of_score(searched: Searched, name: str, shown: pd.DataFrame) -> ParallelAxis:
    metric = searched.objectives[name]
    return _axis(score_title(searched, name), shown[name], lambda value: written(metric, value))


def _of_setting(searched: Searched, name: str, trials: "pd.Index[int]") -> ParallelAxis:
    values = searched.settings[name].reindex(trials)
    numbers = pd.to_numeric(values, errors="coerce")
    if numbers.notna().sum() < values.notna().sum():  # words
        words = values.astype(str).where(values.notna())
        kinds = sorted(words.dropna().unique())
        return _axis(str(name), words.map({kind: n for n, kind in enumerate(kinds)}), lambda n: kinds[int(n)], one_by_one=True)
    if name in searched.logarithmic:
        return _axis(str(name), numbers.astype(float).map(np.log10), lambda value: setting(float(f"{10**value:.3g}")))
    return _axis(str(name), numbers, lambda value: setting(float(value)))


def _axis(title: str, values: "pd.Series[float]", text: Callable[[float], str], one_by_one: bool = False) -> ParallelAxis:
    """The smallest value at 0, the largest at 1; values that are all equal in the middle. text: what a tick says of a value."""
    kinds = sorted(values.dropna().unique())
    if not kinds:
        return ParallelAxis(title, values.astype(float), {})
    low, high = float(kinds[0]), float(kinds[-1])

    def height(value: float) -> float:
        return (float(value) - low) / (high - low) if high > low else 0.5

    spread = np.linspace(low, high, TICKS)
    if all(float(kind).is_integer() for kind in kinds):
        spread = np.unique(spread.round())
    marked = kinds if one_by_one or len(kinds) <= TICKS else spread
    return ParallelAxis(
        title, values.map(height, na_action="ignore").astype(float), {height(value): text(value) for value in marked}
    )
