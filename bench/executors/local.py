"""A new child process for every run, in slots of this machine: some processor threads, or a share of a GPU, or several GPUs.

A child has its own process group and its own memory: an out-of-memory error, a segfault or a leak dies with its run.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import Future

from bench.common.errors import BenchError
from bench.common.files import appending
from bench.common.machine import cores, gpus
from bench.executors import worker_process
from bench.executors.threads import offered
from bench.spec.experiment import Evaluation
from bench.store.provenance import threads_of
from bench.store.run import Run
from bench.sweep.executor import Executor


class Local(Executor):
    """Child processes on this machine.

    workers: runs at once; 0 means `per_gpu` on every GPU, or without GPUs one per processor core.
    per_gpu: runs that share one GPU.
    devices: GPUs that train one run together, or without GPUs processes.
    threads: of the processor for each run, exactly; 0 offers each run its share of what is free at its first start, of which it
    takes as many as pay.
    """

    def __init__(self, workers: int = 0, per_gpu: int = 1, devices: int = 1, threads: int = 0):
        if workers < 0:
            raise BenchError(f"--workers must be at least 1 (or 0 to let the machine decide), got {workers}")
        if per_gpu < 1:
            raise BenchError(f"--per-gpu must be at least 1, got {per_gpu}")
        if devices < 1:
            raise BenchError(f"--devices must be at least 1, got {devices}")
        if threads < 0:
            raise BenchError(f"--threads must be at least 1 (or 0 to let the machine decide), got {threads}")
        all_gpus, self.devices, self.exactly = gpus(), devices, threads
        if 0 < len(all_gpus) < devices:
            raise BenchError(f"--devices {devices} gives every run as many GPUs, and this machine has {len(all_gpus)}")
        self.gpus = [",".join(all_gpus[first : first + devices]) for first in range(0, len(all_gpus) - devices + 1, devices)]
        self.slots = workers or len(self.gpus) * per_gpu or max(1, cores() // (threads or devices))
        self._free = list(range(self.slots))
        self._children: dict[int, subprocess.Popen[bytes]] = {}
        self._threads: dict[int, int] = {}  # by slot
        self._last_signal: signal.Signals | None = None
        self._lock = threading.RLock()  # a Ctrl-C, whose handler tells the children, may come while one is being started

    def submit(self, run: Run, evaluations: Sequence[Evaluation]) -> Future[str]:
        """Start a child on the run directory; its output goes to the directory's log.txt."""
        device = "cuda" if self.gpus else "cpu"
        thread_count = self.threads_for(run)
        environment = worker_process.environment(run, thread_count, device)
        with appending(run.path / "log.txt") as log, self._lock:
            slot = self._next_slot()
            if self.gpus:
                environment["CUDA_VISIBLE_DEVICES"] = self.gpus[slot % len(self.gpus)]
            child = subprocess.Popen(
                worker_process.command(run, evaluations, device, thread_count, self.devices, exactly=bool(self.exactly)),
                stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, env=environment, start_new_session=True,
            )  # fmt: skip
            self._free.remove(slot)
            self._children[slot], self._threads[slot] = child, thread_count
            if self._last_signal:
                _tell(child, self._last_signal)
        future: Future[str] = Future()
        threading.Thread(target=self._wait, args=(slot, child, future), daemon=True).start()
        return future

    def has_room(self, run: Run) -> bool:
        """Whether as many cores are free as the run has begun with; always true if no other run is active."""
        in_use = sum(self._threads.values())
        needed = self.exactly or min(threads_of(run.provenance()) or 1, cores())
        return not in_use or bool(self.gpus) or in_use + needed <= max(cores(), self.slots * max(1, self.exactly))

    def threads_for(self, run: Run) -> int:
        """Threads to offer a run that starts now."""
        if self.exactly:
            return self.exactly
        if self.gpus:  # the GPU computes, so the number of threads changes no rounding
            return max(1, cores() // self.slots)
        if earlier_threads := threads_of(run.provenance()):
            return min(earlier_threads, cores())
        with self._lock:
            in_use = sum(self._threads.values())
            own_processes = [os.getpid(), *(child.pid for child in self._children.values())]
        return offered(min(len(self._free), 1 + self.waiting), in_use, own_processes)

    def _next_slot(self) -> int:
        """The slot that has been free longest, of the GPUs that have the fewest runs."""
        count = max(1, len(self.gpus))
        busy = Counter(slot % count for slot in self._children)
        return min(self._free, key=lambda slot: busy[slot % count])

    def stop(self) -> None:
        self._signal(signal.SIGTERM)

    def kill(self) -> None:
        self._signal(signal.SIGKILL)

    def _wait(self, slot: int, child: subprocess.Popen[bytes], future: Future[str]) -> None:
        ending = worker_process.wait_for_worker(child)
        with self._lock:
            del self._children[slot], self._threads[slot]
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
