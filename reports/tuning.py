"""A hyperparameter search as tables: what its pictures and texts are made from."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import pandas as pd

from reports.metric import Metric

COMPLETE, PRUNED, FAILED = "complete", "pruned", "failed"


@dataclass(frozen=True)
class Searched:
    """One search.

    objectives: by name, the one that matters most first; how its values are written.
    trials: one row per trial: `trial` (its number), `state` (complete, pruned, failed, running), `reason`, seconds
      `trained`, and a column per objective (NaN where it is not known; of pruned trials the last value while training).
    settings: one row per trial, indexed by its number, a column per setting; NaN where a trial did not have it.
    logarithmic: the settings that were drawn from a logarithmic range.
    curves: trial, step, value of the first objective while training.
    importances: setting -> share of the objective's variation that it explains; empty where too few trials are complete.
    front: the numbers of the best trials: of several objectives the Pareto front, of one the best alone.
    confirmed: one row per candidate: `trial`, `seeds` (of training, in words), and per objective the columns `search NAME` and
      `confirmed NAME`; the one to use first.
    """

    name: str
    objectives: Mapping[str, Metric]
    trials: pd.DataFrame
    settings: pd.DataFrame
    logarithmic: frozenset[str]
    curves: pd.DataFrame
    importances: Mapping[str, float]
    front: tuple[int, ...]
    confirmed: pd.DataFrame

    @property
    def first(self) -> str:
        """The objective that matters most."""
        return next(iter(self.objectives))

    @cached_property
    def complete(self) -> pd.DataFrame:
        """The trials that were trained to their end."""
        return self.trials[self.trials["state"] == COMPLETE]

    @cached_property
    def best_so_far(self) -> "pd.Series[float]":
        """The best value of the first objective up to each complete trial, indexed by its number."""
        values = self.complete.set_index("trial")[self.first]
        return values.cummax() if self.objectives[self.first].direction == "up" else values.cummin()


def trials_table(searched: Searched) -> pd.DataFrame:
    """Every trial in words: its settings, how it ended, its scores. Best first, then pruned, then the rest."""
    rank = {COMPLETE: 0, PRUNED: 1}
    shown = searched.trials.assign(rank=[rank.get(state, 2) for state in searched.trials["state"]])
    down = searched.objectives[searched.first].direction == "down"
    reached = searched.curves.groupby("trial").last()
    shown = shown.sort_values(["rank", searched.first, "trial"], ascending=[True, down, True])
    rows = []
    for _, row in shown.iterrows():
        own_settings = searched.settings.loc[row["trial"]].dropna()
        complete = row["state"] == COMPLETE
        scores = [written(metric, row[name]) if complete else "" for name, metric in searched.objectives.items()]
        ended = row["state"] if complete else row["reason"] or row["state"]
        if not complete and row["trial"] in reached.index:  # what it had reached is no score of a trained model
            last = reached.loc[row["trial"]]
            ended += f" at step {last['step']:.0f}, {written(searched.objectives[searched.first], last['value'])}"
        settings = [setting(own_settings[name]) if name in own_settings else "" for name in searched.settings.columns]
        rows.append([row["trial"], *scores, *settings, ended])
    ours = ["trial", *searched.objectives, "ended"]
    settings = [f"setting {name}" if name in ours else str(name) for name in searched.settings.columns]
    return pd.DataFrame(rows, columns=[*ours[:-1], *settings, ours[-1]])


def confirmed_table(searched: Searched) -> pd.DataFrame:
    """The candidates: what they scored in the search, and what on fresh seeds."""
    rows = []
    for _, row in searched.confirmed.iterrows():
        is_confirmed = not pd.isna(row[f"confirmed {searched.first}"])
        pairs = [
            (f"{'search' if kind == 'search' else 'confirmed'} {name}", written(metric, row[f"{kind} {name}"]))
            for name, metric in searched.objectives.items()
            for kind in ("search", "confirmed")
        ]
        rows.append({"trial": row["trial"], **dict(pairs), "fresh seeds": row["seeds"] if is_confirmed else ""})
    return pd.DataFrame(rows)


def written(metric: Metric, value: float) -> str:
    """A value as tables show it, without its unit."""
    if pd.isna(value):
        return ""
    return f"{value * metric.scale:.{metric.digits}f}" if abs(value * metric.scale) < 1e6 else f"{value * metric.scale:.3g}"


def setting(value: object) -> str:
    """A setting as tables show it."""
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def markdown(table: pd.DataFrame) -> str:
    """A GitHub table."""
    lines = [list(table.columns), ["---"] * len(table.columns), *([str(cell) for cell in row] for row in table.to_numpy())]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"
