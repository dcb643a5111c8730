"""Where a number comes from: code, packages, machine, data and cost of a run."""

from __future__ import annotations

import os
import platform
import shlex
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from importlib.metadata import PackageNotFoundError, entry_points, packages_distributions, version
from pathlib import Path
from typing import Any

from bench.common.files import read_json
from bench.common.machine import processor
from bench.common.reading import LARGE
from bench.common.urls import without_secrets
from bench.spec import catalog

CODE = ("bench", "lmc", "baselines", "experiments")  # what numbers depend on
ROOT = Path(__file__).parents[2]  # the folder that this process imports the suite from
LARGEST = 100_000  # bytes of a new file that is kept whole
PACKAGES = ("torch", "numpy", "scikit-image", "scikit-learn", "lpips", "pandas", "mlflow", "optuna", "pillow")


def collect() -> dict[str, Any]:
    """What produced the numbers, as far as this process can tell."""
    return {
        "command": without_secrets(shlex.join(sys.argv)),
        "code": code(),
        "packages": packages(),
        "machine": machine(),
        "written": time.time(),
    }


@cache
def code() -> dict[str, str]:
    """The commit of this project, and its uncommitted changes where there are some, new files of text among them."""
    return code_in(ROOT)


def code_in(folder: Path) -> dict[str, str]:
    """The same for the project in a folder. Installed inside another project's checkout, it has no commit of its own."""
    planned = read_json(folder / "code.json", max_bytes=LARGE)  # a snapshot: see bench.store.snapshot
    if isinstance(planned, dict) and all(isinstance(value, str) for value in planned.values()):
        return planned
    tracked = _git(folder, "ls-files", "--", str(Path(__file__).relative_to(ROOT)))
    commit = _git(folder, "rev-parse", "HEAD") if tracked else ""
    if not commit:
        return {"commit": "not a git checkout", "version": _version("lmc-bench")}
    changes = _git(folder, "diff", "HEAD", "--", *CODE)
    return {"commit": commit, "diff": "\n".join(filter(None, [changes, *_new_files(folder)]))}


def _new_files(folder: Path) -> Iterator[str]:
    """Files that git does not track yet, as a patch; large or binary files with their size only, hidden files not at all."""
    untracked = _git(folder, "ls-files", "-z", "--others", "--exclude-standard", "--", *CODE).split("\0")
    for name in (name for name in untracked if name and not any(part.startswith(".") for part in Path(name).parts)):
        path = folder / name
        try:
            size = path.stat().st_size
            if path.is_file() and size <= LARGEST:
                lines = path.read_text("utf-8").splitlines()
                yield "\n".join([f"--- /dev/null\n+++ b/{name}\n@@ -0,0 +1,{len(lines)} @@", *(f"+{line}" for line in lines)])
            else:
                yield f"+++ b/{name}: {size:,} bytes, not kept"
        except UnicodeDecodeError:
            yield f"+++ b/{name}: {size:,} bytes, no text"
        except OSError:
            continue  # gone meanwhile


def packages() -> dict[str, str]:
    """Versions of Python and of the packages that numbers depend on."""
    return {"python": platform.python_version(), **{name: _version(name) for name in PACKAGES}}


def packages_of(modules: Iterable[str]) -> dict[str, str]:
    """Versions of the installed packages that these modules come from; files on Python's path are of none."""
    roots = {module.partition(".")[0] for module in modules}
    if not roots:
        return {}
    package_names = {name for root in roots for name in packages_distributions().get(root, [])}
    for group in catalog.ENTRY_POINTS.values():  # an editable package need not list its modules, and has named them here
        points = [point for point in entry_points(group=group) if point.module.partition(".")[0] in roots]
        package_names |= {point.dist.name for point in points if point.dist}
    return {name: _version(name) for name in sorted(package_names)}


def own_packages(recorded: Mapping[str, str]) -> dict[str, str]:
    """Those of the recorded packages that a model or a data set from outside the suite came from."""
    return {name: number for name, number in recorded.items() if name not in ("python", *PACKAGES)}


def machine() -> dict[str, Any]:
    """Host, processor, cores, memory and accelerators."""
    import torch

    return {
        "host": platform.node(),
        "system": platform.platform(),
        "processor": processor(),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "memory_bytes": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        "accelerators": [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())],
    }


def threads_of(provenance: Mapping[str, Any]) -> int | None:
    """How many threads of the processor train a run, by its provenance; None before it has begun.

    Older stores have the threads of each process, under `machine`.
    """
    per_process = provenance.get("machine", {}).get("threads")
    threads = provenance.get("threads") or (per_process and per_process * provenance.get("devices", 1))
    return int(threads) if threads and threads > 0 else None


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "absent"


def _git(folder: Path, *arguments: str) -> str:
    try:
        command = ["git", "-C", str(folder), "-c", "core.quotePath=false", *arguments]
        process = subprocess.run(command, capture_output=True, text=True, errors="surrogateescape", timeout=20)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return process.stdout.strip() if process.returncode == 0 else ""
