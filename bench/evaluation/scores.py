"""Scores as they are kept: one number per clip, frame and metric, with everything that says what they mean."""

from __future__ import annotations

import json
import os
import re
import zipfile
import zlib
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bench.common.arrays import header, member, npz
from bench.common.errors import BenchError
from bench.common.files import replacing
from bench.common.reading import Unreadable, parsed
from bench.common.records import fitting
from bench.metrics import set_metrics
from bench.store import shapes

if TYPE_CHECKING:
    from bench.evaluation.sets import Features

NAME = re.compile(r"[a-z0-9_]+/[a-z0-9_]+")  # protocol/metric
MOST_NAMES = 1000


@dataclass(frozen=True)
class Scores:
    """values: float32 [clip, frame, metric]; names: 'protocol/metric' of the last axis.

    metadata: the protocols' versions, the data's fingerprint, where LPIPS's backbone came from or why it is missing, and so on.
    sets: what set metrics keep of each clip, for those that were asked for; their scores stand in the facts.
    """

    values: NDArray[np.float32]
    names: list[str]
    metadata: dict[str, Any] = field(default_factory=dict)
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
            if why := self.metadata.get(f"{name.partition('/')[2]}_missing"):
                reasons[name] = str(why)
            elif len(lost):
                reasons[name] = f"not finite: {len(lost)} of {len(self.values)} clips, the first is clip {lost[0] + 1}"
        return reasons

    def set_scores(self) -> dict[str, float]:
        """The scores of the whole set of clips, "fvd2018/fvd", as far as they could be computed."""
        sets = self.metadata.get("sets", {})
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
        with replacing(path, path.parent.parent) as temporary:
            np.savez(temporary, names=np.array(self.names), facts=np.array(json.dumps(self.metadata)), **parts)


class DamagedScores(BenchError):
    """A file of scores that cannot be used; `path` is that file."""

    def __init__(self, path: Path, why: object):
        super().__init__(f"cannot read the scores {path}: {why}; `bench rescore` makes them again")
        self.path = path


@dataclass(frozen=True)
class Kept:
    """What a file of scores holds, without its values: their shape [clip, frame, metric], names and facts as in `Scores`."""

    path: Path
    shape: tuple[int, int, int]
    names: list[str]
    metadata: dict[str, Any]

    def load(self, protocols: Collection[str]) -> Scores:
        """The scores of some protocols; DamagedScores if the file is missing or damaged."""
        with _opened(self.path) as file:
            return _read(file, self, protocols)


def read_header(path: Path) -> Kept:
    """What is in a file of scores, read in a fraction of the time that `load` takes; DamagedScores if that cannot be."""
    try:
        metadata = os.lstat(path)
    except OSError as error:
        raise DamagedScores(path, error.strerror) from error
    return _read_header(path, metadata.st_ino, metadata.st_size, metadata.st_mtime_ns)


@lru_cache(2**14)
def _read_header(path: Path, number: int, size: int, modified: int) -> Kept:
    """Once per state of the file: a report asks for it when it chooses its runs, and when it makes its rows."""
    with _opened(path) as file:
        return _described(file, path)


def load(path: Path, protocols: Collection[str] | None = None) -> Scores:
    """The scores in a file that `Scores.save` wrote, all or those of some protocols; DamagedScores if that cannot be."""
    with _opened(path) as file:
        return _read(file, _described(file, path), protocols, with_sets=True)


def verify(path: Path) -> None:
    """Read every byte; DamagedScores if one is not as it was written."""
    with _opened(path) as file:
        if (damaged := file.zip.testzip()) is not None:
            raise Unreadable(path, f"is damaged: '{damaged}' is not as it was written")


def _described(file: Any, path: Path) -> Kept:
    """What an opened file holds, as far as it holds what it must: names by protocol, facts, and as many values as these say."""
    names = member(file, "names", path)
    metadata = member(file, "facts", path)
    if (
        names.ndim != 1
        or not 0 < len(names) <= MOST_NAMES
        or names.dtype.kind != "U"
        or metadata.dtype.kind != "U"
        or metadata.ndim
    ):
        raise Unreadable(path, "is damaged: its names or facts are no text")
    known = [str(name) for name in names]
    if len(set(known)) < len(known) or not all(NAME.fullmatch(name) for name in known):
        raise Unreadable(path, f"is damaged: its names are {', '.join(known)[:60]!r}")
    about = fitting(parsed(str(metadata).encode(), path), shapes.SCORES, path, "facts")
    first = "values" if "values" in file.files else known[0].partition("/")[0]
    clips, frames = _shape(file, first, path)[:2]
    if (labels := about.get("labels")) and len(labels) != clips:
        raise Unreadable(path, f"is damaged: {clips} clips have {len(labels)} labels")
    return Kept(path, (clips, frames, len(known)), known, about)


def _read(file: Any, kept: Kept, protocols: Collection[str] | None, with_sets: bool = False) -> Scores:
    by_protocol = _by_protocol(kept.names)
    wanted = {name: places for name, places in by_protocol.items() if protocols is None or name in protocols}
    places = [place for among in wanted.values() for place in among]
    if "values" in file.files:  # as files were before each protocol lay by itself
        parts = [_values(file, "values", kept, len(kept.names))[..., places]]
    else:
        parts = [_values(file, protocol, kept, len(among)) for protocol, among in wanted.items()]
    values = np.concatenate(parts, axis=-1) if parts else np.empty((*kept.shape[:2], 0), np.float32)
    kept_sets = [name for name in set_metrics() if with_sets and _kept(name, "prediction") in file.files]
    sets: dict[str, Features] = {}
    if kept_sets:
        from bench.evaluation.sets import Features  # imports torch, which most reports do without

        sets = {
            name: Features(*(member(file, _kept(name, part), kept.path) for part in ("prediction", "target")))
            for name in kept_sets
        }
    return Scores(values, [kept.names[place] for place in places], kept.metadata, sets)


def _kept(metric: str, part: str) -> str:
    """What the file calls the features of a set metric."""
    return f"{metric}-{part}"


def _values(file: Any, name: str, kept: Kept, metrics: int) -> NDArray[np.float32]:
    """One array of scores, of the shape that the file's first one has."""
    if _shape(file, name, kept.path) != (*kept.shape[:2], metrics):
        raise Unreadable(
            kept.path, f"is damaged: '{name}' is not of {list(kept.shape[:2])} clips and frames and {metrics} metrics"
        )
    return member(file, name, kept.path)


def _shape(file: Any, name: str, path: Path) -> tuple[int, int, int]:
    """[clip, frame, metric] of an array of scores, from its header alone."""
    shape, kind = header(file, name, path)
    if len(shape) != 3 or not all(shape) or kind != np.float32:
        raise Unreadable(path, f"is damaged: '{name}' holds {kind} {list(shape)}, not float32 [clip, frame, metric]")
    return shape[0], shape[1], shape[2]


def _by_protocol(names: Sequence[str]) -> dict[str, list[int]]:
    """Where each protocol's metrics are on the last axis of `Scores.values`."""
    found: dict[str, list[int]] = {}
    for place, name in enumerate(names):
        found.setdefault(name.partition("/")[0], []).append(place)
    return found


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    try:
        with npz(path, root=path.parent.parent) as file:
            yield file
    except DamagedScores:
        raise
    except OSError as error:
        raise DamagedScores(path, error.strerror or error) from error
    except (zlib.error, zipfile.BadZipFile, ValueError, KeyError, EOFError, MemoryError) as error:
        raise DamagedScores(path, error) from error
