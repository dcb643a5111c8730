"""`bench eval --predictions`: frames of another code base, read as the options say and scored."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.commands import _output
from bench.commands._data_set import dataset
from bench.common.errors import BenchError

if TYPE_CHECKING:
    from bench.data.base import Split
    from bench.external.predictions import Scored, SetClips
    from bench.external.side import Sides
    from bench.spec.component import Component

SIDES = ("prediction", "target")


def score_frames(
    path: Path,
    data: Component | None,
    context: int | None,
    split: Split,
    ranges: list[str],
    layout: str | None,
    grey: bool,
    keep: Path | None,
    sets: Sequence[str] = (),
) -> Scored:
    """The scores of predictions in files, against the targets beside them or the clips of a data set.

    data: None if the targets or a manifest beside the predictions say which clips these are. keep: where to store
    the frames that are scored. sets: metrics of the whole set of clips, which are computed as well.
    """
    from bench.common.machine import default_device
    from bench.data.layout import parse_layout
    from bench.data.value_range import parse_ranges
    from bench.external.predictions import score, score_on
    from bench.external.side import Reading
    from bench.external.sides import read_sides

    stated_ranges = parse_ranges(ranges, SIDES)
    sides = read_sides(path, Reading(parse_layout(layout) if layout else None, grey, of_data_set=data is not None))
    clips = _clips(sides, data, context, split)
    with _output.progress("scoring") as progress:
        if clips:
            return score_on(sides, clips, stated_ranges, default_device(), keep, progress, sets)
        return score(sides, stated_ranges, default_device(), keep, progress, sets)


def _clips(sides: Sides, data: Component | None, context: int | None, split: Split) -> SetClips | None:
    """The clips that predictions belong to, by --data or by a manifest; None if only the targets can tell."""
    from bench.data.clip_names import ClipManifest
    from bench.external.predictions import SetClips

    count, horizon = sides.prediction.count, sides.prediction.shape[0]
    if data:
        context_length = context or 10
        return SetClips(dataset(data), split, context_length, export_command(data, context_length, horizon, count, split))
    if sides.manifest is None:
        return None
    manifest = ClipManifest.from_json(sides.manifest, f"the manifest of {sides.source}")
    if context:
        raise BenchError(f"--context goes with --data; the manifest in {sides.source} says {manifest.context}")
    from bench.spec.component import Component

    component = Component(manifest.data, **manifest.options)
    data_set = dataset(component)
    exported: Split = "val" if manifest.split == "val" else "test"
    if data_set.split_fingerprint(exported) != manifest.fingerprint:
        raise BenchError(
            f"the manifest of {sides.source} is of clips of '{manifest.data}' with the fingerprint {manifest.fingerprint}, and "
            f"here that is {data_set.split_fingerprint(exported)}: other videos, or prepared otherwise"
        )
    return SetClips(data_set, exported, manifest.context, export_command(component, manifest.context, horizon, count, exported))


def export_command(data: Component, context: int, horizon: int, clips: int, split: Split) -> str:
    """The command that exports the clips which another code base is to predict."""
    settings = [word for key, value in data.options.items() for word in ("--set", f"{key}={_as_typed(value)}")]
    arguments = ["bench", "data", "export", data.name, *settings, "--context", str(context), "--horizon", str(horizon)]
    arguments += ["--clips", str(clips), *(["--split", split] if split != "test" else []), "--out", "clips"]
    return shlex.join(arguments)


def _as_typed(value: Any) -> str:
    """An option's value as --set takes it."""
    return str(value).lower() if isinstance(value, bool) else str(value)
