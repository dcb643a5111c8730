"""The run directories: the truth about every run.

runs/lmc-3fa9c1d2e4b7/
    spec.json         what was asked                 status.json      how far it is, and how it ended
    metrics.jsonl     one line a logged step         checkpoints/     the newest two, and the best
    scores/           [clip, frame, metric]          predictions/     predicted frames, and pictures of some
    provenance.json   code, machine, data, cost      log.txt          what the worker printed
    lease-N           who owns the directory         stop.json        asks the owner to save and end
    deviations.json   what was done otherwise than the spec says, and had to be
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import time
import uuid
from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields
from functools import cached_property
from pathlib import Path
from typing import Any

from bench.common import lease
from bench.common.errors import BenchError, did_you_mean
from bench.common.files import read_json, write_bytes, write_json
from bench.spec.runspec import RunSpec

FINISHED, RUNNING, INTERRUPTED, FAILED, DIVERGED, BLOCKED = (
    "finished",
    "running",
    "interrupted",
    "failed",
    "diverged",
    "blocked",
)

RUN_NAME = re.compile(r".+-[0-9a-f]{12}")  # what the directory of a run is called


@dataclass(frozen=True)
class Status:
    """How far a run is. `reason` says in words why it ended otherwise than well; `kind` sorts the reasons."""

    state: str = "new"
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
        """What was asked; BenchError where the directory holds no readable spec."""
        values = read_json(self.path / "spec.json")
        if values is None:
            raise BenchError(f"{self.path} is no run directory: it has no readable spec.json")
        try:
            return RunSpec.from_json(values)
        except (AttributeError, KeyError, TypeError) as error:
            raise BenchError(f"{self.path / 'spec.json'} is not what a run asks for: {error!r}") from error

    def status(self) -> Status:
        """The state now. A run whose owner died is `interrupted`, whatever its file still says."""
        values = read_json(self.path / "status.json") or {}
        status = Status(**{f.name: values[f.name] for f in fields(Status) if f.name in values})
        if lease.holder(self.path):
            return Status(**{**asdict(status), "state": RUNNING, "reason": ""})
        if status.state == RUNNING or (status.state == "new" and self.path.is_dir()):
            return Status(**{**asdict(status), "state": INTERRUPTED, "reason": "its process died"})
        return status

    def set_status(self, state: str, **changes: Any) -> None:
        """Write the state, keeping what is not mentioned."""
        values = read_json(self.path / "status.json") or {}
        known = {f.name: values[f.name] for f in fields(Status) if f.name in values}
        fresh = {"reason": "", "kind": ""}
        write_json(
            self.path / "status.json", asdict(Status(**{**known, **fresh, **changes, "state": state, "updated": time.time()}))
        )

    def create(self, spec: RunSpec) -> None:
        """Make the directory and write what was asked, once."""
        if not (self.path / "spec.json").exists():
            write_json(self.path / "identity.json", f"{self.name}-{uuid.uuid4().hex[:6]}")
            write_json(self.path / "spec.json", spec.to_json())

    def identity(self) -> str:
        """A name that no other run has, nor this one once it was set aside and trained afresh."""
        return str(read_json(self.path / "identity.json") or self.name)

    def ask_to_stop(self, reason: str) -> None:
        """Ask whoever trains this run, on whatever machine, to save its work and end; it can go on later."""
        write_json(self.path / "stop.json", reason)

    def asked_to_stop(self) -> str:
        """Why this run was asked to end; empty if it was not."""
        return str(read_json(self.path / "stop.json") or "")

    def forget_stop(self) -> None:
        """The run may go on."""
        (self.path / "stop.json").unlink(missing_ok=True)

    def micro_batches(self) -> int:
        """Into how many parts each batch is cut, so that it fits into memory."""
        return int((read_json(self.path / "deviations.json") or {}).get("micro_batches", 1))

    def set_micro_batches(self, parts: int) -> None:
        """Train with each batch cut into so many parts from the next start on."""
        write_json(self.path / "deviations.json", {"micro_batches": parts})

    def append(self, step: int, values: dict[str, float]) -> None:
        """Append one line of metrics."""
        line = json.dumps({"step": step, "time": round(time.time(), 3), **values}) + "\n"
        with open(self.path / "metrics.jsonl", "ab") as file:
            file.write(line.encode())

    def metrics(self) -> Iterator[dict[str, float]]:
        """The lines of metrics.jsonl; a line that a crash cut in half is passed over."""
        try:
            text = (self.path / "metrics.jsonl").read_text(errors="replace")
        except OSError:
            return
        for line in text.splitlines():
            try:
                yield json.loads(line)
            except ValueError:
                continue

    def cut_metrics(self, step: int) -> None:
        """Forget what was logged after `step`: a resumed run logs it again."""
        kept = [json.dumps(line) + "\n" for line in self.metrics() if line["step"] <= step]
        write_bytes(self.path / "metrics.jsonl", "".join(kept).encode())

    def recent(self) -> list[dict[str, float]]:
        """The last lines of metrics.jsonl, as many as stand in its last kilobytes."""
        try:
            with open(self.path / "metrics.jsonl", "rb") as file:
                size = os.fstat(file.fileno()).st_size
                file.seek(max(0, size - 8192))
                text = file.read().decode(errors="replace")
        except OSError:
            return []
        lines = []
        for line in text.splitlines():
            with contextlib.suppress(ValueError):  # the first one here is mostly cut in half
                lines.append(json.loads(line))
        return [line for line in lines if isinstance(line, dict) and "step" in line]

    def latest(self) -> dict[str, float]:
        """The newest value of each metric, from the end of the file alone."""
        values: dict[str, float] = {}
        for line in self.recent():
            values |= line
        return values

    def scores_file(self, key: str) -> Path:
        """Where the scores of the evaluation with that key are."""
        return self.path / "scores" / f"{key}.npz"

    def predictions_file(self, key: str) -> Path:
        """Where the predictions of the evaluation with that key are, if they are kept: [clip, frame, C, H, W] in
        float32, float16 in older stores."""
        return self.path / "predictions" / f"{key}.npy"

    def provenance(self) -> dict[str, Any]:
        """Code, machine, data and cost, as far as recorded."""
        return read_json(self.path / "provenance.json") or {}


class Store:
    """A folder of run directories."""

    def __init__(self, root: Path | str | None = None):
        self.root = Path(root or os.environ.get("BENCH_STORE", "runs")).absolute()

    def run(self, spec: RunSpec) -> Run:
        """The directory of a spec, which need not exist yet.

        Where the data are absent (reports on another machine), their fingerprint is unknown and the run is found by its spec.
        """
        run = Run(self.root / f"{spec.model.name.rpartition(':')[2]}-{spec.key}")
        if spec.fingerprint is None and not run.path.exists():
            return next((other for other in self.runs() if other.spec.differences() == spec.differences()), run)
        return run

    def runs(self) -> list[Run]:
        """Every run directory there is whose spec can be read, by name."""
        return self.listing()[0]

    def folders(self) -> list[Path]:
        """Every directory that looks like one of a run, by name."""
        try:
            return sorted(path for path in self.root.iterdir() if RUN_NAME.fullmatch(path.name) and path.is_dir())
        except OSError:
            return []

    def listing(self) -> tuple[list[Run], list[tuple[Path, str]]]:
        """Every run, by name; and every directory that looks like one but whose spec cannot be read, with the reason."""
        runs, unreadable = [], []
        for run in map(Run, self.folders()):
            try:
                run.spec  # noqa: B018  read now, and kept
                runs.append(run)
            except BenchError as error:
                unreadable.append((run.path, str(error)))
        return runs, unreadable

    def find(self, name: str) -> Run:
        """The run called `name`, or the only one whose name contains it."""
        runs = self.runs()
        matches = [run for run in runs if run.name == name] or [run for run in runs if name in run.name]
        if len(matches) == 1:
            return matches[0]
        if matches:
            some = ", ".join(run.name for run in matches[:5]) + (", ..." if len(matches) > 5 else "")
            raise BenchError(f"'{name}' fits {len(matches)} runs: {some}; say more of its name")
        hint = did_you_mean(name, [run.name for run in runs])
        raise BenchError(f"there is no run '{name}' in {self.root}{hint or '; `bench status` lists them'}")

    def set_aside(self, run: Run) -> Path:
        """Move a run out of the way, for `--fresh`; nothing is deleted."""
        if owner := lease.holder(run.path):
            raise BenchError(f"{run.name} is being trained by {owner}; stop that before starting afresh")
        aside = self.root / "set-aside" / f"{run.name}-{time.strftime('%Y%m%d-%H%M%S')}-{uuid.uuid4().hex[:4]}"
        aside.parent.mkdir(exist_ok=True)
        os.rename(run.path, aside)
        return aside
