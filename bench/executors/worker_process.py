"""Starts a run directory as a process: the command and environment that all executors use, and how the process ended."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Sequence

from bench.common.machine import LOOK_S, KernelKills, signal_name
from bench.spec.experiment import Evaluation, evaluations_to_json
from bench.store import snapshot
from bench.store.failures import OUT_OF_MEMORY
from bench.store.run import Run

KEEPING = {"MALLOC_MMAP_THRESHOLD_": str(2**25), "MALLOC_TRIM_THRESHOLD_": str(2**40)}  # older glibc takes no more than 2**25
"""Makes glibc keep freed memory. Returned to the kernel, it would have to be allocated and zeroed again at every training step,
which takes up to a tenth of the time of LMC-Memory on a processor. Peak memory is the same."""


def command(
    run: Run, evaluations: Sequence[Evaluation], device: str, threads: int, devices: int = 1, exactly: bool = True
) -> list[str]:
    """What to execute. `-P` keeps the working directory out of the imports: the code is the one that was planned.

    threads: of the processor, for all devices of the run together. exactly: that many, whatever the run had before; otherwise
    as many as it had, or at its first start as many as pay, and at most that many.
    """
    return [
        sys.executable, "-P", "-m", "bench.worker.main", str(run.path),
        "--evaluations", evaluations_to_json(evaluations),
        "--device", device, *(["--devices", str(devices)] if devices > 1 else []),
        "--threads", str(threads), *(["--exactly"] if exactly else []),
    ]  # fmt: skip


def environment(run: Run, threads: int, device: str = "cpu") -> dict[str, str]:
    """The environment of a worker: its threads, and where it imports from: first the code it was planned with.

    Changed if that copy of the code was modified: nothing of it may be executed.
    """
    planned = snapshot.checked(run)
    folders = [planned.folder] if planned else []
    values = {
        **os.environ,
        "OMP_NUM_THREADS": str(threads),
        "PYTHONPATH": os.pathsep.join([*folders, *filter(None, sys.path)]),
    }
    return settings(threads, device) | values


def settings(threads: int, device: str = "cpu") -> dict[str, str]:
    """Settings of glibc's memory and of waiting threads, unless the user has set these. Several threads on a processor wait as
    `bench.worker.spin_control` decides."""
    if {"OMP_WAIT_POLICY", "GOMP_SPINCOUNT"} & os.environ.keys() or (threads > 1 and device == "cpu"):
        return KEEPING
    return {**KEEPING, "OMP_WAIT_POLICY": "PASSIVE"}


def wait_for_worker(child: subprocess.Popen[bytes]) -> str:
    """Wait for a worker. Returns how it was ended, in words; empty if it ended by itself."""
    kills = KernelKills()
    while True:
        try:
            code = child.wait(timeout=LOOK_S)
            break
        except subprocess.TimeoutExpired:
            kills.look()
    if code == -signal.SIGKILL and kills.recent():
        return OUT_OF_MEMORY
    return f"killed by {signal_name(-code)}" if code < 0 else ""
