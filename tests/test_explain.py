"""What stands behind a number is its runs and raw values, and it is the number that every format shows."""

import csv
import io
import json
import re
import shutil

import numpy as np
import pytest

from bench.evaluation.scores import load
from bench.store.store import Store
from reports.documents import tables
from tests.conftest import EVALUATION, TINY


@pytest.fixture
def two_seeds(finished, tmp_path):
    """A second seed of the learned variant, with other scores."""
    store = Store(tmp_path / "runs")
    other = store.run(TINY.but(seed=1))
    shutil.copytree(store.run(TINY).path, other.path)
    (other.path / "spec.json").write_text(json.dumps(TINY.but(seed=1).to_json()))
    path = other.scores_file(EVALUATION.at(TINY).key)
    scores = load(path)
    scores.values[:] += np.random.default_rng(0).normal(0, 0.1, scores.values.shape).astype(np.float32)
    scores.save(path)
    return finished


def explained(bench, *words):
    code, out, err = bench("explain", "mine.py", *words, "--json")
    assert code == 0, err
    return json.loads(out)


def texts(form, out):
    """label -> cells as they are printed, from any format."""
    if form in ("markdown", "latex", "html"):
        return {line.cells[0]: line.cells[1:-1] for line in tables(out, form)[0] if not line.header}
    if form == "json":
        return {row["label"]: [cell["text"] for cell in row["cells"]] for row in json.loads(out)["rows"]}
    if form == "csv":
        return {row[0]: row[1:-2] for row in csv.reader(io.StringIO(out))}
    rows = [line.split("│") for line in re.sub(r"\x1b\[[\d;]*m", "", out).splitlines() if line.startswith("│")]
    return {re.sub(r"( \[\d+\])+$", "", row[1].strip()): [cell.strip() for cell in row[2:-2]] for row in rows}


@pytest.mark.parametrize("more", [(), ("--differences",), ("--protocol", "openstl")])
def test_the_explained_value_is_the_cell_of_every_format(two_seeds, tmp_path, more):
    words = ("--seeds", "2", *more)
    columns = [(metric, frames) for metric in ("psnr", "lpips") for frames in ((), ("--frame", "2"), ("--frame", "1-2"))]
    cell_values = {
        variant: [explained(two_seeds, variant, metric, *frames, *words) for metric, frames in columns]
        for variant in ("tiny", "copy")
    }
    report = ("report", "mine.py", "--metrics", "psnr,lpips", "--frames", "2,1-2", *words)
    for form in ("markdown", "latex", "html", "json", "csv", "terminal"):
        assert two_seeds(*report, "--format", form, "--out", "table.txt")[0] == 0
        shown = texts(form, (tmp_path / "table.txt").read_text())
        for variant, cells in cell_values.items():
            expected = [cell["text"] for cell in cells]
            if form == "csv":  # full values, to six digits
                expected = ["" if cell["value"] is None else f"{cell['value']:.6g}" for cell in cells]
            assert [text.lstrip("*=") for text in shown[variant]] == expected, (form, variant)  # signs of the best, in a pipe


def test_the_raw_values_are_those_of_the_score_files(two_seeds, tmp_path):
    explanation = explained(two_seeds, "tiny", "ssim", "--seeds", "2", "--frame", "1-2")
    assert [run["seed"] for run in explanation["runs"]] == [0, 1]
    for run in explanation["runs"]:
        raw = load(Store(tmp_path / "runs").run(TINY.but(seed=run["seed"])).scores_file(EVALUATION.at(TINY).key))[
            "standard/ssim"
        ]
        assert run["per_frame"] == pytest.approx(raw.mean(0), rel=1e-6) and run["clips"] == len(raw) == 3
        assert list(run["per_clip"].values()) == pytest.approx(raw.mean(1), rel=1e-6)
    means = [run["mean"] for run in explanation["runs"]]
    assert explanation["value"] == pytest.approx(np.mean(means), rel=1e-9)
    spread = explanation["interval"]
    half = spread["t"] * spread["deviation"] / np.sqrt(spread["seeds"])  # 12.706 x deviation / sqrt(2)
    assert spread["t"] == pytest.approx(12.706, abs=1e-3) and explanation["high"] - explanation["value"] == pytest.approx(
        half, rel=1e-6
    )


def test_each_run_says_where_it_comes_from(finished, tmp_path):
    run = explained(finished, "tiny", "psnr")["runs"][0]
    store = Store(tmp_path / "runs")
    assert run["run"] == store.run(TINY).name and run["path"].startswith(str(store.root))
    assert run["checkpoint"].startswith("step-00000006-") and run["selection"] == "the last checkpoint"
    assert run["fingerprint"].startswith("digits") and len(run["targets"]) == 12 and run["protocol_version"] == 1
    assert run["commit"] and run["command"] and run["machine"]["host"] and run["settings"]["model.slots"] == 5


def test_with_what_a_run_was_trained_before_it_went_on_otherwise_is_said(finished, tmp_path):
    run = Store(tmp_path / "runs").run(TINY)
    before = {
        "until": 3,
        "code": {"commit": "b" * 40, "diff": "+1"},
        "machine": {"host": "node7", "processor": "AMD EPYC"},
        "packages": {"torch": "2.12.0"},
        "command": "bench run mine.py",
    }
    run.write("provenance.json", {**run.provenance(), "earlier": [before]})
    code, out, _ = finished("explain", "mine.py", "tiny", "psnr")
    words = f"up to step 3: commit {'b' * 12} with changes, node7, AMD EPYC, torch 2.12.0, `bench run mine.py`"
    assert code == 0 and words in " ".join(out.split())
    assert explained(finished, "tiny", "psnr")["runs"][0]["earlier"] == [before]


def test_people_read_the_number_before_rounding_and_how_it_came_about(finished):
    code, out, _ = finished("explain", "mine.py", "tiny", "lpips")
    assert code == 0 and "there is no value: it could not be computed: this machine has no weights of AlexNet" in out
    code, out, _ = finished("explain", "mine.py", "tiny", "standard/psnr@2")
    value = explained(finished, "tiny", "psnr", "--frame", "2")["value"]
    assert code == 0 and f"{value:.2f}  is {value:.10g} dB, rounded to 2 decimals" in out
    for words in (
        "mean of 1 seed, of each over 3 clips",
        "no confidence interval: n = 1 seed",
        "`bench run mine.py --only tiny`",
        "commit",
    ):
        assert words in out
    code, out, _ = finished("explain", "mine.py", "copy", "psnr", "--differences")
    assert code == 0 and "to 'tiny', paired over 3 clips (seed 0: " in out and "effect size" in out


def test_a_score_that_is_not_finite_is_explained_by_its_clips_and_not_by_its_network(finished, tmp_path):
    path = Store(tmp_path / "runs").run(TINY).scores_file(EVALUATION.at(TINY).key)
    scores = load(path)
    scores.values[1:, 0, scores.names.index("standard/lpips")] = np.nan
    scores.values[0, :, scores.names.index("standard/lpips")] = 0.5
    scores.metadata.update(lpips="some network", lpips_missing="")
    scores.save(path)
    assert "it could not be computed: not finite on 2 of 3 clips" in finished("explain", "mine.py", "tiny", "lpips")[1]
    (run,) = explained(finished, "tiny", "lpips")["runs"]
    assert run["by"] == "some network" and run["missing"] == "not finite on 2 of 3 clips"


def test_a_missing_seed_is_listed_and_not_counted(finished):
    explanation = explained(finished, "tiny", "psnr", "--seeds", "2")
    assert [(run["state"], run["mean"] is None) for run in explanation["runs"]] == [("finished", False), ("new", True)]
    assert (
        explanation["notes"] == ["Seed 1 new: never started.", "Seed 0 is no better than 'copy'."]
        and "interval" not in explanation
    )
    assert "new: never started" in finished("explain", "mine.py", "tiny", "psnr", "--seeds", "2")[1]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("tniy", "psnr"), "mine has no variant 'tniy': did you mean 'tiny'?"),
        (("tiny", "pnsr"), "there is no metric 'pnsr': did you mean 'psnr'?"),
        (("tiny", "parameterz"), "there is no metric and no cost 'parameterz': did you mean 'parameters'?"),
        (("tiny", "psnr", "--protocol", "openslt"), "did you mean 'openstl'?"),
        (("tiny", "psnr", "--frame", "3"), "frames 3 to 3 are not within the horizon, 1 to 2"),
        (("tiny", "psnr", "--frame", "1,2"), "one frame or of one slice"),
        (("tiny", "lmc2021/mse"), "there is no mse under lmc2021"),
        (("tiny", "psnr", "--label", "walking"), "no test clip is labelled 'walking'"),
        (("tiny", "psnr", "--seeds", "7,8", "--only", "tiny"), "no run of mine (scale small) is finished yet"),
    ],
)
def test_cells_that_are_not_there_are_explained(finished, words, message):
    code, _, err = finished("explain", "mine.py", *words)
    assert code == 2 and message in err and "Traceback" not in err


def test_a_variant_may_be_called_anything(finished, tmp_path):
    (tmp_path / "odd.py").write_text((tmp_path / "mine.py").read_text().replace('"tiny"', '"[/ours]"'))
    code, out, _ = finished("explain", "odd.py", "[/ours]", "psnr")
    assert code == 0 and "--only '[/ours]'" in out
    assert finished("report", "odd.py")[0] == 0


def test_a_cost_is_explained_by_the_runs_that_it_is_the_mean_of(finished):
    explanation = explained(finished, "tiny", "parameters")
    (run,) = explanation["runs"]
    assert explanation["value"] == run["value"] > 0 and explanation["text"] in finished("report", "mine.py", "--costs")[1]
    code, out, _ = finished("explain", "mine.py", "tiny", "train-seconds", "--seeds", "2")
    assert code == 0 and " s, the mean of 1 run\n" in out and "new: never started" in out and "commit" in out
    code, _, err = finished("explain", "mine.py", "tiny", "parameters", "--frame", "1")
    assert code == 2 and "parameters is a cost of whole runs" in err


def test_the_data_set_that_is_named_is_the_one_that_was_scored(finished, tmp_path):
    kth = "{'other': TINY.edited('data=kth'), 'tiny': TINY, "
    (tmp_path / "mine.py").write_text((tmp_path / "mine.py").read_text().replace('{"tiny": TINY, ', kth))
    assert "Data: digits, test split" in finished("report", "mine.py", "--format", "markdown")[1]
    assert json.loads(finished("explain", "mine.py", "tiny", "psnr", "--json")[1])["data"]["dataset"] == "digits"
