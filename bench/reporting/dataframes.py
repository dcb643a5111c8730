"""What a store knows of an experiment as pandas DataFrames: the Python call behind `bench.results`."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from bench.metrics.protocols import PROTOCOLS, checked
from bench.reporting.damage import read_undamaged, readable_runs
from bench.reporting.results import results
from bench.spec.experiment import Experiment
from bench.spec.loading import load
from bench.store.store import Store
from bench.sweep.seeds import numbers, widened


@dataclass(frozen=True)
class DataFrames:
    """The scores and runs of an experiment.

    scores: one row per variant, seed, clip and frame (1 is the first predicted), and a column "protocol/metric" a score.
    runs: one row per planned run: variant, seed, key, state, reason, and as far as known its costs, commit and machine.
    """

    scores: pd.DataFrame
    runs: pd.DataFrame

    def means(self) -> pd.DataFrame:
        """The mean of every score over frames and clips, one row per variant and seed.

        NaN where a score is not finite somewhere, as in the tables: a mean over the others would flatter the run.
        """
        columns = [name for name in self.scores.columns if "/" in str(name)]
        finite = self.scores[columns].where(np.isfinite(self.scores[columns]))
        runs = finite.groupby([self.scores["variant"], self.scores["seed"]], observed=True, sort=False)
        return runs.mean().where(runs.count().eq(runs.size(), axis=0)).reset_index()


def dataframes(
    experiment: str,
    scale: str = "small",
    seeds: int | str | Sequence[int] | None = None,
    settings: str | Sequence[str] = (),
    protocols: str | Sequence[str] = (),
    store: str | os.PathLike[str] | None = None,
) -> DataFrames:
    """What the store has of an experiment, by name or Python file; BenchError if no run is finished.

    seeds: as `--seeds` (3, "0,7,9", "all"), or which ([0, 7, 9]). settings: as `--set` ("model.slots=50"), one or several.
    protocols: one or several of `bench list protocols`; all by default. store: the folder of runs, and of the searches of
    tuned experiments; $BENCH_STORE or ./runs by default. A run whose scores are damaged counts as failed.
    """
    opened = Store(Path(store or os.environ.get("BENCH_STORE") or "runs"))
    loaded = _with_seeds(load(experiment, scale, opened.root), seeds)
    edited = loaded.edited([settings] if isinstance(settings, str) else settings) if settings else loaded
    widest = widened(edited, opened) if _are_all(seeds) else edited
    chosen = checked([protocols] if isinstance(protocols, str) else protocols) if protocols else list(PROTOCOLS)
    _, scored = read_undamaged(readable_runs(widest, opened), lambda runs: results(widest, runs, chosen))
    return DataFrames(scored.scores, scored.runs)


def _are_all(seeds: int | str | Sequence[int] | None) -> bool:
    """Whether every seed in the store is meant."""
    return isinstance(seeds, str) and seeds.strip() == "all"


def _with_seeds(experiment: Experiment, seeds: int | str | Sequence[int] | None) -> Experiment:
    """The experiment with these seeds; with its own for None and "all"."""
    if seeds is None or _are_all(seeds):
        return experiment
    named = numbers(str(seeds), "seeds") if isinstance(seeds, (int, str)) else tuple(seeds)
    return replace(experiment, seeds=named)
