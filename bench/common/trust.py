"""What the user of this machine has allowed: modules that a spec may name, and databases that a search may use.

Kept outside of every store, in `~/.config/lmc-bench/trust.json` ($BENCH_CONFIG or $XDG_CONFIG_HOME move it), since a store may
come from anywhere. What is allowed for one process only, or handed to its workers, stands in $BENCH_TRUST.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterable
from pathlib import Path

from bench.common.errors import BenchError
from bench.common.files import write_json
from bench.common.json_schemas import TEXT, known_fields
from bench.common.reading import json_in
from bench.common.urls import digest

VARIABLE = "BENCH_TRUST"
MODULE = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*")
SHAPE = {"modules": [TEXT], "storages": [TEXT]}


class Untrusted(BenchError):
    """A store names code or a server that the user of this machine has not allowed."""


def file() -> Path:
    """The file that remembers what is allowed."""
    config = os.environ.get("XDG_CONFIG_HOME") or "~/.config"
    folder = Path(os.environ.get("BENCH_CONFIG") or Path(config) / "lmc-bench")
    return folder.expanduser() / "trust.json"


def is_trusted(module: str) -> bool:
    """Whether the user has allowed a module or its package. Modules of the suite are not: specs name them by the catalogue."""
    return any(module == trusted or module.startswith(f"{trusted}.") for trusted in (*allowed(), *_remembered()["modules"]))


def allowed() -> list[str]:
    """The modules that specs may name in this process and in its workers."""
    return [name for name in os.environ.get(VARIABLE, "").split(",") if name]


def allow(modules: Iterable[str]) -> None:
    """Allow modules in this process and in those that it starts."""
    allowed_names = allowed()
    new_names = [name for name in modules if name not in allowed_names]
    if new_names:
        os.environ[VARIABLE] = ",".join([*allowed_names, *new_names])


def remember(modules: Iterable[str]) -> list[str]:
    """Allow modules on this machine for good, and return the new ones. If nothing can be written: for this process only."""
    names = list(dict.fromkeys(modules))
    for name in names:
        if not MODULE.fullmatch(name):
            raise BenchError(f"--trust takes the name of a Python module, such as my_models, got '{name}'")
    allow(names)
    remembered = _remembered()
    new_names = [name for name in names if name not in remembered["modules"]]
    if new_names:
        _keep({**remembered, "modules": [*remembered["modules"], *new_names]})
    return new_names


def remember_storage(url: str) -> None:
    """The user has named this database of searches himself."""
    remembered = _remembered()
    if digest(url) not in remembered["storages"]:
        _keep({**remembered, "storages": [*remembered["storages"], digest(url)]})


def is_trusted_storage(url: str) -> bool:
    """Whether the user of this machine has named this database before."""
    return digest(url) in _remembered()["storages"]


def _remembered() -> dict[str, list[str]]:
    with contextlib.suppress(OSError):
        return {"modules": [], "storages": [], **known_fields(json_in(file()) or {}, SHAPE, file())}
    return {"modules": [], "storages": []}


def _keep(values: dict[str, list[str]]) -> None:
    with contextlib.suppress(OSError):  # no home folder to write to: the user has to allow it again
        write_json(file(), values)
