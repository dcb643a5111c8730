"""The code as it was when a run was planned: a queued run executes that, or refuses and names what has changed.

The suite's own packages are copied into the store (`runs/.code/HASH/`), and workers import them from there, so that editing a
file while a sweep goes on changes nothing for it. Modules of the user's own that a spec names stay where they are; they are
compared with what they were, and a run whose modules have changed refuses.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import uuid
from dataclasses import asdict, dataclass, field
from functools import cache
from pathlib import Path

from bench.common.errors import BenchError, listed
from bench.common.files import FULL, make_folder, write_json
from bench.common.json_schemas import known_fields
from bench.common.reading import Unreadable, json_in
from bench.common.removal import move
from bench.spec import signatures
from bench.store import schemas, seal, user_code
from bench.store.provenance import ROOT, code
from bench.store.run import Run
from bench.store.store import Store

DIGEST = re.compile("[0-9a-f]{12}")


class Changed(BenchError):
    """The code is not what it was when the run was planned."""


@dataclass(frozen=True)
class Snapshot:
    """Where the copy is, and the hash of its content."""

    folder: str
    digest: str
    own: dict[str, str] = field(default_factory=dict)  # files of the user's own -> hash

    def note(self, run: Run) -> None:
        """Write into a run directory which code it is to be executed with. Files of the user's own: as they were at the first
        run that needs them, so that one that is edited later is noticed."""
        paths = user_code.files(run.spec)
        self.own.update({str(path): seal.digest(path.read_bytes()) for path in paths if str(path) not in self.own})
        modules = {str(path): self.own[str(path)] for path in paths}
        run.write("code.json", asdict(Snapshot(self.folder, self.digest, modules)))


def take(store: Store) -> Snapshot:
    """Copy the running suite into the store, once per state of the code; a copy that has changed is replaced."""
    digest = seal.fingerprint(code_folder())
    folder = store.root / ".code" / digest
    store.root.mkdir(parents=True, exist_ok=True)
    if os.path.lexists(folder) and not _is_sealed(folder, digest):
        make_folder(store.root / ".trash", store.root)
        move(folder, store.root / ".trash" / f"{digest}-{uuid.uuid4().hex[:6]}", store.root)
    if not folder.exists():
        temporary = folder.with_name(f".{digest}.{uuid.uuid4().hex[:8]}")
        make_folder(temporary, store.root)
        try:
            for path in seal.files(code_folder()):
                (temporary / path).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(code_folder() / path, temporary / path)
            write_json(temporary / "code.json", code())
            with contextlib.suppress(OSError):  # another scheduler was faster with the same content
                os.rename(temporary, folder)
        except OSError as error:
            if error.errno in FULL:  # what is being written, not what it is copied from
                raise OSError(error.errno, error.strerror, str(folder)) from error
            raise
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
    return Snapshot(str(folder), digest)


def planned_for(run: Run) -> Snapshot | None:
    """The code that a run was planned with, in the run's own store; None if none was recorded."""
    path = run.path / "code.json"
    values = known_fields(json_in(path, run.path) or {}, schemas.CODE, path)
    if not values:
        return None
    if "digest" not in values or not DIGEST.fullmatch(values["digest"]):
        raise Unreadable(path, "is damaged: it does not name a copy of the code")
    return Snapshot(str(run.path.parent / ".code" / values["digest"]), values["digest"], values.get("own", {}))


def checked(run: Run) -> Snapshot | None:
    """The code that a run was planned with, after making sure that it still is that code; Changed otherwise."""
    planned = planned_for(run)
    if planned is not None:
        try:
            _check(Path(planned.folder), planned.digest)
        except seal.Broken as error:
            raise Changed(f"the copy of the code in {planned.folder} {error}; `bench run` plans the run anew") from error
    return planned


@cache
def _check(folder: Path, digest: str) -> None:
    """Once per process: workers that it starts write their compiled files there."""
    seal.check(folder, digest)


def _is_sealed(folder: Path, digest: str) -> bool:
    try:
        seal.check(folder, digest)
    except (seal.Broken, OSError):
        return False
    return True


def forget(run: Run) -> None:
    """Forget which code a run was planned with: it is executed with the present code."""
    (run.path / "code.json").unlink(missing_ok=True)


def verify(run: Run) -> None:
    """Changed, naming the difference, if the present code is not the code that the run was planned with."""
    planned = planned_for(run)
    if planned is None:
        return
    try:
        hashes = {str(path): seal.digest(path.read_bytes()) for path in user_code.files(run.spec)}
    except (signatures.Unknown, OSError):  # its class or its file is gone
        hashes = {}
    changed = [path for path in sorted({*hashes, *planned.own}) if hashes.get(path) != planned.own.get(path)]
    if seal.fingerprint(code_folder()) != planned.digest:
        changed += _differences(Path(planned.folder)) or [f"the suite's copy in {planned.folder} is gone"]
    if changed:
        raise Changed(f"the code has changed since this run was planned: {listed(changed[:5])}; `bench run` plans it anew")


def code_folder() -> Path:
    """The folder that this very process imports the suite from."""
    return ROOT


def _differences(folder: Path) -> list[str]:
    planned = {path: (folder / path).read_bytes() for path in seal.files(folder)}
    present = {path: (code_folder() / path).read_bytes() for path in seal.files(code_folder())}
    return [str(path) for path in sorted({*planned, *present}) if planned.get(path) != present.get(path)] if planned else []
