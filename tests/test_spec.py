"""Specs: what a run is, and what is no run."""

import pytest

from bench.common.errors import BenchError
from bench.spec.component import Component
from bench.spec.runspec import RunSpec


def test_the_same_spec_has_the_same_key_however_it_was_written(tiny):
    assert tiny.but(model=Component("LMC", slots=5, layers=1, width=4, decompose=True)).key == tiny.key


def test_every_difference_that_moves_results_moves_the_key(tiny):
    others = [
        tiny.but(seed=1),
        tiny.but(steps=7),
        tiny.but(model=tiny.model.but(slots=6)),
        tiny.but(optimizer=tiny.optimizer.but(lr=2e-3)),
        tiny.but(data=tiny.data.but(digit=9)),
    ]
    assert len({tiny.key, *(other.key for other in others)}) == 6


def test_a_key_never_changes_once_it_has_named_a_run(tiny):
    assert tiny.key == "c7aeba193c51"


def test_a_spec_survives_json(tiny):
    assert RunSpec.from_json(tiny.to_json()) == tiny


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("model.slot=3", "model 'lmc' takes width, layers, slots"),
        ("model.slot=3", "did you mean 'slots'?"),
        ("model.slots=many", "model 'lmc': slots must be int, got 'many'"),
        ("model.slots=3.5", "slots must be int, got 3.5"),
        ("model.output=sigmoids", "output must be Literal['linear', 'sigmoid']"),
        ("model=lcm", "there is no model 'lcm': did you mean 'lmc'?"),
        ("step=3", "a run has no 'step': did you mean 'steps'?"),
        ("steps=-1", "steps must be at least 0, got -1"),
        ("precision=fp8", "precision must be"),
        ("steps", "--set takes NAME=VALUE"),
        ("steps.x=1", "'steps' is a plain value"),
    ],
)
def test_a_setting_that_cannot_be_is_refused_in_words(tiny, setting, words):
    with pytest.raises(BenchError) as refused:
        tiny.edited(setting)
    assert words in str(refused.value)


def test_settings_are_read_as_the_shell_gives_them(tiny):
    edited = tiny.edited("model.decompose=false").edited("clip_norm=1").edited("optimizer.lr=1e-2").edited("data=moving-mnist")
    assert edited.model.options["decompose"] is False
    assert (edited.clip_norm, edited.optimizer.options["lr"], edited.data.name) == (1.0, 0.01, "moving_mnist")


def test_a_run_without_data_has_a_key_all_the_same(tiny):
    missing = tiny.edited("data=kth")
    assert missing.fingerprint is None
    assert len(missing.key) == 12
