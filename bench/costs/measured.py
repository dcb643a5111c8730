"""Measured costs of runs: of finished ones, and from probes, which `bench plan` keeps in `runs/forecast.json`."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from bench.common.files import write_json
from bench.common.json_schemas import known_fields, made_of
from bench.common.reading import json_in
from bench.spec.runspec import RunSpec
from bench.store import schemas
from bench.store.run import FINISHED, Run
from bench.store.store import Store

CACHE = "forecast.json"
ENOUGH = 5  # finished runs of one kind that are looked at
WITHOUT = ("seed", "steps", "schedule", "select", "clip_norm", "init")  # settings that hardly change what a step costs


@dataclass(frozen=True)
class Measured:
    """What one run, or one probe, has taken.

    kind: all settings that the cost of a step depends on. family: the settings shared by runs whose costs are in proportion to
    their FLOPs. place: the hardware, a processor with its threads or GPUs. step_seconds: of a step, with its share of the
    validations. score_seconds: by the key of the evaluation. other_seconds: of the remaining work, such as starting up.
    flops: of predicting one clip. run_bytes: of the run's directory without kept predictions. None: not measured.
    """

    kind: str
    family: str
    place: str
    step_seconds: float | None
    score_seconds: dict[str, float]
    other_seconds: float | None
    flops: float | None
    batch: int
    parameters: int | None
    run_bytes: int | None = None

    @property
    def work(self) -> float:
        """FLOPs of one step, up to a factor that all of a family share."""
        return (self.flops or 0.0) * self.batch


class Kinds:
    """The kind and the family of a spec, computed once for all specs that share their components: seeds are many."""

    def __init__(self) -> None:
        self._kinds: dict[tuple[object, ...], tuple[str, str]] = {}

    def of(self, spec: RunSpec) -> tuple[str, str]:
        """(kind, family)."""
        parts = (id(spec.model), id(spec.learner), id(spec.data), spec.optimizer.name)
        plain = (
            spec.batch,
            spec.context,
            spec.horizon,
            spec.precision,
            spec.compile,
            spec.validate_every,
            spec.validation_clips,
        )
        key = (*parts, *plain, spec.steps > 0)
        if key not in self._kinds:
            self._kinds[key] = (kind_of(spec), family_of(spec))
        return self._kinds[key]


def kind_of(spec: RunSpec) -> str:
    """The settings that runs share whose steps cost the same, as text."""
    settings = {name: value for name, value in spec.differences().items() if name not in WITHOUT}
    return json.dumps({**settings, "optimizer": spec.optimizer.name, "trained": spec.steps > 0}, sort_keys=True)


def family_of(spec: RunSpec) -> str:
    """The settings that runs share whose costs are in proportion to their FLOPs, as text."""
    names = [spec.model.name, spec.learner.name, spec.data.identity, spec.optimizer.name, spec.precision]
    return json.dumps([*names, spec.steps > 0], sort_keys=True)


def of_run(run: Run, kind: str, family: str) -> Measured | None:
    """The measured costs of a finished run; None if it has no record of them."""
    provenance, spec = run.provenance(), run.spec
    hardware = hardware_of(provenance)
    if hardware is None or "parameters" not in provenance:
        return None
    return Measured(
        kind=kind,
        family=family,
        place=hardware,
        step_seconds=provenance["train_seconds"] / spec.steps if spec.steps and "train_seconds" in provenance else None,
        score_seconds=provenance.get("score_seconds", {}),
        other_seconds=provenance.get("other_seconds"),
        flops=provenance.get("flops"),
        batch=spec.batch,
        parameters=provenance["parameters"],
        run_bytes=sum(_bytes_but_for_predictions(run)),
    )


def _bytes_but_for_predictions(run: Run) -> Iterator[int]:
    """The size of each file in its directory without kept predictions, whose number depends on the evaluation."""
    for path in run.path.rglob("*"):
        if path.is_file() and (path.parent.name, path.suffix) != ("predictions", ".npy"):
            yield path.stat().st_size


def hardware_of(provenance: dict[str, Any]) -> str | None:
    """What a run was executed on: a GPU by its name, or so many threads of a processor."""
    machine, device = provenance.get("machine", {}), provenance.get("device", "")
    if device.startswith("cuda"):
        return on_gpus((machine.get("accelerators") or ["a GPU"])[0], provenance.get("devices", 1))
    return on_processor(machine.get("processor", "?"), machine.get("threads", 0)) if device else None


def on_gpus(name: str, devices: int) -> str:
    """The name of hardware: GPUs that train one run together."""
    return f"{devices} x {name}" if devices > 1 else name


def gpus_of(hardware: str) -> int:
    """How many GPUs it is; 0 for a processor."""
    if hardware.endswith(("thread", "threads")):
        return 0
    together = re.match(r"(\d+) x ", hardware)
    return int(together[1]) if together else 1


def name_and_count(hardware: str) -> tuple[str, int]:
    """The name of a processor or GPU, and how many threads or GPUs: ("AMD EPYC", 2), ("NVIDIA H100", 1)."""
    if match := re.fullmatch(r"(.*), (\d+) threads?", hardware):
        return match[1], max(1, int(match[2]))
    together = re.fullmatch(r"(\d+) x (.*)", hardware)
    return (together[2], max(1, int(together[1]))) if together else (hardware, 1)


def on_processor(processor: str, threads: int) -> str:
    """The name of hardware: so many threads of a processor."""
    return f"{processor}, {threads} thread{'' if threads == 1 else 's'}"


def of_store(runs: Iterable[Run], kinds: Kinds) -> Iterator[Measured]:
    """The measured costs of finished runs: the latest ENOUGH of each kind, latest first."""
    by_kind: dict[str, list[tuple[float, Run, str]]] = {}
    for run in runs:
        status = run.status()
        if status.state == FINISHED:
            kind, family = kinds.of(run.spec)
            by_kind.setdefault(kind, []).append((status.updated, run, family))
    for kind, entries in by_kind.items():
        for _, run, family in sorted(entries, key=lambda entry: entry[0], reverse=True)[:ENOUGH]:
            with suppress(OSError):
                if measured := of_run(run, kind, family):
                    yield measured


def probed(store: Store) -> list[Measured]:
    """What earlier probes have measured."""
    return [made_of(Measured, values) for values in _cache(store).get("probes", [])]


def keep(store: Store, probe: Measured) -> None:
    """Keep what a probe has measured; it replaces an earlier probe of this kind on this hardware."""
    cache = _cache(store)
    others = [values for values in cache.get("probes", []) if (values["kind"], values["place"]) != (probe.kind, probe.place)]
    write_json(_path(store), {**cache, "probes": [*others, asdict(probe)]})


def sizes(store: Store) -> dict[str, dict[str, float]]:
    """Parameters and FLOPs of models, as far as they were counted before."""
    counted: dict[str, dict[str, float]] = _cache(store).get("sizes", {})
    return counted


def keep_sizes(store: Store, fresh: dict[str, dict[str, float]]) -> None:
    """Keep what was counted, if there is a store that can be written to."""
    if fresh and store.root.is_dir():
        with suppress(OSError):
            cache = _cache(store)
            write_json(_path(store), {**cache, "sizes": {**cache.get("sizes", {}), **fresh}})


def _cache(store: Store) -> dict[str, Any]:
    path = _path(store)
    try:
        return known_fields(json_in(path, store.root) or {}, schemas.FORECAST, path)
    except OSError:  # damaged: it is counted and measured again
        return {}


def _path(store: Store) -> Path:
    return store.root / CACHE
