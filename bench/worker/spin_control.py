"""How threads wait for one another: spinning if each has a core, asleep if other programs need the cores too.

A thread that spins until the next operation starts it at once: worth half of what a second thread brings LMC-Memory at small
scale. Where two of them must share a core, each burns the other's time: an iteration of 0.6 s was seen to take 16 s. GNU's
OpenMP, which PyTorch brings along, spins a thousandth as long once a process has more threads than there are cores (its manual,
GOMP_SPINCOUNT). So while the machine is busy, extra threads with teams of their own exist and do nothing.
"""

from __future__ import annotations

import os
import threading

from bench.common.load import SLACK, busy_cores
from bench.common.machine import cores

WINDOW_S = 1.0  # of measuring how busy the cores are
CALM = 5  # measurements in a row that must find free cores before threads spin again
NUMBERS = 2**20  # as many are divided among threads by any operation


class SpinControl(threading.Thread):
    """Watches how busy the other cores are, as long as the process lives."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self._calm = 0
        self._release: threading.Event | None = None

    @property
    def asleep(self) -> bool:
        """Whether threads sleep while they wait."""
        return self._release is not None

    def run(self) -> None:
        import torch

        while True:
            self.adjust(torch.get_num_threads(), busy_cores([os.getpid()], WINDOW_S))

    def adjust(self, threads: int, busy: float) -> None:
        """Let threads sleep or spin, given how many cores other programs keep busy."""
        if crowded(threads, cores(), busy):
            self._calm = 0
            if self._release is None:
                self._release = threading.Event()
                for _ in range(teams(threads, available())):
                    threading.Thread(target=_hold_threads, args=(self._release,), daemon=True).start()
        elif self._release is not None:
            self._calm += 1
            if self._calm == CALM:
                self._release.set()
                self._release = None


def watch(device: str = "cpu") -> None:
    """Watch from now on, unless a GPU computes or the user has said how threads wait."""
    if device == "cpu" and not {"OMP_WAIT_POLICY", "GOMP_SPINCOUNT"} & os.environ.keys():
        SpinControl().start()


def crowded(threads: int, cores: int, busy: float) -> bool:
    """Whether threads must share cores, with one another or with others' work, which keeps `busy` cores busy."""
    return threads > 1 and threads + busy > cores + SLACK


def teams(threads: int, available: int) -> int:
    """How many extra teams of that size make more threads than there are cores."""
    return available // threads + 1


def available() -> int:
    """Cores as OpenMP counts them: by the affinity alone."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _hold_threads(release: threading.Event) -> None:
    import torch

    torch.ones(NUMBERS).add_(1.0)  # starts this thread's own team, which lives as long as the thread
    release.wait()
