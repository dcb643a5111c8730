"""A fresh child process for every run, in slots of this machine: so many processor threads, or one GPU each.

A child has its own process group and its own memory: an out-of-memory error, a segfault or a leak dies with its run.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import asdict

from bench.errors import BenchError
from bench.experiment import Evaluation
from bench.store import Run


class Local:
    """Child processes on this machine.

    workers: runs at once; 0 means one per GPU, or without GPUs one per processor core.
    """

    def __init__(self, workers: int = 0):
        if workers < 0:
            raise BenchError(f"--workers must be at least 1 (or 0 to let the machine decide), got {workers}")
        self.gpus = gpus()
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        self.slots = workers or len(self.gpus) or cores
        self.threads = max(1, cores // self.slots)
        self._free = list(range(self.slots))
        self._children: dict[int, subprocess.Popen[bytes]] = {}
        self._lock = threading.Lock()

    def submit(self, run: Run, evaluations: Sequence[Evaluation]) -> Future[str]:
        """Start a child on the run directory; its output goes to the directory's log.txt."""
        with self._lock:
            slot = self._free.pop(0)
        with open(run.path / "log.txt", "ab") as log:
            child = subprocess.Popen(
                self._command(run, evaluations),
                stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT,
                env=self._environment(slot), start_new_session=True,
            )  # fmt: skip
        self._children[slot] = child
        future: Future[str] = Future()
        threading.Thread(target=self._wait, args=(slot, child, future), daemon=True).start()
        return future

    def stop(self) -> None:
        self._signal(signal.SIGTERM)

    def kill(self) -> None:
        self._signal(signal.SIGKILL)

    def _command(self, run: Run, evaluations: Sequence[Evaluation]) -> list[str]:
        return [
            sys.executable, "-m", "bench.run", str(run.path),
            "--evaluations", json.dumps([asdict(evaluation) for evaluation in evaluations]),
            "--device", "cuda" if self.gpus else "cpu",
            "--threads", str(self.threads),
        ]  # fmt: skip

    def _environment(self, slot: int) -> dict[str, str]:
        """The child's settings: its share of the processor, its GPU, and the folders that this process imports from."""
        environment = {
            **os.environ,
            "OMP_NUM_THREADS": str(self.threads),
            "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
        }
        environment.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # waiting threads do not burn a core that another run could use
        if self.gpus:
            environment["CUDA_VISIBLE_DEVICES"] = self.gpus[slot % len(self.gpus)]
        return environment

    def _wait(self, slot: int, child: subprocess.Popen[bytes], future: Future[str]) -> None:
        code = child.wait()
        with self._lock:
            del self._children[slot]
            self._free.append(slot)
        future.set_result(f"killed by {signal.Signals(-code).name}" if code < 0 else "")

    def _signal(self, number: signal.Signals) -> None:
        for child in list(self._children.values()):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(child.pid, number)


def gpus() -> list[str]:
    """The CUDA devices that this process may use, as CUDA_VISIBLE_DEVICES names them."""
    import torch

    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    count = torch.cuda.device_count()
    return visible.split(",")[:count] if visible else [str(i) for i in range(count)]
