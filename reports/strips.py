"""What the predictions look like: the same clips for every model, chosen by rule, as strips for print and as animations."""

import io
import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import Image, ImageDraw, ImageFont

from reports.results import Results
from reports.style import PAGE, paper

NOT_FINITE = (255, 0, 255)  # magenta, as in `bench predict`
GIVEN, PREDICTED = "#009E73", "#D55E00"  # frames around context and predictions
LABEL = 18  # letters in a line of a strip's label: an inch
# Of an animation: pictures in a row (as many of 128 pixels fit into the page), pixels between them, height of letters, of lines
ACROSS, GAP, LETTERS, LINE = 10, 8, 11, 14


def choose_clips(results: Results, score: str = "standard/psnr") -> dict[str, int]:
    """The numbers of the "best", "median" and "worst" clip by the mean score of the first variant."""
    runs = results.clip_means(score)[0]  # [seeds, clips]
    means = runs[~np.isnan(runs).all(1)].mean(0)
    scored_clips = np.flatnonzero(~np.isnan(means))
    if not len(scored_clips):
        raise ValueError(f"'{results.variants[0]}' has no {score} to choose clips by")
    sign = -1 if results.metric(score).direction == "up" else 1
    order = scored_clips[np.argsort(sign * means[scored_clips], kind="stable")]
    ranks = {"best": order[0], "median": order[len(order) // 2], "worst": order[-1]}
    return {rule: int(results.clips[clip]) for rule, clip in ranks.items()}


def clip_scores(results: Results, score: str, clip: int, seeds: Mapping[str, int]) -> dict[str, np.ndarray]:
    """Each variant's shown (scaled) score of one clip per frame: variant -> [horizon]. Variants without one are left out.

    seeds: variant -> the seed of the run that is meant.
    """
    rows = results.scores[results.scores["clip"] == clip]
    runs = {
        (str(variant), seed): frames.sort_values("frame")[score].to_numpy()
        for (variant, seed), frames in rows.groupby(["variant", "seed"], observed=True)
    }
    scale = results.metric(score).scale
    return {variant: runs[variant, seed] * scale for variant, seed in seeds.items() if (variant, seed) in runs}


def strip(
    context: np.ndarray,
    truth: np.ndarray,
    predictions: Mapping[str, np.ndarray],
    scores: Mapping[str, np.ndarray] | None = None,
    errors: bool = False,
    columns: int = 10,
) -> Figure:
    """Rows context, truth and a row per model; at most `columns` frames of each, evenly spread and the last one among them.

    context [T, C, H, W]; truth and predictions [horizon, C, H, W]; pixels in [0, 1].
    scores: model -> [horizon], the PSNR in dB, written under its frames.
    errors: under each model its absolute error, black (0) to white (1).
    """
    past, shown = spread(len(context), columns), spread(len(truth), columns)
    rows: list[tuple[str, np.ndarray, Sequence[str], str]] = [
        ("context", context[past], [f"{frame + 1 - len(context):+d}".replace("+0", "0") for frame in past], "frame"),
        ("truth", truth[shown], [f"{frame + 1}" for frame in shown], "frame"),
    ]
    for model, predicted in predictions.items():
        psnr = scores[model] if scores and model in scores else None
        under = [""] * len(shown) if psnr is None else [f"{psnr[frame]:.1f}" for frame in shown]
        rows.append((model, predicted[shown], under, "PSNR (dB)" if any(under) else ""))
        if errors:
            clamped = np.where(np.isfinite(predicted), np.clip(predicted, 0, 1), np.nan)
            rows.append(("error", np.abs(clamped - truth)[shown], [""] * len(shown), ""))
    across = max(len(past), len(shown))
    side = (PAGE - 1) / across
    with paper():
        figure = Figure(figsize=(PAGE, (side * truth.shape[-2] / truth.shape[-1] + 0.13) * len(rows)))
        panels = figure.subplots(len(rows), across, squeeze=False)
        figure.set_layout_engine("constrained", w_pad=0.01, h_pad=0.01, wspace=0.02, hspace=0.02)
        for axes, row in zip(panels, rows, strict=True):
            _row(axes, *row)
    return figure


def spread(length: int, most: int) -> np.ndarray:
    """At most `most` indices among `length`, evenly spread, the last one included."""
    return np.unique(np.linspace(length - 1, 0, min(length, most)).round().astype(int))


def _row(axes: Sequence[Axes], label: str, frames: np.ndarray, under: Sequence[str], quantity: str) -> None:
    """A row of frames. under: a text below each frame; quantity: what these texts give, written to their left."""
    for axis in axes:
        axis.set(xticks=[], yticks=[])
        axis.set_visible(False)
    for axis, frame, text in zip(axes, frames, under, strict=False):
        axis.set_visible(True)
        axis.imshow(pixels(frame), cmap="gray", vmin=0, vmax=255, interpolation="nearest")
        axis.spines[:].set(visible=True, linewidth=0.4, color="#888888")
        axis.set_xlabel(text, fontsize=6, labelpad=1)
    axes[0].set_ylabel(textwrap.fill(label, LABEL), rotation=0, ha="right", va="center", labelpad=4)
    if quantity:
        axes[0].annotate(quantity, (0, 0), (-4, -3), "axes fraction", "offset points", fontsize=6, ha="right", va="top")


def pixels(frame: np.ndarray) -> np.ndarray:
    """[C, H, W] in [0, 1] as bytes: [H, W] for one channel, [H, W, 3] for three and where a number is not finite (magenta)."""
    levels = (np.clip(np.nan_to_num(frame), 0, 1) * 255).round().astype(np.uint8)
    if len(levels) not in (1, 3):
        raise ValueError(f"frames have 1 or 3 channels, got {len(levels)}")
    lost = ~np.isfinite(frame).all(0)
    if lost.any():
        coloured = np.broadcast_to(levels, (3, *lost.shape)).transpose(1, 2, 0).copy()
        coloured[lost] = NOT_FINITE
        return coloured
    return levels[0] if len(levels) == 1 else levels.transpose(1, 2, 0)


def animation(
    context: np.ndarray, truth: np.ndarray, predictions: Mapping[str, np.ndarray], rate: float = 5, least: int = 128
) -> bytes:
    """A GIF of the truth and every model side by side: first the context (green frame), then what each predicts (orange).
    Labels are wrapped, never cut.

    Arrays as those of `strip`. rate: frames per second. least: pixels that a side has at least; small frames are enlarged.
    """
    pages = []
    for frame in range(len(context) + len(truth)):
        past = frame < len(context)
        ahead = frame - len(context)
        now = {"truth": context[frame] if past else truth[ahead]}
        now |= {model: context[frame] if past else predicted[ahead] for model, predicted in predictions.items()}
        says = f"context {ahead + 1}" if past else f"frame {ahead + 1}"
        pages.append(_side_by_side(now, says, GIVEN if past else PREDICTED, least))
    file = io.BytesIO()
    pages[0].save(file, "GIF", save_all=True, append_images=pages[1:], duration=round(1000 / rate), loop=0, disposal=1)
    return file.getvalue()


def _side_by_side(frames: Mapping[str, np.ndarray], says: str, colour: str, least: int) -> Image.Image:
    height, width = next(iter(frames.values())).shape[-2:]
    times = max(1, -(-least // min(height, width)))
    size = width * times, height * times
    rows = -(-len(frames) // ACROSS)
    across = -(-len(frames) // rows)
    font = ImageFont.truetype(Path(matplotlib.get_data_path()) / "fonts/ttf/DejaVuSans.ttf", LETTERS)  # as in every figure
    labels = {label: _wrapped(label, size[0], font) for label in frames}
    heads = [LINE * max(map(len, list(labels.values())[row * across :][:across])) + 5 for row in range(rows)]
    foot = sum(heads) + (size[1] + GAP) * rows
    page = Image.new("RGB", ((size[0] + GAP) * across + GAP, foot + LINE + 3), "white")
    draw = ImageDraw.Draw(page)
    for number, (label, frame) in enumerate(frames.items()):
        row, column = divmod(number, across)
        left, top = GAP + column * (size[0] + GAP), sum(heads[: row + 1]) + (size[1] + GAP) * row
        edge = "#888888" if label == "truth" else colour
        for line, words in enumerate(reversed(labels[label]), 1):
            draw.text((left, top - 4 - LINE * line), words, "black", font)
        draw.rectangle((left - 2, top - 2, left + size[0] + 1, top + size[1] + 1), outline=edge, width=2)
        page.paste(Image.fromarray(pixels(frame)).convert("RGB").resize(size, Image.Resampling.NEAREST), (left, top))
    draw.text((GAP, foot), says, "black", font)
    return page


def _wrapped(label: str, width: int, font: ImageFont.FreeTypeFont) -> list[str]:
    """The label in lines as wide as its picture: broken at spaces, and within a word that is wider itself."""
    lines = [""]
    for word in label.split():
        if lines[-1] and font.getlength(f"{lines[-1]} {word}") > width:
            lines.append("")
        elif lines[-1]:
            lines[-1] += " "
        for letter in word:
            if lines[-1] and font.getlength(lines[-1] + letter) > width:
                lines.append("")
            lines[-1] += letter
    return lines
