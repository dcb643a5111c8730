"""Two machines share a search through PostgreSQL: Debian's server is started where it is installed."""

import os
import pwd
import shutil
import signal
import socket
import subprocess
from pathlib import Path

import pytest

from bench.common import trust
from bench.common.errors import BenchError
from bench.common.urls import digest, has_secret, shown, without_secrets
from bench.store.search_results import Aim
from bench.store.store import Store
from bench.tune.study import begin, find


def _programs() -> Path | None:
    """Where Debian keeps PostgreSQL's programs, the newest first."""
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: -int(path.parent.name))
    return next((folder for folder in folders if (folder / "initdb").is_file()), None)


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """The address of a database of a server of our own, on the loopback interface."""
    pytest.importorskip("psycopg", reason="the driver psycopg is not installed")
    programs = _programs()
    if programs is None:
        pytest.skip("Debian's PostgreSQL server is not installed")
    folder = tmp_path_factory.mktemp("postgres")
    user = {}
    if os.getuid() == 0:  # the server refuses to be root
        try:
            account = pwd.getpwnam("postgres")
        except KeyError:
            pytest.skip("PostgreSQL refuses to run as root, and there is no user 'postgres'")
        os.chown(folder, account.pw_uid, account.pw_gid)
        for parent in folder.parents:
            if parent.stat().st_mode & 0o005 != 0o005 and parent.stat().st_uid != account.pw_uid:
                folder = Path(shutil.copytree(folder, f"/var/tmp/bench-postgres-{os.getpid()}"))
                os.chown(folder, account.pw_uid, account.pw_gid)
                break
        user = {"user": account.pw_uid, "group": account.pw_gid}
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    data = folder / "data"
    subprocess.run([programs / "initdb", "-D", data, "-A", "trust", "-U", "bench"], check=True, capture_output=True, **user)
    options = ["-D", data, "-p", str(port), "-k", folder, "-c", "listen_addresses=127.0.0.1", "-c", "fsync=off"]
    process = subprocess.Popen([programs / "postgres", *options], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **user)
    try:
        waiting = [programs / "pg_isready", "-h", "127.0.0.1", "-p", str(port), "-t", "30"]
        for _ in range(100):
            if subprocess.run(waiting, capture_output=True).returncode == 0:
                break
        yield f"postgresql://bench@127.0.0.1:{port}/postgres"
    finally:
        process.send_signal(signal.SIGINT)  # a fast shutdown: a smart one waits for connections that are kept open
        process.wait()
        if str(folder).startswith("/var/tmp/"):
            shutil.rmtree(folder)


def test_two_stores_share_a_record_in_postgresql(server, tmp_path):
    aim = Aim("lmc", "small")
    first, second = (begin(Store(tmp_path / name), "lmc", aim, server) for name in ("here", "there"))
    trial = first.optuna_study.ask()
    trial.set_user_attr("owner", first.owner)
    first.optuna_study.tell(trial, 21.5)
    assert [shared.value for shared in second.trials()] == [21.5] and not second.ours(second.trials()[0])
    assert find(Store(tmp_path / "there"), "lmc", "small").url == server


def test_a_database_that_nobody_here_has_named_is_not_connected_to(tmp_path, monkeypatch):
    store = Store(tmp_path / "runs")
    url = f"sqlite:///{tmp_path / 'record.db'}"
    begin(store, "lmc", Aim("lmc", "small"), url)
    assert find(store, "lmc", "small").url == url
    monkeypatch.setenv("BENCH_CONFIG", str(tmp_path / "another-machine"))
    with pytest.raises(trust.Untrusted, match="nobody on this machine has named"):
        find(store, "lmc", "small")


@pytest.mark.parametrize(
    "url", ["postgresql://me:pw@host/db", "postgresql://host/db?password=pw", "postgresql://host/db?sslpassword=pw"]
)
def test_a_password_is_neither_kept_nor_shown(tmp_path, url):
    with pytest.raises(BenchError, match="must not hold a password") as refused:
        begin(Store(tmp_path / "runs"), "lmc", Aim("lmc", "small"), url)
    assert "pw" not in str(refused.value).replace("PGPASSWORD", "").replace("~/.pgpass", "")
    assert has_secret(url) and "pw" not in shown(url) and "pw" not in digest(url)


def test_addresses_in_any_text_lose_their_secrets():
    text = "cannot reach https://me:hush@mlflow.example/api?token=hush&x=1, nor 'http://a@b:hush@c/'"
    assert "hush" not in without_secrets(text) and "mlflow.example" in without_secrets(text) and "x=1" in without_secrets(text)
