"""Frames as pictures: strips for a page, single frames, and animations beside the ground truth."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from bench.common.files import replacing

FrameArray = NDArray[np.floating]
"""[T, C, H, W], C 1 or 3, shown clamped to [0, 1]."""

GAP = 2  # pixels between frames
LABEL = 12  # height of a line of text in pixels
PAPER = 255  # white
NOT_FINITE = (255, 0, 255)  # magenta, which no one takes for a prediction


def image(frame: NDArray[np.floating]) -> Image.Image:
    """One frame [C, H, W] as a picture; magenta where it is not finite, in colours then."""
    pixels = np.round(np.clip(np.nan_to_num(frame), 0, 1) * 255).astype(np.uint8)
    picture = Image.fromarray(pixels[0] if len(pixels) == 1 else pixels.transpose(1, 2, 0))
    lost = ~np.isfinite(frame).all(0)
    if lost.any():
        picture = picture.convert("RGB")
        picture.paste(NOT_FINITE, mask=Image.fromarray(lost))
    return picture


def strip(rows: dict[str, FrameArray], first: dict[str, int] | None = None) -> Image.Image:
    """Rows of frames under each other, each with its label; row r starts at column `first[r]` (default 0)."""
    first = first or {}
    height, width = next(iter(rows.values())).shape[2:]
    scale = max(1, 64 // height)  # tiny frames are shown larger
    columns = max(first.get(label, 0) + len(frames) for label, frames in rows.items())
    cell_w, cell_h = width * scale + GAP, height * scale + LABEL + GAP
    page = Image.new("RGB", (columns * cell_w + GAP, len(rows) * cell_h + GAP), (PAPER,) * 3)
    pen = ImageDraw.Draw(page)
    for r, (label, frames) in enumerate(rows.items()):
        first_column = first.get(label, 0)
        top = GAP + r * cell_h
        pen.text((GAP + first_column * cell_w, top - 1), label, fill=(40, 40, 40), font=ImageFont.load_default(size=10))
        for t, frame in enumerate(frames):
            enlarged = image(frame).resize((width * scale, height * scale), Image.Resampling.NEAREST)
            page.paste(enlarged, (GAP + (first_column + t) * cell_w, top + LABEL))
    return page


def side_by_side(rows: dict[str, FrameArray]) -> list[Image.Image]:
    """One picture a time step, the rows' frames beside each other, each under its label; for an animation."""
    frames = next(iter(rows.values()))
    scale = max(1, 128 // frames.shape[2])
    width, height = frames.shape[3] * scale, frames.shape[2] * scale
    pages = []
    for t in range(len(frames)):
        page = Image.new("RGB", (len(rows) * (width + GAP) + GAP, height + LABEL + 2 * GAP + 2), (PAPER,) * 3)
        pen = ImageDraw.Draw(page)
        for column, (label, row) in enumerate(rows.items()):
            left = GAP + column * (width + GAP)
            pen.text((left, 1), label, fill=(40, 40, 40), font=ImageFont.load_default(size=10))
            page.paste(image(row[t]).resize((width, height), Image.Resampling.NEAREST), (left, LABEL + GAP + 2))
        pages.append(page)
    return pages


def save_png(picture: Image.Image, path: Path, root: Path | None = None) -> None:
    """Write a picture, the whole of it or nothing. root: the run that it is part of."""
    with replacing(path, root) as temporary:
        picture.save(temporary, format="PNG")


def save_gif(pages: list[Image.Image], path: Path, frames_per_second: float = 5) -> None:
    """Write an endless animation."""
    with replacing(path) as temporary:
        pages[0].save(
            temporary, format="GIF", save_all=True, append_images=pages[1:], duration=round(1000 / frames_per_second), loop=0
        )
