"""FVD from the command line to every format: a number of the whole set, asked for, with its reason where it cannot be had."""

import csv
import io
import json

import numpy as np
import pytest

from bench.evaluation.scores import load
from bench.metrics import METRICS, fvd
from bench.reporting import set_scores
from bench.store.store import Store
from bench.tracking.connection import connect
from tests.conftest import EVALUATION, TINY
from tests.test_fvd import TOY


@pytest.fixture
def rescored(finished, monkeypatch: pytest.MonkeyPatch):
    """The finished experiment with FVD (of toy features) filled in."""
    monkeypatch.setitem(METRICS, "fvd", TOY)
    code, out, err = finished("rescore", "mine.py", "--metrics", "fvd")
    assert code == 0 and out.count("scored again from kept predictions") == 2, err
    return finished


@pytest.fixture
def scores(rescored, tmp_path):
    return load(Store(tmp_path / "runs").run(TINY).scores_file(EVALUATION.at(TINY).key))


def test_rescoring_adds_fvd_and_leaves_the_scores_of_frames_alone(finished, tmp_path, monkeypatch):
    path = Store(tmp_path / "runs").run(TINY).scores_file(EVALUATION.at(TINY).key)
    before = load(path)
    monkeypatch.setitem(METRICS, "fvd", TOY)
    assert finished("rescore", "mine.py", "--metrics", "fvd")[0] == 0
    after = load(path)
    assert np.array_equal(before.values, after.values, equal_nan=True) and before.names == after.names
    assert {name: value for name, value in after.metadata.items() if name != "sets"} == before.metadata
    assert list(after.sets) == ["fvd"] and len(after.sets["fvd"].target) == len(after.values)
    assert finished("rescore", "mine.py")[0] == 0  # of everything: what was asked for once stays
    assert load(path).set_scores() == after.set_scores()


def test_scores_of_record_are_kept_of_runs_that_have_fvd_too(rescored):
    code, out, err = rescored("results", "keep", "mine.py")
    assert code == 0 and "wrote evidence/mine-small-digits.zip: 2 runs" in out, err


def test_every_format_shows_one_column_without_frames_and_a_footnote_with_the_number_of_clips(rescored, scores, tmp_path):
    value = scores.set_scores()["fvd2018/fvd"]
    words = ("report", "mine.py", "--metrics", "psnr,fvd", "--frames", "1,2")
    code, out, err = rescored(*words, "--format", "markdown")
    assert code == 0, err
    assert "| variant | PSNR (dB) ↑ | PSNR t=1 | PSNR t=2 | FVD ↓ | seeds |" in out
    assert "FVD (protocol fvd2018, version 1) is a number of the whole set, here of 3 clips x 2 predicted frames; a toy." in out
    assert "FVD by toy features." in out and f"{value:.1f} ± " in out
    table = json.loads(rescored(*words, "--format", "json")[1])
    (column,) = (number for number, column in enumerate(table["columns"]) if column["key"] == "fvd2018/fvd")
    cell = next(row for row in table["rows"] if row["label"] == "tiny")["cells"][column]
    assert cell["value"] == pytest.approx(value) and cell["low"] < value < cell["high"]
    rows = list(csv.DictReader(io.StringIO(rescored(*words, "--format", "csv")[1])))
    assert float(rows[0]["fvd2018/fvd"]) == pytest.approx(value, rel=1e-5)
    for form in ("latex", "html", "terminal"):
        assert "FVD" in rescored(*words, "--format", form)[1]
    assert "FVD" not in rescored("report", "mine.py", "--format", "markdown")[1].partition("\n\n")[2].partition("\n")[0]


def test_check_reads_the_column_back(rescored, tmp_path):
    text = rescored("report", "mine.py", "--metrics", "psnr,fvd", "--format", "markdown")[1]
    (tmp_path / "paper.md").write_text(text)
    assert rescored("report", "mine.py", "--check", "paper.md")[0] == 0
    row = next(line for line in text.splitlines() if line.startswith("| tiny"))
    first, _, interval = row.rpartition(" ± ")
    (tmp_path / "paper.md").write_text(text.replace(row, f"{first[:-1]}{(int(first[-1]) + 1) % 10} ± {interval}"))
    code, out, _ = rescored("report", "mine.py", "--check", "paper.md")
    assert code == 1 and "FVD" in out


def test_differences_are_paired_over_the_same_resamples(rescored):
    table = json.loads(rescored("report", "mine.py", "--metrics", "fvd", "--differences", "--format", "json")[1])
    (cell,) = next(row for row in table["rows"] if row["label"] == "copy")["cells"]
    assert cell["low"] < cell["value"] < cell["high"] and 0 < cell["p"] <= 1


def test_explain_says_how_the_number_comes_about(rescored, scores):
    features = scores.sets["fvd"]
    explanation = json.loads(rescored("explain", "mine.py", "tiny", "fvd2018/fvd", "--json")[1])
    assert explanation["value"] == pytest.approx(fvd.frechet_distance(features.prediction, features.target))
    assert explanation["runs"][0]["by"] == "toy features" and explanation["score"] == "fvd2018/fvd"
    code, out, err = rescored("explain", "mine.py", "tiny", "fvd")
    assert code == 0 and "protocol fvd2018 (version 1)" in out and "resampling the clips moves it by" in out, err
    code, out, err = rescored("explain", "mine.py", "copy", "fvd", "--differences")
    assert code == 0 and "to 'tiny', paired over 3 clips" in out, err
    code, _, err = rescored("explain", "mine.py", "tiny", "fvd", "--frame", "1")
    assert code == 2 and "no single frame has FVD" in err


def test_the_page_offers_it_for_the_whole_horizon(rescored, tmp_path):
    code, _, err = rescored("report", "mine.py", "--out", "all")
    assert code == 0, err
    page = (tmp_path / "all" / "index.html").read_text()
    assert '"fvd": {"title": "FVD' in page.replace("\\u2193", "↓")


@pytest.mark.usefixtures("mlflow_ready")
def test_it_is_copied_to_mlflow_as_a_mean_without_frames(rescored, scores, tmp_path):
    assert rescored("sync", "mine.py")[0] == 0
    client = connect(Store(tmp_path / "runs"))
    runs = client.search_runs([experiment.experiment_id for experiment in client.search_experiments()])
    (copied,) = (run for run in runs if run.data.tags["bench.variant"] == "tiny")
    assert copied.data.metrics["mean/fvd2018/fvd"] == pytest.approx(scores.set_scores()["fvd2018/fvd"])
    assert "frame/fvd2018/fvd" not in copied.data.metrics


def test_where_it_cannot_be_had_the_table_says_why(finished):
    words = ("report", "mine.py", "--metrics", "psnr,fvd", "--format", "markdown")
    assert "FVD is empty: it was not computed; `bench rescore mine --metrics fvd` does." in finished(*words)[1].replace(
        "\\", ""
    )
    assert finished("rescore", "mine.py", "--metrics", "fvd")[0] == 0
    assert "FVD is empty: it needs at least 10 predicted frames, these clips have 2." in finished(*words)[1]


def test_a_single_clip_has_none_and_the_reason_is_no_network_and_no_rescoring(bench, tmp_path, monkeypatch):
    monkeypatch.setitem(METRICS, "fvd", TOY)
    text = (tmp_path / "mine.py").read_text().replace("EVALUATION)", "replace(EVALUATION, clips=1, metrics=('fvd',)))")
    (tmp_path / "mine.py").write_text("from dataclasses import replace\n" + text)
    assert bench("run", "mine.py", "--executor", "inline", "--only", "copy")[0] == 0
    out = bench("explain", "mine.py", "copy", "fvd", "--only", "copy")[1]
    assert "there is no value: it could not be computed: it needs two clips" in out
    assert set_scores.missing("fvd", [], "mine", 1) == "it needs two clips"  # one clip of a label has no reason in its file


def test_names_that_are_no_metric_of_a_set_are_refused(finished):
    code, _, err = finished("rescore", "mine.py", "--metrics", "psnr")
    assert code == 2 and "those of single frames are always computed" in err


def test_an_evaluation_can_ask_for_it(bench, tmp_path, monkeypatch):
    monkeypatch.setitem(METRICS, "fvd", TOY)
    text = (tmp_path / "mine.py").read_text()
    with_fvd = "from dataclasses import replace\n" + text.replace(
        "evaluation=EVALUATION", "evaluation=replace(EVALUATION, metrics=('fvd',))"
    )
    (tmp_path / "mine.py").write_text(with_fvd)
    assert bench("run", "mine.py", "--executor", "inline", "--only", "copy")[0] == 0
    assert "± " in bench("report", "mine.py", "--only", "copy", "--metrics", "fvd", "--format", "markdown")[1]


def test_eval_prints_it_and_gives_it_to_scripts(finished, tmp_path, monkeypatch):
    monkeypatch.setitem(METRICS, "fvd", TOY)
    run = Store(tmp_path / "runs").run(TINY).name
    code, out, _ = finished("eval", run, "--clips", "3", "--metrics", "fvd")
    assert code == 0 and "of the set of 3 clips, protocol fvd2018" in out
    assert json.loads(finished("eval", run, "--clips", "3", "--metrics", "fvd", "--json")[1])["sets"]["fvd"]["value"] > 0
