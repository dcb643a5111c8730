"""Scores as they are kept: one number per clip, frame and metric, with everything that says what they mean."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.common.errors import BenchError
from bench.common.files import replacing
from bench.evaluation.sets import Features
from bench.metrics import set_metrics


@dataclass(frozen=True)
class Scores:
    """values: float32 [clip, frame, metric]; names: 'protocol/metric' of the last axis.

    facts: the protocols' versions, the data's fingerprint, where LPIPS's backbone came from or why it is missing, and so on.
    sets: what set metrics keep of each clip, for those that were asked for; their scores stand in the facts.
    """

    values: NDArray[np.float32]
    names: list[str]
    facts: dict[str, Any] = field(default_factory=dict)
    sets: dict[str, Features] = field(default_factory=dict)

    def __getitem__(self, name: str) -> NDArray[np.float32]:
        """One metric, [clip, frame]."""
        return self.values[..., self.names.index(name)]

    def means(self) -> dict[str, float]:
        """Each metric's mean over clips and frames; a metric that is empty (LPIPS without its backbone) is left out."""
        means = {name: float(self[name].mean(dtype=np.float64)) for name in self.names}
        return {name: value for name, value in means.items() if np.isfinite(value)}

    def missing(self) -> dict[str, str]:
        """Why a metric has no mean, of each that has none."""
        reasons = {}
        for name in self.names:
            lost = np.flatnonzero(~np.isfinite(self[name]).all(1))
            if why := self.facts.get(f"{name.partition('/')[2]}_missing"):
                reasons[name] = str(why)
            elif len(lost):
                reasons[name] = f"not finite: {len(lost)} of {len(self.values)} clips, the first is clip {lost[0] + 1}"
        return reasons

    def set_scores(self) -> dict[str, float]:
        """The scores of the whole set of clips, "fvd2018/fvd", as far as they could be computed."""
        sets = self.facts.get("sets", {})
        return {f"{known['protocol']}/{name}": known["value"] for name, known in sets.items() if "value" in known}

    def save(self, path: Path) -> None:
        """Write everything to one .npz file, the whole of it or nothing.

        Each protocol lies by itself and nothing is packed: a report reads thousands of files, one protocol at a time.
        """
        parts: dict[str, Any] = {protocol: self.values[..., places] for protocol, places in _by_protocol(self.names).items()}
        parts |= {
            _kept(name, part): getattr(features, part)
            for name, features in self.sets.items()
            for part in ("prediction", "target")
        }
        with replacing(path) as temporary:
            np.savez(temporary, names=np.array(self.names), facts=np.array(json.dumps(self.facts)), **parts)


@dataclass(frozen=True)
class Kept:
    """What a file of scores holds, without its values: their shape [clip, frame, metric], names and facts as in `Scores`."""

    path: Path
    shape: tuple[int, int, int]
    names: list[str]
    facts: dict[str, Any]

    def load(self, protocols: Collection[str]) -> Scores:
        """The scores of some protocols; BenchError if the file is missing or damaged."""
        with _opened(self.path) as file:
            return _read(file, self.names, self.facts, protocols)


def look(path: Path) -> Kept:
    """What is in a file of scores, read in a fraction of the time that `load` takes; BenchError if it is missing or damaged."""
    with _opened(path) as file:
        names = [str(name) for name in file["names"]]
        return Kept(path, _shape(file, names), names, json.loads(str(file["facts"])))


def load(path: Path, protocols: Collection[str] | None = None) -> Scores:
    """The scores in a file that `Scores.save` wrote, all or those of some protocols; BenchError if it is missing or damaged."""
    with _opened(path) as file:
        return _read(file, [str(name) for name in file["names"]], json.loads(str(file["facts"])), protocols, with_sets=True)


def _read(
    file: Any, names: list[str], facts: dict[str, Any], protocols: Collection[str] | None, with_sets: bool = False
) -> Scores:
    wanted = {name: places for name, places in _by_protocol(names).items() if protocols is None or name in protocols}
    places = [place for among in wanted.values() for place in among]
    if "values" in file.files:  # as files were before each protocol lay by itself
        values = file["values"][..., places]
    elif wanted:
        values = np.concatenate([file[protocol] for protocol in wanted], axis=-1)
    else:
        values = np.empty((*_shape(file, names)[:2], 0), np.float32)
    sets = {
        name: Features(*(file[_kept(name, part)] for part in ("prediction", "target")))
        for name in set_metrics()
        if with_sets and _kept(name, "prediction") in file.files
    }
    return Scores(values, [names[place] for place in places], facts, sets)


def _kept(metric: str, part: str) -> str:
    """What the file calls the features of a set metric."""
    return f"{metric}-{part}"


def _shape(file: Any, names: Sequence[str]) -> tuple[int, int, int]:
    """[clip, frame, metric] of an opened file, from its headers alone."""
    first = "values" if "values" in file.files else names[0].partition("/")[0]
    with file.zip.open(f"{first}.npy") as values:
        np.lib.format.read_magic(values)
        clips, frames, _ = np.lib.format.read_array_header_1_0(values)[0]
    return clips, frames, len(names)


def _by_protocol(names: Sequence[str]) -> dict[str, list[int]]:
    """Where each protocol's metrics are on the last axis of `Scores.values`."""
    found: dict[str, list[int]] = {}
    for place, name in enumerate(names):
        found.setdefault(name.partition("/")[0], []).append(place)
    return found


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    try:
        with np.load(path, allow_pickle=False) as file:
            yield file
    except Exception as error:
        raise BenchError(f"cannot read the scores {path}: {error}; `bench rescore` makes them again") from error
