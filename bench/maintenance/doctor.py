"""What this machine has of what the suite needs, and what to do about the rest."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import Literal

from bench.common.errors import BenchError, Blocked
from bench.store.store import Store

LITTLE_SPACE = 2 * 2**30  # bytes; a small-scale store with its MLflow copy takes less


@dataclass(frozen=True)
class Finding:
    """One thing looked at. A `note` stops only part of the suite, `bad` stops it."""

    what: str
    found: str
    verdict: Literal["good", "note", "bad"] = "good"
    remedy: str = ""


def examine(store: Store) -> list[Finding]:
    """Look at everything."""
    return [*_machine(), *_packages(), *_store(store), *_weights(), *_data()]


def _machine() -> Iterator[Finding]:
    from bench.common.machine import has_bf16, processor

    yield Finding("python", platform.python_version())
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    yield Finding("processor", f"{processor()}, {cores} cores, {memory:.0f} GiB of memory")
    try:
        import torch
    except ImportError:  # the list of packages says so
        return
    devices = [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]
    if devices:
        yield Finding("gpu", ", ".join(devices))
    else:
        yield Finding("gpu", "none", "note", "small scale runs on the processor; paper scale wants a GPU")
    if not has_bf16("cuda" if devices else "cpu"):
        yield Finding("bfloat16", "imitated", "note", "precision=bf16 is many times slower than float32 here")


def _packages() -> Iterator[Finding]:
    for package in ("torch", "torchvision", "mlflow", "optuna"):
        try:
            installed = version(package)
        except PackageNotFoundError:
            yield Finding(package, "absent", "bad", f"pip install -c constraints.txt {package}")
            continue
        trouble = _import_trouble(package) if package == "torchvision" else ""
        remedy = "the suite does without it; other code needs the build that belongs to this torch" if trouble else ""
        yield Finding(package, f"{installed}{trouble}", "note" if trouble else "good", remedy)


def _import_trouble(package: str) -> str:
    """What importing a package ends in, in a process of its own; an empty string where it can be imported."""
    done = subprocess.run([sys.executable, "-c", f"import {package}"], capture_output=True, text=True)
    error_lines = done.stderr.strip().splitlines()
    return (
        f", which cannot be imported ({error_lines[-1] if error_lines else f'exit code {done.returncode}'})"
        if done.returncode
        else ""
    )


def _store(store: Store) -> Iterator[Finding]:
    from bench.common.files import writable

    try:
        writable(store.root)
    except BenchError as error:
        yield Finding("store", str(error), "bad")
        return
    free = shutil.disk_usage(store.root).free
    found = f"{store.root}, {len(store.runs())} runs, {free / 2**30:.0f} GiB free"
    little = free < LITTLE_SPACE
    yield Finding("store", found, "note" if little else "good", "a full disk stops runs (they resume)" if little else "")


def _weights() -> Iterator[Finding]:
    from bench.metrics import weights
    from bench.metrics.networks import NETWORKS

    for name, network in NETWORKS.items():
        known = weights.as_json(network)
        found = f"{known['detail']}, from {known['source']}" if known["available"] else known["detail"]
        remedy = f"{network.metric} columns stay empty until then; `bench rescore` fills them in later"
        yield Finding(name, found, *(() if known["available"] else ("note", remedy)))


def _data() -> Iterator[Finding]:
    from bench.spec import catalog

    for name in catalog.names("datasets"):
        try:
            yield Finding(f"data {name}", f"ready ({catalog.build('datasets', name, {}).fingerprint()})")
        except Blocked as error:
            yield Finding(f"data {name}", "absent", "note", str(error))
        except BenchError as error:
            yield Finding(f"data {name}", "damaged", "note", str(error))
