"""Nothing outside of a store is read, written or deleted on the word of something inside it; no link is followed."""

import json
import os
import shutil
import sqlite3
from pathlib import Path

import pytest

from bench.common.reading import Unreadable
from bench.common.removal import move, remove
from bench.maintenance import gc
from bench.store.store import Store
from bench.tracking.attach import attach
from tests.conftest import TINY, trained_run

DAY_AGO = 86400


@pytest.fixture
def thesis(tmp_path) -> Path:
    """A folder of somebody's own beside the store, and a check that nothing in it has changed."""
    folder = tmp_path / "thesis"
    folder.mkdir()
    for name in ("chapter.tex", "data.json", "step-00000006-0123456789ab.pt", ".x.json.0123abcd.json"):
        (folder / name).write_text(json.dumps({"private": name}))
        os.utime(folder / name, (1, 1))
    before = _content(folder)
    yield folder
    assert _content(folder) == before


def _content(folder: Path) -> dict[str, str]:
    return {str(path.relative_to(folder)): path.read_text() for path in folder.rglob("*") if path.is_file()}


def replaced(path: Path, target: Path) -> None:
    """A link in the place of a file or folder."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    path.unlink(missing_ok=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.symlink_to(target)


EVERYTHING = (
    ("status",), ("status", "mine.py"), ("plan", "mine.py"), ("report", "mine.py"), ("explain", "mine.py", "tiny", "psnr"),
    ("logs", "lmc"), ("eval", "lmc"), ("rescore", "mine.py"), ("gc", "--yes"), ("stop",),
)  # fmt: skip


@pytest.mark.parametrize("name", [".trash", "set-aside", ".sweeps", ".code", "slurm", "tuning", "guests"])
def test_gc_empties_no_folder_that_a_folder_of_the_store_links_to(finished, tmp_path, thesis, name):
    replaced(tmp_path / "runs" / name, thesis)
    code, out, err = finished("gc", "--yes")
    assert code == 0 and "chapter" not in out, err


@pytest.mark.parametrize("name", ["checkpoints", "scores", "predictions", "mlflow", "analysis"])
def test_no_command_reads_writes_or_deletes_behind_a_folder_of_a_run_that_is_a_link(finished, tmp_path, thesis, name):
    replaced(trained_run(tmp_path).path / name, thesis)
    for words in EVERYTHING:
        _, out, err = finished(*words)
        assert "Traceback" not in out + err and "private" not in out + err, words


@pytest.mark.parametrize(
    "name",
    ["status.json", "spec.json", "provenance.json", "log.txt", "metrics.jsonl", "stop.json", "deviations.json", "lease-9",
     "labels.json", "code.json", "identity.json"],
)  # fmt: skip
def test_no_command_reads_or_writes_through_a_file_of_a_run_that_is_a_link(finished, tmp_path, thesis, name):
    replaced(trained_run(tmp_path).path / name, thesis / "data.json")
    for words in EVERYTHING:
        _, out, err = finished(*words)
        assert "Traceback" not in out + err and "private" not in out + err, (words, out, err)


def test_a_run_that_is_a_link_is_a_row_that_says_so(finished, tmp_path, thesis):
    run = trained_run(tmp_path)
    shutil.move(run.path, tmp_path / "elsewhere")
    run.path.symlink_to(tmp_path / "elsewhere")
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "elsewhere").rglob("*")}
    assert "is a link" in finished("status")[1]
    assert "is a link" in finished("plan", "mine.py")[1]
    for words in EVERYTHING:
        _, out, err = finished(*words)
        assert "Traceback" not in out + err, words
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "elsewhere").rglob("*")} == before


def test_deleting_goes_through_no_link_and_never_above_the_root(tmp_path, thesis):
    root = tmp_path / "root"
    (root / "inner").mkdir(parents=True)
    (root / "link").symlink_to(thesis)
    (root / "inner" / "link").symlink_to(thesis)
    with pytest.raises(OSError):
        remove(root / "link" / "chapter.tex", root)
    with pytest.raises(OSError):
        move(root / "inner", root / "link" / "inner", root)
    with pytest.raises(ValueError):
        remove(root / ".." / "thesis" / "chapter.tex", root)
    with pytest.raises(ValueError):
        remove(thesis / "chapter.tex", root)
    remove(root / "inner", root)
    remove(root / "link", root)
    assert list(root.iterdir()) == []


def test_a_log_that_is_a_link_is_not_sent_to_mlflow(finished, tmp_path, thesis, mlflow_ready):
    run = trained_run(tmp_path)
    replaced(run.path / "log.txt", thesis / "chapter.tex")
    assert finished("sync", "mine.py")[0] == 0
    sent = [path for path in (tmp_path / "runs" / "mlflow-artifacts").rglob("*") if path.is_file()]
    assert sent and not any("private" in path.read_text(errors="replace") for path in sent)


def test_a_database_that_sends_artifacts_elsewhere_is_not_obeyed(finished, tmp_path, thesis, mlflow_ready):
    assert finished("sync", "mine.py")[0] == 0
    store, page = Store(tmp_path / "runs"), tmp_path / "index.html"
    page.write_text("a report")
    assert attach(store, "mine-small", [page], "?", "bench report") == ""
    database = tmp_path / "runs" / "mlflow.db"
    for uri in (str(thesis), thesis.as_uri(), f"{tmp_path}/runs/mlflow-artifacts/../../thesis"):
        with sqlite3.connect(database) as tables:
            tables.execute("UPDATE runs SET artifact_uri = ?", (uri,))
            tables.execute("UPDATE experiments SET artifact_location = ?", (uri,))
        tables.close()
        assert "outside of" in attach(store, "mine-small", [page], "?", "bench report")
        Path(trained_run(tmp_path).path / "log.txt").write_text("something new\n")
        trained_run(tmp_path).set_status("finished")
        code, _out, err = finished("sync", "mine.py")
        assert "Traceback" not in err and (code == 2 and "outside of" in err)


def test_an_artifact_that_is_a_link_is_not_written_through(finished, tmp_path, thesis, mlflow_ready):
    assert finished("sync", "mine.py")[0] == 0
    for path in (tmp_path / "runs" / "mlflow-artifacts").rglob("spec.json"):
        replaced(path, thesis / "data.json")
    trained_run(tmp_path).set_status("finished")
    code, _, err = finished("sync", "mine.py")
    assert code == 2 and "is a link" in err


def test_reading_a_study_makes_no_database_that_its_file_names(finished, tmp_path):
    folder = tmp_path / "runs" / "tuning" / "lmc-small"
    folder.mkdir(parents=True)
    database = tmp_path / "made.db"
    aim = {"space": "lmc", "scale": "small", "objectives": ["psnr"], "seeds": 1, "seed": 0}
    (folder / "study.json").write_text(json.dumps({"aim": aim, "owner": "x", "storage": f"sqlite:///{database}"}))
    for words in (("report", "tune:lmc"), ("sync", "tune:lmc"), ("gc", "--dry-run", "--runs"), ("ui", "--optuna")):
        code, out, err = finished(*words)
        assert code == 2 and "nobody on this machine has named" in err and "Traceback" not in err, (words, out, err)
    assert not database.exists()
    (folder / "study.json").write_text(json.dumps({"aim": aim, "owner": "x", "storage": None}))
    code, _, err = finished("report", "tune:lmc")
    assert code == 2 and "is gone" in err and not (tmp_path / "runs" / "tuning" / "journal.log").exists()


def test_what_writes_inside_a_run_does_not_follow_links_either(tmp_path, thesis, store):
    run = store.run(TINY)
    run.create(TINY)
    (run.path / "metrics.jsonl").symlink_to(thesis / "data.json")
    with pytest.raises(OSError):
        run.metrics.append(1, {"loss/x": 0.1})
    (run.path / "checkpoints").symlink_to(thesis)
    from bench.training import checkpoint

    with pytest.raises(Unreadable):
        checkpoint.save(run.path / "checkpoints", 3, {"model": {}})


def test_gc_lists_what_slurm_jobs_have_left(store):
    from bench.store import tickets

    run = store.run(TINY)
    run.create(TINY)
    tickets.put(run, "slurm", "77_1")
    (store.root / "slurm").mkdir()
    for name in ("77_1_submitted.pkl", "12_0_log.out", "12_submission.sh", "13_0_log.out"):
        (store.root / "slurm" / name).write_text("x")
        os.utime(store.root / "slurm" / name, (1, 1))
    os.utime(store.root / "slurm" / "13_0_log.out")
    assert [waste.path.name for waste in gc.find(store) if waste.kind == "slurm"] == ["12_0_log.out", "12_submission.sh"]
