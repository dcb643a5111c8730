"""`bench list` shows what experiments and search spaces consist of before anything runs."""

import json

import pytest

SPACE = """
from tests.conftest import TINY

def space(trial, scale):
    spec = TINY.but(batch=trial.suggest_int("batch", 2, 8, step=2))
    if trial.suggest_categorical("memory", [True, False]):
        return spec.but(model=spec.model.but(slots=trial.suggest_int("slots", 5, 50, log=True)))
    return spec.but(optimizer=spec.optimizer.but(lr=trial.suggest_float("lr", 1e-4, 1e-2, log=True)))

def start(scale):
    return {"batch": 4}
"""


def test_experiments_are_listed_with_their_variants(bench):
    rows = {row["experiment"]: row for row in json.loads(bench("list", "--json")[1])}
    assert rows["memory_size"]["variants"] == [
        *(f"{slots} slots" for slots in (5, 20, 50, 100, 200)),
        *("copy last frame", "all black"),
    ]
    assert "20 slots; 50 slots" in bench("list")[1]


def test_an_experiment_of_one_s_own_is_listed_variant_by_variant(bench):
    rows = json.loads(bench("list", "experiments", "mine.py", "--json")[1])
    assert [(row["variant"], row["model"], row["steps"], row["seeds"]) for row in rows] == [
        ("tiny", "lmc", 6, [0]),
        ("copy", "copy_last", 0, [0]),
    ]
    assert rows[0]["set apart by"] == {}
    assert rows[1]["set apart by"] == {"model": "copy_last", "learner": "nothing", "steps": 0}
    assert "model=copy_last, learner=nothing, steps=0" in bench("list", "experiments", "mine.py")[1]


def test_seeds_are_named_as_such_since_a_bare_0_reads_as_none(bench, tmp_path):
    assert "seed 0" in bench("list", "experiments", "mine.py")[1]
    (tmp_path / "five.py").write_text((tmp_path / "mine.py").read_text().replace("evaluation=", "seeds=5, evaluation="))
    assert "seeds 0-4" in bench("list", "experiments", "five.py")[1]


def test_search_spaces_are_listed_with_the_names_of_their_choices(bench):
    rows = {row["space"]: row["choices"] for row in json.loads(bench("list", "spaces", "--json")[1])}
    assert rows["lmc"] == ["size", "lr", "long", "slots", "temperature"] and "predrnn" in rows and "comparison" in rows


def test_a_conditional_space_is_listed_with_every_choice_its_range_and_what_is_tried_first(bench, tmp_path):
    (tmp_path / "my_space.py").write_text(SPACE)
    rows = {row.pop("choice"): row for row in json.loads(bench("list", "spaces", "my_space.py", "--json")[1])}
    assert "None" not in bench("list", "spaces", "my_space.py")[1]
    assert rows == {
        "batch": {"from": "2 to 8 in steps of 2", "first trial": 4},
        "memory": {"from": "True, False", "first trial": None},
        "slots": {"from": "5 to 50, logarithmic", "first trial": None},
        "lr": {"from": "0.0001 to 0.01, logarithmic", "first trial": None},
    }


def test_one_entry_of_any_list_can_be_asked_for(bench):
    (row,) = json.loads(bench("list", "models", "conv-tt-lstm", "--json")[1])
    assert row["name"] == "conv_tt_lstm" and row["options"]["order"] == 3


def test_several_entries_of_a_list_can_be_asked_for(bench):
    rows = json.loads(bench("list", "models", "simvp", "conv-tt-lstm", "simvp", "--json")[1])
    assert [row["name"] for row in rows] == ["simvp", "conv_tt_lstm"]


def test_a_table_in_a_pipe_is_as_wide_as_columns_says_and_whole_without_it(bench, monkeypatch):
    assert max(map(len, bench("list")[1].splitlines())) > 200
    monkeypatch.setenv("COLUMNS", "80")
    assert max(map(len, bench("list")[1].splitlines())) <= 80


def test_a_class_of_one_s_own_is_described_by_its_full_name(bench, tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "blur_model.py").write_text(
        'class Blur:\n    """Blurs."""\n    def __init__(self, shape, width: int = 3): ...\n'
    )
    (row,) = json.loads(bench("list", "models", "blur_model:Blur", "--json")[1])
    assert (row["what"], row["options"]) == ("Blurs.", {"width": 3})
    code, _, err = bench("list", "models", "blur_model:Nope")
    assert code == 2 and "Nope" in err and len(err.splitlines()) == 1


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("models", "lcm"), "there is no model 'lcm': did you mean 'lmc'?"),
        (("models", "zzzz"), "black (is the package that has it installed?)"),
        (("metrics", "pnsr"), "there is no 'pnsr' among the metrics: did you mean 'psnr'?"),
        (("experiments", "ablation", "comparison"), "of experiments one is shown in full at a time, got ablation, comparison"),
        (("experiments", "ablatoin"), "did you mean 'ablation'?"),
        (("spaces", "lcm"), "there is no search space 'lcm': did you mean 'lmc'?"),
        (("models", "--scale", "paper"), "--scale goes with one experiment or one space"),
    ],
)
def test_what_is_not_there_is_refused(bench, words, message):
    code, _, err = bench("list", *words)
    assert code == 2 and message in err and len(err.splitlines()) == 1
