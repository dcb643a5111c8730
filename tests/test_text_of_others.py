"""Secrets and control characters stay where they are, names become files of their own."""

import contextlib
import json
import shutil
import sqlite3
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from bench.common.display import PlainOutput, plain
from bench.common.errors import BenchError
from bench.common.files import slug
from bench.spec.experiment import Experiment
from bench.store import tickets
from bench.store.store import Store
from bench.sweep.plan import plan
from bench.tracking import connection, database, tracker
from bench.tracking.mirror import _note_path
from reports.csv_cells import csv_cell
from tests.conftest import EVALUATION, FLOOR, TINY, trained_run

STEERING = "\x1b]0;owned\x07\x1b[2J\x9b31m\u202etxt\r\x00"


def test_control_characters_are_spelled_out_and_everything_else_stays():
    assert plain("a\tb\nü 😀") == "a\tb\nü 😀" and plain("one\r\ntwo\rthree") == "one\ntwo\nthree"
    assert plain("\x1b[31m\x07\u202e\udc80") == "\\x1b[31m\\x07\\u202e\\udc80"


def test_what_a_terminal_cannot_say_is_spelled_out_too(tmp_path):
    with open(tmp_path / "out", "w", encoding="ascii") as file:
        PlainOutput(file).write("✓ done")
    assert (tmp_path / "out").read_text() == "\\u2713 done"


def test_text_of_a_store_steers_no_terminal_and_no_file(finished, tmp_path):
    run = trained_run(tmp_path)
    run.set_status("failed", kind="code", reason=STEERING)
    (run.path / "log.txt").write_text(f"hello {STEERING}\n")
    provenance = json.loads((run.path / "provenance.json").read_text())
    provenance |= {"deviations": [STEERING], "command": STEERING, "machine": {"host": STEERING}}
    (run.path / "provenance.json").write_text(json.dumps(provenance))
    for words in (
        ("status",), ("status", "mine.py"), ("plan", "mine.py"), ("logs", run.name), ("report", "mine.py"),
        ("report", "mine.py", "--format", "markdown"), ("report", "mine.py", "--format", "csv"),
        ("explain", "mine.py", "copy", "psnr"), ("explain", "mine.py", "tiny", "psnr"),
    ):  # fmt: skip
        _, out, err = finished(*words)
        assert not set("\x1b\x07\x9b\u202e\x00") & set(out + err), words
    for suffix in ("md", "csv", "tex", "txt"):
        finished("report", "mine.py", "--out", f"table.{suffix}")
        assert not set("\x1b\x07\x9b\u202e\x00") & set(Path(f"table.{suffix}").read_text()), suffix


def test_a_label_is_printable():
    with pytest.raises(BenchError, match="printable"):
        Experiment("?", {"\x1b[31mred": TINY})


@pytest.mark.parametrize("text", ["=1+1", "+cmd", "-cmd|' /C calc'!A0", "@SUM(A1)", "\t=1"])
def test_a_cell_of_csv_is_no_formula(text):
    assert csv_cell(text) == f"'{text}"
    assert [csv_cell(number) for number in ("-1.5", "+2", "3", "")] == ["-1.5", "+2", "3", ""]


@pytest.mark.parametrize("job", ["--user=victim", "-x", "", "1 2", "1;2", "1/2", None, 7, ["1"]])
def test_only_what_is_a_job_becomes_an_argument_of_a_queues_tools(store, job):
    run = store.run(TINY)
    run.create(TINY)
    (run.path / "queue.json").write_text(json.dumps({"job": job, "user": 0, "submitted": 1.0, "executor": "slurm"}))
    assert tickets.ticket(run) is None
    for executor in ("subprocess:Popen", "inline"):
        (run.path / "queue.json").write_text(json.dumps({"job": "1_2", "user": 0, "submitted": 1.0, "executor": executor}))
        assert (tickets.ticket(run) is None) == (executor != "inline")


def test_the_password_of_a_server_is_printed_nowhere_and_kept_nowhere(finished, tmp_path, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://me:hush@127.0.0.1:9/?token=hush")
    for words in (("sync", "mine.py"), ("ui",), ("status",)):
        _, out, err = finished(*words)
        assert "hush" not in out + err, words
    monkeypatch.setattr("sys.argv", ["bench", "tune", "--storage", "postgresql://me:hush@host/db"])
    from bench.store.provenance import collect

    assert "hush" not in json.dumps(collect())
    assert not any("hush" in path.read_text(errors="replace") for path in (tmp_path / "runs").rglob("*") if path.is_file())


def test_long_labels_and_labels_alike_have_notes_of_their_own_and_all_are_copied(finished_store, mlflow_ready):
    labels = ["a b", "a-b", "a.b", "a/b", "x" * 300]
    experiment = Experiment("?", dict.fromkeys(labels, TINY), evaluation=EVALUATION, name="labels")
    planned_runs = plan(experiment, finished_store)
    assert len({_note_path(planned, "labels-small") for planned in planned_runs}) == len(labels)
    assert tracker.sync(finished_store, "labels-small", planned_runs) == len(labels)
    assert tracker.sync(finished_store, "labels-small", plan(experiment, finished_store)) == 0
    client = connection.connect(finished_store)
    mlflow_runs = client.search_runs([client.get_experiment_by_name("labels-small").experiment_id])
    assert sorted(run.data.tags["bench.variant"] for run in mlflow_runs) == sorted(labels)


def test_names_become_file_names_that_every_system_takes():
    assert slug("a b/ü") == "a-b--" and len(slug("x" * 300)) == 60 and slug("x" * 300) != slug("x" * 301)


def test_a_database_that_a_process_was_killed_over_is_mended_and_kept(tmp_path, empty_mlflow):
    path = tmp_path / "mlflow.db"
    shutil.copy(empty_mlflow, path)
    killed = (
        f"import os, sqlite3; tables = sqlite3.connect({str(path)!r}); tables.execute('PRAGMA cache_size = 1'); "
        "tables.execute('CREATE TABLE large (text)'); "
        "tables.executemany('INSERT INTO large VALUES (?)', [('x' * 5000,)] * 200); os._exit(9)"
    )
    subprocess.run([sys.executable, "-c", killed], check=False)
    assert path.with_name("mlflow.db-journal").stat().st_size  # half of a transaction stands in the file
    assert database.is_whole(path) and not path.with_name("mlflow.db-journal").exists()


def test_a_database_that_another_process_holds_is_whole(tmp_path, empty_mlflow, monkeypatch):
    path = tmp_path / "mlflow.db"
    shutil.copy(empty_mlflow, path)
    connect = sqlite3.connect
    monkeypatch.setattr(sqlite3, "connect", lambda *words, **options: connect(*words, **{**options, "timeout": 0.01}))
    with contextlib.closing(connect(path)) as tables:
        tables.execute("BEGIN EXCLUSIVE")
        assert database.is_whole(path)


@pytest.mark.parametrize("code", [sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_IOERR_READ, sqlite3.SQLITE_PERM])
def test_a_database_that_cannot_be_read_just_now_stays_where_it_is(finished_store, pair, empty_mlflow, monkeypatch, code):
    path = finished_store.root / "mlflow.db"
    shutil.copy(empty_mlflow, path)

    def refuse(*words, **options):
        error = sqlite3.OperationalError("disk I/O error")
        error.sqlite_errorcode = code
        raise error

    with monkeypatch.context() as patch, pytest.raises(BenchError, match=r"mlflow\.db cannot be read now: disk I/O error"):
        patch.setattr(sqlite3, "connect", refuse)
        tracker.sync(finished_store, "pair-small", plan(pair, finished_store))
    assert database.is_whole(path) and not list(path.parent.glob("mlflow.db.unusable-*"))


@pytest.mark.parametrize("how", ["half made", "no database", "empty", "no version"])
def test_a_database_that_was_never_finished_is_made_again_from_the_store(finished_store, pair, how, empty_mlflow):
    path = finished_store.root / "mlflow.db"
    if how == "half made":  # as `kill -9` leaves it between two of MLflow's tables
        with sqlite3.connect(path) as tables:
            tables.execute("CREATE TABLE experiments (experiment_id INTEGER PRIMARY KEY)")
            tables.execute("CREATE TABLE runs (run_uuid TEXT PRIMARY KEY)")
        tables.close()
    elif how == "no version":
        shutil.copy(empty_mlflow, path)
        with sqlite3.connect(path) as tables:
            tables.execute("DROP TABLE latest_metrics")
            tables.execute("DELETE FROM alembic_version")
        tables.close()
    else:
        path.write_bytes(b"" if how == "empty" else b"not a database at all" * 100)
    assert not database.is_whole(path)
    assert tracker.sync(finished_store, "pair-small", plan(pair, finished_store)) == 2
    assert database.is_whole(path)
    assert how == "empty" or list(path.parent.glob("mlflow.db.unusable-*"))


@pytest.mark.parametrize("name", ["what?", "100%41", "a#b", "x" * 240])
def test_a_store_whose_path_is_no_address_is_refused_in_words_by_mlflow_alone(trained, tmp_path, pair, name):
    folder = tmp_path / name
    folder = folder / ("y" * 240) if len(name) > 200 else folder
    shutil.copytree(trained, folder)
    store = Store(folder)
    assert len(plan(pair, store)) == 2 and all(planned.state == "finished" for planned in plan(pair, store))
    with pytest.raises(BenchError, match="choose"):
        tracker.sync(store, "pair-small", plan(pair, store))
    assert not list(tmp_path.glob("*.db")) and not list(folder.glob("*.db"))


def test_a_late_writer_does_not_make_its_directory_again(store):
    run = store.run(FLOOR)
    run.create(FLOOR)
    shutil.rmtree(run.path)
    from bench.training import checkpoint

    for write in (
        lambda: run.set_status("running", step=3), lambda: run.metrics.append(1, {"loss/x": 0.1}), lambda: run.ask_to_stop("x"),
        lambda: checkpoint.save(run.path / "checkpoints", 3, {"model": {}}), lambda: run.set_micro_batches(2),
    ):  # fmt: skip
        with pytest.raises(OSError):
            write()
    assert not run.path.exists()


def test_metrics_that_are_gone_before_a_checkpoint_are_noted(finished_store, pair):
    from bench.executors.inline import Inline
    from bench.sweep.scheduler import Scheduler

    planned = plan(pair, finished_store)[0]
    lines = (planned.run.path / "metrics.jsonl").read_text().splitlines()
    (planned.run.path / "metrics.jsonl").write_text("\n".join(lines[-2:]) + "\n")
    planned.run.set_status("interrupted", step=TINY.steps, trained=False)
    Scheduler([replace(planned, state="resumable")], finished_store, Inline()).run()
    assert planned.run.status().state == "finished"
    assert any("metrics up to step" in deviation for deviation in planned.run.provenance()["deviations"])


def test_what_a_run_writes_about_itself_has_a_shape_by_which_damage_is_known(finished, tmp_path):
    from bench.store import schemas

    assert set(json.loads((trained_run(tmp_path).path / "provenance.json").read_text())) <= set(schemas.PROVENANCE)


@pytest.mark.parametrize("cost", ["updates", "parameters_used"])
def test_a_damaged_cost_is_damage_of_its_run_and_not_the_end_of_the_report(finished, tmp_path, cost):
    path = trained_run(tmp_path).path / "provenance.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), cost: {"a": []}}))
    code, out, err = finished("report", "mine.py")
    assert code in (0, 2) and "Traceback" not in out + err and f"{cost} is " in out + err
