"""Sides of a comparison as arrays: an .npz file, or .npy files beside each other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from bench.common.arrays import mapped, npz
from bench.common.errors import BenchError, listed
from bench.common.machine import available_memory
from bench.common.reading import Unreadable
from bench.data.layout import arranged, layout_of, refuse_doubtful_time
from bench.external.side import PREDICTION, TARGET, Reading, Side, Sides

ARRAYS = {
    PREDICTION: ("prediction", "predictions", "preds", "pred"),
    TARGET: ("target", "targets", "trues", "true", "gt"),
}
"""What the arrays of a side are called, in an .npz file or as .npy files of a folder; preds and trues are OpenSTL's."""
NAMES, MANIFEST = "names", "manifest"  # further arrays of an .npz file: of the clips, and what `bench data export` says of them
CHECKED = 16  # clips whose content has to agree with the usual layout


def read_npz(path: Path, reading: Reading) -> Sides:
    """The arrays of an .npz file."""
    try:
        with npz(path, available_memory()) as file:
            keys = {side: _single(path, side, [name for name in file.files if name in ARRAYS[side]]) for side in ARRAYS}
            if not keys[PREDICTION]:
                raise BenchError(_npz_contents(path, f"it holds {listed(file.files)}"))
            arrays = {side: file[key] for side, key in keys.items() if key}
            names = tuple(map(str, file[NAMES].ravel())) if NAMES in file.files else None
            manifest = str(file[MANIFEST]) if MANIFEST in file.files else None
    except (OSError, ValueError, KeyError, EOFError, BadZipFile) as error:
        raise BenchError(_npz_contents(path, str(error))) from error
    reading = replace(reading, of_data_set=reading.of_data_set or manifest is not None)
    described = {side: (f"{path}: {keys[side]}", array) for side, array in arrays.items()}
    return _of_arrays(path, described, names, reading, manifest)


def _npz_contents(path: Path, reason: str) -> str:
    """A message: what an .npz file must hold, and why this one does not."""
    return f"{path} must be an .npz file with arrays 'prediction' and 'target' [N, T, C, H, W]: {reason}"


def read_npy(path: Path, reading: Reading) -> Sides:
    """An array of predictions, and the targets that lie beside it: preds.npy with trues.npy."""
    arrays = {PREDICTION: (str(path), open_array(path))}
    if path.stem.lower() in ARRAYS[PREDICTION] and (target := array_in(path.parent, TARGET)):
        arrays[TARGET] = (str(target), open_array(target))
    return _of_arrays(path, arrays, None, reading, None)


def open_array(path: Path) -> NDArray[Any]:
    """The array of a .npy file, memory-mapped; a BenchError if it holds none."""
    try:
        return mapped(path)
    except Unreadable:
        raise  # its message names the file
    except (OSError, ValueError, EOFError) as error:
        raise BenchError(f"{path} cannot be read as an array: {error}") from error


def array_in(folder: Path, side: str) -> Path | None:
    """The .npy file of a side in a folder."""
    paths = [folder / f"{name}.npy" for name in ARRAYS[side] if (folder / f"{name}.npy").is_file()]
    return folder / name if (name := _single(folder, side, [path.name for path in paths])) else None


def _single(source: Path, side: str, names: Sequence[str]) -> str | None:
    """The one name that there is, None if there is none; a BenchError for several."""
    if len(names) > 1:
        raise BenchError(f"{source} holds {listed(names)}, each of which may be the {side}; keep one of them")
    return names[0] if names else None


def _of_arrays(
    path: Path,
    arrays: Mapping[str, tuple[str, NDArray[Any]]],
    names: tuple[str, ...] | None,
    reading: Reading,
    manifest: str | None,
) -> Sides:
    sides = {side: _of_array(side, subject, array, names, reading) for side, (subject, array) in arrays.items()}
    if not reading.layout:
        first = sides.get(TARGET, sides[PREDICTION])
        layout = layout_of(arrays[first.side][1].shape, first.subject, checked=reading.of_data_set)
        refuse_doubtful_time(first.read(range(min(first.count, CHECKED))), layout, first.subject)
    return Sides(path, sides[PREDICTION], sides.get(TARGET), manifest)


def _of_array(side: str, subject: str, array: NDArray[Any], names: tuple[str, ...] | None, reading: Reading) -> Side:
    clips = arranged(array, reading.layout or layout_of(array.shape, subject, checked=reading.of_data_set), subject)
    if 0 in clips.shape:
        raise BenchError(f"{subject} is empty: {list(array.shape)}")
    if names is not None and (len(names) != len(clips) or len(set(names)) < len(names)):
        raise BenchError(f"{subject} has {len(clips)} clips and {len(names)} names ({len(set(names))} different ones)")
    shape: tuple[int, int, int, int] = clips.shape[1:]
    return Side(side, subject, len(clips), shape, clips.dtype, names, lambda chosen: np.asarray(clips[list(chosen)]))
