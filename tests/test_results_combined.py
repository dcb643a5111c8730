"""Runs on record that the store lacks are kept as they are: the seeds of a comparison may be trained on several machines."""

import shutil
from dataclasses import replace

import pandas as pd
import pytest

from bench.executors.inline import Inline
from bench.spec import loading
from bench.spec.experiment import Experiment
from bench.store.store import Store
from bench.sweep.plan import plan
from bench.sweep.scheduler import Scheduler
from reports.record import load, save
from tests.conftest import EVALUATION, FLOOR, TINY

CLAIMING = """
from bench.spec import Claim, Evaluation, Experiment
from reports.claim import ALIGNMENT, CHANCE
from tests.conftest import EVALUATION, FLOOR, TINY

CLAIMS = (Claim("It learns.", LABEL, "copy"), Claim("It addresses alike.", LABEL, CHANCE, ALIGNMENT))

def experiment(scale):
    return Experiment("Does it run?", {LABEL: TINY, "copy": FLOOR}, evaluation=EVALUATION, claims=CLAIMS)
"""


@pytest.fixture(scope="module")
def three_seeds(tmp_path_factory):
    """A store with seeds 0, 1 and 2, to copy."""
    store = Store(tmp_path_factory.mktemp("three") / "runs")
    three = Experiment("Does it run?", {"tiny": TINY, "copy": FLOOR}, (0, 1, 2), evaluation=EVALUATION, name="mine")
    Scheduler(plan(three, store), store, Inline()).run()
    return store.root


@pytest.fixture
def keep(bench, three_seeds, tmp_path):
    """`bench results keep`, where all three seeds are on record in `one`, and of the first two machines in `mine-...`."""
    shutil.copytree(three_seeds, tmp_path / "runs")
    (tmp_path / "mine.py").write_text(CLAIMING.replace("LABEL", '"tiny"'))
    (tmp_path / "renamed.py").write_text(CLAIMING.replace("LABEL", '"ours"'))

    def call(*words):
        return bench("results", "keep", *words)

    assert call("mine.py", "--seeds", "3", "--records", "one")[0] == 0
    assert call("mine.py", "--seeds", "2")[0] == 0
    store = Store(tmp_path / "runs")
    for seed in (0, 1):
        shutil.rmtree(store.run(TINY.but(seed=seed)).path)
    return call


def _frames(record):
    runs = record.results.runs
    return record.results.scores, runs.drop(columns=["command"], errors="ignore").sort_values(["variant", "seed"])


def test_seeds_of_several_stores_make_the_record_that_one_store_with_all_of_them_makes(keep, tmp_path):
    code, out, err = keep("mine.py")
    assert code == 0, err
    assert "4 runs (2 of the store, 2 that were on record)" in out
    whole, parts = load(tmp_path / "one" / "mine-small-digits.zip"), load(tmp_path / "evidence" / "mine-small-digits.zip")
    for ours, theirs in zip(_frames(parts), _frames(whole), strict=True):
        pd.testing.assert_frame_equal(ours.reset_index(drop=True), theirs.reset_index(drop=True), check_dtype=False)
    assert {pair: gains.tolist() for pair, gains in parts.alignments.items()} == {
        pair: gains.tolist() for pair, gains in whole.alignments.items()
    }
    assert parts.commands["Trained by"] == "bench run mine.py --seeds 3" and parts.settings == whole.settings


def test_a_run_is_found_in_the_record_of_another_experiment_that_calls_it_otherwise(keep, tmp_path):
    code, out, err = keep("renamed.py")
    assert code == 0, err
    assert "4 runs (2 of the store, 2 that were on record)" in out
    renamed = load(tmp_path / "evidence" / "renamed-small-digits.zip")
    assert sorted(renamed.alignments) == [("ours", 0), ("ours", 1), ("ours", 2)]
    assert renamed.results.scores.groupby("variant", observed=True)["seed"].nunique().to_dict() == {"ours": 3, "copy": 1}


def test_the_store_has_the_word_on_a_run_that_is_on_record_too(keep, tmp_path):
    path = tmp_path / "evidence" / "mine-small-digits.zip"
    record = load(path)
    scores = record.results.scores.copy()
    scores["standard/psnr"] += 1
    save(replace(record, results=replace(record.results, scores=scores)), path)
    assert keep("mine.py")[0] == 0
    whole = load(tmp_path / "one" / "mine-small-digits.zip").results.scores
    more = load(path).results.scores["standard/psnr"] - whole["standard/psnr"]
    by_run = more.groupby([whole["variant"], whole["seed"]], observed=True).mean().round(2).to_dict()
    assert by_run == {("tiny", 0): 1, ("tiny", 1): 1, ("tiny", 2): 0, ("copy", 0): 0}


def test_no_run_on_record_is_dropped_in_silence(keep, tmp_path):
    path = tmp_path / "evidence" / "mine-small-digits.zip"
    before = path.read_bytes()
    code, _, err = keep("mine.py", "--only", "copy")
    assert code == 2 and len(err.splitlines()) == 1 and path.read_bytes() == before
    assert "has 2 runs that this would drop: tiny seeds 0, 1" in err and "--anew" in err
    assert keep("mine.py", "--only", "copy", "--anew")[0] == 0
    assert load(path).results.scores["variant"].unique().tolist() == ["copy"]


def test_scores_on_other_clips_are_not_mixed_in(keep, tmp_path):
    (tmp_path / "mine.py").write_text(
        CLAIMING.replace("LABEL", '"tiny"').replace("evaluation=EVALUATION", "evaluation=Evaluation(clips=2)")
    )
    store = Store(tmp_path / "runs")
    Scheduler(plan(replace(loading.load("mine.py", "small"), seeds=(2,)), store), store, Inline()).run()
    code, _, err = keep("mine.py", "--seeds", "3")
    assert code == 2 and "(their clips: 3, here 2)" in err and len(err.splitlines()) == 1
    code, out, err = keep("mine.py", "--seeds", "3", "--name", "other")
    assert code == 0, err
    assert "1 run, " in out


def test_a_damaged_record_stops_it_unless_nothing_of_it_is_wanted(keep, tmp_path):
    (tmp_path / "evidence" / "mine-small-digits.zip").write_bytes(b"damaged")
    code, _, err = keep("mine.py", "--seeds", "3")
    assert code == 2 and "is damaged" in err and "--anew" in err
    assert keep("mine.py", "--seeds", "3", "--anew")[0] == 0
