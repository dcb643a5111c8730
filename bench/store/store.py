"""The folder of runs."""

from __future__ import annotations

import os
import time
import uuid
from pathlib import Path

from bench.common import lease
from bench.common.errors import BenchError
from bench.common.files import make_folder
from bench.common.removal import move
from bench.spec.runspec import RunSpec
from bench.store.run import RUN_NAME, Run, damage


class Store:
    """A folder of run directories."""

    def __init__(self, root: Path | str | None = None):
        path = Path(root or os.environ.get("BENCH_STORE", "runs")).absolute()
        self.root = path.resolve() if path.is_symlink() else path  # a link that the user has made himself is followed
        self._found: tuple[int, dict[str, Run]] = (-1, {})  # when the folder changed last, and its runs by their specs

    def run(self, spec: RunSpec) -> Run:
        """The directory of a spec, which need not exist yet.

        Where the data are absent (reports on another machine), their fingerprint is unknown and the run is found by its spec.
        """
        run = Run(self.root / f"{spec.model.name.rpartition(':')[2]}-{spec.key}")
        if spec.fingerprint is None and not run.path.exists():
            return self._by_spec().get(spec.key_with(None), run)
        return run

    def _by_spec(self) -> dict[str, Run]:
        """Every run by its key without data; read anew when a directory has come or gone."""
        try:
            changed = os.stat(self.root).st_mtime_ns
        except OSError:
            return {}
        if self._found[0] != changed:
            self._found = changed, {run.spec.key_with(None): run for run in reversed(self.runs())}
        return self._found[1]

    def runs(self) -> list[Run]:
        """Every run directory with a readable spec, sorted by name."""
        return self.listing()[0]

    def folders(self) -> list[Path]:
        """Every directory that looks like one of a run, by name; and links that do, which no reader follows."""
        try:
            with os.scandir(self.root) as entries:
                run_entries = (entry for entry in entries if RUN_NAME.fullmatch(entry.name))
                return sorted(self.root / entry.name for entry in run_entries if entry.is_dir())
        except OSError:
            return []

    def listing(self) -> tuple[list[Run], list[tuple[Path, str]]]:
        """Every run, by name; and every directory that looks like one but whose spec cannot be read, with the reason."""
        runs, unreadable = [], []
        for run in map(Run, self.folders()):
            try:
                run.check_folder()
                run.spec  # noqa: B018  read now, and kept
                runs.append(run)
            except BenchError as error:
                unreadable.append((run.path, str(error)))
            except OSError as error:
                unreadable.append((run.path, damage(error)))
        return runs, unreadable

    def set_aside(self, run: Run) -> Path:
        """Move a run out of the way, for `--fresh`; nothing is deleted."""
        if lease.is_owned(run.path):
            owner = lease.holder(run.path) or "another process"
            raise BenchError(f"{run.name} is being trained by {owner}; stop that before starting afresh")
        aside = self.root / "set-aside" / f"{run.name}-{time.strftime('%Y%m%d-%H%M%S')}-{uuid.uuid4().hex[:4]}"
        make_folder(aside.parent, self.root)
        move(run.path, aside, self.root)
        return aside
