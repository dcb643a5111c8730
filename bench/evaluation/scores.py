"""Scores in a file: one number per clip, frame and metric, with the metadata that say what they mean."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bench.common.arrays import NOT_AS_WRITTEN, header, member, npz
from bench.common.errors import BenchError
from bench.common.files import replacing
from bench.common.json_schemas import fitting
from bench.common.reading import Unreadable, parsed
from bench.metrics import set_metrics
from bench.store import schemas

if TYPE_CHECKING:
    from bench.evaluation.sets import Features
    from bench.spec.experiment import Evaluation

NAME = re.compile(r"[a-z0-9_]+/[a-z0-9_]+")  # protocol/metric
MOST_NAMES = 1000


@dataclass(frozen=True)
class Scores:
    """values: float32 [clip, frame, metric]; names: 'protocol/metric' of the last axis.

    metadata: the protocols' versions, the data's fingerprint, where LPIPS's backbone came from or why it is missing, and so on.
    sets: the features of each clip for the requested set metrics; the scores of these are in the metadata.
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
        """Metric -> the reason why it has no mean, for those that have none."""
        reasons = {}
        for name in self.names:
            bad_clips = np.flatnonzero(~np.isfinite(self[name]).all(1))
            if why := self.metadata.get(f"{name.partition('/')[2]}_missing"):
                reasons[name] = str(why)
            elif len(bad_clips):
                first = f"the first is clip {bad_clips[0]}, counted from 0"
                reasons[name] = f"not finite: {len(bad_clips)} of {len(self.values)} clips, {first}"
        return reasons

    def set_scores(self) -> dict[str, float]:
        """The scores of the whole set of clips, "fvd2018/fvd", as far as they could be computed."""
        sets = self.metadata.get("sets", {})
        return {f"{entry['protocol']}/{name}": entry["value"] for name, entry in sets.items() if "value" in entry}

    def save(self, path: Path) -> None:
        """Write everything to one .npz file, the whole of it or nothing.

        Each protocol is an array of its own, uncompressed: a report reads thousands of files, one protocol at a time.
        """
        parts: dict[str, Any] = {
            protocol: self.values[..., positions] for protocol, positions in _by_protocol(self.names).items()
        }
        parts |= {
            _features_name(name, part): getattr(features, part)
            for name, features in self.sets.items()
            for part in ("prediction", "target")
        }
        with replacing(path, path.parent.parent) as temporary:
            np.savez(temporary, names=np.array(self.names), facts=np.array(json.dumps(self.metadata)), **parts)


class DamagedScores(BenchError):
    """A file of scores that cannot be used: `path` is that file, `why` what is wrong with it."""

    def __init__(self, path: Path, why: object):
        super().__init__(f"cannot read the scores {path}: {why}; `bench rescore` makes them again")
        self.path, self.why = path, why

    @property
    def is_lasting(self) -> bool:
        """Whether the file itself is at fault, and not a disk or a memory that fails just now."""
        cause = self.__cause__
        return isinstance(cause, Unreadable) or not isinstance(cause, (OSError, MemoryError))


@dataclass(frozen=True)
class ScoresHeader:
    """What a file of scores holds, without its values: their shape [clip, frame, metric], names and metadata as in `Scores`."""

    path: Path
    shape: tuple[int, int, int]
    names: list[str]
    metadata: dict[str, Any]

    def load(self, protocols: Collection[str]) -> Scores:
        """The scores of some protocols; DamagedScores if the file is missing or damaged."""
        with _opened(self.path) as file:
            return _read(file, self, protocols)


def read_header(path: Path) -> ScoresHeader:
    """The header of a file of scores, in a fraction of the time of `load`; DamagedScores if it cannot be read."""
    try:
        metadata = os.lstat(path)
    except OSError as error:
        raise DamagedScores(path, error.strerror) from error
    return _read_header(path, metadata.st_ino, metadata.st_size, metadata.st_mtime_ns)


@lru_cache(2**14)
def _read_header(path: Path, number: int, size: int, modified: int) -> ScoresHeader:
    """Cached by the state of the file: a report needs it to choose its runs and to make its rows."""
    with _opened(path) as file:
        return _described(file, path)


def header_for(path: Path, evaluation: Evaluation, context: int) -> ScoresHeader:
    """The header of a run's scores; DamagedScores also where they are of other clips than its evaluation asks for."""
    header = read_header(path)
    requested = {"split": evaluation.split, "context": context}
    differing = [name for name, value in requested.items() if header.metadata.get(name, value) != value]
    if header.shape[1] != evaluation.horizon or (evaluation.clips and header.shape[0] > evaluation.clips) or differing:
        raise DamagedScores(path, f"they are of other clips than the evaluation {evaluation.key} asks for")
    return header


def load(path: Path, protocols: Collection[str] | None = None) -> Scores:
    """The scores in a file of `Scores.save`, all or those of some protocols; DamagedScores if it cannot be read."""
    with _opened(path) as file:
        return _read(file, _described(file, path), protocols, with_sets=True)


def verify(path: Path) -> None:
    """Read every byte; DamagedScores if one is not as it was written."""
    with _opened(path) as file:
        if (damaged := file.zip.testzip()) is not None:
            raise Unreadable(path, f"is damaged: '{damaged}' is not as it was written")


def _described(file: Any, path: Path) -> ScoresHeader:
    """The header of an opened file, checked: its names, its metadata, and as many values as these declare."""
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
    metric_names = [str(name) for name in names]
    if len(set(metric_names)) < len(metric_names) or not all(NAME.fullmatch(name) for name in metric_names):
        raise Unreadable(path, f"is damaged: its names are {', '.join(metric_names)[:60]!r}")
    header_values = fitting(parsed(str(metadata).encode(), path), schemas.SCORES, path, "facts")
    first = "values" if "values" in file.files else metric_names[0].partition("/")[0]
    clips, frames = _shape(file, first, path)[:2]
    if (labels := header_values.get("labels")) and len(labels) != clips:
        raise Unreadable(path, f"is damaged: {clips} clips have {len(labels)} labels")
    return ScoresHeader(path, (clips, frames, len(metric_names)), metric_names, header_values)


def _read(file: Any, contents: ScoresHeader, protocols: Collection[str] | None, with_sets: bool = False) -> Scores:
    by_protocol = _by_protocol(contents.names)
    chosen = {name: positions for name, positions in by_protocol.items() if protocols is None or name in protocols}
    positions = [position for indices in chosen.values() for position in indices]
    if "values" in file.files:  # as files were before each protocol lay by itself
        parts = [_values(file, "values", contents, len(contents.names))[..., positions]]
    else:
        parts = [_values(file, protocol, contents, len(indices)) for protocol, indices in chosen.items()]
    values = np.concatenate(parts, axis=-1) if parts else np.empty((*contents.shape[:2], 0), np.float32)
    stored_sets = [name for name in set_metrics() if with_sets and _features_name(name, "prediction") in file.files]
    sets: dict[str, Features] = {}
    if stored_sets:
        from bench.evaluation.sets import Features  # imports torch, which most reports do without

        sets = {
            name: Features(*(member(file, _features_name(name, part), contents.path) for part in ("prediction", "target")))
            for name in stored_sets
        }
    return Scores(values, [contents.names[position] for position in positions], contents.metadata, sets)


def _features_name(metric: str, part: str) -> str:
    """The name of the array with the features of a set metric."""
    return f"{metric}-{part}"


def _values(file: Any, name: str, contents: ScoresHeader, metrics: int) -> NDArray[np.float32]:
    """One array of scores, of the shape that the file's first one has."""
    if _shape(file, name, contents.path) != (*contents.shape[:2], metrics):
        raise Unreadable(
            contents.path, f"is damaged: '{name}' is not of {list(contents.shape[:2])} clips and frames and {metrics} metrics"
        )
    return member(file, name, contents.path)


def _shape(file: Any, name: str, path: Path) -> tuple[int, int, int]:
    """[clip, frame, metric] of an array of scores, from its header alone."""
    shape, kind = header(file, name, path)
    if len(shape) != 3 or not all(shape) or kind != np.float32:
        raise Unreadable(path, f"is damaged: '{name}' holds {kind} {list(shape)}, not float32 [clip, frame, metric]")
    return shape[0], shape[1], shape[2]


def _by_protocol(names: Sequence[str]) -> dict[str, list[int]]:
    """The positions of each protocol's metrics on the last axis of `Scores.values`."""
    positions: dict[str, list[int]] = {}
    for position, name in enumerate(names):
        positions.setdefault(name.partition("/")[0], []).append(position)
    return positions


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    try:
        with npz(path, root=path.parent.parent) as file:
            yield file
    except DamagedScores:
        raise
    except OSError as error:
        raise DamagedScores(path, error.strerror or error) from error
    except (KeyError, MemoryError, *NOT_AS_WRITTEN) as error:
        raise DamagedScores(path, error) from error
