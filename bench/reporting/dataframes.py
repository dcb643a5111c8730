"""What a store knows of an experiment as pandas DataFrames: the Python call behind `bench.results`."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from bench.metrics.protocols import PROTOCOLS, checked
from bench.reporting.damage import readable_runs
from bench.reporting.results import results
from bench.spec.loading import load
from bench.store.store import Store


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
    seeds: Sequence[int] | None = None,
    settings: Sequence[str] = (),
    protocols: Sequence[str] = (),
    store: str | os.PathLike[str] | None = None,
) -> DataFrames:
    """What the store has of an experiment, by name or Python file; BenchError if no run is finished.

    seeds, settings: as `--seeds` and `--set` (["model.slots=50"]). protocols: some of `bench list protocols`; all by default.
    store: the folder of runs; $BENCH_STORE or ./runs by default.
    """
    edited = load(experiment, scale).edited(settings) if settings else load(experiment, scale)
    if seeds is not None:
        edited = replace(edited, seeds=tuple(seeds))
    opened = Store(Path(store or os.environ.get("BENCH_STORE") or "runs"))
    scored = results(edited, readable_runs(edited, opened), checked(protocols) if protocols else list(PROTOCOLS))
    return DataFrames(scored.scores, scored.runs)
