"""A hyperparameter search in plain values: what its tables, its figures and its page are made from."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import pandas as pd

from reports.metric import Metric
from reports.quantities import counted

COMPLETE, PRUNED, FAILED = "complete", "pruned", "failed"
ENOUGH = 4  # complete trials below which nothing is said about what mattered


@dataclass(frozen=True)
class Confirmed:
    """One of the best trials, trained again on fresh seeds.

    seeds: the fresh ones, as far as any were asked for. search: objective -> its value in the search. means: objective -> its
    mean over the fresh seeds; empty until all have finished. runs: objective -> the value of each fresh seed; empty where the
    runs are not in the store any more. diverged: the fresh seeds with which it did.
    """

    trial: int
    seeds: Sequence[int]
    search: Mapping[str, float]
    means: Mapping[str, float]
    runs: Mapping[str, Sequence[float]]
    diverged: Sequence[int] = ()

    @property
    def settled(self) -> bool:
        """Whether fresh seeds have said what it is worth."""
        return bool(self.means or self.diverged)


@dataclass(frozen=True)
class Searched:
    """One search.

    objectives: by name, the one that matters most first; how its values are written.
    trials: one row per trial: `trial` (its number), `state` (complete, pruned, failed, running), `reason`, seconds
      `trained`, and a column per objective (NaN where it is not known; of pruned trials the last value while training).
    settings: one row per trial, indexed by its number, a column per setting; NaN where a trial did not have it.
    logarithmic: the settings that were drawn from a logarithmic range.
    curves: trial, step, value of the first objective while training.
    importances: setting -> share of the first objective's variation that it explains; empty where that cannot be said.
    evaluator: what has computed the importances, in words.
    front: the numbers of the best trials: of several objectives the Pareto front, of one the best alone.
    confirmed: the candidates, the one to use first. confirming: the command that confirms the best.
    notes: sentences that hold for all tables, such as on which clips trials are judged.
    """

    name: str
    scale: str
    objectives: Mapping[str, Metric]
    trials: pd.DataFrame
    settings: pd.DataFrame
    logarithmic: frozenset[str]
    curves: pd.DataFrame
    importances: Mapping[str, float]
    front: tuple[int, ...]
    confirmed: Sequence[Confirmed] = ()
    confirming: str = ""
    evaluator: str = ""
    notes: Sequence[str] = ()

    @property
    def first(self) -> str:
        """The objective that matters most."""
        return next(iter(self.objectives))

    @property
    def chosen_by(self) -> str:
        """What "best" means where there are several objectives; empty for one."""
        name = self.objectives[self.first].label or self.first.upper()
        return f"by {name}, the first objective" if len(self.objectives) > 1 else ""

    @cached_property
    def complete(self) -> pd.DataFrame:
        """The trials that were trained to their end."""
        return self.trials[self.trials["state"] == COMPLETE]

    @cached_property
    def best_so_far(self) -> "pd.Series[float]":
        """The best value of the first objective up to each complete trial, indexed by its number."""
        values = self.complete.set_index("trial")[self.first]
        return values.cummax() if self.objectives[self.first].direction == "up" else values.cummin()

    @property
    def question(self) -> str:
        """What the search asks, as the page's title."""
        names = " and ".join(metric.label or name.upper() for name, metric in self.objectives.items())
        return f"Which settings of {self.name} give the best {names}?"


def lacking(searched: Searched) -> list[str]:
    """A sentence for each part of the report that cannot be shown, and why."""
    complete = len(searched.complete)
    if not complete:
        states = searched.trials["state"].value_counts()
        counts = ", ".join(f"{count} {state}" for state, count in states.items())
        return [f"No trial is complete ({counts}): there are no best settings and no importances yet."]
    sentences = []
    if not len(searched.settings.columns):
        sentences.append("The space draws no settings: there is nothing to compare trials by.")
    elif not searched.importances and complete < ENOUGH:
        sentences.append(f"No importances: they need at least {ENOUGH} complete trials, and there {_are(complete)}.")
    elif not searched.importances:
        sentences.append("No importances: no setting of all complete trials varies together with the score.")
    if not any(candidate.settled for candidate in searched.confirmed):
        how = f"; `{searched.confirming}` trains it again" if searched.confirming else ""
        sentences.append(f"The best is not confirmed on fresh seeds yet{how}.")
    return sentences


def _are(count: int) -> str:
    return "is 1" if count == 1 else f"are {count}"


def written(metric: Metric, value: float) -> str:
    """A value as tables show it, without its unit: 15.33, 1.52 G."""
    return metric.written(value) if metric.unit or metric.digits else counted(value)


def setting(value: object) -> str:
    """A setting as tables show it."""
    if isinstance(value, float):
        return f"{value:.0f}" if value.is_integer() and abs(value) < 1e6 else f"{value:.3g}"
    return str(value)
