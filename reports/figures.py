"""Curves for print: quality per frame, while training, against cost and against a size. `style.save` writes them."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator, StrMethodFormatter

from reports.columns import header
from reports.costs import COSTS, counted, lasting, sized
from reports.results import Results
from reports.statistics import half_interval, student
from reports.style import COLUMN, PAGE, LineStyle, line_styles, paper

OVER_SEEDS = "95% interval over seeds"


def per_frame(results: Results, scores: Sequence[str] | None = None) -> Figure:
    """A panel per score ("standard/psnr"; all that are not empty if not given) over the predicted frames, with 95% bands.

    Frames beyond the horizon that the models were trained for are shaded. The axis fits the trained variants; a floor far
    from them is named as off the axis.
    """
    scores = scores or [score for score in results.columns if not results.scores[score].isna().all()]
    frames = np.arange(1, results.metadata.horizon + 1)
    trained = results.metadata.trained or len(frames)
    with paper():
        figure, panels = _panels(len(scores))
        why_unseen: dict[str, list[str]] = {}  # of a variant, panel by panel, why one does not show it
        for panel, score in zip(panels, scores, strict=True):
            means = results.frame_means(score) * results.metric(score).scale  # [variants, seeds, frames]
            for number, (variant, style) in enumerate(line_styles(results.variants).items()):
                runs = means[number][~np.isnan(means[number]).all(1)]
                if not len(runs):
                    why_unseen.setdefault(variant, []).append("no scores")
                    continue
                middle = runs.mean(0)
                _curve(panel, frames, middle, style, number)
                if len(runs) > 1:
                    half = student(len(runs) - 1) * runs.std(0, ddof=1) / np.sqrt(len(runs))
                    _band(panel, frames, middle - half, middle + half, style)
            for variant, where in _focus(panel, results, means).items():
                why_unseen.setdefault(variant, []).append(where)
            if trained < len(frames):
                panel.axvspan(trained + 0.5, len(frames) + 0.5, color="#eeeeee", zorder=0, linewidth=0)
            panel.set(xlabel="predicted frame", ylabel=header(score, results.metric(score)), xlim=(0.5, len(frames) + 0.5))
            panel.xaxis.set_major_locator(MaxNLocator(6, integer=True, min_n_ticks=1))
        shaded = f"; shaded: beyond the {trained} frames trained for" if trained < len(frames) else ""
        unseen = {variant: _in_short(reasons, len(panels)) for variant, reasons in why_unseen.items()}
        _legend(figure, results, _spread(results, "bands") + shaded, {name: why for name, why in unseen.items() if why})
    return figure


def training(results: Results, names: Sequence[str] | None = None) -> Figure:
    """A panel per logged name (a loss, a validation score; all if not given) over the steps: mean and range over seeds."""
    if results.training is None or results.training.empty:
        raise ValueError(f"'{results.name}' has no training curves")
    log = results.training
    names = names or list(dict.fromkeys(log["name"]))
    trained = set(log["variant"])
    with paper():
        figure, panels = _panels(len(names))
        for panel, name in zip(panels, names, strict=True):
            logged = log[log["name"] == name].groupby(["variant", "step"], observed=True)["value"].agg(["mean", "min", "max"])
            for number, (variant, style) in enumerate(line_styles(results.variants).items()):
                if variant in logged.index.get_level_values(0):
                    curve = logged.loc[variant]
                    _curve(panel, curve.index.to_numpy(), curve["mean"].to_numpy(), style, number)
                    _band(panel, curve.index.to_numpy(), curve["min"].to_numpy(), curve["max"].to_numpy(), style)
            if "loss" in name and (log["value"][log["name"] == name] > 0).all():
                panel.set_yscale("log")
                low, high = panel.dataLim.intervaly
                if high < low * (1 + 1e-6):  # a loss that stays as it is leaves a logarithmic axis nothing to span
                    panel.set_ylim(low / 2, high * 2)
                plain_logarithmic(panel.yaxis)
            panel.set(xlabel="training step", ylabel=name)
        unseen = {variant: "not trained" for variant in results.variants if variant not in trained}
        _legend(figure, results, "bands: range over seeds" if len(results.seeds) > 1 else "one seed", unseen)
    return figure


def against_cost(results: Results, score: str, cost: str = "train_seconds") -> Figure:
    """The mean score of each variant against the mean of what its runs cost (a column of `runs`, see `cost_table.COSTS`)."""
    if cost not in results.runs or cost not in COSTS:
        raise ValueError(f"the runs of '{results.name}' do not say '{cost}'; known costs: {', '.join(COSTS)}")
    metric = results.metric(score)
    spent = results.cost(cost)
    with paper():
        figure, (panel,) = _panels(1)
        unseen = {}
        for runs, (variant, style) in zip(results.seed_means(score), line_styles(results.variants).items(), strict=True):
            known, x = runs[~np.isnan(runs)] * metric.scale, spent[variant]
            if not len(known):
                unseen[variant] = "no scores"
            elif not x > 0:  # it has no place on a logarithmic axis
                unseen[variant] = "costs nothing" if x == 0 else "cost unknown"
            else:
                half = half_interval(known)
                panel.errorbar(
                    x, known.mean(), half, color=style.colour, marker=style.marker, markersize=5, capsize=2, linestyle=""
                )
        panel.set_xscale("log")
        panel.margins(x=0.15)
        plain_logarithmic(panel.xaxis)
        title, written, _ = COSTS[cost]
        panel.xaxis.set_major_formatter(FuncFormatter(_counted))
        unit = {lasting: " (s)", sized: " (bytes)"}.get(written, "")
        panel.set(xlabel=title + unit, ylabel=header(score, metric))
        _legend(figure, results, _spread(results, "bars"), unseen, lines=False)
    return figure


def _counted(value: float, place: int | None = None) -> str:
    return counted(value)


def sweep(results: Results, score: str, sizes: Mapping[str, float], size: str = "memory slots") -> Figure:
    """The mean score over a size. sizes: variant -> its size; the other variants are drawn as levels to compare with."""
    metric = results.metric(score)
    means = dict(zip(results.variants, results.seed_means(score) * metric.scale, strict=True))
    known = {variant: runs[~np.isnan(runs)] for variant, runs in means.items()}
    with paper():
        figure, (panel,) = _panels(1)
        unseen = {variant: "no scores" for variant in results.variants if not len(known[variant])}
        swept = sorted((variant for variant in sizes if len(known[variant])), key=sizes.__getitem__)
        x = [sizes[variant] for variant in swept]
        half = [half_interval(known[variant]) or 0.0 for variant in swept]
        panel.errorbar(x, [known[variant].mean() for variant in swept], half, color="#444444", capsize=2)
        for variant, style in line_styles(results.variants).items():
            if variant in swept:
                panel.plot(sizes[variant], known[variant].mean(), style.marker, color=style.colour, markersize=5)
            elif len(known[variant]):
                panel.axhline(known[variant].mean(), color=style.colour, linestyle=style.dash)
        unseen |= _focus(panel, results, np.array(list(means.values()))[..., None])
        ends = [known[variant].mean() + 1.1 * sign * bar for variant, bar in zip(swept, half, strict=True) for sign in (-1, 1)]
        panel.set_ylim(min([panel.get_ylim()[0], *ends]), max([panel.get_ylim()[1], *ends]))  # no bar is cut off
        panel.set_xscale("log", base=2)
        panel.set_xticks(x, [f"{value:g}" for value in x])
        panel.xaxis.set_minor_locator(NullLocator())
        panel.set(xlabel=size, ylabel=header(score, metric))
        _legend(figure, results, _spread(results, "bars"), unseen)
    return figure


def _panels(count: int) -> tuple[Figure, list[Axes]]:
    """Panels side by side, up to three in a row."""
    columns = min(count, 3)
    rows = -(-count // columns)
    figure = Figure(figsize=(COLUMN if count == 1 else PAGE, 0.3 + 2.1 * rows))
    axes = figure.subplots(rows, columns, squeeze=False).ravel()
    for empty in axes[count:]:
        empty.remove()
    return figure, list(axes[:count])


def _curve(panel: Axes, x: np.ndarray, y: np.ndarray, style: LineStyle, number: int) -> None:
    """A line with about six markers, a little apart from those of the other variants."""
    step = max(1, len(x) // 6)
    panel.plot(x, y, color=style.colour, linestyle=style.dash, marker=style.marker, markevery=(number % step, step))


def _band(panel: Axes, x: np.ndarray, low: np.ndarray, high: np.ndarray, style: LineStyle) -> None:
    panel.fill_between(x, low, high, color=style.colour, alpha=0.15, linewidth=0)


def _in_short(reasons: Sequence[str], panels: int) -> str:
    """Why a variant is not to be seen, or not everywhere, given why it is not in some of the panels."""
    if len(reasons) == panels and len(set(reasons)) == 1:
        return reasons[0]
    return "partly off the axis" if any("axis" in reason for reason in reasons) else ""


def _focus(panel: Axes, results: Results, values: np.ndarray) -> dict[str, str]:
    """Fit the axis to the trained variants' values [variants, seeds, x], bands aside; say which floors are then off it."""
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
    places = (1,) if decades > 3 else (1, 2, 5) if decades > 1 else (1, 1.5, 2, 3, 5, 7)
    axis.set_major_locator(LogLocator(subs=places) if decades > 0.4 else MaxNLocator(4))
    axis.set_minor_locator(NullLocator())
    axis.set_major_formatter(StrMethodFormatter("{x:g}"))


def _spread(results: Results, what: str) -> str:
    return f"{what}: {OVER_SEEDS}" if len(results.seeds) > 1 else "one seed: no confidence interval"


def _legend(figure: Figure, results: Results, title: str, unseen: Mapping[str, str], lines: bool = True) -> None:
    """All variants under the figure in declared order, and why some cannot be seen."""
    labels = [f"{variant} ({unseen[variant]})" if variant in unseen else variant for variant in results.variants]
    handles = [
        Line2D([], [], color=style.colour, linestyle=style.dash if lines else "", marker=style.marker)
        for style in line_styles(results.variants).values()
    ]
    width = 0.55 + 0.055 * max(map(len, labels))  # inches
    columns = max(1, min(len(labels), int(figure.get_figwidth() / width)))
    figure.set_figheight(figure.get_figheight() + 0.16 * -(-len(labels) // columns))
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
