"""One call writes all that a paper needs, whole, and the same bytes each time."""

import os
import time
from dataclasses import replace

import pandas as pd
import pytest
from matplotlib.figure import Figure

from reports.bundle import bundle
from reports.claim import Claim
from reports.claims import judge
from reports.files import write
from reports.page import Picture
from reports.printing import printing
from tests.report_samples import results, runs

SCORES = {("full", 0): [[30, 20]] * 3, ("full", 1): [[33, 23]] * 3, ("plain", 0): [[20, 10]] * 3, ("plain", 1): [[20, 12]] * 3}


@pytest.fixture
def toy_results():
    planned = runs(*({"variant": v, "seed": s, "train_seconds": 10.0, "parameters": 5} for v, s in SCORES))
    log = [{"variant": v, "seed": s, "step": t, "name": "loss", "value": 1.0} for v, s in SCORES for t in (0, 1)]
    return results(SCORES, planned, training=pd.DataFrame(log))


@pytest.mark.slow
def test_a_bundle_holds_tables_figures_and_the_page(toy_results, tmp_path):
    paths = bundle(
        toy_results,
        tmp_path / "report",
        pictures=[Picture("a strip", "png", b"", "clip_best")],
        sizes={"full": 100, "plain": 50},
    )
    tables = ("scores", "differences", "costs")
    assert {path.name for path in paths if path.suffix == ".tex"} == {
        f"{t}{kind}" for t in tables for kind in (".tex", ".tabular.tex")
    }
    figures = {"frames", "training", "against_costs", "sizes"}
    assert {path.stem for path in paths if path.suffix == ".pdf"} == figures
    text = (tmp_path / "report" / "index.html").read_text("utf-8")
    assert text.count("<figcaption>") == 1 + 3  # the strip, and all figures but that per frame, which the page draws itself
    assert (tmp_path / "report" / "clip_best.png") in paths
    assert sorted(path.name for path in (tmp_path / "report").iterdir()) == sorted(path.name for path in paths)


@pytest.mark.slow
def test_a_bundle_has_the_claims_in_every_format_and_the_page_shows_them_after_the_scores(toy_results, tmp_path):
    claims = judge(toy_results, [Claim("The memory helps.", "full", "plain"), Claim("It is <plain>.", "plain", "full")])
    names = {path.name for path in bundle(toy_results, tmp_path, claims=claims)}
    assert {f"claims.{suffix}" for suffix in ("md", "tex", "csv", "json", "pdf", "svg", "png")} <= names
    text = (tmp_path / "index.html").read_text("utf-8")
    assert (
        text.index("<h2>Scores</h2>") < text.index("<h2>What is claimed</h2>") < text.index("<h2>Differences to the first</h2>")
    )
    assert "The memory helps." in text and "It is &lt;plain&gt;." in text and "undecided" in text


def test_a_bundle_of_nothing_scored_yet_says_so_and_does_not_fail(tmp_path):
    planned = runs({"variant": "full", "seed": 0, "state": "missing"})
    no_scores = results(SCORES).scores.iloc[:0].drop(columns="standard/psnr")
    paths = bundle(results({("full", 0): [[1, 2]]}, planned, scores=no_scores), tmp_path)
    assert "0 of 1" in (tmp_path / "scores.md").read_text("utf-8")
    assert not [path for path in paths if path.suffix == ".pdf"]


@pytest.mark.slow
def test_the_same_results_write_the_same_bytes(toy_results, tmp_path):
    for first, second in zip(bundle(toy_results, tmp_path / "a"), bundle(toy_results, tmp_path / "b"), strict=True):
        assert first.read_bytes() == second.read_bytes(), first.name


def test_a_file_that_cannot_be_finished_leaves_the_old_one(tmp_path, monkeypatch):
    path = write(tmp_path / "deep" / "table.md", b"old")
    monkeypatch.setattr("os.fsync", lambda number: (_ for _ in ()).throw(OSError("disk full")))
    with pytest.raises(OSError, match="disk full"):
        write(path, b"new")
    assert path.read_bytes() == b"old" and [path] == list(path.parent.iterdir())


def test_two_writers_of_one_file_leave_the_whole_of_one_of_them(tmp_path, monkeypatch):
    path, replace = tmp_path / "index.html", os.replace

    def later(half, whole):
        monkeypatch.setattr("os.replace", replace)
        write(path, b"another report")  # begins and ends while the first is about to
        replace(half, whole)

    monkeypatch.setattr("os.replace", later)
    assert write(path, b"report").read_bytes() == b"report" and [path] == list(tmp_path.iterdir())


def test_a_figure_that_cannot_be_written_says_why(tmp_path):
    (tmp_path / "report").write_text("a file where the folder should be")
    with pytest.raises(FileExistsError), printing({"one": Figure()}, tmp_path / "report") as printed:
        printed()


def test_who_gives_up_does_not_wait_for_the_figures_and_finds_no_half_of_one(tmp_path):
    began = time.monotonic()
    (tmp_path / ".0.pdf.0123abcd.part").touch()
    with pytest.raises(KeyboardInterrupt), printing({str(n): Figure() for n in range(1000)}, tmp_path):
        raise KeyboardInterrupt
    assert time.monotonic() - began < 5 and len(list(tmp_path.iterdir())) < 1000
    assert not list(tmp_path.glob(".*.part"))


def test_modules_in_the_user_s_folder_do_not_get_in_the_way_of_figures(tmp_path, monkeypatch):
    (tmp_path / "pickle.py").write_text("raise RuntimeError")
    monkeypatch.chdir(tmp_path)
    with printing({"one": Figure()}, tmp_path) as printed:
        assert [path.suffix for path in printed()] == [".pdf", ".svg", ".png"]


@pytest.mark.slow
def test_the_page_warns_of_uneven_budgets_under_its_scores_and_among_what_its_script_shows(toy_results, tmp_path):
    costly = replace(toy_results, runs=toy_results.runs.assign(parameters=[1, 1, 9, 9]))
    bundle(costly, tmp_path)
    assert (tmp_path / "index.html").read_text("utf-8").count("Warning: budgets differ in parameters") == 2


def test_a_bundle_says_what_to_cite_for_its_models_data_and_metrics(toy_results, tmp_path):
    bundle(
        toy_results,
        tmp_path,
        configurations={"full": {"model": "lmc", "data": "kth"}, "plain": {"model": "black", "data": "kth"}},
    )
    text = (tmp_path / "references.bib").read_text("utf-8")
    assert [line for line in text.splitlines() if line.startswith("@")] == ["@inproceedings{lmc,", "@inproceedings{kth,"]
