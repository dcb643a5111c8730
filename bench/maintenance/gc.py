"""Finds the files of a store that are no longer needed, and removes them without harm to active runs.

A directory is first renamed into `.trash/`, so that it is either whole or gone, and deleted there; the next removal finds what
an interrupted one left in `.trash/`. Files of a run that is running or queued are left alone.
"""

from __future__ import annotations

import contextlib
import os
import re
import time
import uuid
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from bench.common import lease, removal
from bench.common.errors import BenchError
from bench.common.files import make_folder
from bench.common.reading import inside, is_folder
from bench.costs.measured import CACHE
from bench.maintenance.unneeded_runs import known_to, starting_files, unneeded
from bench.store import checkpoint_files, snapshot
from bench.store.run import FINISHED, Run
from bench.store.store import Store
from bench.store.tickets import ticket
from bench.sweep import active
from bench.sweep.plan import ACTIVE, run_status

KINDS = {
    "trash": "left over from a `bench gc` that was interrupted",
    "set aside": "runs that `bench run --fresh` has set aside",
    "temporary": "half-written files of a process that died",
    "damaged": "checkpoints and scores that turned out damaged",
    "leases": "leases that a newer lease has replaced",
    "sweeps": "marks of sweeps whose scheduler died",
    "code": "copies of the code that no waiting run needs",
    "slurm": "files of SLURM jobs that no run waits for: their orders and their output",
    "checkpoints": "older checkpoints of finished runs: the newest stays, and the best, and what other runs start from",
}
CACHES = "caches"
"""What `bench plan` has measured; only on request, since it would have to measure again."""
RUNS = "runs"
"""Runs that no experiment of the suite refers to; only on request, since an experiment of one's own may."""
MIN_AGE_S = 600.0  # seconds in which a temporary file may still be written to
DAY = 86400.0  # seconds
JOB_FILE = re.compile(r"(\d+)_")  # how submitit begins the names of a job's files
TEMPORARY = re.compile(r"\..+\.[0-9a-f]{8}(\.\w+)?|\.probe-[0-9a-f]{8}")  # how bench.common.files calls them


@dataclass(frozen=True)
class Waste:
    """One thing to remove. run: whose it is; nothing of an active run is removed. about: a remark for the list."""

    kind: str
    path: Path
    size: int
    run: Run | None = None
    about: str = ""


def find(store: Store, caches: bool = False, runs: bool = False) -> list[Waste]:
    """Everything that is no longer needed, sorted by kind. Changes nothing."""
    wastes = [Waste("trash", path, size_of(path)) for path in inside(store.root / ".trash")]
    wastes += [Waste("set aside", path, size_of(path)) for path in inside(store.root / "set-aside")]
    wastes += [Waste("temporary", path, size_of(path)) for path in _temporary(_other_folders(store))]
    wastes += [Waste("sweeps", path, size_of(path)) for path in inside(store.root / ".sweeps") if _over(path)]
    all_runs = store.runs()
    idle = [run for run in all_runs if run_status(run).state not in ACTIVE]
    needed_hashes = starting_files(all_runs)
    for run in idle:
        wastes += _of_run(run, needed_hashes)
    wastes += [Waste("code", path, size_of(path)) for path in _unused_code(store)]
    wastes += [Waste("slurm", path, _size(path)) for path in _ended_jobs(store)]
    if caches and (path := store.root / CACHE).exists():
        wastes.append(Waste(CACHES, path, size_of(path)))
    if runs:
        whole = [Waste(RUNS, run.path, size_of(run.path), run, known_to(run)) for run in unneeded(store, all_runs, idle)]
        names = {waste.path.name for waste in whole}
        wastes = [*(waste for waste in wastes if waste.run is None or waste.run.name not in names), *whole]
    order = [*KINDS, CACHES, RUNS]
    return sorted(wastes, key=lambda waste: (order.index(waste.kind), waste.path))


def remove(store: Store, waste: Waste) -> bool:
    """Remove one thing; False where it is needed after all, or gone already."""
    if waste.kind == RUNS and waste.run is not None:
        return _remove_run(store, waste.run)
    if waste.run is not None and run_status(waste.run).state in ACTIVE:
        return False
    if waste.kind == "code" and waste.path not in _unused_code(store):
        return False  # a sweep has begun meanwhile
    if waste.kind == "checkpoints" and not ((newest := _newest(waste.path)) and checkpoint_files.is_whole(newest)):
        return False  # it may be needed: the newest one is damaged
    return _discard(store, waste.path)


def size_of(path: Path) -> int:
    """Bytes of a file, or of all files in a folder."""
    if not is_folder(path):
        return _size(path)
    return sum(_size(Path(folder) / name) for folder, _, names in os.walk(path) for name in names)


def _of_run(run: Run, initial: Collection[str]) -> Iterator[Waste]:
    """initial: hashes of checkpoints that other runs start from, and so need."""
    for path in _temporary(path for folder in _folders_of(run) for path in inside(folder)):
        yield Waste("temporary", path, _size(path), run)
    for path in (*inside(run.path / "checkpoints"), *inside(run.path / "scores")):
        if path.suffix == ".damaged":
            yield Waste("damaged", path, size_of(path), run)
    numbered = {number: path for path in inside(run.path) if (number := lease.number_of(path.name)) is not None}
    for number in sorted(numbered)[:-1]:
        yield Waste("leases", numbered[number], _size(numbered[number]), run)
    if run.status().state == FINISHED:
        for word in ("step", "best"):
            for path in checkpoint_files.newest_first(run.path / "checkpoints", word)[1:]:
                if checkpoint_files.digest_of(path) not in initial:
                    yield Waste("checkpoints", path, _size(path), run)


def _folders_of(run: Run) -> list[Path]:
    """The directory of a run and the folders in it."""
    return [run.path, *(path for path in inside(run.path) if is_folder(path))]


def _newest(path: Path) -> Path | None:
    """The newest checkpoint of the kind of this one; None where all are gone."""
    return next(iter(checkpoint_files.newest_first(path.parent, path.name.partition("-")[0])), None)


def _temporary(paths: Iterable[Path]) -> Iterator[Path]:
    for path in paths:
        if TEMPORARY.fullmatch(path.name) and time.time() - _changed(path) > MIN_AGE_S:
            yield path


def _other_folders(store: Store) -> Iterator[Path]:
    """The entries of the store's folders that are not those of runs."""
    yield from inside(store.root, follow=True)
    for name in (".code", ".sweeps", "guests", "tuning"):
        yield from inside(store.root / name)
        for folder in inside(store.root / name):
            yield from inside(folder) if name != ".code" else ()


def _over(folder: Path) -> bool:
    return lease.holder(folder) is None and time.time() - _changed(folder) > MIN_AGE_S


def _ended_jobs(store: Store) -> Iterator[Path]:
    """Files of submitit in `slurm/` for jobs that no run has a ticket of, a day after their last change."""
    tickets = (ticket(run) for run in store.runs())
    awaited = {run_ticket.job.partition("_")[0] for run_ticket in tickets if run_ticket}
    for path in inside(store.root / "slurm"):
        job = JOB_FILE.match(path.name)
        if job and job[1] not in awaited and not is_folder(path) and time.time() - _changed(path) > DAY:
            yield path


def _unused_code(store: Store) -> list[Path]:
    if active.active_sweeps(store):
        return []  # it will start more runs with its own
    needed = set()
    for run in store.runs():
        with contextlib.suppress(OSError):  # it does not say what it needs
            if run_status(run).state in ACTIVE and (code := snapshot.planned_for(run)):
                needed.add(code.folder)
    return [path for path in inside(store.root / ".code") if not path.name.startswith(".") and str(path) not in needed]


def _remove_run(store: Store, run: Run) -> bool:
    if run_status(run).state in ACTIVE:
        return False
    try:
        owned = lease.take(run.path)  # from here on nobody can start it
    except OSError:
        return False
    if owned is None:
        return False
    try:
        return _discard(store, run.path)
    finally:
        owned.release()


def _discard(store: Store, path: Path) -> bool:
    """Rename a folder into `.trash/`, then delete it; unlink a file or a link, never the target of a link."""
    try:
        if not is_folder(path):
            removal.remove(path, store.root)
            return True
        gone = path
        if path.parent.name != ".trash":
            gone = store.root / ".trash" / f"{path.name[:100]}-{uuid.uuid4().hex[:6]}"
            make_folder(gone.parent, store.root)
            removal.move(path, gone, store.root)
        removal.remove(gone, store.root)
    except FileNotFoundError:
        return False
    except OSError as error:
        raise BenchError(f"cannot remove {path}: {error.strerror}") from error
    return True


def _size(path: Path) -> int:
    try:
        return path.lstat().st_size
    except OSError:
        return 0


def _changed(path: Path) -> float:
    try:
        return path.lstat().st_mtime
    except OSError:
        return time.time()
