"""Finds a run by what a user types, and tells runs apart for him: by variant and seed, which the keys in names do not show."""

from __future__ import annotations

from collections.abc import Iterable

from bench.common.errors import BenchError, did_you_mean
from bench.store.labels import labels
from bench.store.run import Run
from bench.store.store import Store

SHOWN = 5  # runs in a message


def find_run(store: Store, name: str) -> Run:
    """The run called `name`, or the only one whose name contains it; BenchError with the runs that may be meant otherwise."""
    runs = store.runs()
    matches = [run for run in runs if run.name == name] or [run for run in runs if name in run.name]
    if len(matches) == 1:
        return matches[0]
    if matches:
        raise BenchError(f"'{name}' fits {len(matches)} runs: {with_variants(matches)}; write more of its name")
    if of_variant := runs_of_variant(runs, name):
        plural = "its runs are" if len(of_variant) > 1 else "its run is"
        raise BenchError(f"'{name}' is a variant, not a run; {plural} {with_variants(of_variant)}")
    hint = did_you_mean(name, [text for run in runs for text in (run.name, *labels(run).values())])
    raise BenchError(f"there is no run '{name}' in {store.root}{hint or '; `bench status` lists them'}")


def with_variants(runs: Iterable[Run]) -> str:
    """Runs for a message, each with its variant and seed: "lmc-927f... (full, seed 0), lmc-31aa... (full, seed 1), ..."."""
    all_runs = list(runs)
    texts = []
    for run in all_runs[:SHOWN]:
        variants = dict.fromkeys(labels(run).values())
        texts.append(f"{run.name} ({', '.join((*variants, f'seed {run.spec.seed}'))})")
    return ", ".join([*texts, *(["..."] if len(all_runs) > SHOWN else [])])


def runs_of_variant(runs: Iterable[Run], name: str) -> list[Run]:
    """The runs that some experiment calls `name`, whatever its capitals."""
    return [run for run in runs if name.lower() in {label.lower() for label in labels(run).values()}]
