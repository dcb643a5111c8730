"""What the suite needs and this machine has, and what to do about what is missing."""

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

from bench import __version__
from bench.common.errors import BenchError
from bench.store.store import Store
from reports.quantities import several, sized

EXAMINED = ("torch", "torchvision", "mlflow", "optuna")  # packages with a line of their own
LITTLE_SPACE = 2 * 2**30  # bytes; a small-scale store with its MLflow copy takes less


@dataclass(frozen=True)
class Finding:
    """The state of one thing. A `note` disables only part of the suite, `bad` all of it."""

    what: str
    found: str
    verdict: Literal["good", "note", "bad"] = "good"
    remedy: str = ""


def examine(store: Store) -> list[Finding]:
    """Look at everything."""
    return [*_machine(), *_packages(), *_store(store), *_weights(), *_data()]


def _machine() -> Iterator[Finding]:
    from bench.common.machine import has_bf16, processor
    from bench.store.provenance import code, packages

    yield Finding("lmc-bench", f"{__version__}, {_commit(code())}")
    yield Finding("system", platform.platform())
    yield Finding("python", platform.python_version())
    others = {name: version for name, version in packages().items() if name != "python" and name not in EXAMINED}
    yield Finding("packages", ", ".join(f"{name} {version}" for name, version in others.items()))
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    memory = sized(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    yield Finding("processor", f"{processor()}, {cores} cores, {memory} of memory")
    try:
        import torch
    except ImportError:  # the list of packages says so
        return
    yield Finding("cuda", f"{torch.version.cuda or 'none'} (that torch was built for)")
    devices = [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]
    if devices:
        yield Finding("gpu", ", ".join(devices))
    else:
        yield Finding("gpu", "none", "note", "small scale runs on the processor; paper scale wants a GPU")
    if not has_bf16("cuda" if devices else "cpu"):
        yield Finding("bfloat16", "imitated", "note", "precision=bf16 is many times slower than float32 here")


def _commit(code: dict[str, str]) -> str:
    """The commit of this code, and whether it has uncommitted changes."""
    commit = code["commit"]
    named = f"commit {commit[:12]}" if " " not in commit else commit
    return f"{named}, with uncommitted changes" if code.get("diff") else named


def _packages() -> Iterator[Finding]:
    for package in EXAMINED:
        try:
            installed = version(package)
        except PackageNotFoundError:
            yield Finding(package, "absent", "bad", f"pip install -c constraints.txt {package}")
            continue
        trouble = _import_trouble(package) if package == "torchvision" else ""
        remedy = "the suite does without it; other code needs the build that belongs to this torch" if trouble else ""
        yield Finding(package, f"{installed}{trouble}", "note" if trouble else "good", remedy)


def _import_trouble(package: str) -> str:
    """The error of importing a package in a process of its own; an empty string if there is none."""
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
    state = f"{store.root}, {several(len(store.runs()), 'run')}, {sized(free)} free"
    little = free < LITTLE_SPACE
    yield Finding("store", state, "note" if little else "good", "a full disk stops runs (they resume)" if little else "")


def _weights() -> Iterator[Finding]:
    from bench.metrics import weights
    from bench.metrics.networks import NETWORKS

    for name, network in NETWORKS.items():
        status = weights.as_json(network)
        state = f"{status['detail']}, from {status['source']}" if status["available"] else status["detail"]
        remedy = f"{network.metric} columns stay empty until then; `bench rescore` fills them in later"
        yield Finding(name, state, *(() if status["available"] else ("note", remedy)))


def _data() -> Iterator[Finding]:
    """Every data set that is prepared; one with default options that is not, unless the user has prepared others like it."""
    from bench.data.preparing.listing import listing

    entries = listing()
    named = {entry.name for entry in entries if entry.name in ("frames", "videos") and "name" in entry.options}
    for entry in entries:
        if entry.state == "missing" and not entry.options and entry.name in named:
            continue  # sets of one's own bear any name, and need not be called 'default'
        options = "".join(f" {name}={value}" for name, value in entry.options.items())
        if entry.state == "ready":
            yield Finding(f"data {entry.name}{options}", f"ready ({entry.detail})")
        else:
            state = {"missing": "absent", "changed": "damaged"}[entry.state]
            yield Finding(f"data {entry.name}{options}", state, "note", entry.detail)
