"""Facts about this machine: cores, GPUs, memory, and what its processor can do."""

from __future__ import annotations

import contextlib
import os
import platform
import resource
import signal
import sys
import time
from collections import deque
from pathlib import Path
from typing import TYPE_CHECKING

from bench.common.load import quota

if TYPE_CHECKING:
    import torch

BF16 = ("avx512_bf16", "amx_bf16", "bf16")  # in /proc/cpuinfo, on x86 and on Arm: what makes bfloat16 worth while
LOOK_S = 5.0  # seconds between two looks at what the kernel has killed


def cores() -> int:
    """Processor cores that this process may use: by its affinity, and by the quota of its container."""
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    granted = quota()
    return allowed if granted is None else max(1, min(allowed, int(granted)))


def gpus() -> list[str]:
    """The CUDA devices that this process and those that it starts may use, as CUDA_VISIBLE_DEVICES names them."""
    import torch

    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    count = torch.cuda.device_count()
    names = visible.split(",") if visible else [str(i) for i in range(count)]
    if count and names[0].startswith("MIG-"):  # instances of a GPU: CUDA shows a process one of them, and another to another
        return [name for name in names if name.startswith("MIG-")]
    return names[:count]


def default_device() -> torch.device:
    """The first GPU, or the processor where there is none."""
    import torch

    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def wait_for(device: torch.device) -> None:
    """Wait until a GPU has done all its work; a processor has done it already."""
    if device.type == "cuda":
        import torch

        torch.cuda.synchronize(device)


def available_memory() -> int:
    """Bytes that this process may still take, as far as the system tells: what is free, less what limits it (ulimit -v)."""
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
        free = next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:"))
    except (OSError, StopIteration, ValueError):
        free = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    limit = resource.getrlimit(resource.RLIMIT_AS)[0]
    return free if limit == resource.RLIM_INFINITY else min(free, limit)


def processor() -> str:
    """The processor's name as the system tells it."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())


def has_bf16(device: str) -> bool:
    """Whether a device ("cpu", "cuda") has instructions for bfloat16; without them it is imitated, many times slower."""
    if device == "cuda":
        import torch

        return torch.cuda.is_bf16_supported(including_emulation=False)
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return False
    flags = next((line.split() for line in lines if line.lower().startswith(("flags", "features"))), [])
    return not set(BF16).isdisjoint(flags)


def peak_memory() -> int:
    """Largest resident size of this process so far, in bytes."""
    with contextlib.suppress(OSError, StopIteration):  # rusage would start from the parent's peak
        lines = Path("/proc/self/status").read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:")) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


class KernelKills:
    """Whether the kernel has killed a process for want of memory, in the last seconds before it is asked.

    Look again and again while a process runs: what was killed hours before it ended was another one.
    """

    def __init__(self) -> None:
        self._counts = deque([kernel_kills()], maxlen=2)
        self._looked_at = time.monotonic()

    def look(self) -> None:
        """Note the present number, at most every few seconds."""
        if time.monotonic() - self._looked_at >= LOOK_S:
            self._looked_at = time.monotonic()
            self._counts.append(kernel_kills())

    def recent(self) -> bool:
        """Whether there was one since the last look but one."""
        return kernel_kills() > self._counts[0]


def kernel_kills() -> int:
    """How many processes the kernel has killed for want of memory so far; 0 where it does not say.

    Those of this process's control group where the system counts them, else those of the whole machine.
    """
    for path in (_group_events(), Path("/proc/vmstat")):
        with contextlib.suppress(OSError):
            counts = dict(line.split()[:2] for line in path.read_text().splitlines())
            if "oom_kill" in counts:
                return int(counts["oom_kill"])
    return 0


def _group_events() -> Path:
    """Where Linux counts what happens to the memory of this process's control group (version 2)."""
    try:
        lines = Path("/proc/self/cgroup").read_text().splitlines()
    except OSError:
        lines = []
    group = next((line.removeprefix("0::/") for line in lines if line.startswith("0::/")), "")
    return Path("/sys/fs/cgroup") / group / "memory.events"


def signal_name(number: int) -> str:
    """SIGKILL for 9; "signal 40" for one that has no name."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
