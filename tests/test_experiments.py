"""Experiments: questions with named variants, the same at all scales."""

from dataclasses import replace

import pytest

from bench.common.errors import BenchError
from bench.spec import Experiment, loading
from bench.spec.experiment import SCALES, Evaluation
from bench.training.flops import on_meta, parameters
from experiments import recipes

every_experiment = pytest.mark.parametrize("name", loading.names())
every_scale = pytest.mark.parametrize("scale", SCALES)


def test_the_suite_brings_the_experiments_that_its_readme_names():
    assert {"ablation", "memory_size", "comparison", "long_term"} <= set(loading.names())


@every_scale
@every_experiment
def test_an_experiment_answers_a_question_with_different_runs(name, scale):
    loaded = loading.load(name, scale)
    assert loaded.question.endswith("?") and loading.describe(name) == loaded.question
    keys = {spec.key for spec in loaded.variants.values()}
    assert len(keys) == len(loaded.variants) >= 3


@every_scale
@every_experiment
def test_all_variants_see_the_same_clips_and_predict_as_far(name, scale):
    specs = list(loading.load(name, scale).variants.values())
    assert len({(repr(spec.data), spec.context, spec.horizon) for spec in specs}) == 1


@pytest.mark.parametrize("name", ["ablation", "comparison"])
def test_all_learned_variants_have_the_same_budget_of_clips(name):
    for scale in SCALES:
        variants = {label: spec for label, spec in loading.load(name, scale).variants.items() if spec.steps}
        budgets = {spec.steps * spec.batch for label, spec in variants.items() if "equal updates" not in label}
        assert len(budgets) == 1


@pytest.mark.parametrize(("name", "scale"), [("ablation", "medium"), ("ablation", "paper"), ("comparison", "medium")])
def test_controls_with_equal_updates_have_as_many_as_what_they_stand_beside(name, scale):
    variants = loading.load(name, scale).variants
    updates = {label: spec.steps * (2 if spec.learner.name == "memory_alignment" else 1) for label, spec in variants.items()}
    controls = {count for label, count in updates.items() if "equal updates" in label}
    assert controls == {updates["full" if name == "ablation" else "ConvLSTM"]}


@pytest.mark.parametrize("scale", ["medium", "paper"])
def test_the_wider_control_has_the_parameters_that_the_full_model_uses(scale):
    variants = loading.load("ablation", scale).variants
    used = _size(variants["full"].model.but(storing=False))  # the motion-context encoder serves training alone
    assert _size(variants["no memory, equal updates and parameters"].model) == pytest.approx(used, rel=0.02)


def _size(model):
    return parameters(on_meta(model, (1, 64, 64), context=10, horizon=10))


@pytest.mark.parametrize("scale", ["small", "medium"])
def test_at_small_and_medium_scale_nothing_needs_to_be_downloaded(scale):
    for name in loading.names():
        assert all(spec.fingerprint for spec in loading.load(name, scale).variants.values())


def test_medium_scale_asks_for_three_seeds_and_scores_further_than_it_trains():
    for name in loading.names():
        loaded = loading.load(name, "medium")
        assert loaded.seeds == (0, 1, 2) and loaded.evaluation.horizon >= 30


@pytest.mark.parametrize("data", ["digits", "moving_mnist"])
def test_medium_scale_runs_on_other_data_as_well(data):
    edited = loading.load("ablation", "medium").edited([f"data={data}"])
    assert {spec.data.name for spec in edited.variants.values()} == {data}


def test_the_papers_numbers_are_in_the_recipes():
    mnist, kth = recipes.LMC_MOVING_MNIST, recipes.LMC_KTH
    assert (mnist.batch, mnist.steps, mnist.horizon, mnist.learner.options["long"]) == (128, 300_000, 30, 30)
    assert (kth.batch, kth.steps, kth.horizon, kth.learner.options["long"]) == (32, 300_000, 40, 40)
    assert mnist.optimizer.options["lr"] == kth.optimizer.options["lr"] == 2e-4
    assert kth.model.options["output"] == "sigmoid"


def test_what_is_not_trained_runs_once_whatever_the_seeds(pair):
    runs = replace(pair, seeds=(0, 1, 2)).runs()
    assert [label for label, _ in runs] == ["tiny", "copy", "tiny", "tiny"]


def test_a_control_that_trains_twice_as_long_does_so_whatever_the_steps_and_whichever_variants_are_chosen():
    ablation = loading.load("ablation")
    assert {spec.steps for spec in ablation.edited(["steps=20"]).variants.values()} == {20, 40, 0}
    control = ablation.only(["no memory, equal updates"]).edited(["steps=20"])
    assert [spec.steps for spec in control.variants.values()] == [40]


def test_a_setting_that_fits_no_variant_is_refused_and_one_about_training_leaves_floors_alone(pair):
    edited = pair.edited(["steps=9"])
    assert [spec.steps for spec in edited.variants.values()] == [9, 0]
    with pytest.raises(BenchError, match="did you mean 'slots'"):
        pair.edited(["model.slot=3"])


def test_an_experiment_knows_which_of_its_settings_were_changed_and_no_others(pair):
    edited = pair.edited(["model.slots=7", "batch=2", "model.slots=8", "clip-norm=1"])  # the batch is 2 as it is
    assert edited.changed == {"model.slots": "8", "clip_norm": "1"} and pair.changed == {}


def test_keeping_predictions_does_not_change_what_is_measured():
    assert Evaluation(clips=3, horizon=2).key == Evaluation(clips=3, horizon=2, keep_predictions=True).key
    assert Evaluation(clips=3, horizon=2).key != Evaluation(clips=4, horizon=2).key


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("Experiment('?', {'a': TINY}, seeds=0)", "seeds are different numbers from 0 up, (0, 1, 2), or how many, 3; got 0"),
        ("Experiment('?', {'a': TINY}, seeds=(0, 0))", "seeds are different numbers"),
        ("Experiment('?', {'a': TINY}, seeds=())", "seeds are different numbers"),
        ("Experiment('?', {})", "variants are RunSpecs by their labels"),
        ("Experiment('?', [TINY])", "variants are RunSpecs by their labels"),
        ("Experiment('?', {1: TINY})", "variants are RunSpecs by their labels"),
        ("Experiment('?', {'a': 1})", "variants are RunSpecs by their labels"),
        ("Experiment('?', {'a': TINY.but(model='convlstm')})", "model must be a Component, such as Component('convlstm')"),
        ("Experiment('?', {'a': TINY}, evaluation=Evaluation(clips=0))", "clips must be a number from 1 up"),
        ("Experiment('?', {'a': TINY}, evaluation=Evaluation(clips='x'))", "clips must be a number from 1 up"),
        ("Experiment('?', {'a': TINY}, evaluation=Evaluation(split='tset'))", "split is 'val' or 'test', got 'tset'"),
        ("{'a': TINY}['b']", "does not work: KeyError: 'b'"),
    ],
)
def test_an_experiment_that_makes_no_sense_is_refused_before_anything_runs(tmp_path, expression, message):
    path = tmp_path / "mine.py"
    imports = "from bench.spec import Evaluation, Experiment\nfrom tests.conftest import TINY\n\n"
    path.write_text(f"{imports}def experiment(scale):\n    return {expression}\n")
    with pytest.raises(BenchError) as error:
        loading.load(str(path))
    assert message in str(error.value)


def test_seeds_may_be_a_range_or_a_list():
    spec = loading.load("ablation").variants["full"]
    for seeds in (range(3), [0, 1, 2]):
        assert Experiment("?", {"a": spec}, seeds=seeds).seeds == (0, 1, 2)


def test_a_file_of_ones_own_is_an_experiment_and_its_mistakes_are_said(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text("from experiments.ablation import experiment\n")
    assert loading.load(str(path)).name == "mine"
    path.write_text(
        "from __future__ import annotations\nfrom dataclasses import dataclass\nfrom experiments.ablation import experiment\n\n"
        "@dataclass\nclass Own:\n    size: int = 3\n"
    )
    assert loading.load(str(path)).name == "mine"
    path.write_text("x = 1\n")
    with pytest.raises(BenchError, match=r"defines no function `experiment\(scale\)`"):
        loading.load(str(path))
    path.write_text("import nonsense_that_is_not_there\n")
    with pytest.raises(BenchError, match="does not load: ModuleNotFoundError"):
        loading.load(str(path))


@every_scale
def test_the_recipes_have_every_model_by_the_label_that_the_comparison_shows(scale):
    table = {"small": recipes.SMALL, "medium": recipes.MEDIUM, "paper": recipes.MOVING_MNIST}[scale]
    compared = loading.load("comparison", scale).variants
    trained = [label for label, spec in compared.items() if spec.steps and "equal" not in label]
    assert next(iter(table)) == "LMC-Memory" and set(trained) <= set(table)
    assert scale == "medium" or trained == list(table)
    budget = ("batch", "steps", "clip_norm")  # the comparison gives all models that of OpenSTL at paper scale
    for label in trained:
        spec = compared[label]
        assert table[label].but(**{name: getattr(spec, name) for name in budget}) == spec


def test_seeds_may_be_counted_as_on_the_command_line(pair):
    assert replace(pair, seeds=3).seeds == (0, 1, 2)
    for wrong in (0, -1, True, 10**9, 1.5):
        with pytest.raises(BenchError, match="seeds are different numbers from 0 up, \\(0, 1, 2\\), or how many, 3"):
            replace(pair, seeds=wrong)
