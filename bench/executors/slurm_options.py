"""What a job of SLURM is given: the options of sbatch that a user adds, and what it must know of the environment here."""

from __future__ import annotations

import os
import shlex
from pathlib import Path

from bench.common.errors import BenchError


def flags(extra: str) -> dict[str, str | bool]:
    """'--account=vision --exclusive' as options by name."""
    by_name: dict[str, str | bool] = {}
    for word in shlex.split(extra):
        name, equals, value = word.removeprefix("--").partition("=")
        if name == "clusters":
            raise BenchError(
                f"executor 'slurm': {word} sends jobs to another cluster, which squeue does not show here; "
                "start the command on a login node of that cluster"
            )
        if not word.startswith("--"):
            raise BenchError(f"executor 'slurm': extra takes options as --name=value, got '{word}'")
        by_name[name] = value if equals else True
    return by_name


def environment() -> dict[str, str]:
    """What a job needs to know of the environment here, if the cluster does not hand it on.

    Compiled files are not written: the jobs of an array share one copy of the code, which each of them checks.
    """
    folders = {name: str(Path(os.environ[name]).absolute()) for name in ("BENCH_DATA", "TORCH_HOME") if os.environ.get(name)}
    return {"PYTHONSAFEPATH": "1", "PYTHONDONTWRITEBYTECODE": "1", **folders}
