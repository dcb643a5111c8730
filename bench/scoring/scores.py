"""Scores as they are kept: one number per clip, frame and metric, with everything that says what they mean."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.errors import BenchError
from bench.files import replacing


@dataclass(frozen=True)
class Scores:
    """values: float32 [clip, frame, metric]; names: 'protocol/metric' of the last axis.

    facts: the protocols' versions, the data's fingerprint, where LPIPS's backbone came from or why it is missing, and so on.
    """

    values: NDArray[np.float32]
    names: list[str]
    facts: dict[str, Any] = field(default_factory=dict)

    def __getitem__(self, name: str) -> NDArray[np.float32]:
        """One metric, [clip, frame]."""
        return self.values[..., self.names.index(name)]

    def means(self) -> dict[str, float]:
        """Each metric's mean over clips and frames; a metric that is empty (LPIPS without its backbone) is left out."""
        means = {name: float(self[name].mean(dtype=np.float64)) for name in self.names}
        return {name: value for name, value in means.items() if np.isfinite(value)}

    def save(self, path: Path) -> None:
        """Write everything to one .npz file, the whole of it or nothing."""
        with replacing(path) as temporary:
            np.savez_compressed(
                temporary, values=self.values, names=np.array(self.names), facts=np.array(json.dumps(self.facts))
            )


@dataclass(frozen=True)
class Kept:
    """What a file of scores holds, without its values: their shape [clip, frame, metric], names and facts as in `Scores`."""

    path: Path
    shape: tuple[int, int, int]
    names: list[str]
    facts: dict[str, Any]


def look(path: Path) -> Kept:
    """What is in a file of scores, read in a fraction of the time that `load` takes; BenchError if it is missing or damaged."""
    try:
        with np.load(path, allow_pickle=False) as file:
            with file.zip.open("values.npy") as values:
                np.lib.format.read_magic(values)
                clips, frames, metrics = np.lib.format.read_array_header_1_0(values)[0]
            return Kept(path, (clips, frames, metrics), [str(name) for name in file["names"]], json.loads(str(file["facts"])))
    except Exception as error:
        raise _unreadable(path, error) from error


def load(path: Path) -> Scores:
    """The scores in a file that `Scores.save` wrote; BenchError if it is missing or damaged."""
    try:
        with np.load(path, allow_pickle=False) as file:
            return Scores(file["values"], [str(name) for name in file["names"]], json.loads(str(file["facts"])))
    except Exception as error:
        raise _unreadable(path, error) from error


def _unreadable(path: Path, error: Exception) -> BenchError:
    return BenchError(f"cannot read the scores {path}: {error}; `bench rescore` makes them again")
