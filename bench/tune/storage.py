"""Where Optuna keeps the record of searches: the store's journal, or a database that the user has named."""

from __future__ import annotations

import json
import os
from pathlib import Path

from optuna.storages import BaseStorage, JournalStorage, RDBStorage, get_storage
from optuna.storages.journal import JournalFileBackend, JournalFileSymlinkLock

from bench.common import trust
from bench.common.errors import BenchError
from bench.common.files import make_folder
from bench.common.reading import LARGE, opened
from bench.common.urls import has_secret, shown, without_secrets
from bench.store.search_results import journal
from bench.store.store import Store


def open_record(store: Store, url: str | None, create: bool = False) -> BaseStorage:
    """Where the record is: the store's journal, or a database that the user of this machine has named himself.

    create: whether it may be created; readers create nothing.
    """
    if url is None:
        path = journal(store)
        if create:
            make_folder(path.parent, store.root)
        try:
            with opened(path, LARGE, store.root):  # refuses what is no regular file
                pass
        except FileNotFoundError:
            if not create:
                raise BenchError(f"the record of the searches of {store.root} is gone: there is no {path}") from None
        if create:
            _mend(path)
        return _opened_journal(path)
    refuse_secrets(url)
    if not trust.is_trusted_storage(url):
        raise trust.Untrusted(
            f"study.json has its record in the database {shown(url)}, which nobody on this machine has named: "
            f"`bench tune ... --storage {shown(url)}` does, if it is yours"
        )
    try:
        if not create:
            _refuse_missing(url)
        return get_storage(url) if create else get_storage(RDBStorage(url, skip_table_creation=True))
    except BenchError:
        raise
    except ImportError as error:
        raise BenchError(f"the storage {shown(url)} needs a driver that is not installed: {error}") from error
    except Exception as error:
        raise BenchError(f"cannot use the storage {shown(url)}: {first_line(error)}") from error


def _refuse_missing(url: str) -> None:
    """Refuse a SQLite file that is not there: opening it would create it."""
    from sqlalchemy.engine import make_url

    address = make_url(url)
    if address.get_backend_name() == "sqlite" and not Path(address.database or "").is_file():
        raise BenchError(f"the storage {shown(url)} is not there")


def refuse_secrets(url: str) -> None:
    """Refuse an address with a password: it is written to study.json, which anybody may read."""
    from sqlalchemy.engine import make_url
    from sqlalchemy.exc import ArgumentError

    try:
        address = make_url(url)
    except ArgumentError:
        raise BenchError(f"--storage takes an address such as postgresql://host/database, got '{shown(url)}'") from None
    if address.password or has_secret(url):
        raise BenchError("--storage must not hold a password, since it is written down; use PGPASSWORD or ~/.pgpass")


def first_line(error: BaseException) -> str:
    """What an error of Optuna or of a database says, without passwords."""
    return without_secrets(f"{type(error).__name__}: {(str(error).splitlines() or [''])[0]}")


def _opened_journal(path: Path) -> JournalStorage:
    try:
        return JournalStorage(JournalFileBackend(str(path)))
    except Exception as error:  # whatever Optuna makes of lines that it has not written
        reason = _damaged_line(path) or first_line(error)
        remedy = "restore it from a copy, or move it away to search anew"
        raise BenchError(f"the record of searches {path} is damaged: {reason}; {remedy}") from error


def _damaged_line(path: Path) -> str:
    """Which line of a journal is no JSON; empty where all are. The last one may be in the making."""
    with opened(path, LARGE) as file:
        for number, line in enumerate(file, start=1):
            try:
                json.loads(line)
            except (ValueError, RecursionError):
                return f"line {number} is no JSON" if line.endswith(b"\n") else ""
    return ""


def _mend(path: Path) -> None:
    """Cut off a half-written last line, which a crash has left: nothing after it could be read."""
    if not path.exists() or not (size := path.stat().st_size):
        return
    with open(path, "rb") as file:
        file.seek(size - 1)
        if file.read() == b"\n":
            return
    lock = JournalFileSymlinkLock(str(path))
    lock.acquire()
    try:
        whole = path.read_bytes().rfind(b"\n") + 1
        os.truncate(path, whole)
    finally:
        lock.release()
