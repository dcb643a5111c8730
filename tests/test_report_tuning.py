"""A search as tables, pictures and a page, from plain tables alone."""

import io
import json
import math
import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from rich.console import Console

from reports.render import FORMATS, grid, render, render_all
from reports.search_bundle import search_bundle
from reports.style import printed
from reports.tuning import COMPLETE, lacking
from reports.tuning_figures import curves, front, history, importances, parallel, search_figures, slices
from reports.tuning_tables import BEST, TRIALS, best_table, history_table, importance_table, search_tables, trials_table
from tests.report_samples import runs
from tests.search_samples import COST, PSNR, SEARCHED, SETTINGS

RUNS = runs({"trial": "trial 0: <b>", "seed": 0, "date": "2026-11-28", "commit": "1a2b3c4d5e", "machine": "A CPU"})


@pytest.fixture
def searched():
    return SEARCHED


def cells(table, title):
    """The texts of the column whose title begins so."""
    position = next(number for number, column in enumerate(table.columns) if column.title.startswith(title))
    return [row.cells[position].text for row in table.rows]


def only_trials(searched, *numbers):
    """A search of only these trials, in which nothing was found."""
    few = searched.trials[searched.trials["trial"].isin(numbers)]
    lines = searched.curves[searched.curves["trial"].isin(numbers)]
    no_findings = {"importances": {}, "front": (), "confirmed": ()}
    return replace(searched, trials=few, settings=SETTINGS.loc[list(numbers)], curves=lines, **no_findings)


def test_trials_stand_best_first_and_what_a_pruned_one_had_reached_is_no_score(searched):
    table = trials_table(searched)
    assert [row.label for row in table.rows] == ["2", "4", "0", "1", "3"]
    assert cells(table, "PSNR (dB) ↑") == ["23.50", "22.00", "20.00", "–", "–"]
    assert cells(table, "ended") == ["complete"] * 3 + ["pruned at step 100", "failed"]
    assert cells(table, "last PSNR (dB)") == ["–"] * 3 + ["20.50", "–"]
    assert cells(table, "warmup") == ["5", "4", "3", "–", "–"]
    assert cells(table, "FLOPs per clip ↓")[:2] == ["9 M", "5 M"]
    mark = table.rows[4].marks[0]
    assert next(note.text for note in table.footnotes if note.mark == mark) == "Diverged: the loss is nan at step 7."


def test_settings_and_objectives_may_be_called_anything(searched):
    called = searched.settings.rename(columns={"lr": "trial", "kind": "seconds", "warmup": "psnr"})
    trials = searched.trials.rename(columns={"cost": "seconds"})
    named = replace(
        searched, settings=called, trials=trials, objectives={"psnr": PSNR, "seconds": COST}, importances={}, confirmed=()
    )
    table = trials_table(named)
    keys = ["psnr", "seconds", "setting trial", "setting seconds", "setting psnr", "ended", "last", "trained"]
    assert [column.key for column in table.columns] == keys
    assert cells(table, "PSNR (dB)")[:2] == ["23.50", "22.00"]
    for draw in (parallel, slices):
        printed(draw(named))


def test_the_search_score_stands_beside_the_confirmed_one_with_its_interval_over_seeds(searched):
    table = best_table(searched)
    assert cells(table, "search PSNR (dB) ↑") == ["23.50"]
    assert cells(table, "confirmed PSNR (dB) ↑") == ["22.90 ± 1.27"]  # 12.706 x 0.1 of Student's t with two seeds
    assert cells(table, "confirmed FLOPs") == ["9 M"]
    assert table.rows[0].seeds == "2" and "fresh seeds (1, 2)" in " ".join(note.text for note in table.footnotes)


def test_what_was_not_confirmed_says_so_and_which_command_does_it(searched):
    begun = replace(searched, confirmed=[replace(searched.confirmed[0], means={}, runs={})])
    assert best_table(begun).rows[0].seeds == "0 of 2" and cells(best_table(begun), "confirmed PSNR") == ["–"]
    never = replace(searched, confirmed=())
    assert [row.label for row in best_table(never).rows] == ["trial 2", "trial 0"]
    for search in (begun, never):
        assert "`bench tune lmc --confirm 1` trains it again" in " ".join(note.text for note in trials_table(search).footnotes)


def test_a_confirmed_mean_whose_runs_are_gone_is_shown_without_an_interval(searched):
    gone = replace(searched, confirmed=[replace(searched.confirmed[0], runs={})])
    assert cells(best_table(gone), "confirmed PSNR") == ["22.90"] and best_table(gone).rows[0].seeds == "2"


def test_importances_name_their_evaluator_and_the_settings_that_they_leave_out(searched):
    table = importance_table(searched)
    assert [row.label for row in table.rows] == ["lr", "warmup", "kind"]
    assert cells(table, "importance (%)") == ["80", "20", "–"] and cells(table, "best") == ["0.002", "5", "a"]
    assert cells(table, "tried") == ["0.001, 0.002, 0.003, 0.01, 1", "3, 4, 5", "a, b"]
    notes = " ".join(note.text for note in table.footnotes)
    assert "by fANOVA" in notes and "the 3 complete trials" in notes and "Not known of kind" in notes


def test_the_history_is_of_the_trials_that_were_better_than_all_before(searched):
    table = history_table(searched)
    assert [row.label for row in table.rows] == ["0", "2"]
    assert cells(table, "gain") == ["–", "3.50"] and cells(table, "training time") == ["60 s", "2.2 min"]


@pytest.mark.parametrize("format", FORMATS)
def test_every_format_has_the_tables_of_a_search_with_its_unit_once_a_column(searched, format):
    tables = search_tables(searched)
    assert list(tables) == ["Best settings", "Parameter importances", "Optimization history", "Trials"]
    text = render_all(tables, format, TRIALS)
    assert ("diverged" in text.lower()) and ("23.5" in text)
    if format == "json":
        assert list(json.loads(text)) == list(tables)
    elif format != "csv":
        assert "PSNR (dB)" in text and "23.50 dB" not in text
    if format == "latex":
        assert text.count("\\begin{document}") == 1 and text.count("\n\\begin{table}") == 4
    for table in tables.values():
        assert render(table, format)


@pytest.mark.parametrize("width", [60, 80, 120])
def test_the_tables_of_a_search_fit_any_terminal_without_a_cut_word(searched, width):
    for table in search_tables(searched).values():
        page = Console(width=width, file=io.StringIO(), force_terminal=True, color_system=None)
        page.print(grid(table, width))
        assert "…" not in page.file.getvalue() and max(map(len, page.file.getvalue().splitlines())) <= width


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


def test_parallel_coordinates_have_an_axis_for_each_setting_and_score(searched):
    panel = parallel(searched).axes[0]
    assert [text.get_text() for text in panel.get_xticklabels()] == ["lr", "kind", "warmup", "PSNR (dB) ↑", "FLOPs per clip\n↓"]
    lines = [line.get_ydata() for line in panel.lines if len(line.get_xdata()) == 5]
    assert len(lines) == 4  # the failed trial has no score
    best = max(lines, key=lambda line: line[3] if not np.isnan(line[4]) else -1)
    assert best.tolist() == pytest.approx([math.log10(2) / math.log10(10), 0, 1, 3.5 / 11, 1])


def test_whole_numbers_have_whole_ticks_in_parallel_coordinates(searched):
    trials = pd.DataFrame(
        [(n, COMPLETE, "", 1.0, 20.0 + n) for n in range(8)], columns=["trial", "state", "reason", "trained", "psnr"]
    )
    many = replace(
        searched, objectives={"psnr": PSNR}, trials=trials, settings=pd.DataFrame({"slots": range(11, 19)}), front=(7,)
    )
    panel = parallel(many).axes[0]
    assert [text.get_text() for text in panel.texts[:5]] == ["11", "13", "14", "16", "18"]


def test_every_curve_of_a_search_has_a_style_of_its_kind(searched):
    drawn = {(line.get_color(), line.get_marker()) for line in curves(searched).axes[0].lines}
    assert drawn == {("#0072B2", "o"), ("#D55E00", "s"), ("#009E73", "D")}  # complete, pruned, the best


def test_a_folder_gets_all_tables_figures_and_the_page_and_again_the_same_bytes(searched, tmp_path):
    drawn = (history, curves, importances, slices, front, parallel)
    names = {path.name for path in search_bundle(searched, tmp_path, RUNS, ["lmc", "psnr"], "bench report tune:lmc --out r")}
    assert names >= {"trials.csv", "best.md", "history.tabular.tex", "importances.json", "index.html", "references.bib"}
    assert names >= {f"{draw.__name__}.png" for draw in drawn}
    assert (tmp_path / "slices.png").read_bytes() == printed(slices(searched))


def test_the_page_of_a_search_is_that_of_a_report(searched, tmp_path):
    search_bundle(searched, tmp_path, RUNS, command="bench report tune:lmc --out r")
    text = (tmp_path / "index.html").read_text("utf-8")
    links = re.findall(r'<a href="#([^"]+)">', text)
    assert links == re.findall(r'<section id="([^"]+)"', text)
    assert links == [
        "best-settings", "parameter-importances", "optimization-history", "parallel-coordinates", "pareto-front", "trials",
        "runs",
    ]  # fmt: skip
    assert "Runs of 2026-11-28, commit 1a2b3c4, on A CPU." in text
    assert "Made by <code>bench report tune:lmc --out r</code>" in text
    notes = [note for note in re.findall(r"<li> (.+?)</li>", text) if "tables above" not in note]
    assert len(notes) == len(set(notes))
    assert "<b>" not in text.partition("<h2>Runs")[2].partition("</section>")[0]


def test_names_of_a_search_are_never_read_as_markup(searched, tmp_path):
    wild = "<script>a|b$"
    named = replace(
        searched, name=wild, settings=SETTINGS.rename(columns={"lr": wild}).replace("a", wild), importances={wild: 1.0}
    )
    search_bundle(named, tmp_path, RUNS)
    text = (tmp_path / "index.html").read_text("utf-8")
    assert text.count("<script>") == 1 and "&lt;script&gt;a|b$" in text
    assert r"\<script>a\|b\$" in (tmp_path / "trials.md").read_text("utf-8")


@pytest.mark.parametrize(
    ("numbers", "sentence"),
    [
        ((1, 3), "No trial is complete (1 pruned, 1 failed): there are no best settings and no importances yet."),
        ((3,), "No trial is complete (1 failed)"),
        ((0,), "No importances: they need at least 4 complete trials, and there is 1."),
        ((0, 2, 4), "there are 3."),
    ],
)
def test_a_search_that_lacks_something_is_reported_and_says_what(searched, tmp_path, numbers, sentence):
    search = only_trials(searched, *numbers)
    if complete := [number for number in (2, 4, 0) if number in numbers]:
        search = replace(search, front=(complete[0],))
    paths = search_bundle(search, tmp_path, RUNS)
    text = (tmp_path / "index.html").read_text("utf-8")
    assert sentence in text and {"trials.md", "index.html"} <= {path.name for path in paths}
    assert all(sentence in render(search_tables(search)[TRIALS], format) for format in ("terminal", "json", "tabular"))
    assert (BEST in search_tables(search)) == bool(complete)


def test_a_space_of_one_setting_or_none_is_reported(searched, tmp_path):
    single = replace(searched, settings=SETTINGS[["kind"]], importances={"kind": 1.0}, objectives={"psnr": PSNR})
    search_bundle(single, tmp_path / "one", RUNS)
    assert "parallel" in search_figures(single) and "front" not in search_figures(single)
    none = replace(single, settings=SETTINGS[[]], importances={})
    search_bundle(none, tmp_path / "none", RUNS)
    assert lacking(none) == ["The space draws no settings: there is nothing to compare trials by."]
    assert "parallel" not in search_figures(none)
