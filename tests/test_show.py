"""An experiment can be read setting by setting, and its scores taken into Python."""

import json
import zipfile

import numpy as np
import pandas as pd
import pytest
import yaml

from bench import results
from bench.commands._settings import whole_settings
from bench.common.errors import BenchError
from bench.reporting.dataframes import DataFrames
from tests.conftest import FLOOR, TINY, trained_run


def test_show_prints_every_setting_of_a_variant_and_the_command_that_runs_it(bench):
    shown = yaml.safe_load(bench("show", "mine.py", "tiny")[1])
    assert shown["command"] == "bench run mine.py --only tiny"
    assert shown["settings"]["model.slots"] == 5 and shown["settings"]["model.temperature"] == 1.0  # one that is at its default
    assert "seed" not in shown["settings"]


def test_show_prints_what_differs_between_two_variants_and_nothing_else(bench):
    shown = json.loads(bench("show", "mine.py", "tiny", "copy", "--json")[1])["differs"]
    assert shown["model"] == {"tiny": "lmc", "copy": "copy_last"} and shown["steps"] == {"tiny": 6, "copy": 0}
    assert "data" not in shown and "context" not in shown


def test_show_prints_the_whole_experiment_as_differences_from_its_first_variant(bench):
    shown = yaml.safe_load(bench("show", "mine.py")[1])
    assert list(shown["variants"]) == ["tiny", "copy"] and shown["variants"]["copy"]["steps"] == 0
    assert shown["question"] == "Does it run?" and shown["evaluation"]["clips"] == 3


def test_settings_as_they_are_shown_can_be_set():
    spec = FLOOR.but(steps=1)
    for name, value in whole_settings(TINY).items():
        spec = spec.edited(f"{name}={value}")
    assert spec.key == TINY.key


def test_python_gets_scores_and_runs_as_data_frames(finished, tmp_path):
    exported = results("mine.py", store=tmp_path / "runs")
    assert set(exported.scores["variant"]) == {"tiny", "copy"} and len(exported.scores) == 2 * 3 * 2
    means = exported.means().set_index("variant")["standard/psnr"]
    assert means["copy"] == pytest.approx(exported.scores.query("variant == 'copy'")["standard/psnr"].mean())
    assert list(exported.runs["state"]) == ["finished", "finished"]


def test_a_mean_for_python_is_missing_where_a_score_is_not_finite_as_in_the_tables():
    scores = pd.DataFrame({"variant": ["a", "a", "b", "b"], "seed": 0, "clip": [0, 1, 0, 1], "frame": 1})
    scores = scores.assign(**{"standard/psnr": [20.0, np.nan, 20.0, 22.0], "standard/ssim": [0.5, 0.7, np.inf, 0.5]})
    means = DataFrames(scores, pd.DataFrame()).means().set_index("variant")
    assert np.isnan(means.loc["a", "standard/psnr"]) and means.loc["b", "standard/psnr"] == 21
    assert means.loc["a", "standard/ssim"] == 0.6 and np.isnan(means.loc["b", "standard/ssim"])


@pytest.mark.parametrize(("seeds", "planned"), [(1, [0]), ("0,", [0]), ([0], [0]), ("2", [0, 1]), ("all", [0, 1])])
def test_python_names_seeds_as_the_command_line_does(finished, finished_store, seeds, planned):
    second = TINY.but(seed=1)
    finished_store.run(second).create(second)
    runs = results("mine.py", seeds=seeds, store=finished_store.root).runs
    assert list(runs.loc[runs["variant"] == "tiny", "seed"]) == planned


def test_python_is_told_in_words_which_seeds_are_none(finished):
    with pytest.raises(BenchError, match="seeds takes a count of at least 1"):
        results("mine.py", seeds=0)


def test_one_protocol_or_one_setting_for_python_needs_no_list(finished):
    frames = results("mine.py", protocols="standard", settings="learner.warmup=0")
    assert {name.partition("/")[0] for name in frames.scores if "/" in name} == {"standard"}


def test_a_damaged_file_of_scores_is_a_failed_run_for_python_too(finished, finished_store):
    path = next(trained_run(finished_store.root.parent).path.glob("scores/*.npz"))
    with zipfile.ZipFile(path) as archive:
        number = archive.getinfo("standard.npy").header_offset + 250
    content = bytearray(path.read_bytes())
    content[number] ^= 255  # among the values, whose header is as it was
    path.write_bytes(content)
    frames = results("mine.py")
    assert list(frames.runs["state"]) == ["failed", "finished"] and set(frames.scores["variant"]) == {"copy"}


def test_python_is_told_in_words_that_nothing_is_there(bench, tmp_path):
    with pytest.raises(BenchError, match="no run of mine"):
        results("mine.py", store=tmp_path / "nothing")
