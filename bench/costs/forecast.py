"""What a plan will cost: wall time, GPU hours and disk, predicted from measurements of similar runs.

Runs of the same kind (all settings alike but those of `measured.WITHOUT`) give seconds per step as measured. Runs of the same
family (`measured.family_of`: the same model class, learner, data, optimizer and precision) give them scaled by FLOPs. Otherwise
a cost is unknown. Of all measurements the nearest is taken: the one whose estimate can be wrong by the smallest factor (see
`bench.costs.rates`).
"""

from __future__ import annotations

import heapq
import json
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.costs import measured
from bench.costs.measured import Kinds, Measured
from bench.costs.rates import Rates, rates_of
from bench.executors.threads import offered
from bench.spec.runspec import RunSpec
from bench.store.store import Store
from bench.sweep.plan import NEW, TO_DO, TO_SCORE, PlannedRun, prediction_bytes, unique

COUNTED_UP_TO = 500  # runs to do: importing torch to count the parameters of models takes longer than planning them
COUNTING = 5.0  # seconds that counting may take; what is left over is counted next time
GPU_SIGNS = ("/dev/nvidia0", "/dev/nvidiactl", "/dev/kfd", "/dev/dxg")


@dataclass(frozen=True)
class Machine:
    """Where a plan is to be executed.

    hardware: a processor with its threads, or GPUs, as `bench.costs.measured` names them. threads: of the processor, offered to
    each run that has not begun. per_gpu: runs that share one GPU. exactly: that many threads, even if fewer would be as fast.
    """

    hardware: str
    slots: int
    threads: int
    gpus: tuple[str, ...] = ()
    per_gpu: int = 1
    exactly: bool = False


@dataclass(frozen=True)
class Cost:
    """What is still to be paid for one run.

    seconds: None if unknown. scaled: estimated from runs of another size. without: parts that were never timed, which the
    seconds leave out. disk: bytes that it will add, None if unknown. hardware: that the estimate was measured on.
    ratio: FLOPs of its step, as a multiple of those of the measured run.
    """

    seconds: float | None
    scaled: bool = False
    without: tuple[str, ...] = ()
    disk: int | None = None
    hardware: str = ""
    ratio: float = 1.0


@dataclass(frozen=True)
class Forecast:
    """The cost of every run to do, by its name. hardware: that most of the estimates were measured on."""

    costs: dict[str, Cost]
    hardware: str

    def wall(self, slots: int) -> float:
        """Seconds from start to end with so many runs at once, in declared order; of the runs whose cost is known."""
        ends = [0.0] * max(1, slots)
        for cost in self.costs.values():
            if cost.seconds is not None:
                heapq.heappush(ends, heapq.heappop(ends) + cost.seconds)
        return max(ends)

    def gpu_hours(self, per_gpu: int = 1) -> float | None:
        """Hours of GPUs in use; None if the runs use no GPU."""
        if not measured.gpus_of(self.hardware):
            return None
        seconds = ((cost.seconds or 0.0) * measured.gpus_of(cost.hardware or self.hardware) for cost in self.costs.values())
        return sum(seconds) / 3600 / per_gpu

    def runs_by_hardware(self) -> dict[str, int]:
        """The hardware that estimates were measured on -> for how many runs; most first."""
        counts = Counter(cost.hardware or self.hardware for cost in self.costs.values() if cost.seconds is not None)
        return dict(counts.most_common())

    def disk(self) -> int:
        """Bytes, of the runs for which they are known."""
        return sum(cost.disk or 0 for cost in self.costs.values())

    def unknown(self) -> int:
        """How many runs have no estimate."""
        return sum(cost.seconds is None for cost in self.costs.values())


def forecast(planned_runs: Sequence[PlannedRun], store: Store, machine: Machine) -> Forecast:
    """The cost of a plan's unfinished runs. Reads the store; writes only counts of parameters and FLOPs."""
    kinds = Kinds()
    to_do = [planned for planned in unique(planned_runs) if planned.state in TO_DO]
    kind_families = {kinds.of(planned.spec) for planned in to_do}
    measurements = _measurements(planned_runs, store, kinds, kind_families)
    sizes = _sizes(to_do, kinds, measurements, store) if len(to_do) <= COUNTED_UP_TO else {}
    rates = {
        kind: rates_of(kind, family, measurements, sizes.get(kind, {}), machine.hardware) for kind, family in kind_families
    }
    costs = {planned.run.name: _cost(planned, rates[kinds.of(planned.spec)[0]]) for planned in to_do}
    counts = Counter(cost.hardware for cost in costs.values() if cost.seconds is not None and cost.hardware)
    hardware = counts.most_common(1)[0][0] if counts else machine.hardware
    return Forecast(costs, hardware)


def lacking(planned_runs: Sequence[PlannedRun], store: Store, machine: Machine) -> list[PlannedRun]:
    """One run to do of every kind that was never measured on this machine."""
    kinds = Kinds()
    to_do = [planned for planned in unique(planned_runs) if planned.state in TO_DO]
    kind_families = {kinds.of(planned.spec) for planned in to_do}
    measurements = _measurements(planned_runs, store, kinds, kind_families)
    on_machine = [run for run in measurements if run.place == machine.hardware]
    lacking_kinds: dict[str, PlannedRun] = {}
    for planned in to_do:
        kind, _ = kinds.of(planned.spec)
        rates = rates_of(kind, "", [run for run in on_machine if run.kind == kind], {}, machine.hardware)
        if (rates.step is None and planned.spec.steps) or any(e.key not in rates.scoring for e in planned.evaluations):
            lacking_kinds.setdefault(kind, planned)
    return list(lacking_kinds.values())


def machine(workers: int, per_gpu: int, runs: int, devices: int = 1, threads: int = 0, to_do: int | None = None) -> Machine:
    """This machine, as `bench run` would use it for so many runs, each on so many devices.

    threads: of each run, exactly; 0 shares out what is free. to_do: how many of the runs are still to be done; None: all.
    """
    from bench.common.machine import cores, processor
    from bench.executors.local import Local

    if any(Path(sign).exists() for sign in GPU_SIGNS):  # asking torch takes seconds
        local = Local(workers, per_gpu, devices, threads)
        if local.gpus:
            import torch

            hardware = measured.on_gpus(torch.cuda.get_device_name(0), devices)
            return Machine(hardware, local.slots, threads or max(1, cores() // local.slots), tuple(local.gpus), per_gpu, True)
    slots = workers or max(1, min(cores() // (threads or devices), runs))
    threads_each = threads or offered(min(slots, runs if to_do is None else to_do))
    return Machine(measured.on_processor(processor(), threads_each), slots, threads_each, exactly=threads > 0)


def _cost(planned: PlannedRun, rates: Rates) -> Cost:
    status = planned.run.status() if planned.state != NEW else None
    steps = 0 if planned.state == TO_SCORE else planned.spec.steps - (status.step if status else 0)
    present_bytes = 0 if status is None else sum(path.stat().st_size for path in planned.run.path.rglob("*") if path.is_file())
    disk = None if rates.run_bytes is None else max(0, rates.run_bytes + prediction_bytes(planned) - present_bytes)
    to_score = [e.key for e in planned.evaluations if status is None or not planned.run.scores_file(e.key).exists()]
    if steps and rates.step is None:
        return Cost(None, disk=disk, hardware=rates.hardware)
    without = ["scoring"] if any(key not in rates.scoring for key in to_score) else []
    without += ["starting up"] if rates.other is None else []
    parts = [steps * (rates.step or 0.0), *(rates.scoring.get(key, 0.0) for key in to_score), rates.other or 0.0]
    if not steps and without:
        return Cost(None, disk=disk, hardware=rates.hardware)  # no steps to do, and scoring or starting up was never timed
    return Cost(sum(parts), rates.scaled, tuple(without), disk, rates.hardware, rates.ratio)


def _measurements(
    planned_runs: Sequence[PlannedRun], store: Store, kinds: Kinds, kind_families: set[tuple[str, str]]
) -> list[Measured]:
    """Measurements of these kinds: of the plan's own runs, if those are of all kinds; else of the whole store; and probes."""
    if not kind_families:
        return []
    of_plan = list(measured.of_store((planned.run for planned in unique(planned_runs) if planned.state not in TO_DO), kinds))
    enough = {kind for kind, _ in kind_families} <= {run.kind for run in of_plan}
    return [*(of_plan if enough else measured.of_store(store.runs(), kinds)), *measured.probed(store)]


def _sizes(
    to_do: Sequence[PlannedRun], kinds: Kinds, measurements: Sequence[Measured], store: Store
) -> dict[str, dict[str, float]]:
    """Parameters, FLOPs and batch, by kind, of the kinds that were not measured; FLOPs only where there is what to scale."""
    cached, fresh, seconds_spent = measured.sizes(store), {}, 0.0
    sizes_by_kind: dict[str, dict[str, float]] = {}
    for planned in to_do:
        kind, family = kinds.of(planned.spec)
        alike = [measurement for measurement in measurements if measurement.kind == kind]
        if kind in sizes_by_kind or any(measurement.run_bytes is not None for measurement in alike):
            continue
        if alike:
            sizes_by_kind[kind] = {"parameters": float(alike[0].parameters or 0)}
            continue
        key, scalable = _size_key(planned.spec), any(measurement.family == family for measurement in measurements)
        size = cached.get(key, {})
        if "parameters" not in size or (scalable and "flops" not in size):
            if seconds_spent > COUNTING:
                continue
            import bench.training.flops  # noqa: F401  seconds that are not to count

            began = time.monotonic()
            size = fresh[key] = _count(planned.spec, scalable)
            seconds_spent += time.monotonic() - began
        sizes_by_kind[kind] = {**size, "batch": float(planned.spec.batch)}
    measured.keep_sizes(store, fresh)
    return sizes_by_kind


def _size_key(spec: RunSpec) -> str:
    return json.dumps([spec.model.identity, spec.data.identity, spec.context, spec.horizon], sort_keys=True)


def _count(spec: RunSpec, with_flops: bool) -> dict[str, float]:
    from bench.training.flops import flops, on_meta, parameters

    shape = spec.data.build().shape
    model = on_meta(spec.model, shape, spec.context, spec.horizon)
    counted = {"parameters": float(parameters(model) if spec.steps else 0)}
    return {**counted, "flops": float(flops(model, shape, spec.context, spec.horizon))} if with_flops else counted
