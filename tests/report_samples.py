"""Small made-up results for the tests of reports."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from reports.results import Metadata, Metric, Results

METRICS = {
    "psnr": Metric("up", "dB", 2),
    "ssim": Metric("up", "", 3),
    "lpips": Metric("down", "", 1, 1000),
    "mse": Metric("down", "", 2),
}


def scores(values: Mapping[tuple[str, int], Any], column: str = "standard/psnr", variants: Sequence[str] = ()) -> pd.DataFrame:
    """One row per score: values are [clips, frames] for each (variant, seed)."""
    rows = [
        {"variant": variant, "seed": seed, "clip": clip, "frame": frame, column: value}
        for (variant, seed), clips in values.items()
        for clip, frames in enumerate(clips)
        for frame, value in enumerate(frames, start=1)
    ]
    labels = list(variants) or list(dict.fromkeys(variant for variant, _ in values))
    return pd.DataFrame(rows).astype({"variant": pd.CategoricalDtype(labels, ordered=True), column: "float32"})


def runs(*rows: Mapping[str, Any]) -> pd.DataFrame:
    """Planned runs; a row says what is not ordinary about it."""
    ordinary = {"key": "0" * 12, "state": "finished", "reason": "", "deviations": ""}
    return pd.DataFrame([{**ordinary, **row} for row in rows])


def results(
    values: Mapping[tuple[str, int], Any], planned: pd.DataFrame | None = None, column: str = "standard/psnr", **changes: Any
) -> Results:
    """An experiment with these scores. Runs are those with scores unless `planned` says otherwise."""
    planned = runs(*({"variant": v, "seed": s} for v, s in values)) if planned is None else planned
    variants = list(dict.fromkeys([v for v, _ in values] + list(planned["variant"])))
    first = np.asarray(next(iter(values.values())))
    defaults = {
        "name": "toy", "question": "Which is better?", "scale": "paper", "variants": variants,
        "scores": scores(values, column, variants), "runs": planned, "metrics": METRICS, "protocols": {"standard": 1},
        "metadata": Metadata("moving digits", "test", "0123abcd", 10, first.shape[1], first.shape[0], "the last one"),
    }  # fmt: skip
    return Results(**{**defaults, **changes})
