"""What a step, scoring and the rest of one kind of run take, from the nearest run that was measured."""

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
OTHER_MODEL, OTHER_DEVICE = 2.0, 1000.0  # by which times of another processor, and those of a GPU on a processor, can be wrong


@dataclass(frozen=True)
class Rates:
    """What runs of one kind take. scoring: seconds by the key of the evaluation. run_bytes: without predictions.

    place: where it was measured. ratio: FLOPs of a step, as a multiple of those of the run that was measured.
    """

    step: float | None
    scoring: dict[str, float]
    other: float | None
    scaled: bool
    run_bytes: int | None
    place: str
    ratio: float = 1.0


def rates_of(kind: str, family: str, measurements: Sequence[Measured], size: dict[str, float], here: str) -> Rates:
    """What runs of a kind take on the machine `here`. measurements: of any kind. size: parameters, FLOPs, batch."""
    own = [run for run in measurements if run.kind == kind]
    run_bytes = next((run.run_bytes for run in own if run.run_bytes is not None), None)
    if run_bytes is None and (parameters := size.get("parameters")) is not None:
        run_bytes = int(parameters * 4 * 3 * CHECKPOINTS)
    counted = [(run.flops, float(run.batch)) for run in own if run.work]
    flops, batch = counted[0] if counted else (size.get("flops"), size.get("batch", 0.0))
    work = (flops or 0.0) * batch
    related = [
        run for run in measurements if run.family == family and run.kind != kind and run.work and run.step_seconds is not None
    ]
    candidates = [*own, *(related if work else [])]
    if not candidates:
        return Rates(None, {}, _other(run for run in measurements if run.place == here), True, run_bytes, here)
    nearest = min(candidates, key=lambda run: _distance(run, kind, work, here))
    same_device = [run for run in measurements if run.place == nearest.place]
    if nearest.kind != kind:
        ratio = (flops or 0.0) / (nearest.flops or 1.0)
        scaled = {key: seconds * ratio for key, seconds in nearest.score_seconds.items()}
        longer = work / nearest.work
        return Rates(
            (nearest.step_seconds or 0.0) * longer, scaled, _other(same_device), True, run_bytes, nearest.place, longer
        )
    alike = [run for run in own if run.place == nearest.place]
    alike = [run for run in alike if run.run_bytes is not None] or alike  # whole runs know better than probes
    steps = [run.step_seconds for run in alike if run.step_seconds is not None]
    return Rates(median(steps) if steps else None, _scoring(alike), _other(alike), False, run_bytes, nearest.place)


def _distance(run: Measured, kind: str, work: float, here: str) -> float:
    """The factor (its logarithm) by which an estimate that rests on this run can be wrong.

    FLOPs and threads: as many times as there are more of them, since small steps cost what surrounds them, and threads help
    more or less. Another processor, or another GPU, is worth a factor of 2, and a GPU instead of a processor tells least.
    """
    size = 0.0 if run.kind == kind else abs(math.log(run.work / work))
    return size + _device_distance(run.place, here)


@cache
def _device_distance(place: str, here: str) -> float:
    """The same factor for two devices alone."""
    if place == here:
        return 0.0
    if bool(measured.gpus_of(place)) != bool(measured.gpus_of(here)):
        return math.log(OTHER_DEVICE)
    (there_name, there_count), (name, count) = measured.name_and_count(place), measured.name_and_count(here)
    return abs(math.log(there_count / count)) + (0.0 if there_name == name else math.log(OTHER_MODEL))


def _other(measurements: Iterable[Measured]) -> float | None:
    """Seconds of starting up, and of what else is neither a step nor scoring."""
    others = [run.other_seconds for run in measurements if run.other_seconds is not None]
    return median(others) if others else None


def _scoring(alike: Iterable[Measured]) -> dict[str, float]:
    seconds_by_key = defaultdict(list)
    for run in alike:
        for key, seconds in run.score_seconds.items():
            seconds_by_key[key].append(seconds)
    return {key: median(seconds) for key, seconds in seconds_by_key.items()}
