"""Predictions and targets as other code bases write them: arrays, folders of pictures, or both sides in one folder.

theirs.npz                        arrays `prediction`, `target` and `names` of the clips
saved/preds.npy, saved/trues.npy  OpenSTL
theirs/prediction/CLIP/*.png, theirs/target/CLIP/*.png
results/CLIP/pd11.png, gt11.png   PredRNN; also pred_0.png, gt_0.png, input_0.png
theirs/CLIP/*.png                 predictions alone, by the names of `bench data export`
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from bench.common.errors import BenchError
from bench.external.side import PREDICTION, Reading, Sides
from bench.external.side_arrays import MANIFEST, array_in, read_npy, read_npz
from bench.external.side_pictures import read_clip_folders, read_side_folders


def read_sides(path: Path, reading: Reading) -> Sides:
    """Both sides, clip by clip. A BenchError says what to do where files leave something open."""
    if path.suffix.lower() == ".npz":
        sides = read_npz(path, reading)
    elif path.suffix.lower() == ".npy":
        sides = read_npy(path, reading)
    elif not path.is_dir():
        raise BenchError(
            f"there is no folder {path}; --predictions takes one, or an .npz or .npy file (`bench eval --help` says more)"
        )
    elif array := array_in(path, PREDICTION):
        sides = read_npy(array, reading)
    else:
        if reading.layout:
            raise BenchError(f"--layout is of arrays, and {path} holds pictures")
        sides = read_side_folders(path) if (path / PREDICTION).is_dir() else read_clip_folders(path)
    if path.is_dir() and (path / f"{MANIFEST}.json").is_file():
        sides = replace(sides, manifest=(path / f"{MANIFEST}.json").read_text("utf-8", "replace"))
    prediction, target = sides.prediction, sides.target
    if reading.grey:
        prediction, target = prediction.grey(), target.grey() if target else None
    if target and (prediction.count, prediction.shape) != (target.count, target.shape):
        shapes = " and ".join(f"the {side.side} is {[side.count, *side.shape]}" for side in (prediction, target))
        hint = "; --grey makes both grey" if prediction.shape[1] != target.shape[1] else ""
        raise BenchError(f"{path}: {shapes}; they must be of one shape [N, T, C, H, W]{hint}")
    return Sides(path, prediction, target, sides.manifest)
