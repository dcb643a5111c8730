"""The active sweeps, so that `bench stop` finds them from any terminal, on any host that shares the store.

runs/.sweeps/ablation-3fa9c1/
    sweep.json   what it is     lease-N   that its scheduler is alive     stop.json   asks it to end
"""

from __future__ import annotations

import contextlib
import shutil
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.common import lease
from bench.common.files import slug, write_json
from bench.common.json_schemas import known_fields
from bench.common.reading import inside, is_regular, json_in
from bench.common.urls import without_secrets
from bench.store import schemas
from bench.store.run import stop_requested
from bench.store.store import Store


@dataclass(frozen=True)
class Sweep:
    """An active `bench run` or `bench tune`."""

    folder: Path

    @property
    def metadata(self) -> dict[str, Any]:
        """experiment, command, began (seconds since 1970)."""
        path = self.folder / "sweep.json"
        try:
            return known_fields(json_in(path, self.folder) or {}, schemas.SWEEP, path)
        except OSError:  # damaged: the sweep is shown as active all the same
            return {}

    @property
    def experiment(self) -> str:
        return str(self.metadata.get("experiment", ""))

    def where(self) -> str | None:
        """The host and process that schedule it; None once that process has ended."""
        return lease.holder(self.folder)

    def ask_to_stop(self, reason: str) -> None:
        """Ask it to let its runs save their work, and to end."""
        write_json(self.folder / "stop.json", reason, self.folder)

    def stop_requested(self) -> str:
        """Why it was asked to end; empty if it was not."""
        return stop_requested(self.folder)


@contextlib.contextmanager
def register_sweep(store: Store, experiment: str, command: str) -> Iterator[Sweep]:
    """A sweep that other processes can see and stop while the block runs."""
    sweep = Sweep(store.root / ".sweeps" / f"{slug(experiment)}-{uuid.uuid4().hex[:6]}")
    metadata = {"experiment": experiment, "command": without_secrets(command), "began": time.time()}
    store.root.mkdir(parents=True, exist_ok=True)
    write_json(sweep.folder / "sweep.json", metadata, store.root)
    held_lease = lease.take(sweep.folder)
    try:
        yield sweep
    finally:
        if held_lease:
            held_lease.release()
        shutil.rmtree(sweep.folder, ignore_errors=True)


def active_sweeps(store: Store) -> list[Sweep]:
    """The sweeps whose scheduler is alive, oldest first."""
    sweeps = [Sweep(folder) for folder in inside(store.root / ".sweeps") if is_regular(folder / "sweep.json")]
    return sorted((sweep for sweep in sweeps if sweep.where()), key=lambda sweep: sweep.metadata.get("began", 0.0))
