"""The code as it was when a run was planned: a queued run executes that, or refuses and names what has changed.

The suite's own packages are copied into the store (`runs/.code/HASH/`), and workers import them from there, so that editing a
file while a sweep goes on changes nothing for it. Modules of the user's own that a spec names stay where they are; they are
compared with what they were, and a run whose modules have changed refuses.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import uuid
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

from bench.common.errors import BenchError, listed
from bench.common.files import read_json, write_json
from bench.spec import catalog, signatures
from bench.spec.runspec import KINDS, RunSpec
from bench.store.provenance import ROOT, code
from bench.store.store import Run, Store

PACKAGES = ("bench", "lmc", "baselines", "experiments", "reports")


class Changed(BenchError):
    """The code is not what it was when the run was planned."""


@dataclass(frozen=True)
class Snapshot:
    """Where the copy is, and the hash of its content."""

    folder: str
    digest: str
    own: dict[str, str] = field(default_factory=dict)  # files of the user's own -> hash

    def note(self, run: Run) -> None:
        """Write into a run directory which code it is to be executed with."""
        modules = {str(path): _hash(path.read_bytes()) for path in own_modules(run.spec)}
        write_json(run.path / "code.json", asdict(Snapshot(self.folder, self.digest, modules)))


def take(store: Store) -> Snapshot:
    """Copy the running suite into the store, once per state of the code."""
    digest = fingerprint(here())
    folder = store.root / ".code" / digest
    if not folder.exists():
        temporary = folder.with_name(f".{digest}.{uuid.uuid4().hex[:8]}")
        try:
            for path in _files(here()):
                (temporary / path).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(here() / path, temporary / path)
            write_json(temporary / "code.json", code())
            with contextlib.suppress(OSError):  # another scheduler was faster with the same content
                os.rename(temporary, folder)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
    return Snapshot(str(folder), digest)


def of(run: Run) -> Snapshot | None:
    """The code that a run was planned with; None if nobody said."""
    noted = read_json(run.path / "code.json")
    return Snapshot(noted["folder"], noted["digest"], noted["own"]) if noted else None


def forget(run: Run) -> None:
    """Let a run be executed with whatever code is there."""
    (run.path / "code.json").unlink(missing_ok=True)


def verify(run: Run) -> None:
    """Refuse to execute a run with other code than it was planned with, naming the difference."""
    planned = of(run)
    if planned is None:
        return
    now = {path: _hash(Path(path).read_bytes()) if Path(path).is_file() else "" for path in planned.own}
    changed = [path for path, digest in planned.own.items() if now[path] != digest]
    if fingerprint(here()) != planned.digest:
        changed += _differences(Path(planned.folder)) or [f"the suite's copy in {planned.folder} is gone"]
    if changed:
        raise Changed(f"the code has changed since this run was planned: {listed(changed[:5])}; `bench run` plans it anew")


def here() -> Path:
    """The folder that this very process imports the suite from."""
    return ROOT


def fingerprint(root: Path) -> str:
    """A hash over the names and contents of the suite's files under `root`."""
    entries = [(str(path), _hash((root / path).read_bytes())) for path in _files(root)]
    return _hash(json.dumps(entries).encode())


def own_modules(spec: RunSpec) -> list[Path]:
    """The files outside the suite that define what a spec names, in full or by an entry point."""
    found: list[Path] = []
    for name, kind in KINDS.items():
        module, _, attribute = catalog.target(kind, getattr(spec, name).name).partition(":")
        if module.partition(".")[0] not in PACKAGES:
            found += signatures.sources(module, attribute, f"{name} '{getattr(spec, name).name}'")
    return list(dict.fromkeys(found))


def _differences(folder: Path) -> list[str]:
    then = {path: (folder / path).read_bytes() for path in _files(folder)}
    now = {path: (here() / path).read_bytes() for path in _files(here())}
    return [str(path) for path in sorted({*then, *now}) if then.get(path) != now.get(path)] if then else []


def _files(root: Path) -> Iterator[Path]:
    for package in PACKAGES:
        for path in sorted((root / package).rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts and not path.name.startswith("."):
                yield path.relative_to(root)


def _hash(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:12]
