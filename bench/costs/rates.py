"""Seconds of a step, of scoring and of all else for one kind of run, from the nearest run that was measured."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from statistics import median

from bench.costs import measured
from bench.costs.measured import Measured

CHECKPOINTS = 2  # that a run keeps, of weights and of Adam's two moments, 4 bytes each
OTHER_MODEL, OTHER_DEVICE = 2.0, 1000.0  # factors by which times of another processor, or of a GPU for one, can be wrong


@dataclass(frozen=True)
class Rates:
    """What runs of one kind take. scoring: seconds by the key of the evaluation. run_bytes: without predictions.

    hardware: that it was measured on. ratio: FLOPs of a step, as a multiple of those of the run that was measured.
    """

    step: float | None
    scoring: dict[str, float]
    other: float | None
    scaled: bool
    run_bytes: int | None
    hardware: str
    ratio: float = 1.0


def rates_of(kind: str, family: str, measurements: Sequence[Measured], size: dict[str, float], hardware: str) -> Rates:
    """What runs of a kind take on this hardware. measurements: of any kind. size: parameters, FLOPs, batch."""
    of_kind = [run for run in measurements if run.kind == kind]
    run_bytes = next((run.run_bytes for run in of_kind if run.run_bytes is not None), None)
    if run_bytes is None and (parameters := size.get("parameters")) is not None:
        run_bytes = int(parameters * 4 * 3 * CHECKPOINTS)
    counted = [(run.flops, float(run.batch)) for run in of_kind if run.work]
    flops, batch = counted[0] if counted else (size.get("flops"), size.get("batch", 0.0))
    work = (flops or 0.0) * batch
    related = [
        run for run in measurements if run.family == family and run.kind != kind and run.work and run.step_seconds is not None
    ]
    candidates = [*of_kind, *(related if work else [])]
    if not candidates:
        same_hardware = (run for run in measurements if run.place == hardware)
        return Rates(None, {}, _other(same_hardware), True, run_bytes, hardware)
    nearest = min(candidates, key=lambda run: _distance(run, kind, work, hardware))
    same_device = [run for run in measurements if run.place == nearest.place]
    if nearest.kind != kind:
        ratio = (flops or 0.0) / (nearest.flops or 1.0)
        scaled = {key: seconds * ratio for key, seconds in nearest.score_seconds.items()}
        longer = work / nearest.work
        return Rates(
            (nearest.step_seconds or 0.0) * longer, scaled, _other(same_device), True, run_bytes, nearest.place, longer
        )
    alike = [run for run in of_kind if run.place == nearest.place]
    alike = [run for run in alike if run.run_bytes is not None] or alike  # whole runs know better than probes
    steps = [run.step_seconds for run in alike if run.step_seconds is not None]
    return Rates(median(steps) if steps else None, _scoring(alike), _other(alike), False, run_bytes, nearest.place)


def _distance(run: Measured, kind: str, work: float, hardware: str) -> float:
    """The factor (its logarithm) by which an estimate that rests on this run can be wrong.

    A ratio of FLOPs or threads counts as a factor of that size, since overhead dominates small steps, and threads help more or
    less. Another processor, or another GPU, is a factor of 2; a GPU instead of a processor, or the reverse, is one of 1000.
    """
    size = 0.0 if run.kind == kind else abs(math.log(run.work / work))
    return size + _hardware_distance(run.place, hardware)


@cache
def _hardware_distance(first: str, second: str) -> float:
    """The factor's part (its logarithm) that differences of the hardware make."""
    if first == second:
        return 0.0
    if bool(measured.gpus_of(first)) != bool(measured.gpus_of(second)):
        return math.log(OTHER_DEVICE)
    (first_name, first_count), (second_name, second_count) = map(measured.name_and_count, (first, second))
    return abs(math.log(first_count / second_count)) + (0.0 if first_name == second_name else math.log(OTHER_MODEL))


def _other(measurements: Iterable[Measured]) -> float | None:
    """Seconds of all work that is neither a step nor scoring, such as starting up."""
    others = [run.other_seconds for run in measurements if run.other_seconds is not None]
    return median(others) if others else None


def _scoring(alike: Iterable[Measured]) -> dict[str, float]:
    seconds_by_key = defaultdict(list)
    for run in alike:
        for key, seconds in run.score_seconds.items():
            seconds_by_key[key].append(seconds)
    return {key: median(seconds) for key, seconds in seconds_by_key.items()}
