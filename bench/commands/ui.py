"""ui: runs in the MLflow UI, searches in optuna-dashboard."""

from __future__ import annotations

import os
import shutil
import socket
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from bench.commands import _options
from bench.common.errors import BenchError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bench.store.store import Store

POLL_S = 0.2  # seconds between two looks whether the server answers
QUIET = "ignore:starlette.middleware.wsgi is deprecated"  # MLflow's own server imports it, and no user can change that
SHOWN = 10  # experiments whose charts' addresses are printed, the newest


def ui(
    port: Annotated[
        int, typer.Option(metavar="PORT", min=1, max=65535, help="Port to listen on; the next free one if it is taken.")
    ] = 5000,
    studies: Annotated[bool, typer.Option("--optuna", help="Show the searches of `bench tune` in optuna-dashboard.")] = False,
    store_path: _options.StorePath = None,
) -> None:
    """Browse the runs in the MLflow UI.

    Serves this store at a loopback address. Prints the address of the experiments, and that of each experiment's charts, the
    per-frame scores first. Ctrl-C ends it.
    """
    from bench.common.display import plain
    from bench.tracking import connection, database, views

    store = _options.store(store_path)
    if studies:
        _dashboard(store, port)
    if connection.has_pages(store):
        print(f"runs are copied to {connection.shown_uri(store)}; open it in a browser")
        return
    if connection.is_embedded(store):
        if not database.ready(store.root / database.NAME):
            copying = "`bench run ablation` makes some, `bench sync EXPERIMENT` copies old ones"
            raise BenchError(f"MLflow knows of no runs in {store.root} yet; {copying}")
        if not database.is_usable(store.root / database.NAME):
            with connection.exclusive(store):
                connection.connect(store)  # which sets aside what cannot be used
            print("its database was never finished and is made again; `bench sync EXPERIMENT` copies the runs into it")
        connection.settle(store)
    port = _free(port)
    server = f"http://127.0.0.1:{port}"
    addresses = [f"MLflow UI of {store.root}  (Ctrl-C ends it): {server}/{views.EXPERIMENTS}"]
    if connection.is_embedded(store):
        pages = list(views.pages(store.root / database.NAME).items())[:SHOWN]
        addresses += [f"charts of {plain(name)}: {server}/{page}" for name, page in pages]
    environment = {**os.environ, **connection.ENVIRONMENT, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
    environment["MLFLOW_BACKEND_STORE_URI"] = connection.tracking_uri(store)  # no argument: it may hold a password
    environment["PYTHONWARNINGS"] = ",".join(filter(None, (os.environ.get("PYTHONWARNINGS"), QUIET)))
    command = [
        sys.executable, "-m", "mlflow", "server",
        "--default-artifact-root", str(connection.artifact_root(store)),
        "--host", "127.0.0.1", "--port", str(port), "--workers", "1",
    ]  # fmt: skip
    _serve(command, environment, server, addresses)


def _dashboard(store: Store, port: int) -> NoReturn:
    """Become optuna-dashboard on the record of this store's searches."""
    from bench.store.search_results import storage_of

    where = storage_of(store)
    command = shutil.which("optuna-dashboard", path=os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]))
    if command is None:
        raise BenchError("optuna-dashboard is not installed: pip install 'lmc-bench[dashboard]'")
    port = _free(port)
    server = f"http://127.0.0.1:{port}"
    addresses = [f"searches of {store.root}: {server}  (Ctrl-C ends it)"]
    _serve([command, "--host", "127.0.0.1", "--port", str(port), "--", where], os.environ, server, addresses)


def _serve(command: Sequence[str], environment: Mapping[str, str], server: str, addresses: Sequence[str]) -> NoReturn:
    """Run a server until it ends or this process does; once it answers at `server`, print the lines of addresses."""
    from bench.common import guarded

    server_ended = threading.Event()

    def announce() -> None:
        while not server_ended.is_set():
            if _answers(server):
                print("\n".join(addresses), flush=True)
                return
            server_ended.wait(POLL_S)

    print("starting the server", flush=True)
    threading.Thread(target=announce, daemon=True).start()
    try:
        sys.exit(guarded.run(command, environment))
    finally:
        server_ended.set()


def _answers(server: str) -> bool:
    """Whether a server on this machine answers a request, be it with an error."""
    from urllib.error import HTTPError
    from urllib.request import ProxyHandler, build_opener

    try:
        build_opener(ProxyHandler({})).open(server, timeout=5).close()
    except HTTPError:
        return True
    except OSError:
        return False
    return True


def _free(port: int) -> int:
    for candidate in range(port, min(port + 50, 65536)):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", candidate)) != 0:
                return candidate
    raise BenchError(f"no free port from {port} to {port + 49}; name another with --port")
