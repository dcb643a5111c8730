"""What the suite costs beside training."""

import pytest

from bench.speed import schedule as speed


def test_scheduling_costs_under_a_third_of_a_second_a_run(store, monkeypatch):
    monkeypatch.setattr(speed, "RUNS", 20)
    row = speed.scheduling(store)
    assert row.processor < row.limit == 0.3 and all(run.status().state == "finished" for run in store.runs())


def test_a_figure_names_its_limit_and_what_it_is_measured_in():
    row = speed.Row("a", 0.0123, 0.5, limit=4.0)
    assert row.in_words() == "a: 12.3 ms (500 ms of processor time), at most 4.00 s"
    assert speed.Row("b", 0.0, 0.0, limit=0.02, share=0.0012).in_words() == "b: 0.12%, at most 2%"


@pytest.mark.slow
def test_tracking_adds_less_than_a_fiftieth_to_training(store):
    *_, share = speed.tracking(store)
    assert share.share < share.limit == 0.02


@pytest.mark.slow
def test_a_worker_takes_its_first_step_and_help_answers_within_their_limits(store):
    assert speed.starting(store).processor < 2 * 4.0  # of the whole process, on however busy a machine
    assert speed.command_line().processor < 0.3
