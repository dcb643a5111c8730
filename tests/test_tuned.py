"""Experiments made of what a search has found: settings, costs, claims, reports."""

import json
import os
from dataclasses import replace

import pytest

from bench import results
from bench.common.errors import BenchError
from bench.spec import loading
from bench.spec.experiment import Experiment
from bench.store import search_results
from bench.store.search_results import Candidate, Result
from bench.store.store import Store
from experiments.comparison import models
from experiments.tuning import SPACES
from tests.conftest import FLOOR, TINY


def test_tuned_experiments_set_the_winner_beside_the_recipe_and_say_what_the_search_cost(finished, tmp_path):
    recipe = loading.load("comparison").variants["LMC-Memory"]
    winner = recipe.but(model=recipe.model.but(slots=77))
    result = Result("lmc", "small", ["psnr"], 12, 345.0, [Candidate(7, "slots=77", winner, [16.0], [1], [15.9])])
    search_results.write(Store(tmp_path / "runs"), result)
    tuned = loading.load("tuned-lmc")
    assert list(tuned.variants) == ["recipe", "tuned", "copy last frame", "all black"] and tuned.name == "tuned_lmc"
    assert (tuned.variants["recipe"].key, tuned.variants["tuned"].key) == (recipe.key, winner.key)
    search_results.write(Store(tmp_path / "runs"), replace(result, candidates=[replace(result.candidates[0], spec=recipe)]))
    assert list(loading.load("tuned-lmc").variants) == ["tuned (the recipe)", "copy last frame", "all black"]
    assert tuned.evaluation.split == "test" and tuned.searched == {"tuned": {"trials": 12, "tuning_seconds": 345.0}}


def test_a_winner_is_compared_with_what_its_own_space_began_with(finished, tmp_path):
    base, winner = TINY.but(steps=4), TINY.but(steps=4, batch=3)
    result = Result("own", "small", ["psnr"], 2, 3.0, [Candidate(1, "batch=3", winner, [16.0], [1], [15.9])], base)
    search_results.write(Store(tmp_path / "runs"), result)
    tuned = loading.load("tuned-own").variants
    assert list(tuned) == ["base", "tuned", "copy last frame", "all black"]
    assert (tuned["base"].key, tuned["tuned"].key) == (base.key, winner.key)
    search_results.write(Store(tmp_path / "runs"), replace(result, base=winner))
    assert list(loading.load("tuned-own").variants) == ["tuned (the base)", "copy last frame", "all black"]


def test_a_tuned_experiment_claims_that_its_settings_are_better_than_those_the_search_began_with(finished, tmp_path):
    base, winner = TINY.but(steps=4), TINY.but(steps=4, batch=3)
    result = Result("own", "small", ["psnr"], 2, 3.0, [Candidate(1, "batch=3", winner, [16.0], [1], [15.9])], base)

    def claims(result):
        search_results.write(Store(tmp_path / "runs"), result)
        return loading.load("tuned-own").claims

    (claim,) = claims(result)
    assert (claim.better, claim.than, claim.metric, claim.within) == ("tuned", "base", "psnr", 0.1)
    assert claim.sentence == "The settings found by the search predict better than those it began with."
    assert json.loads(finished("show", "tuned-own", "--json")[1])["claims"] == [claim.sentence]
    (of_two,) = claims(replace(result, objectives=["ssim", "cost"]))
    assert (of_two.metric, of_two.within) == ("ssim", None)
    assert not claims(replace(result, objectives=["cost", "psnr"])) and not claims(replace(result, base=winner))
    code, _, err = finished("run", "tuned-own", "--decide")
    assert code == 2 and "tuned_own has no claims to decide; its search was for a cost, or found nothing better" in err
    recipe = loading.load("comparison").variants["LMC-Memory"]
    of_lmc = replace(result.candidates[0], spec=recipe.but(batch=9))
    (against,) = claims(replace(result, base=None, candidates=[of_lmc]))
    assert against.than == "recipe" and against.sentence.endswith("predict better than the recipe's.")


def test_what_is_not_trained_is_not_set_apart_by_settings_of_training(finished, tmp_path):
    from bench.reporting.variant_settings import configurations

    base, winner = TINY.but(steps=4), TINY.but(steps=4, optimizer=TINY.optimizer.but(lr=0.123), batch=3)
    result = Result("own", "small", ["psnr"], 2, 3.0, [Candidate(1, "batch=3", winner, [16.0], [1], [15.9])], base)
    search_results.write(Store(tmp_path / "runs"), result)
    listed = json.loads(finished("list", "experiments", "tuned-own", "--json")[1])
    rows = {row["variant"]: row["set apart by"] for row in listed}
    assert rows["all black"] == {"model": "black", "learner": "nothing", "steps": 0}
    assert rows["tuned"] == {"batch": 3, "optimizer.lr": 0.123}
    for words in (["all black"], ["base", "all black"], []):
        shown = json.loads(finished("show", "tuned-own", *words, "--json")[1])
        assert "batch" not in (shown["variants"]["all black"] if not words else shown.get("settings") or shown["differs"])
    flat = configurations(loading.load("tuned-own"))
    assert "batch" not in flat["all black"] and "optimizer.lr" not in flat["all black"] and flat["tuned"]["batch"] == 3
    assert flat["all black"]["validate_every"] == 3  # as all that are trained, so that no column shows it


def test_what_a_tuned_experiment_trains_is_nothing_to_clear_away(bench, tmp_path):
    from bench.maintenance import gc

    store, recipe = Store(tmp_path / "runs"), loading.load("comparison").variants["LMC-Memory"]
    winner = recipe.but(optimizer=recipe.optimizer.but(lr=0.123))
    search_results.write(store, Result("lmc", "small", ["psnr"], 12, 345.0, [Candidate(7, "", winner, [16.0], [1], [15.9])]))
    for _, spec in replace(loading.load("tuned-lmc"), seeds=(5, 6)).runs():
        store.run(spec).create(spec)
    assert len(store.runs()) == 6 and not [waste for waste in gc.find(store, runs=True) if waste.kind == gc.RUNS]


def test_the_table_of_costs_has_the_search_and_warns_that_the_recipe_had_none(finished, tmp_path):
    from bench.reporting.results import results
    from bench.sweep.plan import plan
    from reports.costs import cost_table
    from tests.conftest import EVALUATION

    pair = Experiment("Does it pay?", {"recipe": TINY, "tuned": TINY, "copy": FLOOR}, evaluation=EVALUATION, name="x")
    searched = replace(pair, searched={"tuned": {"trials": 12, "tuning_seconds": 345.0}})
    table = cost_table(results(searched, plan(searched, Store(tmp_path / "runs")), ("standard",)))
    cells = {row.label: [cell.text for cell in row.cells][-2:] for row in table.rows}
    assert cells["tuned"] == ["12", "5.75 min"] and cells["recipe"] == ["0", "0 s"]
    assert any("budgets differ in tuning trials" in note.text for note in table.footnotes)
    plain = cost_table(results(pair, plan(pair, Store(tmp_path / "runs")), ("standard",)))
    assert "trials" not in {column.key for column in plain.columns}


def test_the_store_named_on_the_command_line_is_where_tuned_settings_are_looked_for(bench, tmp_path):
    code, _, err = bench("plan", "tuned-lmc", "--store", tmp_path / "other")
    assert code == 2 and str(tmp_path / "other") in err
    os.environ.pop("BENCH_STORE")


def test_python_takes_tuned_settings_from_the_store_that_it_names(monkeypatch, tmp_path):
    monkeypatch.setenv("BENCH_STORE", str(tmp_path / "environment"))
    result = Result("own", "small", ["psnr"], 2, 3.0, [Candidate(1, "", TINY, [16.0], [1], [15.9])])
    search_results.write(Store(tmp_path / "named"), result)
    with pytest.raises(BenchError, match=r"no run of tuned_own .* is finished yet"):  # and not that there is no search
        results("tuned_own", store=tmp_path / "named")


def test_the_tuned_comparison_has_the_settings_and_the_costs_of_every_search(finished, tmp_path):
    compared = loading.load("comparison")
    for spec in compared.variants.values():
        if spec.steps:
            winner = spec.but(optimizer=spec.optimizer.but(lr=0.123))
            result = Result(spec.model.name, "small", ["psnr"], 4, 10.0, [Candidate(1, "", winner, [16.0], [1], None)])
            search_results.write(Store(tmp_path / "runs"), result)
    tuned = loading.load("tuned-comparison")
    assert list(tuned.variants) == list(compared.variants) and tuned.seeds == compared.seeds
    assert {spec.optimizer.options["lr"] for spec in tuned.variants.values() if spec.steps} == {0.123}
    assert {spent["trials"] for spent in tuned.searched.values()} == {4} and len(tuned.searched) == len(SPACES)


def test_controls_of_the_comparison_stay_controls_when_it_is_tuned(finished, tmp_path):
    compared = loading.load("comparison", "medium")
    for spec in compared.variants.values():
        if spec.steps:
            recipe = next(recipe for recipe in models("medium").values() if recipe.model.name == spec.model.name)
            winner = recipe.but(optimizer=recipe.optimizer.but(lr=0.123))
            result = Result(spec.model.name, "medium", ["psnr"], 4, 10.0, [Candidate(1, "", winner, [16.0], [1], None)])
            search_results.write(Store(tmp_path / "runs"), result)
    tuned = loading.load("tuned-comparison", "medium").variants
    assert len({spec.key for spec in tuned.values()}) == len(tuned)
    for label, spec in compared.variants.items():
        assert (tuned[label].steps, tuned[label].learner) == (spec.steps, spec.learner)
        assert not spec.steps or tuned[label].optimizer.options["lr"] == 0.123
