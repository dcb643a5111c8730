"""Frames that another code base predicted: matched with the clips that they predict, and scored."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from bench.common.arrays import growing
from bench.common.errors import BenchError
from bench.data.base import Dataset, Split
from bench.data.clip_names import are_clip_names, clip_name
from bench.data.value_range import BYTE, UNIT, Scale, ValueRange, warning
from bench.evaluation.evaluate import CHUNK_PIXELS, Pair, chunked, clips_to_score, metadata_of, scored
from bench.evaluation.scores import Scores
from bench.external.side import PREDICTION, Side, Sides
from bench.spec.experiment import Evaluation

TOLERANCE = 1.5 / 255  # by which frames from a file of 8 bits may differ from the original clips
BRIGHT = 0.45  # targets that are all brighter (about mid-grey) have no negative numbers in -1..1 either
Progress = Callable[[int, int], None]
"""Called with how many clips are scored, and how many there are."""
Ranges = dict[str, ValueRange]


@dataclass(frozen=True)
class SetClips:
    """The fixed clips that predictions belong to. export: the command that writes them with their names."""

    data: Dataset
    split: Split
    context: int
    export: str


@dataclass(frozen=True)
class Scored:
    """Scores of external frames, the hash of the frames, and warnings for readers of the scores."""

    scores: Scores
    digest: str
    warnings: list[str] = field(default_factory=list)


def score(
    sides: Sides, ranges: Ranges, device: torch.device, keep: Path | None = None, progress: Progress | None = None,
    sets: Sequence[str] = (),
) -> Scored:  # fmt: skip
    """The scores of the predictions against the targets beside them. keep: where to store the frames that are scored.

    sets: metrics of the whole set of clips, which are computed as well.
    """
    target = sides.target
    if target is None:
        raise BenchError(
            f"{sides.prediction.subject} has no targets beside it; put them there, or say with --data whose clips they are of"
        )
    scales = sides.scales(ranges)
    size = max(1, CHUNK_PIXELS // int(np.prod(target.shape)))
    spans = (range(first, min(first + size, target.count)) for first in range(0, target.count, size))
    truth = (_pixels(target, scales[1], span) for span in spans)
    return _scored(sides.prediction, scales[0], truth, {"source": sides.source.name}, device, keep, progress, sets=sets)


def score_on(
    sides: Sides, clips: SetClips, ranges: Ranges, device: torch.device, keep: Path | None = None,
    progress: Progress | None = None, sets: Sequence[str] = (),
) -> Scored:  # fmt: skip
    """The scores of the predictions against the first clips of a data set, which they are matched with by name.

    Predictions without names must come with their targets, in the order of the data set and equal to its frames up to rounding
    to 8 bits; targets of named predictions are compared with the data set's, too.
    """
    prediction, horizon = sides.prediction, sides.prediction.shape[0]
    evaluation = Evaluation(clips=prediction.count, horizon=horizon, split="val" if clips.split == "val" else "test")
    count = clips_to_score(clips.data, evaluation, clips.context)
    if (prediction.count, prediction.shape[1:]) != (count, clips.data.shape):
        grey = "; --grey makes colour grey" if (prediction.shape[1], clips.data.shape[0]) == (3, 1) else ""
        raise BenchError(
            f"{prediction.subject} has {prediction.count} clips of frames {list(prediction.shape[1:])}; the {clips.split} "
            f"split has {count} of {clips.context} + {horizon} frames {list(clips.data.shape)}{grey}"
        )
    matching = _matching(sides, clips, count)
    scale, target_scale = sides.scales(ranges)
    positions: list[int] = []

    def truth() -> Iterator[NDArray[np.float32]]:
        for batch in chunked(clips.data, clips.split, count, clips.context + horizon, torch.device("cpu")):
            frames = batch.numpy()
            chosen = [matching.position(number, clip) for number, clip in enumerate(frames, len(positions))]
            if sides.target:
                true = _pixels(sides.target, target_scale, chosen)
                _refuse_other_frames(true, frames[:, clips.context :], len(positions), sides.target.subject)
            positions.extend(chosen)
            yield frames[:, clips.context :]

    metadata = metadata_of(clips.data, evaluation, clips.context, count)
    metadata |= {"source": sides.source.name, "matched": matching.by}
    result = _scored(prediction, scale, truth(), metadata, device, keep, progress, positions, sets)
    return replace(result, warnings=[*result.warnings, *clips.data.remarks(clips.split, clips.context + horizon)])


@dataclass(frozen=True)
class _Matching:
    """Finds the prediction of a fixed clip. by: what they were matched by, as text."""

    by: str
    position: Callable[[int, NDArray[np.float32]], int]


def _matching(sides: Sides, clips: SetClips, count: int) -> _Matching:
    prediction = sides.prediction
    positions = {name: position for position, name in enumerate(prediction.names or ())}
    origins = clips.data.origins(clips.split, clips.context + prediction.shape[0])
    if are_clip_names(list(positions)):

        def by_name(number: int, clip: NDArray[np.float32]) -> int:
            if (name := clip_name(number, clip)) not in positions:
                raise BenchError(
                    f"{prediction.subject} has no clip {name}, number {number} (counted from 0) of this data set at "
                    f"{clips.context} + {prediction.shape[0]} frames; its first is {next(iter(positions))}: "
                    f"`{clips.export}` writes the right ones"
                )
            return positions[name]

        return _Matching("the names of exported clips", by_name)
    videos = [_without_ending(name) for name in (origins or [])[:count]]
    video_positions = {_without_ending(name): position for name, position in positions.items()}
    if videos and len(set(videos)) == len(videos) and set(videos) == set(video_positions):
        return _Matching("the names of the videos", lambda number, clip: video_positions[videos[number]])
    if sides.target:
        return _Matching("the targets beside them", lambda number, clip: number)
    raise BenchError(
        f"{prediction.subject} does not say which clips its predictions are of, and the data set's order is its own; "
        f"`{clips.export}` writes the clips with names, to name predictions by; or put the targets beside the predictions"
    )


def _without_ending(name: str) -> str:
    head, point, tail = name.rpartition(".")
    return head if point and head and tail.isalnum() and not tail.isdigit() else name


def _pixels(target: Side, scale: Scale | None, positions: Sequence[int]) -> NDArray[np.float32]:
    """Some clips of the targets, clamped: rounding may have moved them out of [0, 1]."""
    assert scale is not None
    return scale(target.read(positions), clamp=True)


def _scored(
    prediction: Side,
    scale: Scale,
    truth: Iterator[NDArray[np.float32]],
    metadata: dict[str, Any],
    device: torch.device,
    keep: Path | None,
    progress: Progress | None,
    positions: list[int] | None = None,
    sets: Sequence[str] = (),
) -> Scored:
    """Score predictions against chunks of targets; what is stored is what is scored.

    positions: of the prediction of each clip, for the targets read so far; None: predictions are in the order of the targets.
    """
    digest, doubt = hashlib.sha256(), _DoubtfulRange(prediction, scale)
    kind, shape = np.uint8 if scale.is_bytes else np.float32, (prediction.count, *prediction.shape)

    def pairs(append: Callable[[NDArray[Any]], None]) -> Iterator[Pair]:
        done = 0
        for target in truth:
            span = slice(done, done + len(target))
            raw = prediction.read(positions[span] if positions is not None else range(span.start, span.stop))
            frames = scale(raw)
            doubt.check(frames, target)
            stored = raw if scale.is_bytes else frames
            digest.update(np.ascontiguousarray(stored).tobytes())
            append(stored)
            done += len(target)
            yield torch.from_numpy(frames).to(device), torch.from_numpy(np.ascontiguousarray(target)).to(device)

    with growing(keep, shape, kind, keep and keep.parent.parent) as append:
        scores = scored(pairs(append), prediction.count, metadata, device, progress or (lambda done, count: None), sets)
        doubt.refuse()
    message = warning(scale, prediction.extent, prediction.subject, PREDICTION)
    return Scored(scores, digest.hexdigest()[:12], [message] if message else [])


class _DoubtfulRange:
    """Detects predictions without a stated range that another range fits better.

    Two kinds are in doubt: numbers slightly outside 0..1, and numbers within 0..1 whose targets are all bright, since bright
    pixels have no negative numbers in -1..1 either.
    """

    def __init__(self, prediction: Side, scale: Scale):
        self.prediction = prediction
        self.doubtful, self.overshoots = scale.guessed, scale.overshoots
        self.errors = dict.fromkeys((UNIT, ValueRange(-1, 1), BYTE) if scale.overshoots else (UNIT, ValueRange(-1, 1)), 0.0)

    def check(self, frames: NDArray[np.float32], target: NDArray[np.float32]) -> None:
        """Add the squared errors of the frames under each range."""
        self.doubtful = self.doubtful and (self.overshoots or bool(target.min() > BRIGHT))
        if not self.doubtful:
            return
        for bounds in self.errors:
            pixels = (frames.astype(np.float64) - bounds.black) / bounds.span
            self.errors[bounds] += float(np.square(np.where(np.isfinite(pixels), pixels - target, 0)).sum())

    def refuse(self) -> None:
        """Refuse numbers that are better predictions under another range."""
        best = min(self.errors, key=self.errors.__getitem__)
        if self.doubtful and self.errors[best] < self.errors[UNIT]:
            raw = "raw output in " if self.overshoots else ""
            raise BenchError(
                f"{self.prediction.subject} holds {self.prediction.extent}, which fits the targets better as {best} than as "
                f"{raw}0..1; say which: --range {PREDICTION}={best} or --range {PREDICTION}=0..1"
            )


def as_floats(frames: NDArray[Any]) -> NDArray[np.float32]:
    """Stored frames, uint8 or floating point, as numbers in which 1 is white."""
    if frames.dtype == np.uint8:
        return np.divide(frames, 255, dtype=np.float32)
    return np.array(frames, np.float32)


def _refuse_other_frames(targets: NDArray[np.float32], expected: NDArray[np.float32], first: int, subject: str) -> None:
    """Refuse targets that are not the data set's clips; the message names the first."""
    errors = np.abs(targets - expected).max((2, 3, 4))
    if (errors > TOLERANCE).any():
        clip, frame = np.argwhere(errors > TOLERANCE)[0]
        raise BenchError(
            f"{subject}: the target of clip {first + clip} (counted from 0), frame {frame + 1} is not this data set's: "
            f"they differ by up to {errors[clip, frame] * 255:.0f} of 255; the clips, their order, their size and the context "
            "must be the same"
        )
