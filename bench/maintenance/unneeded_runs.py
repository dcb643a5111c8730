"""Runs that nothing refers to: no experiment of the suite, no search of their store, no run that starts from them."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterable

from bench.common.errors import BenchError
from bench.common.json_schemas import known_fields
from bench.common.reading import inside, is_regular, json_in
from bench.common.search_names import TUNED
from bench.spec.experiment import SCALES
from bench.spec.loading import load, names
from bench.spec.runspec import RunSpec
from bench.store import checkpoint_files, schemas
from bench.store.run import Run
from bench.store.store import Store


def unneeded(store: Store, all_runs: list[Run], idle: list[Run]) -> list[Run]:
    """Runs that nothing refers to, and none of whose checkpoints a run that stays starts from."""
    unreferenced = _unreferenced(store, idle)
    while True:
        names = {run.name for run in unreferenced}
        needed_hashes = starting_files(run for run in all_runs if run.name not in names)
        spared = [
            run
            for run in unreferenced
            if needed_hashes & set(map(checkpoint_files.digest_of, inside(run.path / "checkpoints")))
        ]
        if not spared:
            return unreferenced
        unreferenced = [run for run in unreferenced if run not in spared]


def known_to(run: Run) -> str:
    """The experiments and variants that this run was copied to MLflow as."""
    names = []
    for path in inside(run.path / "mlflow"):
        with contextlib.suppress(OSError):
            note = known_fields(json_in(path, run.path) or {}, schemas.COPIED, path)
            names.append(f"{note['experiment']} {note['variant']}" if {"experiment", "variant"} <= note.keys() else path.stem)
    return ", ".join(sorted(names))


def starting_files(runs: Iterable[Run]) -> set[str]:
    """The hashes, as names of checkpoints have them, of the files that the training of these runs starts from."""
    return {run.spec.init_sha256[: checkpoint_files.DIGITS] for run in runs if run.spec.init}


def _unreferenced(store: Store, runs: list[Run]) -> list[Run]:
    """Runs that no experiment of the suite, at any scale and with any seeds, and no search of this store refers to."""
    from bench.tune.study import run_names  # takes a second to import

    loaded = [load(name, scale) for name in names() for scale in SCALES]
    for folder in inside(store.root / "tuning"):
        study, _, scale = folder.name.rpartition("-")
        if not is_regular(folder / "result.json"):
            continue
        with contextlib.suppress(BenchError):  # it has found nothing yet
            loaded.append(load(TUNED + study, scale))
    used_specs = {_but_for_its_seed(spec) for experiment in loaded for spec in experiment.variants.values()}
    searched_runs = run_names(store)
    return [run for run in runs if _but_for_its_seed(run.spec) not in used_specs and run.name not in searched_runs]


def _but_for_its_seed(spec: RunSpec) -> str:
    return json.dumps(spec.but(seed=0).differences(), sort_keys=True)
