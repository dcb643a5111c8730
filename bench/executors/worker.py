"""How a run directory becomes a process: the command and the environment that every executor starts."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from dataclasses import asdict

from bench import snapshot
from bench.experiment import Evaluation
from bench.store import Run


def command(run: Run, evaluations: Sequence[Evaluation], device: str, threads: int, devices: int = 1) -> list[str]:
    """What to execute. `-P` keeps the working directory out of the imports: the code is the one that was planned.

    threads: of the processor, for all devices of the run together.
    """
    return [
        sys.executable, "-P", "-m", "bench.run", str(run.path),
        "--evaluations", json.dumps([asdict(evaluation) for evaluation in evaluations]),
        "--device", device, *(["--devices", str(devices)] if devices > 1 else []),
        "--threads", str(threads),
    ]  # fmt: skip


def environment(run: Run, threads: int) -> dict[str, str]:
    """Its settings: its share of the processor, and what it imports: the code it was planned with, then what we import."""
    planned = snapshot.of(run)
    folders = [planned.folder] if planned else []
    values = {
        **os.environ,
        "OMP_NUM_THREADS": str(threads),
        "PYTHONPATH": os.pathsep.join([*folders, *filter(None, sys.path)]),
    }
    values.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # waiting threads do not burn a core that another run could use
    return values
