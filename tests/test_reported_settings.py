"""What a report says of the settings of its variants: which were changed, and in which they differ."""

from dataclasses import replace

import pytest

from bench.reporting.results import results
from bench.sweep.plan import plan
from reports.scores_table import scores_table
from tests.conftest import TINY


@pytest.fixture
def footnotes(pair, finished_store):
    """The footnotes of the table of an experiment with these changes, as one text."""

    def of(**changes):
        experiment = replace(pair, **changes)
        planned_runs = plan(experiment, finished_store)
        return " ".join(note.text for note in scores_table(results(experiment, planned_runs, ["standard"])).footnotes)

    return of


def test_a_table_says_which_settings_were_changed_but_not_the_data_set_which_it_names_anyway(footnotes):
    assert "Changed in every variant that has it: batch=9." in footnotes(changed={"data": "digits", "batch": "9"})
    assert "Changed" not in footnotes(changed={"data": "digits"}) and "Changed" not in footnotes()


def test_steps_that_were_changed_are_in_proportion_where_variants_train_differently_long(pair, footnotes):
    longer = {**pair.variants, "longer": TINY.but(steps=12)}
    assert "steps=6 (controls that train longer do so in proportion)." in footnotes(variants=longer, changed={"steps": "6"})


def test_variants_whose_checkpoints_are_chosen_differently_are_told_apart(pair, footnotes):
    both = "the last checkpoint of 'tiny'; the checkpoint with the best validation PSNR of 'best'."
    assert both in footnotes(variants={**pair.variants, "best": TINY.but(select="best")})
    assert "Evaluated checkpoint: the last checkpoint. " in footnotes()


def test_variants_that_were_trained_for_different_horizons_are_told_apart(pair, footnotes):
    shorter = footnotes(
        variants={**pair.variants, "short": TINY.but(horizon=1)}, evaluation=replace(pair.evaluation, horizon=2)
    )
    assert "trained for different numbers of predicted frames: 2 frames ('tiny'), 1 frame ('short')." in shorter
    assert "different numbers" not in footnotes()
