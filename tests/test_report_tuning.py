"""A search as tables and pictures, from plain tables alone."""

import math
from dataclasses import replace

import pandas as pd
import pytest

from reports.results import Metric
from reports.style import printed
from reports.tuning import COMPLETE, FAILED, PRUNED, Searched, confirmed_table, markdown, trials_table
from reports.tuning_figures import curves, everything, front, history, importances, slices

PSNR, COST = Metric("up", "dB", 2, label="PSNR"), Metric("down", "", 0, label="FLOPs per clip")
ROWS = [
    (0, COMPLETE, "", 60.0, 20.0, 4e6),
    (1, PRUNED, "pruned", 12.0, 31.0, math.nan),
    (2, COMPLETE, "", 60.0, 23.5, 9e6),
    (3, FAILED, "diverged: the loss is nan at step 7", 3.0, math.nan, math.nan),
    (4, COMPLETE, "", 60.0, 22.0, 5e6),
]
SETTINGS = pd.DataFrame(
    {"lr": [1e-3, 1e-2, 2e-3, 1.0, 3e-3], "kind": list("ababa"), "warmup": [3.0, math.nan, 5.0, math.nan, 4.0]}, index=range(5)
)


@pytest.fixture
def searched():
    return Searched(
        name="lmc",
        objectives={"psnr": PSNR, "cost": COST},
        trials=pd.DataFrame(ROWS, columns=["trial", "state", "reason", "trained", "psnr", "cost"]),
        settings=SETTINGS,
        logarithmic=frozenset({"lr"}),
        curves=pd.DataFrame(
            [(t, s, 20 + t - 50 / s) for t in (0, 1, 2) for s in (50, 100)], columns=["trial", "step", "value"]
        ),
        importances={"lr": 0.8, "warmup": 0.2},
        front=(2, 0),
        confirmed=pd.DataFrame(
            {"trial": [2], "seeds": ["1, 2"], "search psnr": [23.5], "confirmed psnr": [22.9]}
            | {"search cost": [9e6], "confirmed cost": [math.nan]}
        ),
    )


def test_trials_stand_best_first_and_what_a_pruned_one_had_reached_is_no_score(searched):
    table = trials_table(searched)
    assert list(table["trial"]) == [2, 4, 0, 1, 3]
    assert list(table["psnr"]) == ["23.50", "22.00", "20.00", "", ""]
    assert table["ended"].iloc[3] == "pruned at step 100, 20.50"
    assert table["ended"].iloc[4] == "diverged: the loss is nan at step 7"
    assert list(table["warmup"]) == ["5", "4", "3", "", ""]


def test_settings_and_objectives_may_be_called_anything(searched):
    called = searched.settings.rename(columns={"lr": "trial", "kind": "seconds", "warmup": "psnr"})
    trials = searched.trials.rename(columns={"cost": "seconds"})
    named = replace(searched, settings=called, trials=trials, objectives={"psnr": PSNR, "seconds": COST})
    table = trials_table(named)
    assert list(table.columns) == ["trial", "psnr", "seconds", "setting trial", "setting seconds", "setting psnr", "ended"]
    assert list(table["trial"]) == [2, 4, 0, 1, 3] and list(table["psnr"])[:2] == ["23.50", "22.00"]


def test_seeds_that_were_not_trained_are_not_named(searched):
    unconfirmed = searched.confirmed.assign(**{"confirmed psnr": math.nan})
    assert confirmed_table(replace(searched, confirmed=unconfirmed)).iloc[0]["fresh seeds"] == ""


def test_the_search_score_stands_beside_the_confirmed_one(searched):
    row = confirmed_table(searched).iloc[0]
    assert (row["search psnr"], row["confirmed psnr"], row["fresh seeds"]) == ("23.50", "22.90", "1, 2")
    assert row["confirmed cost"] == ""
    assert markdown(confirmed_table(searched)).startswith("| trial | search psnr |")


def test_the_best_so_far_is_of_complete_trials_alone(searched):
    assert list(searched.best_so_far) == [20.0, 23.5, 23.5] and list(searched.best_so_far.index) == [0, 2, 4]


def test_the_history_shows_pruned_trials_at_their_last_value(searched):
    panel = history(searched).axes[0]
    drawn = {tuple(point) for line in panel.lines for point in line.get_xydata()}
    assert {(1.0, 31.0), (2.0, 23.5)} <= drawn
    assert [text.get_text() for text in panel.figure.legends[0].texts][:2] == ["complete", "pruned (last value)"]


def test_every_setting_has_a_slice_words_and_logarithms_too(searched):
    panels = slices(searched).axes
    assert [panel.get_xlabel() for panel in panels] == ["lr", "kind", "warmup"]
    assert panels[0].get_xscale() == "log" and [text.get_text() for text in panels[1].get_xticklabels()] == ["a", "b"]


def test_the_front_joins_what_nothing_beats(searched):
    line = next(line for line in front(searched).axes[0].lines if line.get_drawstyle() == "steps-post")
    assert line.get_xydata().tolist() == [[4e6, 20.0], [9e6, 23.5]]


def test_a_folder_gets_all_tables_and_pictures_and_again_the_same_bytes(searched, tmp_path):
    drawn = (history, curves, importances, slices, front)
    names = {path.name for path in everything(searched, tmp_path)}
    assert names >= {"trials.csv", "confirmed.md"} | {f"{draw.__name__}.png" for draw in drawn}
    assert (tmp_path / "slices.png").read_bytes() == printed(slices(searched))


def test_a_search_without_a_complete_trial_is_still_reported(searched, tmp_path):
    from dataclasses import replace

    young = replace(
        searched,
        trials=searched.trials[searched.trials["state"] != COMPLETE],
        settings=SETTINGS.loc[[1, 3]],
        curves=searched.curves[searched.curves["trial"] == 1],
        importances={},
        front=(),
        confirmed=pd.DataFrame(),
    )
    assert {path.stem for path in everything(young, tmp_path)} == {"trials", "curves"}
