"""Runs on record that the store lacks are kept as they are: the seeds of a comparison may be trained on several machines."""

import shutil
from dataclasses import replace

import pandas as pd
import pytest

from bench.executors.inline import Inline
from bench.spec import loading
from bench.spec.experiment import Experiment
from bench.store.run import DIVERGED
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
    assert "this would drop from evidence/mine-small-digits.zip: runs (tiny seeds 0, 1)" in err and "--anew" in err
    assert keep("mine.py", "--only", "copy", "--anew")[0] == 0
    assert load(path).results.scores["variant"].unique().tolist() == ["copy"]


def test_scores_on_other_clips_are_not_mixed_in(keep, tmp_path):
    (tmp_path / "mine.py").write_text(
        CLAIMING.replace("LABEL", '"tiny"').replace("evaluation=EVALUATION", "evaluation=Evaluation(clips=2)")
    )
    store = Store(tmp_path / "runs")
    Scheduler(plan(replace(loading.load("mine.py", "small"), seeds=(2,)), store), store, Inline()).run()
    code, _, err = keep("mine.py", "--seeds", "3")
    assert code == 2 and "copy seed 0): their clips: 3, here 2; " in err and len(err.splitlines()) == 1
    code, out, err = keep("mine.py", "--seeds", "3", "--name", "other")
    assert code == 0, err
    assert "1 run, " in out


def test_a_damaged_record_is_replaced_on_demand_alone_and_one_of_another_name_is_left_out(keep, tmp_path):
    (tmp_path / "evidence" / "mine-small-digits.zip").write_bytes(b"damaged")
    code, _, err = keep("mine.py", "--seeds", "3")
    assert code == 2 and "is damaged" in err and "--anew" in err
    code, out, err = keep("mine.py", "--seeds", "3", "--name", "other")
    assert code == 0 and "; it was left out" in err and "2 runs, " in out
    assert keep("mine.py", "--seeds", "3", "--anew")[0] == 0


def test_a_run_that_has_diverged_here_does_not_get_the_scores_that_it_had_elsewhere(keep, tmp_path):
    run = Store(tmp_path / "runs").run(TINY.but(seed=1))
    run.create(TINY.but(seed=1))
    run.set_status(DIVERGED, reason="the loss is nan")
    code, _, err = keep("mine.py")
    assert code == 2 and "runs (tiny seed 1)" in err and "diverged" in err


def test_how_a_memory_is_addressed_comes_from_the_record_that_has_it_and_is_not_lost(keep, tmp_path):
    path = tmp_path / "evidence" / "mine-small-digits.zip"
    whole = load(path)
    save(replace(whole, alignments={}), tmp_path / "evidence" / "a.zip")
    assert keep("mine.py")[0] == 0 and sorted(load(path).alignments) == [("tiny", 0), ("tiny", 1), ("tiny", 2)]
    whole = load(path)
    save(replace(whole, alignments={}), path)
    code, _, err = keep("mine.py")
    assert code == 0 and "tiny seeds 0, 1: how its memory is addressed is not on record" in err
    save(replace(whole, alignments={**whole.alignments, ("copy", 0): whole.alignments["tiny", 0]}), path)
    code, _, err = keep("mine.py")
    assert code == 2 and "alignments (copy seed 0)" in err


def test_seeds_that_neither_the_store_nor_a_comparable_record_has_are_no_part_of_it(keep, tmp_path):
    path = tmp_path / "evidence" / "mine-small-digits.zip"
    whole = load(path)
    other_clips = replace(whole.results.metadata, fingerprint="digits-9")
    path.unlink()
    save(replace(whole, results=replace(whole.results, metadata=other_clips)), tmp_path / "evidence" / "else.zip")
    shutil.rmtree(Store(tmp_path / "runs").run(TINY.but(seed=2)).path)
    assert keep("mine.py")[0] == 0
    runs = load(path).results.runs
    assert sorted(zip(runs["variant"], runs["seed"], strict=True)) == [("copy", 0), ("tiny", 0)]


def test_words_about_the_clips_do_not_keep_records_apart(keep, tmp_path):
    path = tmp_path / "evidence" / "mine-small-digits.zip"
    whole = load(path)
    reworded = replace(whole.results.metadata, other_clips="in other words", notes=["Clips: in other words."])
    save(replace(whole, results=replace(whole.results, metadata=reworded)), path)
    code, out, err = keep("mine.py")
    assert code == 0 and "2 that were on record" in out, err


def test_two_variants_that_share_a_run_are_both_kept_however_often(keep, tmp_path):
    twins = CLAIMING.replace("{LABEL: TINY,", '{"tiny": TINY, "twin": TINY,').replace("LABEL", '"tiny"')
    (tmp_path / "mine.py").write_text(twins)
    for _ in range(2):
        code, _, err = keep("mine.py")
        assert code == 0, err
    scores = load(tmp_path / "evidence" / "mine-small-digits.zip").results.scores
    assert scores.groupby("variant", observed=True)["seed"].nunique().to_dict() == {"tiny": 3, "twin": 3, "copy": 1}
