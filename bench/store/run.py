"""The run directories: the only record of every run.

runs/lmc-3fa9c1d2e4b7/
    spec.json         its settings                   status.json      how far it is, and how it ended
    metrics.jsonl     one line per logged step       checkpoints/     the newest two, and the best
    scores/           [clip, frame, metric]          predictions/     predicted frames, and pictures of some
    provenance.json   code, machine, data, cost      log.txt          what the worker printed
    lease-N           who owns the directory         stop.json        asks the owner to save and end
    labels.json       what experiments call it       queue.json       in which queue it waits
    identity.json     which run this is in MLflow    mlflow/          what has been copied there
    code.json         with which code it was planned
    deviations.json   into how many micro-batches each batch is cut after running out of memory
    analysis/         how the memory's slots are addressed
"""

from __future__ import annotations

import os
import re
import time
import uuid
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from functools import cached_property
from pathlib import Path
from typing import Any

from bench.common import lease, trust
from bench.common.errors import BenchError
from bench.common.files import read_json, write_json
from bench.common.json_schemas import fitting, known_fields
from bench.common.reading import LARGE, Unreadable, json_at, json_in
from bench.spec.runspec import RunSpec
from bench.store import schemas
from bench.store.failures import Failure
from bench.store.metrics_log import MetricsLog


class State(StrEnum):
    """How far a run is, as its status.json says it."""

    NEW = "new"
    FINISHED = "finished"
    RUNNING = "running"
    INTERRUPTED = "interrupted"
    FAILED = "failed"
    DIVERGED = "diverged"
    BLOCKED = "blocked"


NEW, FINISHED, RUNNING, INTERRUPTED, FAILED, DIVERGED, BLOCKED = STATES = tuple(State)

RUN_NAME = re.compile(r".+-[0-9a-f]{12}")  # what the directory of a run is called
IDENTITY = re.compile(r"[\w.:-]{1,200}")  # what its identity is made of, which becomes part of a query
STARTING_S = 60.0  # seconds that a process may take to load before it takes its lease
MOST_MICRO_BATCHES = 2**16  # into which a batch is cut


@dataclass(frozen=True)
class Status:
    """How far a run is. `reason` says in words why it ended otherwise than well; `kind` sorts the reasons."""

    state: str = NEW
    step: int = 0
    reason: str = ""
    kind: str = ""
    trained: bool = False
    updated: float = 0.0


@dataclass(frozen=True)
class Run:
    """One run directory."""

    path: Path

    @property
    def name(self) -> str:
        return self.path.name

    @cached_property
    def spec(self) -> RunSpec:
        """The run's settings; BenchError if spec.json is missing or damaged, or belongs to another run than the name says."""
        values = json_at(self.path, "spec.json")
        if values is None:
            raise BenchError(f"{self.path} is no run directory: it has no spec.json")
        try:
            spec = RunSpec.from_json(values)
        except BenchError as error:
            raise type(error)(f"{self.path / 'spec.json'} is not what a run asks for: {error}") from error
        if not self._is_named_by(spec):
            raise BenchError(f"{self.path / 'spec.json'} asks for another run than its directory is called by: {spec.key}")
        return spec

    def check_folder(self) -> None:
        """Unreadable where the directory is a link: nothing that lies behind it is of this store."""
        if self.path.is_symlink():
            raise Unreadable(self.path, "is a link, and links in a store are not followed")

    def holds(self, spec: RunSpec) -> bool:
        """Whether its spec.json holds this spec; Unreadable or another BenchError if the file is damaged."""
        values = json_at(self.path, "spec.json")
        if values is None:
            return not os.path.lexists(self.path / "scores")  # a directory that somebody has only begun to make
        return spec.is_written_as(values) or self.spec.key_with(None) == spec.key_with(None)

    def _is_named_by(self, spec: RunSpec) -> bool:
        """Whether the directory's name holds the spec's key, with the data of this machine or those that the run has seen."""
        if spec.key in self.name:
            return True
        trained_on = self.provenance().get("fingerprint")
        if trained_on is not None:
            return spec.key_with(trained_on) in self.name
        return spec.fingerprint is None and not os.path.lexists(self.path / "scores")  # nothing that could be taken for its own

    def status(self) -> Status:
        """The state now. A run whose owner died is `interrupted`, whatever its file still says, and so is one whose file
        is damaged: its checkpoints know better."""
        try:
            status = Status(**self._status())
        except OSError as error:
            status = Status(INTERRUPTED, kind=Failure.DAMAGED, reason=damage(error))
        if lease.holder(self.path):
            return replace(status, state=RUNNING, reason="")
        if status.state == RUNNING:
            return replace(status, state=INTERRUPTED, reason="its process died")
        if status.state == NEW and self.path.is_dir():
            return replace(
                status,
                state=INTERRUPTED,
                reason=f"its process {'is starting' if self._is_new() else 'died before it had begun'}",
            )
        return status

    def _is_new(self) -> bool:
        """Whether the directory was made so recently that a process may still be importing PyTorch."""
        try:
            return time.time() - os.lstat(self.path).st_mtime < STARTING_S
        except OSError:
            return False

    def _status(self) -> dict[str, Any]:
        path = f"{self.path}{os.sep}status.json"
        values = known_fields(json_at(self.path, "status.json") or {}, schemas.STATUS, path)
        if values.get("state", NEW) not in STATES or values.get("step", 0) < 0:
            raise Unreadable(path, f"is damaged: state {values.get('state')!r:.40} at step {values.get('step')}")
        return values

    def set_status(self, state: str, **changes: Any) -> None:
        """Write the state, keeping what is not mentioned."""
        try:
            stored = self._status()
        except Unreadable:  # what was there says nothing
            stored = {}
        fresh = {"reason": "", "kind": ""}
        self.write("status.json", asdict(Status(**{**stored, **fresh, **changes, "state": state, "updated": time.time()})))

    def create(self, spec: RunSpec) -> None:
        """Create the directory and write the spec, once. Its modules may be imported from now on: it is the user's own
        spec, not one that was read from a store."""
        trust.allow(spec.modules())
        self.path.mkdir(parents=True, exist_ok=True)
        if not (self.path / "spec.json").exists():
            self.write("identity.json", f"{self.name}-{uuid.uuid4().hex[:6]}")
            self.write("spec.json", spec.to_json())
        elif spec.init and self.spec.init != spec.init:  # the user says where that file is, not the store
            self.write("spec.json", spec.to_json())
            vars(self).pop("spec", None)  # which was read before

    def write(self, name: str, value: Any) -> None:
        """Write one of its JSON files. A directory that was deleted meanwhile is not made again: an OSError says so."""
        write_json(self.path / name, value, self.path)

    def identity(self) -> str:
        """A name that is unique to this training: a run that is set aside and trained afresh gets another one."""
        identity = read_json(self.path / "identity.json", self.path)
        return identity if isinstance(identity, str) and IDENTITY.fullmatch(identity) else self.name

    def ask_to_stop(self, reason: str) -> None:
        """Ask whoever trains this run, on whatever machine, to save its work and end; it can go on later."""
        self.write("stop.json", reason)

    def stop_requested(self) -> str:
        """Why this run was asked to end; empty if it was not."""
        return stop_requested(self.path)

    def forget_stop(self) -> None:
        """The run may go on."""
        (self.path / "stop.json").unlink(missing_ok=True)

    def micro_batches(self) -> int:
        """Into how many parts each batch is split to fit into memory; 1 unless a readable file says otherwise."""
        path = self.path / "deviations.json"
        try:
            parts = known_fields(json_in(path, self.path) or {}, schemas.MICRO_BATCHES, path).get("micro_batches", 1)
        except OSError:
            return 1
        return int(parts) if 1 <= parts <= MOST_MICRO_BATCHES else 1

    def set_micro_batches(self, parts: int) -> None:
        """Train with that many micro-batches from the next start on."""
        self.write("deviations.json", {"micro_batches": parts})

    @property
    def metrics(self) -> MetricsLog:
        """What was logged while it trained."""
        return MetricsLog(self.path)

    def scores_file(self, key: str) -> Path:
        """Where the scores of the evaluation with that key are."""
        return Path(f"{self.path}{os.sep}scores{os.sep}{key}.npz")

    def predictions_file(self, key: str) -> Path:
        """Where the predictions of the evaluation with that key are, if they are kept: [clip, frame, C, H, W] in
        float32, float16 in older stores."""
        return self.path / "predictions" / f"{key}.npy"

    def provenance(self, to_write: bool = False) -> dict[str, Any]:
        """Code, machine, data and cost, as far as recorded. For a damaged file, only what is wrong with it.

        to_write: it will be written with more in it, so a file that cannot be read now is an OSError: nothing may be lost.
        """
        path = self.path / "provenance.json"
        try:
            values: dict[str, Any] = fitting(json_in(path, self.path, LARGE) or {}, schemas.PROVENANCE, path)
        except OSError as error:
            if to_write and not isinstance(error, Unreadable):
                raise
            return {"deviations": [damage(error)]}
        return values


def stop_requested(folder: Path) -> str:
    """Why the owner of a folder was asked to end, by its stop.json, even if that is damaged; empty if it was not."""
    path = folder / "stop.json"
    if not os.path.lexists(path):
        return ""
    reason = read_json(path, folder)
    return reason if isinstance(reason, str) and reason else "asked to stop"


def damage(error: OSError) -> str:
    """What is wrong with a file of a run, for its row in a table: with the file's name, without its path."""
    return f"{Path(str(error.filename)).name} {error.strerror}"
