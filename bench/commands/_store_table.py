"""Every run of a store as a table: what it is called, how far it is, what it scores on validation clips."""

from __future__ import annotations

import contextlib
import os
import time
from typing import TYPE_CHECKING, Any

from bench.commands import _tables
from reports.quantities import lasting

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from bench.store.run import Run
    from bench.sweep.plan import PlannedRun

SET_APART = "set apart by"
"""The column of the settings in which runs of the same variant and seed differ."""


def print_store(planned_runs: Sequence[PlannedRun], damaged: Sequence[tuple[Path, str]]) -> None:
    """One line a run; and the directories of runs that cannot be read, with the reason."""
    columns = ["run", "experiment", "variant", "seed", SET_APART, "state", "val. PSNR (dB)", "age", "why"]
    rows = []
    runs = [planned.run for planned in planned_runs]  # what sets thousands apart would be half of the work; --json has it
    for planned, description in zip(planned_runs, described(runs, apart=len(runs) <= _tables.LONG), strict=True):
        names = description["experiments"]
        score, age = description["validation_psnr"], description["age_seconds"]
        rows.append(
            (
                planned.run.name, ", ".join(names), ", ".join(dict.fromkeys(names.values())), str(planned.seed),
                listed_settings(description["set_apart_by"]), planned.state,
                "" if score is None else f"{score:.2f}", "" if age is None else lasting(age),
                _tables.reason(planned),
            )
        )  # fmt: skip
    rows += [(path.name, "", "", "", "", "damaged", "", "", why) for path, why in damaged]
    _tables.print_table(columns, rows)


def described(runs: Sequence[Run], apart: bool = True) -> list[dict[str, Any]]:
    """Of each run: what experiments call it, its newest validation score (dB), and for how many seconds it has written nothing.

    apart: and the settings that set it apart from others of the same variant and seed, where there are any.
    """
    from bench.commands._set_apart import set_apart
    from bench.store.labels import labels

    names = [labels(run) for run in runs]
    return [
        {**_progress(run), "experiments": variants, "set_apart_by": settings}
        for run, variants, settings in zip(runs, names, set_apart(runs, names) if apart else [{}] * len(runs), strict=True)
    ]


def listed_settings(settings: Mapping[str, Any]) -> str:
    """Settings as `--set` takes them, comma separated."""
    return ", ".join(f"{name}={value}" for name, value in settings.items())


def _progress(run: Run) -> dict[str, Any]:
    last_write = 0.0
    for name in ("status.json", "metrics.jsonl"):
        with contextlib.suppress(OSError):
            last_write = max(last_write, os.lstat(f"{run.path}{os.sep}{name}").st_mtime)
    age = max(0.0, time.time() - last_write) if last_write else None
    return {"validation_psnr": run.metrics.newest("validation/psnr"), "age_seconds": age}
