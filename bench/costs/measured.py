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
from bench.common.reading import json_in
from bench.common.records import known_fields, made_of
from bench.spec.runspec import RunSpec
from bench.store import shapes
from bench.store.store import FINISHED, Run, Store

CACHE = "forecast.json"
ENOUGH = 5  # finished runs of one kind that are looked at
WITHOUT = ("seed", "steps", "schedule", "select", "clip_norm")  # settings that hardly change what a step costs


@dataclass(frozen=True)
class Measured:
    """What one run, or one probe, has taken.

    kind: its settings, but for those that a step's cost does not depend on; family: those that runs share whose costs can be
    reckoned from one another's by their FLOPs. place: the processor with its threads, or the GPUs. step_seconds: of a step, its
    share of the validations included. score_seconds: by the key of the evaluation. other_seconds: starting up, and what else is
    neither. flops: of predicting one clip. run_bytes: of the run's directory but for kept predictions. None where nobody
    measured it.
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
    """The kind and the family of a spec, reckoned once for the specs that share their Parts: seeds are many."""

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
    """What runs have in common whose steps cost the same."""
    settings = {name: value for name, value in spec.differences().items() if name not in WITHOUT}
    return json.dumps({**settings, "optimizer": spec.optimizer.name, "trained": spec.steps > 0}, sort_keys=True)


def family_of(spec: RunSpec) -> str:
    """What runs have in common whose costs are in proportion to their FLOPs."""
    names = [spec.model.name, spec.learner.name, spec.data.identity, spec.optimizer.name, spec.precision]
    return json.dumps([*names, spec.steps > 0], sort_keys=True)


def of_run(run: Run, kind: str, family: str) -> Measured | None:
    """What a finished run has taken; None where it does not say."""
    provenance, spec = run.provenance(), run.spec
    place = place_of(provenance)
    if place is None or "parameters" not in provenance:
        return None
    return Measured(
        kind=kind,
        family=family,
        place=place,
        step_seconds=provenance["train_seconds"] / spec.steps if spec.steps and "train_seconds" in provenance else None,
        score_seconds=provenance.get("score_seconds", {}),
        other_seconds=provenance.get("other_seconds"),
        flops=provenance.get("flops"),
        batch=spec.batch,
        parameters=provenance["parameters"],
        run_bytes=sum(_bytes_but_for_predictions(run)),
    )


def _bytes_but_for_predictions(run: Run) -> Iterator[int]:
    """Of each file of its directory; whether frames are kept, and how many, is a matter of the evaluation."""
    for path in run.path.rglob("*"):
        if path.is_file() and (path.parent.name, path.suffix) != ("predictions", ".npy"):
            yield path.stat().st_size


def place_of(provenance: dict[str, Any]) -> str | None:
    """What a run was executed on: a GPU by its name, or so many threads of a processor."""
    machine, device = provenance.get("machine", {}), provenance.get("device", "")
    if device.startswith("cuda"):
        return on_gpus((machine.get("accelerators") or ["a GPU"])[0], provenance.get("devices", 1))
    return on_processor(machine.get("processor", "?"), machine.get("threads", 0)) if device else None


def on_gpus(name: str, devices: int) -> str:
    """So many GPUs that train one run together, as a place."""
    return f"{devices} x {name}" if devices > 1 else name


def gpus_of(place: str) -> int:
    """How many GPUs a place is; 0 for a processor."""
    if place.endswith(("thread", "threads")):
        return 0
    together = re.match(r"(\d+) x ", place)
    return int(together[1]) if together else 1


def name_and_count(place: str) -> tuple[str, int]:
    """What a place is made of, and of how many: ("AMD EPYC", 2) threads, ("NVIDIA H100", 1) GPU."""
    if match := re.fullmatch(r"(.*), (\d+) threads?", place):
        return match[1], max(1, int(match[2]))
    together = re.fullmatch(r"(\d+) x (.*)", place)
    return (together[2], max(1, int(together[1]))) if together else (place, 1)


def on_processor(processor: str, threads: int) -> str:
    """So many threads of a processor, as a place."""
    return f"{processor}, {threads} thread{'' if threads == 1 else 's'}"


def of_store(runs: Iterable[Run], kinds: Kinds) -> Iterator[Measured]:
    """What finished runs have taken: of each kind some, the latest first."""
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
    """What probes have measured before."""
    return [made_of(Measured, values) for values in _cache(store).get("probes", [])]


def keep(store: Store, probe: Measured) -> None:
    """Remember what a probe has measured, instead of what an earlier one of its kind measured on that device."""
    cache = _cache(store)
    others = [values for values in cache.get("probes", []) if (values["kind"], values["place"]) != (probe.kind, probe.place)]
    write_json(_path(store), {**cache, "probes": [*others, asdict(probe)]})


def sizes(store: Store) -> dict[str, dict[str, float]]:
    """Parameters and FLOPs of models that were counted before."""
    counted: dict[str, dict[str, float]] = _cache(store).get("sizes", {})
    return counted


def keep_sizes(store: Store, fresh: dict[str, dict[str, float]]) -> None:
    """Remember what was counted, if there is a store that can be written to."""
    if fresh and store.root.is_dir():
        with suppress(OSError):
            cache = _cache(store)
            write_json(_path(store), {**cache, "sizes": {**cache.get("sizes", {}), **fresh}})


def _cache(store: Store) -> dict[str, Any]:
    path = _path(store)
    try:
        return known_fields(json_in(path, store.root) or {}, shapes.FORECAST, path)
    except OSError:  # damaged: it is counted and measured again
        return {}


def _path(store: Store) -> Path:
    return store.root / CACHE
