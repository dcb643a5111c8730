"""Curves for print: quality per frame, while training, against cost and against a size. `style.save` writes them."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator, NullLocator

from reports.columns import header
from reports.costs import COSTS
from reports.panels import add_legend, draw_band, draw_curve, fit_axis, in_short, panels_of, plain_logarithmic, spread_title
from reports.quantities import counted, lasting, sized
from reports.results import Results, mean_of_known
from reports.statistics import half_interval
from reports.style import INK, line_styles, paper


def per_frame(results: Results, scores: Sequence[str] | None = None) -> Figure:
    """A panel per score ("standard/psnr"; all that are not empty if not given) over the predicted frames, with 95% bands.

    Frames beyond the horizon that the models were trained for are shaded. The axis fits the trained variants; a trivial
    baseline far from them is named as off the axis.
    """
    scores = distinct(results, scores or [score for score in results.columns if not results.scores[score].isna().all()])
    frames = np.arange(1, results.metadata.horizon + 1)
    trained = results.metadata.trained or len(frames)
    with paper():
        figure, panels = panels_of(len(scores))
        why_unseen: dict[str, list[str]] = {}  # of a variant, panel by panel, why one does not show it
        for panel, score in zip(panels, scores, strict=True):
            means = results.frame_means(score) * results.metric(score).scale  # [variants, seeds, frames]
            for number, (variant, style) in enumerate(line_styles(results.variants).items()):
                runs = means[number][~np.isnan(means[number]).all(1)]
                if not len(runs):
                    why_unseen.setdefault(variant, []).append("no scores")
                    continue
                middle = mean_of_known(runs, axis=0)  # as in the table: a seed counts at the frames where it is finite
                draw_curve(panel, frames, middle, style, number)
                if len(runs) > 1:
                    halves = [half_interval(frame[np.isfinite(frame)]) for frame in runs.T]
                    half = np.array(halves, np.float64)  # None, of a single seed, becomes NaN
                    draw_band(panel, frames, middle - half, middle + half, style)
            for variant, where in fit_axis(panel, results, means).items():
                why_unseen.setdefault(variant, []).append(where)
            if trained < len(frames):
                panel.axvspan(trained + 0.5, len(frames) + 0.5, color="#eeeeee", zorder=0, linewidth=0)
            panel.set(xlabel="predicted frame", ylabel=header(score, results.metric(score)), xlim=(0.5, len(frames) + 0.5))
            panel.xaxis.set_major_locator(MaxNLocator(6, integer=True, min_n_ticks=1))
        shaded = f"; shaded: beyond the {trained} frames trained for" if trained < len(frames) else ""
        unseen = {variant: in_short(reasons, len(panels)) for variant, reasons in why_unseen.items()}
        add_legend(figure, results, spread_title(results, "bands") + shaded, {name: why for name, why in unseen.items() if why})
    return figure


def training(results: Results) -> Figure:
    """A panel per logged name (a loss, a validation score) over the steps: mean and range over seeds."""
    if results.training is None or results.training.empty:
        raise ValueError(f"'{results.name}' has no training curves")
    log = results.training
    names = sorted(log["name"].unique().tolist(), key=_kind)
    trained = set(log["variant"])
    with paper():
        figure, panels = panels_of(len(names))
        for panel, name in zip(panels, names, strict=True):
            logged = log[log["name"] == name].groupby(["variant", "step"], observed=True)["value"].agg(["mean", "min", "max"])
            for number, (variant, style) in enumerate(line_styles(results.variants).items()):
                if variant in logged.index.get_level_values(0):
                    steps = logged.loc[variant]
                    draw_curve(panel, steps.index.to_numpy(), steps["mean"].to_numpy(), style, number)
                    draw_band(panel, steps.index.to_numpy(), steps["min"].to_numpy(), steps["max"].to_numpy(), style)
            if "loss" in name and (log["value"][log["name"] == name] > 0).all():
                panel.set_yscale("log")
                low, high = panel.dataLim.intervaly
                if high < low * (1 + 1e-6):  # a loss that stays as it is leaves a logarithmic axis nothing to span
                    panel.set_ylim(low / 2, high * 2)
                plain_logarithmic(panel.yaxis)
            panel.set(xlabel="training step", ylabel=_logged(results, name))
        unseen = {variant: "not trained" for variant in results.variants if variant not in trained}
        add_legend(figure, results, "bands: range over seeds" if len(results.seeds) > 1 else "one seed", unseen)
    return figure


def against_costs(results: Results, score: str, costs: Sequence[str] = ("train_seconds",)) -> Figure:
    """The mean score of each variant against the mean of what its runs cost (columns of `runs`, see `reports.costs.COSTS`).

    A panel per cost, two in a row.
    """
    for cost in costs:
        if cost not in results.runs or cost not in COSTS:
            raise ValueError(f"the runs of '{results.name}' do not say '{cost}'; known costs: {', '.join(COSTS)}")
    with paper():
        figure, panels = panels_of(len(costs), across=2)
        unseen: dict[str, list[str]] = {}
        for panel, cost in zip(panels, costs, strict=True):
            for variant, why in _against(panel, results, score, cost).items():
                unseen.setdefault(variant, []).append(why)
        short = {variant: in_short(reasons, len(panels)) for variant, reasons in unseen.items()}
        add_legend(
            figure, results, spread_title(results, "bars"), {name: why for name, why in short.items() if why}, lines=False
        )
    return figure


def _against(panel: Axes, results: Results, score: str, cost: str) -> dict[str, str]:
    """Draw the panel of one cost. Returns variant -> why it is not drawn."""
    metric, spent = results.metric(score), results.cost(cost)
    unseen = {}
    for runs, (variant, style) in zip(results.seed_means(score), line_styles(results.variants).items(), strict=True):
        scores, x = runs[~np.isnan(runs)] * metric.scale, spent[variant]
        if not len(scores):
            unseen[variant] = "no scores"
        elif not x > 0:  # it has no place on a logarithmic axis
            unseen[variant] = "costs nothing" if x == 0 else "cost unknown"
        else:
            half = half_interval(scores)
            panel.errorbar(
                x, scores.mean(), half, color=style.colour, marker=style.marker, markersize=5, capsize=2, linestyle=""
            )
    panel.set_xscale("log")
    panel.margins(x=0.15)
    plain_logarithmic(panel.xaxis)
    title, format_cost, _ = COSTS[cost]
    panel.xaxis.set_major_formatter(FuncFormatter(_counted))
    unit = {lasting: " (s)", sized: " (bytes)"}.get(format_cost, "")
    panel.set(xlabel=title + unit, ylabel=header(score, metric))
    return unseen


def distinct(results: Results, scores: Sequence[str]) -> list[str]:
    """The scores without those that repeat an earlier one in another unit, such as the sum over a frame and its mean."""
    distinct_scores: list[str] = []
    for score in scores:
        if not any(_proportional(results.frame_means(score), results.frame_means(other)) for other in distinct_scores):
            distinct_scores.append(score)
    return distinct_scores


def _proportional(first: np.ndarray, second: np.ndarray) -> bool:
    scored = ~np.isnan(first) & ~np.isnan(second)
    if (np.isnan(first) != np.isnan(second)).any() or scored.sum() < 2 or not (second[scored] != 0).all():
        return False
    ratios = first[scored] / second[scored]
    return bool(np.ptp(ratios) <= 1e-4 * abs(ratios[0]))


KINDS = ("loss", "validation", "rate")  # of what is logged while training, in the order of their panels


def _kind(name: str) -> int:
    first = name.partition("/")[0]
    return KINDS.index(first) if first in KINDS else len(KINDS)


def _logged(results: Results, name: str) -> str:
    """What a logged value is called at its axis: "loss (storing)", "validation PSNR (dB) ↑"."""
    kind, _, quantity = name.partition("/")
    if kind == "validation" and quantity in results.metrics:
        return f"validation {header(name, results.metrics[quantity])}"
    if kind == "loss" and quantity:
        return f"loss ({quantity.replace('_', ' ')})"
    return {"rate": "learning rate"}.get(name, name)


def _counted(value: float, position: int | None = None) -> str:
    return counted(value)


def against_sizes(results: Results, score: str, sizes: Mapping[str, float]) -> Figure:
    """The mean score over a size. sizes: variant -> its size; the other variants are drawn as levels to compare with."""
    metric = results.metric(score)
    means = dict(zip(results.variants, results.seed_means(score) * metric.scale, strict=True))
    finite = {variant: runs[~np.isnan(runs)] for variant, runs in means.items()}
    with paper():
        figure, (panel,) = panels_of(1)
        unseen = {variant: "no scores" for variant in results.variants if not len(finite[variant])}
        swept = sorted((variant for variant in sizes if len(finite[variant])), key=sizes.__getitem__)
        x = [sizes[variant] for variant in swept]
        half = [half_interval(finite[variant]) or 0.0 for variant in swept]
        panel.errorbar(x, [finite[variant].mean() for variant in swept], half, color=INK, capsize=2)
        for variant, style in line_styles(results.variants).items():
            if variant in swept:
                panel.plot(sizes[variant], finite[variant].mean(), style.marker, color=style.colour, markersize=5)
            elif len(finite[variant]):
                panel.axhline(finite[variant].mean(), color=style.colour, linestyle=style.dash)
        unseen |= fit_axis(panel, results, np.array(list(means.values()))[..., None])
        ends = [finite[variant].mean() + 1.1 * sign * bar for variant, bar in zip(swept, half, strict=True) for sign in (-1, 1)]
        panel.set_ylim(min([panel.get_ylim()[0], *ends]), max([panel.get_ylim()[1], *ends]))  # no bar is cut off
        panel.set_xscale("log", base=2)
        panel.set_xticks(x, [f"{value:g}" for value in x])
        panel.xaxis.set_minor_locator(NullLocator())
        panel.set(xlabel="memory slots", ylabel=header(score, metric))
        add_legend(figure, results, spread_title(results, "bars"), unseen)
    return figure
