"""The embedded MLflow database and its artifacts: never half made, and with no paths outside the store."""

from __future__ import annotations

import contextlib
import importlib.util
import logging
import os
import re
import sqlite3
import time
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from bench.common.errors import BenchError
from bench.common.reading import inside, is_folder, is_regular, refuse_links

if TYPE_CHECKING:
    from mlflow.tracking import MlflowClient

NAME = "mlflow.db"
LONGEST = 480  # bytes of a path that SQLite opens (SQLITE_MAX_PATHNAME is 512, and its journal's name is longer)
SPECIAL = "?#%"  # signs with a meaning in an address, so that no path with them can become one
HALF_MADE = (
    "already exists", "duplicate column", "no such table", "no such column", "not a database", "malformed",
    "Can't locate revision",
)  # fmt: skip
"""What SQLite and MLflow say of a database whose making was interrupted, or that is damaged."""
DAMAGE = (sqlite3.SQLITE_ERROR, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)  # the first: a table is not there
log = logging.getLogger(__name__)


def uri(path: Path) -> str:
    """The address of a SQLite file; BenchError for a path that MLflow would take for another one, or cannot open."""
    if special_signs := [sign for sign in SPECIAL if sign in str(path)]:
        raise BenchError(
            f"MLflow cannot keep its database in {path.parent}, whose path holds '{special_signs[0]}'; "
            "choose another --store, or set MLFLOW_TRACKING_URI"
        )
    if len(os.fsencode(path)) > LONGEST:
        raise BenchError(
            f"MLflow cannot open a database whose path has {len(os.fsencode(path))} bytes (at most {LONGEST}); "
            "choose a --store with a shorter path, or set MLFLOW_TRACKING_URI"
        )
    return f"sqlite:///{path}"


def ready(path: Path) -> bool:
    """Whether a database is there. Anything else of its name, such as a link, is a BenchError."""
    if is_regular(path):
        return True
    if os.path.lexists(path):
        raise BenchError(f"{path} is no regular file, so MLflow does not get to see it; move it away")
    return False


def is_whole(path: Path) -> bool:
    """Whether a database has the tables that MLflow makes first and last; read without importing MLflow.

    Opened for writing where that is allowed: only so SQLite takes back what a killed process has half written. One that another
    process holds is whole. One that cannot be read just now is a BenchError: it may be whole, and must not be replaced.
    """
    failure: sqlite3.Error | None = None
    for mode in ("rw", "ro"):
        try:
            with contextlib.closing(sqlite3.connect(f"{path.as_uri()}?mode={mode}", uri=True)) as tables:
                tables.execute("SELECT 1 FROM experiments, runs, latest_metrics LIMIT 1").fetchall()
                return bool(tables.execute("SELECT version_num FROM alembic_version").fetchall())
        except sqlite3.Error as error:
            code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF  # without what it adds to the kind
            if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
                return True
            if code in DAMAGE:
                return False
            failure = error
    raise BenchError(f"the MLflow database {path} cannot be read now: {failure}") from failure


def made_at(path: Path) -> int | None:
    """When a database was made, in milliseconds, which tells it from one that took its place; None where it cannot be read."""
    try:
        with contextlib.closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as tables:
            row = tables.execute("SELECT creation_time FROM experiments WHERE experiment_id = 0").fetchone()
    except sqlite3.Error:
        return None
    return row[0] if row and isinstance(row[0], int) else None


def make(path: Path) -> None:
    """A fresh database: made under another name, so that it is either whole or not there."""
    from mlflow.tracking import MlflowClient

    making = path.with_name(f".{path.name}.{os.getpid():08x}.db")
    for left in path.parent.glob(f".{path.name}.{'[0-9a-f]' * 8}.db*"):  # by a process that was killed: one makes it at a time
        left.unlink(missing_ok=True)
    try:
        MlflowClient(uri(making)).search_experiments(max_results=1)
        with contextlib.closing(sqlite3.connect(making)) as tables:
            tables.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        os.replace(making, path)
    finally:
        making.unlink(missing_ok=True)


def is_usable(path: Path) -> bool:
    """Whether MLflow can work with a database: False where it was never finished, or is damaged.

    A database of another MLflow version is tried on a copy, since MLflow keeps files open.
    """
    if not is_whole(path):
        return False
    with contextlib.closing(sqlite3.connect(path, timeout=5)) as tables:
        version = tables.execute("SELECT version_num FROM alembic_version").fetchone()[0]
        if version == _newest_version():
            return True
        copy = path.with_name(f".{path.name}.{os.getpid():08x}.db")
        copy.unlink(missing_ok=True)
        with contextlib.closing(sqlite3.connect(copy)) as copied:
            tables.backup(copied)
    from mlflow.tracking import MlflowClient

    try:
        MlflowClient(uri(copy)).search_experiments(max_results=1)
    except Exception as error:  # whatever MLflow and SQLAlchemy raise; of an older version they say what to do themselves
        return not any(words in str(error) for words in HALF_MADE)
    finally:
        copy.unlink(missing_ok=True)
    return True


@cache
def _newest_version() -> str:
    """The schema version of the installed MLflow: the one migration that no other follows; empty if that is not one."""
    package = importlib.util.find_spec("mlflow")
    folder = Path(str(package and package.origin)).parent / "store" / "db_migrations" / "versions"
    revisions, followed = set(), set()
    for path in folder.glob("*.py"):
        text = path.read_text("utf-8")
        if revision := re.search(r"^revision\b[^=]*= *['\"](\w+)", text, re.MULTILINE):
            revisions.add(revision[1])
        if predecessor := re.search(r"^down_revision\b[^=]*= *['\"](\w+)", text, re.MULTILINE):
            followed.add(predecessor[1])
    left = revisions - followed
    return left.pop() if len(left) == 1 else ""


def set_aside(path: Path) -> Path:
    """Rename a database that cannot be used; returns the new path. Nothing is lost: it is a copy of the store."""
    aside = path.with_name(f"{path.name}.unusable-{time.strftime('%Y%m%d-%H%M%S')}")
    for suffix in ("-journal", "-wal", "-shm"):
        with contextlib.suppress(FileNotFoundError):
            os.rename(f"{path}{suffix}", f"{aside}{suffix}")
    os.rename(path, aside)
    log.warning(
        "%s was never finished, or is damaged; it is made again from the store (the old one: %s)", path.name, aside.name
    )
    return aside


def refuse_other_artifacts(client: MlflowClient, run_id: str, artifacts: Path) -> None:
    """BenchError where an MLflow run's artifacts are not in the store's own folder, as its database may say, or behind a link.

    Writing or deleting there could damage files that are not the store's.
    """
    location: Any = client.get_run(run_id).info.artifact_uri
    parts = urlsplit(str(location))
    folder = Path(os.path.normpath(unquote(parts.path) if parts.scheme == "file" else str(location)))
    if parts.scheme not in ("", "file") or not folder.is_relative_to(artifacts) or folder == artifacts:
        raise BenchError(
            f"its database says that artifacts go to {location}, which is outside of {artifacts}: nothing is written there"
        )
    refuse_links(folder, artifacts.parent)
    if links := [path for path in _below(folder) if path.is_symlink()]:
        raise BenchError(f"{links[0]} is a link, and links in a store are not followed")


def _below(folder: Path) -> list[Path]:
    paths: list[Path] = []
    for path in inside(folder):
        paths += [path, *(_below(path) if is_folder(path) else ())]
    return paths
