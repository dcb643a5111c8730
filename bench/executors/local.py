"""A fresh child process for every run, in slots of this machine: so many processor threads, or a share of a GPU, or several.

A child has its own process group and its own memory: an out-of-memory error, a segfault or a leak dies with its run.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
from collections.abc import Sequence
from concurrent.futures import Future

from bench.common.errors import BenchError
from bench.common.files import appending
from bench.common.machine import cores, gpus
from bench.executors import worker
from bench.spec.experiment import Evaluation
from bench.store.store import Run
from bench.sweep.executor import Executor


class Local(Executor):
    """Child processes on this machine.

    workers: runs at once; 0 means `per_gpu` on every GPU, or without GPUs one per processor core.
    per_gpu: runs that share one GPU.
    devices: GPUs that train one run together, or without GPUs processes.
    """

    def __init__(self, workers: int = 0, per_gpu: int = 1, devices: int = 1):
        if workers < 0:
            raise BenchError(f"--workers must be at least 1 (or 0 to let the machine decide), got {workers}")
        if per_gpu < 1:
            raise BenchError(f"--per-gpu must be at least 1, got {per_gpu}")
        if devices < 1:
            raise BenchError(f"--devices must be at least 1, got {devices}")
        found, self.devices = gpus(), devices
        if 0 < len(found) < devices:
            raise BenchError(f"--devices {devices} gives every run as many GPUs, and this machine has {len(found)}")
        self.gpus = [",".join(found[first : first + devices]) for first in range(0, len(found) - devices + 1, devices)]
        self.slots = workers or len(self.gpus) * per_gpu or max(1, cores() // devices)
        self.threads = max(1, cores() // self.slots)
        self._free = list(range(self.slots))
        self._children: dict[int, subprocess.Popen[bytes]] = {}
        self._last_signal: signal.Signals | None = None
        self._lock = threading.RLock()  # a Ctrl-C, whose handler tells the children, may come while one is being started

    def submit(self, run: Run, evaluations: Sequence[Evaluation]) -> Future[str]:
        """Start a child on the run directory; its output goes to the directory's log.txt."""
        environment = worker.environment(run, self.threads)
        with appending(run.path / "log.txt") as log, self._lock:
            slot = self._free[0]
            if self.gpus:
                environment["CUDA_VISIBLE_DEVICES"] = self.gpus[slot % len(self.gpus)]
            child = subprocess.Popen(
                worker.command(run, evaluations, "cuda" if self.gpus else "cpu", self.threads, self.devices),
                stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, env=environment, start_new_session=True,
            )  # fmt: skip
            self._free.remove(slot)
            self._children[slot] = child
            if self._last_signal:
                _tell(child, self._last_signal)
        future: Future[str] = Future()
        threading.Thread(target=self._wait, args=(slot, child, future), daemon=True).start()
        return future

    def stop(self) -> None:
        self._signal(signal.SIGTERM)

    def kill(self) -> None:
        self._signal(signal.SIGKILL)

    def _wait(self, slot: int, child: subprocess.Popen[bytes], future: Future[str]) -> None:
        ending = worker.run_to_end(child)
        with self._lock:
            del self._children[slot]
            self._free.append(slot)
        future.set_result(ending)

    def _signal(self, number: signal.Signals) -> None:
        with self._lock:
            self._last_signal = number
            children = list(self._children.values())
        for child in children:
            _tell(child, number)


def _tell(child: subprocess.Popen[bytes], number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child.pid, number)
