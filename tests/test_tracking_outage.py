"""MLflow may be down, hang, die or lose answers: training neither waits nor fails, and everything arrives, once."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from pathlib import Path

import pytest

from bench.store.run import FINISHED, INTERRUPTED
from bench.store.store import Store
from bench.sweep.plan import plan
from bench.tracking import connection, tracker
from tests.conftest import FLOOR


@pytest.fixture
def finished_store(finished_store, mlflow_ready):
    """A store with two finished runs and an empty MLflow database."""
    return finished_store


@pytest.fixture
def impatient(monkeypatch):
    """Seconds are tenths here."""
    monkeypatch.setattr(tracker, "SERVER_TIMEOUT_S", 2.5)
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "1")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")


class Server:
    """Something that listens on a port of this machine. answers: how many requests it answers before it goes away."""

    def __init__(self, answers=None):
        self.socket, self.answers, self.answered = socket.create_server(("127.0.0.1", 0)), answers, 0
        self.uri = f"http://127.0.0.1:{self.socket.getsockname()[1]}"
        if answers is not None:
            threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        while self.answered < self.answers:
            caller, _ = self.socket.accept()
            with caller:
                caller.recv(65536)
                body = json.dumps({"experiment": {"experiment_id": "1", "name": "x", "lifecycle_stage": "active"}}).encode()
                head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
                caller.sendall(head.encode() + body)
            self.answered += 1
        self.socket.close()


def _closed_port():
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


def _runs(store):
    """(name, status) of every run in MLflow."""
    client = connection.connect(store)
    experiment = client.get_experiment_by_name("pair-small")
    return sorted((run.info.run_name, run.info.status) for run in client.search_runs([experiment.experiment_id]))


BOTH = [("copy · seed 0", "FINISHED"), ("tiny · seed 0", "FINISHED")]


def _closed(store, pair, uri, monkeypatch):
    """What a tracker says at the end of a sweep whose runs ended while MLflow was at that address, and how long that took."""
    with monkeypatch.context() as patch:
        patch.setenv("MLFLOW_TRACKING_URI", uri)
        copying = tracker.Tracker(store, "pair-small", plan(pair, store))
        for planned in plan(pair, store):
            copying.ended(planned)
        began = time.monotonic()
        return copying.close(), time.monotonic() - began


@pytest.mark.usefixtures("impatient")
def test_a_port_that_refuses_costs_a_word_and_a_later_sync(finished_store, pair, monkeypatch):
    uri = f"http://127.0.0.1:{_closed_port()}"
    assert _closed(finished_store, pair, uri, monkeypatch)[0] == f"there is no server at {uri}"
    assert tracker.sync(finished_store, "pair-small", plan(pair, finished_store)) == 2 and _runs(finished_store) == BOTH


@pytest.mark.usefixtures("impatient")
def test_a_server_that_accepts_and_never_answers_holds_the_end_of_a_sweep_up_for_a_bounded_time(
    finished_store, pair, monkeypatch
):
    server = Server()
    trouble, seconds = _closed(finished_store, pair, server.uri, monkeypatch)
    assert trouble.endswith(("does not answer", "has made no progress for 2 seconds")) and seconds < 6.0
    assert tracker.sync(finished_store, "pair-small", plan(pair, finished_store)) == 2 and _runs(finished_store) == BOTH


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("answers", [1, 2])
def test_a_server_that_dies_in_the_middle_is_not_believed_to_have_anything(finished_store, pair, monkeypatch, answers):
    server = Server(answers)
    assert _closed(finished_store, pair, server.uri, monkeypatch)[0]
    assert server.answered == answers
    assert tracker.sync(finished_store, "pair-small", plan(pair, finished_store)) == 2 and _runs(finished_store) == BOTH


@pytest.mark.usefixtures("impatient")
def test_a_sweep_beside_a_hanging_server_ends_well_and_says_what_sends_it_later(bench, monkeypatch, tmp_path):
    server = Server()
    monkeypatch.setenv("MLFLOW_TRACKING_URI", server.uri)
    code, out, err = bench("run", "mine.py", "--executor", "inline", "--only", "copy")
    assert code == 0 and "1 of 1 runs finished" in out and "Traceback" not in out + err
    assert "does not answer" in out and "`bench sync mine.py --only copy` copies everything later" in out
    code, _, err = bench("sync", "mine.py", "--only", "copy")
    assert code == 2 and "does not answer; the same command continues once it does" in err


def test_a_run_whose_making_was_never_answered_arrives_once(finished_store, pair, monkeypatch):
    from mlflow.tracking import MlflowClient

    real = MlflowClient.create_run

    def lost(self, *arguments, **settings):
        for _ in range(2):  # the request and its repetition are both carried out
            real(self, *arguments, **settings)
        raise ConnectionError("the answer got lost")

    with monkeypatch.context() as patch, pytest.raises(ConnectionError):
        patch.setattr(MlflowClient, "create_run", lost)
        tracker.sync(finished_store, "pair-small", plan(pair, finished_store))
    assert len(_runs(finished_store)) == 2  # twins
    assert tracker.sync(finished_store, "pair-small", plan(pair, finished_store)) == 2 and _runs(finished_store) == BOTH
    assert tracker.sync(finished_store, "pair-small", plan(pair, finished_store)) == 0


def test_a_run_that_was_deleted_in_mlflow_stops_no_other_and_is_made_anew_when_there_is_news(finished_store, pair):
    tracker.sync(finished_store, "pair-small", plan(pair, finished_store))
    client = connection.connect(finished_store)
    experiment = client.get_experiment_by_name("pair-small")
    for run in client.search_runs([experiment.experiment_id]):
        client.delete_run(run.info.run_id)
    assert tracker.sync(finished_store, "pair-small", plan(pair, finished_store)) == 0
    for planned in plan(pair, finished_store):
        planned.run.set_status(FINISHED)
    assert tracker.sync(finished_store, "pair-small", plan(pair, finished_store)) == 2 and _runs(finished_store) == BOTH


def test_a_run_whose_owner_died_does_not_stay_running(finished_store, pair):
    from bench.common import lease

    run = finished_store.run(FLOOR)
    owned = lease.take(run.path)
    run.set_status("running")
    tracker.sync(finished_store, "pair-small", plan(pair, finished_store))
    assert ("copy · seed 0", "RUNNING") in _runs(finished_store)
    owned.release()
    assert run.status().state == INTERRUPTED and tracker.sync(finished_store, "pair-small", plan(pair, finished_store)) == 1
    assert ("copy · seed 0", "KILLED") in _runs(finished_store)


NO_TELEMETRY = """
import importlib.abc, os, socket, sys
for name in ("CI", "PYTEST_CURRENT_TEST"):  # MLflow is silent in tests by itself
    os.environ.pop(name, None)
seen, called = [], []
class Watch(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name == "mlflow":
            seen.append({key: os.environ.get(key) for key in ("MLFLOW_DISABLE_TELEMETRY", "DO_NOT_TRACK")})
sys.meta_path.insert(0, Watch())
real = socket.socket.connect
def connect(self, address):
    called.append(address)
    return real(self, address)
socket.socket.connect = connect
resolve = socket.getaddrinfo
socket.getaddrinfo = lambda host, *more, **other: called.append(host) or resolve(host, *more, **other)
from bench.cli import main
sys.argv = ["bench", *sys.argv[1:]]
try:
    main()
finally:
    import time; time.sleep(1.0)
    print(seen, called, file=sys.stderr)
"""


def test_no_telemetry_leaves_the_machine(finished, mlflow_ready, tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", NO_TELEMETRY, "sync", "mine.py"],
        cwd=tmp_path, env=_environment(), capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0
    assert done.stderr.splitlines()[-1] == "[{'MLFLOW_DISABLE_TELEMETRY': 'true', 'DO_NOT_TRACK': 'true'}] []"


def test_mlflow_is_imported_by_what_has_connected_alone():
    """Whoever imports it first sets the environment first; the others are given a client."""
    importing = {
        path.name
        for path in Path(connection.__file__).parents[1].rglob("*.py")
        for line in path.read_text().splitlines()
        if line.strip().startswith(("import mlflow", "from mlflow"))
    }
    assert importing <= {"connection.py", "database.py", "mirror.py", "origin.py", "attach.py", "tracker.py", "views.py"}


def test_the_ui_is_started_without_telemetry_on_this_machine_alone(finished, mlflow_ready, monkeypatch):
    started = []
    monkeypatch.setattr("bench.common.guarded.run", lambda words, environment: started.append((words, environment)) or 0)
    assert finished("ui")[0] == 0
    [(words, environment)] = started
    assert environment["MLFLOW_DISABLE_TELEMETRY"] == environment["DO_NOT_TRACK"] == "true"
    assert words[words.index("--host") + 1] == "127.0.0.1"


def test_the_ui_serves_runs_that_are_in_a_database_and_shows_its_password_to_nobody(finished, monkeypatch):
    started, uri = [], "postgresql://somebody:secret@db.invalid/runs"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    monkeypatch.setattr("bench.common.guarded.run", lambda words, environment: started.append((words, environment)) or 0)
    code, out, _ = finished("ui")
    [(words, environment)] = started
    assert code == 0 and "open it in a browser" not in out
    assert environment["MLFLOW_BACKEND_STORE_URI"] == uri and "secret" not in " ".join(words) + out


def test_the_ui_says_where_the_charts_of_each_experiment_are(finished, mlflow_ready, monkeypatch):
    assert finished("sync", "mine.py")[0] == 0
    monkeypatch.setattr("bench.common.guarded.run", lambda *_: time.sleep(0.5))  # a server that answers at once
    monkeypatch.setattr("bench.commands.ui._answers", lambda server: True)
    _, out, _ = finished("ui")
    assert re.search(r"http://127.0.0.1:\d+/#/experiments\?workflowType=machine_learning", out)
    assert re.search(r"charts of mine-small: http://127.0.0.1:\d+/#/experiments/1/runs\?\S+&viewStateShareKey=bench-runs", out)


def _environment(**more):
    """That of a user's shell in this source tree."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("MLFLOW") and name != "DO_NOT_TRACK"}
    return {**inherited, "PYTHONPATH": os.pathsep.join(filter(None, [os.getcwd(), *sys.path])), **more}


class MLflow:
    """A real server on this machine, with its database in a folder."""

    def __init__(self, folder):
        self.folder, self.port = folder, _closed_port()
        self.uri = f"http://127.0.0.1:{self.port}"

    def start(self):
        words = [
            sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(self.port), "--workers", "1",
            "--backend-store-uri", f"sqlite:///{self.folder / 'server.db'}", "--artifacts-destination", str(self.folder),
        ]  # fmt: skip
        environment = _environment(**connection.ENVIRONMENT, MLFLOW_SERVER_ENABLE_JOB_EXECUTION="false")
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        self.process = subprocess.Popen(words, env=environment, **quiet, start_new_session=True)
        until = time.monotonic() + 180
        while time.monotonic() < until:
            try:
                with urllib.request.urlopen(f"{self.uri}/health", timeout=2):
                    return
            except OSError:
                assert self.process.poll() is None, "mlflow server does not start here"
                time.sleep(0.3)
        raise AssertionError("mlflow server does not answer")

    def signal(self, number):
        os.killpg(self.process.pid, number)

    def kill(self):
        self.signal(signal.SIGKILL)
        self.process.wait()


SWEEP = """
from bench.spec import Experiment
from tests.conftest import EVALUATION, TINY

def experiment(scale):
    variants = {f"{steps} steps": TINY.but(steps=steps) for steps in (6, 7, 8)}
    return Experiment("Does it arrive?", variants, seeds=(0, 1), evaluation=EVALUATION)
"""


@pytest.mark.chaos
def test_a_server_stopped_killed_and_restarted_during_a_sweep_has_every_run_once_in_the_end(tmp_path):
    (tmp_path / "sweep.py").write_text(SWEEP)
    server, store = MLflow(tmp_path), Store(tmp_path / "runs")
    server.start()
    try:
        environment = _environment(MLFLOW_TRACKING_URI=server.uri, BENCH_STORE=str(store.root), OMP_NUM_THREADS="1")
        words = [sys.executable, "-m", "bench.cli", "run", "sweep.py", "--workers", "2"]
        with open(tmp_path / "out.txt", "w") as out:
            sweep = subprocess.Popen(words, cwd=tmp_path, env=environment, stdout=out, stderr=out, start_new_session=True)
        _wait(lambda: _finished_runs(store) >= 1 or sweep.poll() is not None)
        server.signal(signal.SIGSTOP)
        _wait(lambda: _finished_runs(store) >= 3 or sweep.poll() is not None)
        server.signal(signal.SIGCONT)
        _wait(lambda: _finished_runs(store) >= 4 or sweep.poll() is not None)
        server.kill()
        _wait(lambda: _finished_runs(store) >= 5 or sweep.poll() is not None)
        server.start()
        assert sweep.wait(timeout=300) == 0, (tmp_path / "out.txt").read_text()
        sync = [sys.executable, "-m", "bench.cli", "sync", "sweep.py"]
        done = subprocess.run(sync, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stderr
        _assert_equal(server, store)
    finally:
        server.signal(signal.SIGCONT)
        server.kill()


def _finished_runs(store):
    return sum(run.status().state == FINISHED for run in store.runs())


def _wait(until):
    end = time.monotonic() + 300
    while not until() and time.monotonic() < end:
        time.sleep(0.1)


def _assert_equal(server, store):
    """MLflow has the runs of the store, with their curves, nothing twice and none running."""
    from mlflow.tracking import MlflowClient

    client = MlflowClient(server.uri)
    experiment = client.get_experiment_by_name("sweep-small")
    mlflow_runs = {run.data.tags["bench.run"]: run for run in client.search_runs([experiment.experiment_id])}
    assert len(client.search_runs([experiment.experiment_id])) == len(mlflow_runs) == len(store.runs()) == 6
    for run in store.runs():
        copied = mlflow_runs[run.identity()]
        assert copied.info.status == "FINISHED"
        for name in ("loss/matching", "loss/storing", "validation/psnr"):
            logged = [(line["step"], line[name]) for line in run.metrics.lines() if name in line]
            sent = [(point.step, point.value) for point in client.get_metric_history(copied.info.run_id, name)]
            assert sorted(sent) == logged
        assert "spec.json" in {file.path for file in client.list_artifacts(copied.info.run_id)}
