"""Tables say each number once, in declared order, and hide nothing."""

import csv
import io
from dataclasses import replace

import numpy as np
import pytest

from reports.columns import every_nth_frame, header, horizon_slices
from reports.costs import cost_table
from reports.differences_table import differences_table
from reports.render import FORMATS, render
from reports.results import Metric
from reports.scores_table import scores_table
from tests.report_samples import results, runs, scores

TWO = {("plain", 0): [[20, 10], [22, 12]], ("full", 0): [[30, 20], [32, 22]]}  # means 16 and 26


def texts(comparison):
    return {row.label: [cell.text for cell in row.cells] for row in comparison.rows}


def test_a_cell_is_the_mean_over_frames_clips_and_seeds():
    comparison = scores_table(results({("a", 0): [[1, 2], [3, 6]], ("a", 1): [[5, 5], [5, 5]]}))
    assert texts(comparison) == {"a": ["4.00 ± 12.71"]}  # seeds 3 and 5: 12.706 standard errors of 1


def test_a_seed_weighs_the_same_however_many_of_its_clips_were_scored_and_that_is_said():
    comparison = scores_table(results({("a", 0): [[1, 1], [1, 1]], ("a", 1): [[4, 4]]}))
    assert comparison.rows[0].cells[0].value == 2.5
    assert "Seed 1 scored on 1 of 2 clips." in [note.text for note in comparison.footnotes]


def test_rows_keep_the_declared_order_and_not_that_of_the_scores():
    comparison = scores_table(
        results(TWO, runs({"variant": "full", "seed": 0}, {"variant": "plain", "seed": 0}), variants=["full", "plain"])
    )
    assert list(texts(comparison)) == ["full", "plain"]


def test_columns_of_frames_and_slices_follow_the_mean_of_their_metric():
    comparison = scores_table(results(TWO), frames=[1, (1, 2)])
    assert [column.key for column in comparison.columns] == ["standard/psnr", "standard/psnr@1", "standard/psnr@1-2"]
    assert texts(comparison) == {"plain": ["16.00", "21.00", "16.00"], "full": ["26.00", "31.00", "26.00"]}


def test_a_frame_beyond_the_horizon_is_refused_in_words():
    with pytest.raises(ValueError, match="frames 3 to 3 are not within the horizon, 1 to 2"):
        scores_table(results(TWO), frames=[3])


def test_every_kth_frame_and_slices_cover_the_horizon():
    assert every_nth_frame(4, 10) == [4, 8]
    assert horizon_slices(4, 10) == [(1, 4), (5, 8), (9, 10)]


def test_for_a_metric_where_less_is_better_the_least_is_best():
    comparison = scores_table(results(TWO, column="standard/mse"))
    assert [row.cells[0].best for row in comparison.rows] == [True, False]
    assert comparison.columns[0].title == "MSE ↓"


def test_a_scaled_metric_shows_its_scale_in_the_header_and_files_keep_the_score():
    comparison = scores_table(results({("a", 0): [[0.125, 0.125]]}, column="standard/lpips"))
    assert comparison.columns[0].title == "LPIPS (×10⁻³) ↓"
    assert texts(comparison) == {"a": ["125.0"]}
    assert next(csv.DictReader(io.StringIO(render(comparison, "csv"))))["standard/lpips"] == "0.125"


def test_a_header_names_the_scale_once_whether_or_not_the_unit_does():
    for unit in ("per pixel", "1e-3 per pixel"):
        assert header("standard/mse", Metric("down", unit, 2, 1000)) == "MSE (×10⁻³ per pixel) ↓"
    assert header("standard/mse_sum", Metric("down", "sum per frame", label="MSE")) == "MSE (sum per frame) ↓"


def test_a_variant_whose_runs_all_failed_stays_in_the_table_with_the_reason():
    planned = runs(
        {"variant": "plain", "seed": 0}, {"variant": "full", "seed": 0},
        *({"variant": "no memory", "seed": seed, "state": "failed", "reason": "out of memory"} for seed in (0, 1)),
    )  # fmt: skip
    comparison = scores_table(results(TWO, planned))
    assert texts(comparison)["no memory"] == ["–"]
    row = comparison.rows[2]
    assert row.seeds == "0 of 2"
    assert {note.mark: note.text for note in comparison.footnotes}[row.marks[0]] == "Seeds 0, 1 failed: out of memory."
    assert "out of memory" in render(comparison, "csv")


def test_a_run_that_deviates_is_counted_and_named():
    planned = runs({"variant": "plain", "seed": 0, "deviations": "micro-batches halved"}, {"variant": "full", "seed": 0})
    comparison = scores_table(results(TWO, planned))
    assert comparison.rows[0].seeds == "1"
    assert any("deviates: micro-batches halved" in note.text for note in comparison.footnotes)


def test_small_scale_says_that_it_is_no_evidence():
    warning = "draw no conclusions from the ranking"
    assert warning in render(scores_table(results(TWO, scale="small")), "markdown")
    assert warning not in render(scores_table(results(TWO)), "markdown")


def test_an_empty_metric_keeps_its_column_and_says_why():
    toy_results = results(TWO)
    toy_results = results(TWO, scores=toy_results.scores.assign(**{"standard/lpips": float("nan")}))
    shown = scores_table(toy_results)
    assert texts(shown)["full"] == ["26.00", "–"]
    assert any(note.text.startswith("LPIPS is empty") for note in shown.footnotes)


def test_protocols_meet_only_on_request_and_then_every_cell_is_marked():
    both = results(TWO).scores.assign(**{"lmc2021/psnr": 1.0})
    toy_results = results(TWO, scores=both, protocols={"standard": 1, "lmc2021": 2})
    assert [column.protocol for column in scores_table(toy_results).columns] == ["standard"]
    mixed = scores_table(toy_results, protocols=("standard", "lmc2021"))
    assert [[cell.mark for cell in row.cells] for row in mixed.rows] == [["a", "b"]] * 2
    assert {note.mark: note.text for note in mixed.footnotes if note.mark}["b"] == "Protocol lmc2021, version 2."


def test_an_unknown_metric_is_refused_with_the_known_ones():
    with pytest.raises(ValueError, match="there is no sharpness under standard; there are standard/psnr"):
        scores_table(results(TWO), metrics=["sharpness"])


def test_scores_of_an_undeclared_variant_are_refused():
    with pytest.raises(ValueError, match="has no variant stranger"):
        results(TWO, scores=scores({("stranger", 0): [[1, 2]]}))


def test_markdown_is_a_table_with_best_in_bold_and_signs_escaped():
    text = render(scores_table(results({("a|b", 0): [[1, 1]], ("c", 0): [[2, 2]]})), "markdown")
    assert "| variant | PSNR (dB) ↑ | seeds |" in text
    assert "| a\\|b | <u>1.00</u> | 1 |" in text
    assert "| c | **2.00** | 1 |" in text


def test_a_terminal_shows_every_cell_whole_however_many_columns_there_are():
    text = render(scores_table(results(TWO), frames=[1, 2, (1, 2)] * 8), "terminal")
    assert text.count("26.00") == 9
    assert "…" not in text


def test_an_unknown_format_is_refused_with_the_known_ones():
    with pytest.raises(
        ValueError, match="there is no format 'pdf'; there are terminal, markdown, latex, tabular, html, csv, json"
    ):
        render(scores_table(results(TWO)), "pdf")


def test_an_experiment_without_any_scores_still_shows_what_was_planned():
    planned = runs(*({"variant": v, "seed": 0, "state": "missing", "parameters": None} for v in ("plain", "full")))
    empty = results(TWO).scores.iloc[:0]
    for no_scores in (empty, empty.drop(columns="standard/psnr")):
        comparison = scores_table(results(TWO, planned, scores=no_scores), metrics=["psnr"])
        assert [(row.seeds, row.cells[0].text) for row in comparison.rows] == [("0 of 1", "–")] * 2


def test_scores_beyond_the_horizon_that_was_trained_for_say_so():
    toy_results = results(TWO)
    toy_results = results(TWO, metadata=replace(toy_results.metadata, trained=1))
    assert any("then 2 predicted by models trained for 1." in note.text for note in scores_table(toy_results).footnotes)


def test_every_format_says_which_settings_were_changed_and_nothing_where_none_were():
    unchanged = results(TWO)
    changed = results(TWO, metadata=replace(unchanged.metadata, changed=["model.slots=10"]))
    for make in (scores_table, differences_table, cost_table):
        for form in FORMATS:
            sentence = "Changed in every variant that has it: model.slots=10."
            assert sentence in " ".join(render(make(changed), form).split()), (make, form)
            assert "Changed" not in render(make(unchanged), form)


def test_metrics_stand_in_their_declared_order_and_not_in_that_of_the_scores():
    toy_results = results(TWO)
    toy_results = results(
        TWO, scores=toy_results.scores.assign(**{"standard/ssim": 0.5, "standard/psnr": toy_results.scores["standard/psnr"]})
    )
    swapped = results(TWO, scores=toy_results.scores[[*toy_results.scores.columns[:4], "standard/ssim", "standard/psnr"]])
    assert [column.key for column in scores_table(swapped).columns] == ["standard/psnr", "standard/ssim"]


def test_a_variant_without_a_seed_in_common_with_the_best_is_not_called_as_good_as_it():
    plain, full = scores_table(results({("plain", 0): [[20, 10], [22, 12]], ("full", 1): [[30, 20], [32, 22]]})).rows
    assert full.cells[0].best and not plain.cells[0].close
    footnotes = scores_table(results({("plain", 0): [[20, 10], [22, 12]], ("full", 1): [[30, 20], [32, 22]]})).footnotes
    assert "Not tested against the best, without a seed and a clip in common: 'plain'." in [note.text for note in footnotes]
    assert not any("Not tested" in note.text for note in scores_table(results(TWO)).footnotes)


def test_nothing_is_ever_minus_zero():
    assert texts(scores_table(results({("a", 0): [[-0.001, -0.001]]})))["a"] == ["0.00"]


def test_a_run_whose_score_is_not_finite_on_some_clips_has_none_and_a_footnote_says_so():
    nan = float("nan")
    toy_results = results(
        {("full", 0): [[20, 20]] * 3, ("blown", 0): [[30, 30], [30, nan], [30, 30]], ("blown", 1): [[10, 10]] * 3}
    )
    comparison = scores_table(toy_results, frames=[1])
    assert [cell.text for cell in comparison.rows[1].cells] == ["10.00", "20.00 ± 127.06"]  # at its first frame all is well
    assert "Seed 0 without a finite PSNR on 1 of 3 clips." in [note.text for note in comparison.footnotes]
    assert np.isnan(toy_results.frame_means("standard/psnr")[1, 0]).tolist() == [False, True]


def test_clips_that_were_never_scored_are_no_scores_that_are_not_finite():
    toy_results = results({("full", 0): [[20, 20]] * 3, ("shorter", 0): [[30, 30]] * 2})
    comparison = scores_table(toy_results)
    assert [row.cells[0].text for row in comparison.rows] == ["20.00", "30.00"]
    assert "Seed 0 scored on 2 of 3 clips." in [note.text for note in comparison.footnotes]


def test_one_seed_and_one_clip_are_not_spoken_of_as_several():
    def footnotes(seeds, clips=2):
        toy_results = results({(variant, seed): [[20, 10], [22, 12]] for variant in ("plain", "full") for seed in seeds})
        toy_results = replace(toy_results, metadata=replace(toy_results.metadata, clips=clips))
        return " ".join(note.text for note in scores_table(toy_results).footnotes)

    assert "Means over frames and clips of seed 0." in footnotes([0], clips=1) and " 1 clip (" in footnotes([0], clips=1)
    assert "(paired over clips, " in footnotes([0])
    assert "Means over frames, clips and seeds 0, 1." in footnotes([0, 1]) and "(paired over seeds and clips, " in footnotes(
        [0, 1]
    )
