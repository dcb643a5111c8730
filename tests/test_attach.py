"""The report of an experiment is in MLflow: once, apart from the runs, replaced by the next one, and whole without MLflow."""

import fcntl
import time

import pytest

from bench.store.store import Store
from bench.tracking.attach import attach
from bench.tracking.connection import connect
from reports.files import write


@pytest.fixture
def store(tmp_path, mlflow_ready):
    return Store(tmp_path / "runs")


@pytest.fixture
def files(tmp_path):
    for name in ("index.html", "scores.tex"):
        (tmp_path / name).write_text(name)
    return [tmp_path / "index.html", tmp_path / "scores.tex"]


def reports(store):
    client = connect(store)
    mlflow_runs = [run for e in client.search_experiments() for run in client.search_runs([e.experiment_id])]
    return {
        run.info.run_name: {file.path for file in client.list_artifacts(run.info.run_id)} for run in mlflow_runs
    }, mlflow_runs


def names(store, experiment):
    client = connect(store)
    mlflow_runs = client.search_runs([client.get_experiment_by_name(experiment).experiment_id])
    return sorted(run.info.run_name for run in mlflow_runs)


def test_the_newest_report_is_one_run_among_the_reports(store, files):
    assert attach(store, "pair-small", files, "Does it run?", "bench report pair") == ""
    assert attach(store, "pair-small", files[:1], "Does it run?", "bench report pair --seeds 2") == ""
    artifacts, runs = reports(store)
    assert artifacts == {"pair-small": {"index.html"}}  # nothing of the former one is left
    assert runs[0].data.tags["bench.kind"] == "report" and runs[0].data.tags["bench.command"] == "bench report pair --seeds 2"
    assert runs[0].info.status == "FINISHED"
    assert names(store, "lmc-bench reports") == ["pair-small"] and names(store, "pair-small") == []


def test_each_experiment_has_a_report_of_its_own_and_says_where(store, files):
    for name in ("pair-small", "pair-medium"):
        assert attach(store, name, files, "Does it run?", f"bench report {name}") == ""
    assert names(store, "lmc-bench reports") == ["pair-medium", "pair-small"]
    described = {e.name: e.tags["mlflow.note.content"] for e in connect(store).search_experiments() if "pair" in e.name}
    run_ids = {run.info.run_name: run.info.run_id for run in reports(store)[1]}
    assert all(f"/runs/{run_ids[name]}/artifacts/index.html)" in text for name, text in described.items())
    assert all(text.startswith("Does it run?") for text in described.values())


def test_a_report_that_an_older_version_drew_among_the_runs_is_taken_from_there(store, files):
    client = connect(store)
    older = client.create_experiment("pair-small", artifact_location=str(store.root / "mlflow-artifacts" / "pair-small"))
    former = client.create_run(older, run_name="report", tags={"bench.kind": "report"})
    assert attach(store, "pair-small", files, "Does it run?", "bench report pair") == ""
    assert names(store, "pair-small") == [] and names(store, "lmc-bench reports") == ["pair-small"]
    assert client.get_run(former.info.run_id).info.lifecycle_stage == "deleted"  # MLflow can restore it


def test_the_report_of_a_part_of_the_clips_lies_beside_the_whole_one(store, files):
    for part in ("", "walking"):
        assert attach(store, "kth-paper", files, "?", "bench report kth", part) == ""
    assert reports(store)[0] == {"kth-paper": {"index.html", "scores.tex", "walking"}}


def test_the_link_of_an_experiment_is_to_the_whole_report_and_to_a_part_only_where_there_is_no_whole_one(store, files):
    def link():
        return connect(store).get_experiment_by_name("kth-paper").tags["mlflow.note.content"].rpartition("/artifacts/")[2]

    assert attach(store, "kth-paper", files, "?", "bench report kth", "only full") == ""
    assert link() == "only-full/index.html)"
    assert attach(store, "kth-paper", files, "?", "bench report kth") == "" and link() == "index.html)"
    assert attach(store, "kth-paper", files, "?", "bench report kth", "only full") == "" and link() == "index.html)"


def test_a_report_of_some_variants_seeds_or_settings_leaves_the_whole_one_in_mlflow(
    finished, tmp_path, mlflow_ready, monkeypatch
):
    monkeypatch.setattr("bench.reporting.gallery.pictures", lambda *_: [])
    monkeypatch.setattr("reports.bundle.bundle", lambda results, folder, *_, **__: [write(folder / "index.html", b"page")])
    assert finished("sync", "mine.py")[0] == 0
    for options in ((), ("--only", "tiny"), ("--seeds", "1"), ("--set", "batch=2")):
        assert finished("report", "mine.py", *options, "--out", "report")[0] == 0
    artifacts, _ = reports(Store(tmp_path / "runs"))
    assert artifacts["mine-small"] == {"index.html", "only-tiny", "seeds-1", "batch-2"}


def test_the_report_is_no_run_among_the_curves_and_no_parent_of_them(finished, tmp_path, mlflow_ready, monkeypatch):
    monkeypatch.setattr("bench.reporting.gallery.pictures", lambda *_: [])
    monkeypatch.setattr("reports.bundle.bundle", lambda results, folder, *_, **__: [write(folder / "index.html", b"page")])
    assert finished("sync", "mine.py")[0] == 0
    code, out, _ = finished("report", "mine.py", "--out", "report")
    assert code == 0 and "MLflow" not in out
    _, runs = reports(Store(tmp_path / "runs"))
    assert sorted(run.info.run_name for run in runs) == ["copy · seed 0", "mine-small", "tiny · seed 0"]
    assert names(Store(tmp_path / "runs"), "mine-small") == ["copy · seed 0", "tiny · seed 0"]
    assert not any("mlflow.parentRunId" in run.data.tags for run in runs)  # MLflow would hide them
    assert finished("sync", "mine.py")[1].startswith("0 of 2")


def test_a_report_is_whole_without_mlflow_and_says_so(store, files, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    began = time.monotonic()
    assert "127.0.0.1" in attach(store, "pair-small", files, "?", "bench report pair")
    assert time.monotonic() - began < 20


def test_a_report_waits_only_so_long_for_another_writer(store, files, monkeypatch):
    monkeypatch.setattr("bench.tracking.attach.LOCK_TIMEOUT_S", 0.2)
    with open(store.root / ".mlflow.lock", "w") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        assert "another process has been writing to MLflow" in attach(store, "pair-small", files, "?", "bench report pair")
    assert attach(store, "pair-small", files, "?", "bench report pair") == ""


def test_where_mlflow_was_never_used_nothing_is_made(tmp_path, files):
    store = Store(tmp_path / "elsewhere")
    assert attach(store, "pair-small", files, "?", "bench report pair") == "" and not store.root.exists()
