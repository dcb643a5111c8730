"""The table of costs says what every variant was given, and warns where that was not even-handed."""

from reports.costs import cost_table, equal_to_first, with_warnings
from reports.differences_table import differences_table
from reports.quantities import counted, lasting, remaining, sized
from reports.render import FORMATS, render
from reports.scores_table import scores_table
from tests.report_samples import results, runs

SCORES = {("full", 0): [[2, 2]], ("full", 1): [[2, 2]], ("plain", 0): [[1, 1]], ("copy", 0): [[0, 0]]}


def costs(**plain):
    budget = {"parameters": 1e6, "train_seconds": 100, "samples": 8000, "trials": 4}
    return runs(
        {"variant": "full", "seed": 0, **budget}, {"variant": "full", "seed": 1, **budget, "train_seconds": 140},
        {"variant": "plain", "seed": 0, **budget, **plain}, {"variant": "copy", "seed": 0, "parameters": 0, "train_seconds": 0},
    )  # fmt: skip


def warnings(shown):
    return [note.text for note in shown.footnotes if note.text.startswith("Warning")]


def test_costs_are_means_over_a_variants_runs_in_units_that_suit():
    shown = cost_table(results(SCORES, costs()))
    assert [column.title for column in shown.columns] == ["parameters", "training time", "training clips", "tuning trials"]
    assert [cell.text for cell in shown.rows[0].cells] == ["1 M", "2 min", "8 k", "4"]
    assert [cell.text for cell in shown.rows[2].cells] == ["0", "0 s", "–", "–"]


def test_alike_budgets_and_floors_that_train_nothing_give_no_warning():
    assert warnings(cost_table(results(SCORES, costs(train_seconds=240)))) == []  # twice is not more than twice


def test_a_budget_of_more_than_twice_is_warned_of_with_both_ends():
    (warning,) = warnings(cost_table(results(SCORES, costs(train_seconds=36_000))))
    assert "training time by 300 times (2 min for 'full', 10 h for 'plain')" in warning


def test_times_of_several_machines_are_not_compared_but_said_to_be_no_measure():
    several = costs(train_seconds=36_000).assign(machine=["Xeon", "Xeon", "EPYC", "EPYC"])
    texts = [note.text for note in cost_table(results(SCORES, several)).footnotes]
    assert "Training times cannot be compared: the runs were trained on EPYC, Xeon." in texts
    assert not any(text.startswith("Warning") for text in texts)
    assert len(warnings(cost_table(results(SCORES, several.assign(machine="Xeon"))))) == 1


def test_tuning_one_side_alone_is_warned_of():
    (warning,) = warnings(cost_table(results(SCORES, costs(trials=0))))
    assert "tuning trials (0 for 'plain', 4 for 'full')" in warning


def test_a_comparison_bears_the_warnings_too_and_keeps_its_footnotes():
    toy_results = results(SCORES, costs(trials=0))
    warned = with_warnings(scores_table(toy_results), toy_results)
    assert warned.footnotes[:-1] == scores_table(toy_results).footnotes
    assert warnings(warned) == warnings(cost_table(toy_results)) != []


def test_differences_and_costs_say_what_is_equal_to_the_first_variant_and_what_is_not():
    planned = costs().assign(parameters_used=[1e6, 1e6, 1.04e6, 0], updates=[4000, 4000, 2000, 0], flops=None)
    toy_results = results(SCORES, planned)
    sentences = [
        "Training clips, beside 'full': equal in 'plain'.",
        "Optimizer steps, beside 'full': 0.5 times in 'plain'.",
        "Parameters in use, beside 'full': equal in 'plain'.",
    ]
    for table_of in (differences_table, cost_table):
        assert [note.text for note in table_of(toy_results).footnotes if "beside 'full'" in note.text] == sentences
    assert equal_to_first(results({("copy", 0): [[0, 0]]}, runs({"variant": "copy", "seed": 0, "parameters": 0}))) == []


def test_a_cost_that_nobody_recorded_has_no_column():
    unknown = costs(train_seconds=None).assign(peak_memory_bytes=None)
    assert "peak memory" not in [column.title for column in cost_table(results(SCORES, unknown)).columns]


def test_the_table_of_costs_renders_in_every_format():
    shown = cost_table(results(SCORES, costs()))
    assert all("plain" in render(shown, format) for format in FORMATS)


def test_units_by_hand():
    assert [counted(x) for x in (0, 950, 999.9, 1_520_000, 5.68e10)] == ["0", "950", "1000", "1.52 M", "56.8 G"]
    assert [lasting(x) for x in (0.0031, 42, 312, 12_240, 180_000)] == ["3.1 ms", "42 s", "5.2 min", "3.4 h", "2.08 d"]
    assert [remaining(x) for x in (0.4, 63.6, 488, 90_000)] == ["0 s", "64 s", "8.1 min", "25 h"]
    assert [sized(x) for x in (10, 2**29, 3.2 * 2**30)] == ["10 B", "512 MiB", "3.2 GiB"]
