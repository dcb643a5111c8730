"""Every run of a store as a table: what it is called, how far it is, what it scores on validation clips."""

from __future__ import annotations

import contextlib
import os
import time
from typing import TYPE_CHECKING, Any

from bench.commands import _tables
from reports.quantities import lasting

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from bench.store.store import Run
    from bench.sweep.plan import PlannedRun


def print_store(planned_runs: Sequence[PlannedRun], damaged: Sequence[tuple[Path, str]]) -> None:
    """One line a run; and the directories of runs that cannot be read, with the reason."""
    columns = ["run", "experiment", "variant", "seed", "state", "val. PSNR (dB)", "age", "why"]
    rows = []
    for planned in planned_runs:
        description = described(planned.run)
        names = description["experiments"]
        score, age = description["validation_psnr"], description["age_seconds"]
        rows.append(
            (
                planned.run.name, ", ".join(names), ", ".join(dict.fromkeys(names.values())), str(planned.seed), planned.state,
                "" if score is None else f"{score:.2f}", "" if age is None else lasting(age),
                _tables.reason(planned),
            )
        )  # fmt: skip
    rows += [(path.name, "", "", "", "damaged", "", "", why) for path, why in damaged]
    _tables.print_table(columns, rows)


def described(run: Run) -> dict[str, Any]:
    """What experiments call a run, its newest validation score (dB), and for how many seconds it has written nothing."""
    from bench.store.labels import labels

    last_write = 0.0
    for name in ("status.json", "metrics.jsonl"):
        with contextlib.suppress(OSError):
            last_write = max(last_write, os.lstat(f"{run.path}{os.sep}{name}").st_mtime)
    age = max(0.0, time.time() - last_write) if last_write else None
    return {"experiments": labels(run), "validation_psnr": run.newest("validation/psnr"), "age_seconds": age}
