"""What a report is made from: one table of per-frame scores, and the facts that go with it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Literal, NamedTuple

import numpy as np
import pandas as pd

from reports.metric import Metric
from reports.set_scores import SetScores


@dataclass(frozen=True)
class Metadata:
    """What the footnotes of every table state.

    selection: how the evaluated checkpoint was chosen, as text. missing: metric -> why its columns are empty, if they are.
    label: what all clips show, where the others were left out. notes: further footnotes, as sentences.
    trained: the horizon that the models learned, if it is not the one scored. cut: the rule by which the test clips are cut,
    where a data set knows several (KTH). other_clips: how the scored clips differ from the data set's whole test set as it is
    without options, in words ("3 of 128 test clips"); empty where they do not. changed: settings that are not the experiment's
    own, as they were typed ("model.slots=10"), without the data set, which stands above.
    """

    dataset: str
    split: str
    fingerprint: str
    context: int
    horizon: int
    clips: int
    selection: str
    missing: Mapping[str, str] = field(default_factory=dict)
    label: str = ""
    notes: Sequence[str] = ()
    trained: int | None = None
    cut: str = ""
    other_clips: str = ""
    changed: Sequence[str] = ()


SCORES = ("variant", "seed", "clip", "frame")
RUNS = ("variant", "seed", "key", "state", "reason", "deviations")


@dataclass(frozen=True)
class Results:
    """An experiment's scores, runs and training curves.

    variants: the labels in declared order, those without scores too.
    scores: one row per variant, seed, clip and frame (1 is the first predicted), with a float32 column "protocol/metric" for
      each score; a score that could not be computed is NaN. Narrow types (categories, int16) keep 20 million rows small.
      An optional category `label` says what a clip shows.
    runs: one row per planned run: RUNS, and as far as known the costs (see `cost_table`), commit and command.
      Its `state` is "finished" or says why there are no scores; a run of a variant with 0 parameters stands for every seed.
    metrics: by name, without the protocol. protocols: name -> version.
    training: variant, seed, step, name, value of losses and validation scores.
    external: the variants that were not trained here; `runs` says in `source` where their scores come from.
    sets: scores of the whole set of clips, by "protocol/metric" ("fvd2018/fvd"); they are no columns of `scores`.
    """

    name: str
    question: str
    scale: Literal["small", "medium", "paper"]
    variants: Sequence[str]
    scores: pd.DataFrame
    runs: pd.DataFrame
    metrics: Mapping[str, Metric]
    protocols: Mapping[str, str | int]
    metadata: Metadata
    training: pd.DataFrame | None = None
    external: Sequence[str] = ()
    sets: Mapping[str, SetScores] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name, frame, needed in (("scores", self.scores, SCORES), ("runs", self.runs, RUNS)):
            missing = [column for column in needed if column not in frame.columns]
            if missing:
                raise ValueError(f"the {name} of '{self.name}' lack the column {', '.join(missing)}")
        nameless = [
            score for score in (*_score_columns(self.scores), *self.sets) if score.partition("/")[2] not in self.metrics
        ]
        if nameless:
            raise ValueError(f"'{self.name}' does not say how to write {', '.join(nameless)}; known: {', '.join(self.metrics)}")
        strangers = set(self.runs["variant"]) | set(self.scores["variant"].unique())
        if strangers - set(self.variants):
            raise ValueError(f"'{self.name}' has no variant {', '.join(sorted(strangers - set(self.variants)))}")

    def score_of(self, protocol: str, metric: str) -> str:
        """What a metric is called under a protocol: "standard/psnr". One of the whole set of clips has its own protocol."""
        return next((score for score in self.sets if score.partition("/")[2] == metric), f"{protocol}/{metric}")

    @cached_property
    def columns(self) -> list[str]:
        """The scores of frames that there are, in the order of `metrics`: "standard/psnr", ..."""
        return sorted(_score_columns(self.scores), key=lambda score: list(self.metrics).index(score.partition("/")[2]))

    @cached_property
    def planned(self) -> dict[str, list[dict[Any, Any]]]:
        """The rows of `runs` by variant."""
        return {str(variant): rows.to_dict("records") for variant, rows in self.runs.groupby("variant")}

    @cached_property
    def seeds(self) -> list[int]:
        """All planned seeds, sorted."""
        return sorted({int(seed) for seed in self.runs["seed"]} | {int(seed) for seed in self.scores["seed"].unique()})

    @cached_property
    def clips(self) -> np.ndarray:
        """The numbers of the test clips, sorted: [clips]."""
        return np.sort(self.scores["clip"].unique())

    def rescored(self, scores: pd.DataFrame) -> "Results":
        """The same rows with other scores; what was worked out from 20 million rows is kept."""
        derived = {name: getattr(self, name) for name in ("planned", "seeds", "clips", "_positions")}
        rescored = replace(self, scores=scores)
        rescored.__dict__.update(derived)
        return rescored

    def metric(self, column: str) -> Metric:
        """How the scores of "protocol/metric" are written."""
        return self.metrics[column.partition("/")[2]]

    def cube(self, column: str) -> np.ndarray:
        """The scores of "protocol/metric" as float32 [variants, seeds, clips, horizon], NaN where there is none (yet)."""
        shape = (len(self.variants), len(self.seeds), len(self.clips), self.metadata.horizon)
        if column in self.scores and self._positions is None:
            return self.scores[column].to_numpy(np.float32).reshape(shape)
        cube = np.full(shape, np.nan, np.float32)
        if column in self.scores:
            cube.reshape(-1)[self._positions] = self.scores[column].to_numpy()
        return cube

    def clip_means(self, column: str, first: int = 1, last: int | None = None) -> np.ndarray:
        """Means over the frames first ... last (both included; the whole horizon if not given): [variants, seeds, clips].

        A run whose score is not finite on some of its clips has none: a mean over the others would flatter it.
        """
        data, span = self._of(column), (first, last or self.metadata.horizon)
        if span not in data.means:
            frames = data.cube[..., first - 1 : span[1]]
            means = np.einsum("...f->...", frames, dtype=np.float64) / frames.shape[-1]  # in two thirds of the time of `mean`
            finite = np.isfinite(means).sum(-1)
            means[finite < self.clips_scored] = np.nan
            data.means[span] = means
            if span == (1, self.metadata.horizon):
                self._lost[column] = np.maximum(self.clips_scored - finite, 0)
        return data.means[span]

    def clips_lost(self, column: str) -> np.ndarray:
        """On how many of the clips that a run was scored on a score is not finite: [variants, seeds]."""
        if column not in self._lost:
            self.clip_means(column)
        return self._lost[column]

    def seed_means(self, column: str, first: int = 1, last: int | None = None) -> np.ndarray:
        """Means over the clips that a run has scores of, and the frames first ... last: [variants, seeds]."""
        if column in self.sets:
            return self.sets[column].values
        return mean_of_known(self.clip_means(column, first, last), axis=-1)

    def paired_means(self, column: str, first: int = 1, last: int | None = None) -> np.ndarray:
        """`clip_means` for comparing variants seed by seed.

        What has nothing to train counts for every seed, and so does the only run of what was trained elsewhere.
        """
        means = self.clip_means(column, first, last).copy()
        scored = ~np.isnan(means).all(2)
        for number in np.flatnonzero(self.for_every_seed(scored.sum(1))):
            means[number] = means[number, scored[number].argmax()]
        return means

    def paired_set(self, column: str) -> SetScores:
        """A score of the whole set of clips for comparing variants seed by seed, as `paired_means`."""
        runs = np.isfinite(self.sets[column].values).sum(1)
        return self.sets[column].everywhere(np.flatnonzero(self.for_every_seed(runs)).tolist())

    def for_every_seed(self, runs: np.ndarray) -> np.ndarray:
        """Whether a run of a variant counts for every seed: nothing was trained, or it is all that was trained elsewhere.

        runs: how many runs of each variant have scores, [variants].
        """
        of_all = [
            count > 0 and (variant in self.untrained or (variant in self.external and count == 1))
            for variant, count in zip(self.variants, runs, strict=True)
        ]
        return np.array(of_all, bool)

    def frame_means(self, column: str) -> np.ndarray:
        """Means over the clips, of frames that have a finite score on all of them: [variants, seeds, horizon].

        A score of the whole set of clips has none.
        """
        if column in self.sets:
            return np.full((*self.sets[column].values.shape, self.metadata.horizon), np.nan)
        return mean_of_known(self._of(column).cube, axis=2, least=self.clips_scored[..., None])

    def cost(self, name: str) -> "pd.Series[float]":
        """A column of `runs` as the mean over each variant's runs, in declared order; NaN where it is not recorded."""
        values = pd.to_numeric(self.runs[name]) if name in self.runs else pd.Series(np.nan, self.runs.index)
        return values.groupby(self.runs["variant"].astype(str)).mean().reindex(list(self.variants))

    @cached_property
    def clips_scored(self) -> np.ndarray:
        """How many clips each run has all frames of: [variants, seeds]."""
        runs = len(self.variants), len(self.seeds)
        if self._positions is None:
            return np.full(runs, len(self.clips))
        frames = np.bincount(self._positions // self.metadata.horizon, minlength=runs[0] * runs[1] * len(self.clips))
        return (frames.reshape(*runs, -1) == self.metadata.horizon).sum(-1)

    @cached_property
    def untrained(self) -> set[str]:
        """The variants whose runs have no parameters, such as copying the last frame."""
        return {str(variant) for variant, parameters in self.cost("parameters").items() if parameters == 0}

    def _of(self, column: str) -> "_Column":
        """The cube and means of a column, kept until another column is asked for: its slices and frames are wanted in a row."""
        if column not in self._latest:
            self._latest.clear()
            self._latest[column] = _Column(self.cube(column), {})
        return self._latest[column]

    @cached_property
    def _lost(self) -> dict[str, np.ndarray]:
        return {}

    @cached_property
    def _latest(self) -> "dict[str, _Column]":
        return {}

    @cached_property
    def _positions(self) -> np.ndarray | None:
        """Where each row of scores belongs in a cube laid out flat; None where the rows are such a cube already."""
        cells = len(self.variants) * len(self.seeds) * len(self.clips) * self.metadata.horizon
        variants = self.scores["variant"]
        if not isinstance(variants.dtype, pd.CategoricalDtype) or list(variants.cat.categories) != list(self.variants):
            variants = variants.astype(pd.CategoricalDtype(list(self.variants)))
        positions: np.ndarray = variants.cat.codes.to_numpy().astype(np.int32 if cells < 2**31 else np.int64)
        for name, numbers in (("seed", np.array(self.seeds)), ("clip", self.clips)):
            positions *= len(numbers)
            column = self.scores[name].to_numpy()
            counted = len(numbers) > 0 and numbers[0] == 0 and numbers[-1] == len(numbers) - 1  # 0, 1, 2: positions already
            np.add(positions, column if counted else np.searchsorted(numbers, column), out=positions, casting="unsafe")
        positions *= self.metadata.horizon
        np.add(positions, self.scores["frame"].to_numpy(), out=positions, casting="unsafe")
        positions -= 1
        return None if np.array_equal(positions, np.arange(cells, dtype=positions.dtype)) else positions


class _Column(NamedTuple):
    """The scores of one column, and their means over frames first ... last as far as asked for."""

    cube: np.ndarray
    means: dict[tuple[int, int], np.ndarray]


def _score_columns(scores: pd.DataFrame) -> list[str]:
    return [str(column) for column in scores.columns if "/" in str(column)]


def seed_column(seeds: Sequence[int]) -> np.ndarray:
    """Seeds as a column of scores has them: in four bytes each if they fit, since there are millions of rows."""
    return np.array(seeds, np.int32 if max(seeds, default=0) < 2**31 else np.int64)


def mean_of_known(values: np.ndarray, axis: int, least: int | np.ndarray = 1) -> np.ndarray:
    """The mean along an axis of what is finite, in float64; NaN where less than `least` (at least one) is."""
    finite = np.isfinite(values)
    if finite.size and finite.all():
        return values.mean(axis, dtype=np.float64)
    count = finite.sum(axis)
    total = np.sum(values, axis=axis, where=finite, dtype=np.float64)
    return np.divide(total, count, out=np.full(count.shape, np.nan), where=count >= np.maximum(least, 1))
