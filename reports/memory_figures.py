"""What memories do, drawn: the slots that clips address, how evenly slots are used, the alignment, the contexts recalled."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from reports.memory import Memories, Shown, alike, entropy, tops, usage
from reports.memory_kinds import long_path, nearest
from reports.results import Results
from reports.strips import GIVEN, PREDICTED, pixels, spread
from reports.style import COLUMN, INK, PAGE, line_styles, paper

WAYS = {"right": ">", "down": "v", "left": "<", "up": "^", "nowhere": "o"}  # a way of moving looks like itself
CLIP_FRAMES = 5
STORING = "D"


def addresses(memories: Memories, variant: str) -> Figure:
    """For some clips, frames of it and a map of each path: how much each slot (across) answers each position (down).

    Slots are in the order of matching's usage, so that both maps of a clip compare column by column; 1 is equal weights.
    """
    run, shown = memories.first()[variant], _shown(memories)
    paths = {"matching": run.matching, **({} if run.storing is None else {"storing": run.storing})}
    order = np.argsort(-usage(run.matching), kind="stable")
    slots = len(order)
    maps = {name: _by_position(path[list(shown.places)][:, order]) * slots for name, path in paths.items()}
    low, high = min(path.min() for path in maps.values()), max(path.max() for path in maps.values())
    with paper():
        figure = Figure(figsize=(PAGE, 0.75 + 0.62 * len(shown.places)))
        widths = [1] * CLIP_FRAMES + [5] * len(paths)
        panels = figure.subplots(len(shown.places), CLIP_FRAMES + len(paths), squeeze=False, width_ratios=widths)
        figure.set_layout_engine("constrained", w_pad=0.01, h_pad=0.02, wspace=0.03, hspace=0.03)
        for row, (axes, position) in enumerate(zip(panels, shown.places, strict=True)):
            _frames(axes[:CLIP_FRAMES], shown, row, shown.labels[position])
            for axis, (name, path) in zip(axes[CLIP_FRAMES:], maps.items(), strict=True):
                image = axis.imshow(path[row], cmap="cividis", vmin=low, vmax=high, aspect="auto", interpolation="nearest")
                axis.grid(False)
                axis.set(yticks=[], xticks=[] if row + 1 < len(panels) else [0, slots - 1])
                if row == 0:
                    axis.set_title(f"{name}: position by slot")
                if row + 1 == len(panels):
                    axis.set_xticks([0, slots - 1], ["most used", f"least of {slots}"])
                    axis.get_xticklabels()[0].set_ha("left")
                    axis.get_xticklabels()[1].set_ha("right")
        figure.colorbar(image, ax=panels[:, CLIP_FRAMES:], label=f"weight × {slots} (1: equal)", fraction=0.04, pad=0.01)
        figure.suptitle(f"{variant}, seed {run.seed}", fontsize=8)
    return figure


def slot_usage(results: Results, memories: Memories) -> Figure:
    """Two panels a variant: each slot's mean weight, and at what share of positions it is the top one; matching and storing."""
    runs = memories.first()
    with paper():
        figure, panels = _grid(2, len(runs), 1.2)
        for (variant, run), (evenness, winners) in zip(runs.items(), panels.T, strict=True):
            colour, slots = line_styles(results.variants)[variant].colour, run.matching.shape[1]
            ranks = np.arange(1, slots + 1)
            by_weight, by_wins = (np.argsort(-measure(run.matching), kind="stable") for measure in (usage, tops))
            evenness.step(ranks, usage(run.matching)[by_weight] * slots, where="mid", color=colour)
            winners.bar(ranks, tops(run.matching)[by_wins] * 100, width=1, color=colour, alpha=0.6, linewidth=0)
            if run.storing is not None:
                evenness.plot(ranks, usage(run.storing)[by_weight] * slots, STORING, color="black", markersize=2)
                winners.plot(ranks, tops(run.storing)[by_wins] * 100, STORING, color="black", markersize=2)
            for axis in (evenness, winners):
                axis.set_xlim(0.5, slots + 0.5)
                axis.xaxis.set_major_locator(MaxNLocator(4, integer=True, min_n_ticks=1))
            evenness.set_title(f"{variant}\n{entropy(usage(run.matching), 0):.3f} of {np.log2(slots):.3f} bits")
            winners.set_xlabel("slots by rank")
        panels[0][0].set_ylabel("mean weight")
        panels[1][0].set_ylabel("top at (%)")
        handles = [Patch(color="#888888"), Line2D([], [], color="black", marker=STORING, linestyle="", markersize=2)]
        figure.legend(handles, ["matching (slots in its order)", "storing"], loc="outside lower center", ncols=2)
    return figure


def alignment(results: Results, memories: Memories) -> Figure:
    """How alike two addresses of a clip are (filled: mean, bar: middle 90% of clips), beside those of different clips (hollow).

    Left: by storing and matching. Right: by the motion-matching encoder alone, shown the long clip and the context.
    """
    runs = memories.first()
    with paper():
        figure = Figure(figsize=(PAGE, 0.95 + 0.3 * len(runs)))
        panels = figure.subplots(1, 2, sharex=True, sharey=True)
        for row, (variant, run) in enumerate(runs.items()):
            style = line_styles(results.variants)[variant]
            for panel, other in zip(panels, (run.storing, run.long), strict=True):
                if other is None:
                    panel.text(0.5, row, "no storing path", transform=panel.get_yaxis_transform(), ha="center", va="center")
                    continue
                same, chance = alike(other, run.matching, centred=True)
                for offset, values, face in ((-0.13, same, style.colour), (0.13, chance, "white")):
                    if np.isnan(values).all():  # one clip has no other to be compared with
                        continue
                    low, high = np.quantile(values, [0.05, 0.95])
                    panel.plot([low, high], [row + offset] * 2, color=style.colour, linewidth=1)
                    panel.plot(
                        values.mean(), row + offset, style.marker, color=style.colour, markerfacecolor=face, markersize=5
                    )
        panels[0].set(title="storing and matching (the alignment)", yticks=range(len(runs)), yticklabels=list(runs))
        panels[0].set_ylim(len(runs) - 0.5, -0.5)
        panels[1].set_title("long clip and context, one encoder")
        for panel in panels:
            panel.set_xlabel("correlation over slots")
        handles = [Line2D([], [], color=INK, marker="o", markerfacecolor=face, markersize=5) for face in (INK, "white")]
        labels = ["same clip", "different clips (chance)"]
        figure.legend(handles, labels, loc="outside lower center", ncols=2, title="bars: the middle 90% of clips")
    return figure


def kinds(memories: Memories) -> Figure:
    """Two panels a variant. Left: how much each slot (across) answers clips of each kind (down), slots by the kind that they
    answer most. Right: of clips of each kind, the share whose address is nearest to each kind's."""
    labels = np.array(_shown(memories).labels)
    runs = memories.first()
    with paper():
        figure = Figure(figsize=(PAGE, 0.5 + (0.45 + 0.16 * len(set(labels))) * len(runs)))
        panels = figure.subplots(len(runs), 2, squeeze=False, width_ratios=[3, 1])
        for (variant, run), (slots, shares) in zip(runs.items(), panels, strict=True):
            names, kind_shares = nearest(run.matching, long_path(run), labels.tolist())
            used = np.array([usage(run.matching[labels == kind]) for kind in names]) * run.matching.shape[1]
            mean = used.mean(0)
            order = np.lexsort((-(used.max(0) - mean), used.argmax(0)))
            drawn = slots.imshow(used[:, order] - mean[order], cmap="RdBu_r", aspect="auto", interpolation="nearest")
            bound = max(float(np.abs(used - mean).max()), 1e-6)
            drawn.set_clim(-bound, bound)
            figure.colorbar(drawn, ax=slots, pad=0.01, format="%+.1g")
            slots.set(yticks=range(len(names)), yticklabels=names, xticks=[], title=f"{variant}, seed {run.seed}: slots")
            shares.imshow(kind_shares, cmap="cividis", vmin=0, vmax=1, aspect="auto", interpolation="nearest")
            for row, column in np.ndindex(kind_shares.shape):
                ink = "white" if kind_shares[row, column] < 0.5 else "black"
                shares.text(
                    column, row, f"{100 * kind_shares[row, column]:.0f}", ha="center", va="center", fontsize=5.5, color=ink
                )
            shares.set(yticks=[], xticks=[], title=f"own kind: {100 * np.diag(kind_shares).mean():.0f}%")
            for axis in (slots, shares):
                axis.grid(False)
        panels[-1][0].set_xlabel("slots, by the kind that they answer most; weight × slots, less its mean over kinds")
        panels[-1][1].set_xlabel("nearest kind (%)")
    return figure


def projection(memories: Memories) -> Figure:
    """The motion contexts that clips recall, a panel a variant, on their two principal axes; marked by what the clip shows."""
    runs, shown = memories.first(), _shown(memories)
    kinds = [way for way in WAYS if way in shown.labels] if set(shown.labels) <= set(WAYS) else sorted(set(shown.labels))
    labels = np.array(shown.labels)
    drawn = {kind: replace(style, marker=WAYS.get(kind, style.marker)) for kind, style in line_styles(kinds).items()}
    with paper():
        figure, panels = _grid(-(-len(runs) // 4), min(4, len(runs)), 1.55)
        for axis in panels.ravel()[len(runs) :]:
            axis.remove()
        for axis, (variant, run) in zip(panels.ravel(), runs.items(), strict=False):
            points, shares = principal(run.recalled)
            for kind in kinds:
                style = drawn[kind]
                axis.plot(
                    *points[labels == kind].T, style.marker, color=style.colour, markersize=3, alpha=0.8, markeredgewidth=0
                )
            axis.set(title=variant, xticks=[], yticks=[], xlabel=f"{shares[0]:.1%} of variance", ylabel=f"{shares[1]:.1%}")
        handles = [Line2D([], [], linestyle="", marker=style.marker, color=style.colour) for style in drawn.values()]
        figure.legend(
            handles, kinds, loc="outside lower center", ncols=min(7, len(kinds)), title=f"{shown.labelled} of the clip"
        )
    return figure


def principal(points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Points [N, D] on their two principal axes [N, 2], signs fixed, and the axes' shares of the variance [2]."""
    centred = points.astype(np.float64) - points.mean(0, dtype=np.float64)
    _, sizes, axes = np.linalg.svd(centred, full_matrices=False)
    axes = np.pad(axes, ((0, max(0, 2 - len(axes))), (0, 0)))[:2]
    largest = axes[np.arange(2), np.abs(axes).argmax(1)]
    axes = axes * np.where(largest < 0, -1, 1)[:, None]
    variance = np.pad(sizes, (0, 2))[:2] ** 2
    return centred @ axes.T, variance / max(float((sizes**2).sum()), 1e-30)


def _shown(memories: Memories) -> Shown:
    if memories.shown is None:
        raise ValueError("no memory could be looked into: " + "; ".join(dict.fromkeys(memories.missing.values())))
    return memories.shown


def _grid(rows: int, columns: int, height: float) -> tuple[Figure, np.ndarray]:
    """Panels [rows, columns] over both columns of a page, fewer of them over less."""
    figure = Figure(figsize=(min(PAGE, max(COLUMN, 0.6 + 1.7 * columns)), 0.55 + height * rows))
    return figure, figure.subplots(rows, columns, squeeze=False)


def _by_position(weights: np.ndarray) -> np.ndarray:
    """[clips, slots, h, w] -> [clips, positions, slots], positions row by row."""
    return weights.reshape(*weights.shape[:2], -1).transpose(0, 2, 1)


def _frames(axes: Sequence[Axes], shown: Shown, row: int, label: str) -> None:
    """Frames of a shown clip, the first and the last of the context among them; numbered as predicted frames are."""
    clip, context = shown.frames[row], shown.context
    chosen = [0, context // 2, context - 1]
    chosen += (
        [context + offset for offset in spread(len(clip) - context, CLIP_FRAMES - len(chosen))] if len(clip) > context else []
    )
    for axis in axes:
        axis.set(xticks=[], yticks=[])
        axis.set_visible(False)
    for axis, frame in zip(axes, chosen, strict=False):
        axis.set_visible(True)
        axis.imshow(pixels(clip[frame] / 255), cmap="gray", vmin=0, vmax=255, interpolation="nearest")
        axis.grid(False)
        axis.spines[:].set(visible=True, linewidth=0.8, color=GIVEN if frame < context else PREDICTED)
        axis.set_xlabel(f"{frame + 1 - context:+d}".replace("+0", "0"), fontsize=6, labelpad=1)
    axes[0].set_ylabel(label, rotation=0, ha="right", va="center", labelpad=4)
