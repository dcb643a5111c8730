"""What a trial is judged by: scores on the validation split, and costs; never the test split."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Literal

from bench.common.errors import BenchError, did_you_mean
from bench.evaluation.scores import load
from bench.metrics import METRICS
from bench.store.failures import Failure
from bench.sweep.plan import PlannedRun
from reports.quantities import counted, lasting


@dataclass(frozen=True)
class Objective:
    """logged: its name in metrics.jsonl, by which trials can be pruned. cost: a field of provenance.json, for costs alone.

    about: what a cost is, in words.
    """

    better: Literal["higher", "lower"]
    logged: str = ""
    cost: str = ""
    about: str = ""


OBJECTIVES = {
    "psnr": Objective("higher", logged="validation/psnr"),
    "ssim": Objective("higher", logged="validation/ssim"),
    "mse": Objective("lower"),
    "lpips": Objective("lower"),
    "cost": Objective("lower", cost="flops", about="FLOPs per clip"),
    "seconds": Objective("lower", cost="train_seconds", about="of training"),
}
"""`cost` is FLOPs per clip, counted, so the same on every machine; `seconds` of training are measured."""
OTHER_WORDS = {"flops": "cost", "time": "seconds", "runtime": "seconds"}
"""What else people call an objective."""


def chosen(text: str) -> tuple[str, ...]:
    """The objectives that `psnr` or `psnr,cost` names, the one that matters most first."""
    names = tuple(word.strip().lower() for word in text.split(",") if word.strip())
    for name in names:
        if name not in OBJECTIVES:
            near = f": did you mean '{OTHER_WORDS[name]}'?" if name in OTHER_WORDS else did_you_mean(name, OBJECTIVES)
            raise BenchError(f"there is no objective '{name}'{f'{near} There' if near else '; there'} are {_choices()}")
    if not names or len(set(names)) < len(names):
        raise BenchError(f"--objective takes one or several different names, such as psnr or psnr,cost; got '{text}'")
    if "lpips" in names:
        from bench.metrics import weights

        available, description = weights.lpips_availability()
        if not available:
            raise BenchError(f"LPIPS cannot be searched for: {description}")
    return names


def _choices() -> str:
    """All objectives, costs with what they are: psnr, ..., cost (FLOPs per clip)."""
    return ", ".join(f"{name} ({objective.about})" if objective.about else name for name, objective in OBJECTIVES.items())


def prunable(names: Sequence[str]) -> bool:
    """Whether trials can be judged before they end: by one objective alone, and one that is logged while training."""
    return len(names) == 1 and bool(OBJECTIVES[names[0]].logged)


class NoValue(BenchError):
    """A finished run lacks what it is to be judged by. kind: of failure, as `bench.store.failures` sorts them."""

    def __init__(self, message: str, kind: Failure):
        super().__init__(message)
        self.kind = kind


def value(name: str, planned_runs: Sequence[PlannedRun]) -> float:
    """The mean of an objective over the finished runs of a trial; NoValue where one has none."""
    return fmean(_of_run(name, planned) for planned in planned_runs)


def shown(name: str, value: float) -> str:
    """A value of an objective with its unit: 15.33 dB, 0.442, 1.2 G FLOPs per clip."""
    if name in METRICS:
        metric = METRICS[name]
        return f"{metric.written(value)} {metric.shown_unit}".rstrip()
    return lasting(value) if name == "seconds" else f"{counted(value)} {OBJECTIVES[name].about}"


def _of_run(name: str, planned: PlannedRun) -> float:
    if cost := OBJECTIVES[name].cost:
        try:
            return float(planned.run.provenance()[cost])
        except KeyError:
            raise NoValue(f"{planned.run.name} has no {name} on record", Failure.DAMAGED) from None
    scores = load(planned.run.scores_file(planned.evaluations[0].key))
    means = scores.means()
    if f"standard/{name}" in means:
        return means[f"standard/{name}"]
    if why := scores.metadata.get(f"{name}_missing"):
        raise NoValue(f"{planned.run.name} was scored without {name.upper()}: {why}", Failure.DAMAGED)
    raise NoValue(f"{planned.run.name} has predictions that are not finite", Failure.DIVERGED)
