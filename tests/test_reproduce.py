"""`bench reproduce` says whether a published number stands, and what is missing where it cannot."""

import csv
import json
import re
from dataclasses import replace

import numpy as np
import pytest
import torch

from bench.common.errors import BenchError
from bench.converters.recognition import recognised
from bench.converters.state_dict import unwrapped
from bench.data.preparing.prepare import prepare
from bench.external.published import TABLE, TOLERANCES, compare, doubt, rows, verdict
from bench.metrics import frame_metrics
from tests.checkpoint_samples import OPENSTL, SAMPLES, hollow, saved
from tests.data_samples import write_frames


def own_table(path, **values):
    """A table of one row: the parity net of ConvLSTM, on frame folders, 3 -> 2."""
    row = {
        "name": "mine", "address": "mine.pth", "data": "frames", "context": 3, "horizon": 2, "protocol": "openstl",
        "source": "this test", **values,
    }  # fmt: skip
    with open(path, "w", newline="") as file:
        writer = csv.DictWriter(file, list(row))
        writer.writeheader()
        writer.writerow(row)
    return path


@pytest.fixture
def ready(bench, tmp_path):
    """`bench` with the frames prepared and the checkpoint beside the table."""
    prepare("frames", {"source": str(write_frames(tmp_path / "source", {"train": (9,) * 3, "test": (9, 9)})), "size": 16})
    saved(tmp_path / "mine.pth", SAMPLES["convlstm"].weights())
    return bench


def ours(ready, tmp_path):
    """What our scores are, in the units of the table."""
    table = own_table(tmp_path / "any.csv", mse_sum=1, psnr=1)
    code, out, _ = ready("reproduce", "mine", "--table", table, "--json")
    assert code == 1
    return {score["metric"]: score["ours"] for score in json.loads(out)["scores"]}


def test_a_number_that_is_ours_stands_and_one_that_is_not_does_not(ready, tmp_path):
    scores = ours(ready, tmp_path)
    table = own_table(tmp_path / "right.csv", mse_sum=f"{scores['mse_sum']:.2f}", psnr=f"{scores['psnr']:.2f}")
    code, out, err = ready("reproduce", "mine", "--table", table)
    assert code == 0 and "mine: the published number stands" in out and "ConvLSTM of OpenSTL" in err
    assert f"{scores['psnr']:.2f}" in out and "tolerance" in out and "this test" in out

    table = own_table(tmp_path / "wrong.csv", mse_sum=f"{scores['mse_sum']:.2f}", psnr=f"{scores['psnr'] + 0.2:.2f}")
    code, out, _ = ready("reproduce", "mine", "--table", table)
    assert code == 1 and "mine: the published number does not stand" in out and "-0.20" in out


def test_what_no_score_of_ours_can_settle_cannot_be_told_and_says_why(ready, tmp_path):
    table = own_table(tmp_path / "t.csv", psnr=5, obstacle="nobody knows the test set")
    code, out, _ = ready("reproduce", "mine", "--table", table)
    assert code == 0 and "mine: the published number cannot be told (psnr: nobody knows the test set)" in out
    table = own_table(tmp_path / "t.csv", psnr=5)
    code, out, _ = ready("reproduce", "mine", "--table", table, "--clips", 1)
    assert code == 0 and "cannot be told (psnr: only a part of the test set was scored)" in out
    table = own_table(tmp_path / "t.csv", lpips=5)
    answer = json.loads(ready("reproduce", "mine", "--table", table, "--json")[1])
    assert answer["verdict"] == "cannot be told" and answer["scores"][0]["ours"] is None and answer["scores"][0]["why"]


def test_weights_of_another_size_than_the_published_ones_give_no_verdict(ready, tmp_path):
    table = own_table(tmp_path / "t.csv", psnr=5, megabytes=60)
    code, out, _ = ready("reproduce", "mine", "--table", table)
    assert code == 0 and re.search(
        r"cannot be told \(psnr: the file holds 0.\d MB of weights, and the published one 60 MB\)", out
    )
    code, _, err = ready("reproduce", "mine", "--table", own_table(tmp_path / "t.csv", psnr=5, megabytes="60 MB"))
    assert code == 2 and "line 2: could not convert string to float: '60 MB'" in err


@pytest.mark.parametrize(
    "row", [row for row in rows() if row.model and row.model in OPENSTL and row.megabytes], ids=lambda r: r.name
)
def test_the_tables_megabytes_are_those_of_the_files_weights(row):
    name = "convlstm_l" if "convlstm_l" in row.name else row.model
    state = unwrapped(hollow(name), row.path)
    sizes = [sum(tensor.nbytes for tensor in t.values()) for t in (state.tensors, recognised(state).weights)]
    assert not doubt(replace(row, obstacle=""), True, "", sizes)


def test_a_test_set_that_is_not_the_published_one_gives_no_verdict(bench, tmp_path):
    array = np.random.default_rng(0).integers(0, 255, (20, 3, 64, 64), np.uint8)
    np.save(tmp_path / "mnist_test_seq.npy", array)
    code, _, err = bench("prepare", "moving_mnist_fixed", "--source", tmp_path)
    assert code == 0, err
    saved(tmp_path / "mine.pth", SAMPLES["convlstm"].weights())
    table = own_table(tmp_path / "t.csv", psnr=5, data="moving_mnist_fixed")
    code, out, err = bench("reproduce", "mine", "--table", table)
    assert code == 0 and "cannot be told (psnr: the test set is not the published one: its MD5 sum is another)" in out, err


def test_a_table_that_names_two_rows_alike_is_refused(ready, tmp_path):
    table = own_table(tmp_path / "t.csv", psnr=5)
    table.write_text(table.read_text() + table.read_text().splitlines()[1] + "\n")
    code, _, err = ready("reproduce", "mine", "--table", table)
    assert code == 2 and "has 2 rows by the name of 'mine'; each needs a name of its own" in err


def test_a_table_as_spreadsheets_save_it_is_read_or_its_columns_are_named(ready, tmp_path):
    table = own_table(tmp_path / "t.csv", psnr=5, obstacle="none of it")
    table.write_text("\ufeff" + table.read_text(), "utf-8")
    assert ready("reproduce", "mine", "--table", table)[0] == 0
    table.write_text(table.read_text("utf-8-sig").replace(",", ";"), "utf-8")
    code, _, err = ready("reproduce", "mine", "--table", table)
    assert code == 2 and "has no column 'name': it has 'name;address;" in err and "between commas" in err


def test_a_file_is_told_by_its_name_or_its_hash(ready, tmp_path):
    from bench.common.reading import sha256_of

    table = own_table(tmp_path / "t.csv", psnr=5, obstacle="none of it", sha256=sha256_of(tmp_path / "mine.pth"))
    renamed = tmp_path / "renamed.pth"
    renamed.write_bytes((tmp_path / "mine.pth").read_bytes())
    for file in (tmp_path / "mine.pth", renamed):
        assert json.loads(ready("reproduce", file, "--table", table, "--json")[1])["name"] == "mine"
    other = saved(tmp_path / "other.pth", {"weight": torch.zeros(2)})
    code, _, err = ready("reproduce", other, "--table", table)
    assert code == 2 and "other.pth is in no row of the table by its hash or name" in err
    code, _, err = ready("reproduce", "mine", "--checkpoint", other, "--table", table)
    assert code == 2 and "is not the published file: its SHA-256 is" in err


def test_a_checkpoint_is_fetched_once_and_whole(ready, tmp_path):
    from bench.metrics.weights import folder

    address = (tmp_path / "mine.pth").as_uri()
    table = own_table(tmp_path / "t.csv", address=address, psnr=5, obstacle="none of it")
    assert ready("reproduce", "mine", "--table", table)[0] == 0
    assert (folder() / "mine.pth").read_bytes() == (tmp_path / "mine.pth").read_bytes()
    (tmp_path / "mine.pth").unlink()
    assert ready("reproduce", "mine", "--table", table)[0] == 0
    table = own_table(tmp_path / "t.csv", address=address.replace("mine", "gone"), psnr=5)
    code, _, err = ready("reproduce", "mine", "--table", table)
    assert code == 2 and "gone.pth could not be fetched" in err and "give its path with --checkpoint" in err
    assert not list(folder().glob("*gone*"))


def test_all_that_is_missing_is_said_in_one_message(bench):
    code, _, err = bench("reproduce", "mmnist_predrnn_one_ep200")
    assert code == 2 and len(err.strip().splitlines()) == 1
    assert "bench prepare moving_mnist_fixed" in err and "mmnist_predrnn_one_ep200.pth: it will be fetched from https://" in err
    code, _, err = bench("reproduce", "lmc_kth")
    assert "bench prepare kth" in err and "download it from https://github.com/sangmin-git/LMC-Memory and give its path" in err
    code, _, err = bench("reproduce", "mmnist_predrn_one_ep200")
    assert code == 2 and "did you mean 'mmnist_predrnn_one_ep200'?" in err


def test_every_row_of_the_suites_table_names_its_source_and_a_model_that_loads():
    from bench.converters.recognition import CONVERTERS

    table_rows = rows()
    assert len({row.name for row in table_rows}) == len(table_rows) >= 24
    for row in table_rows:
        assert row.source and row.model in CONVERTERS and row.protocol in ("openstl", "lmc2021")
        assert row.fetchable or row.obstacle
    of_openstl = {row.model for row in table_rows if "OpenSTL" in row.source}
    assert of_openstl == {{"convlstm_l": "convlstm"}.get(n, n.removesuffix("_gsta").removesuffix("_incepu")) for n in OPENSTL}


def test_the_list_shows_the_table(bench):
    checkpoints = json.loads(bench("list", "checkpoints", "--json")[1])
    assert [row["checkpoint"] for row in checkpoints] == [row.name for row in rows(TABLE)] and checkpoints[0]["here"] is False
    assert "mmnist_tau_one_ep2000" in bench("list", "checkpoints")[1]


def test_the_tolerance_is_a_part_an_amount_and_half_a_digit(tmp_path):
    (row,) = rows(own_table(tmp_path / "t.csv", mse_sum="20.0", ssim="0.90"))
    inside = {"openstl/mse_sum": 20.249, "openstl/ssim": 0.8931}  # 1 % and 0.05; 0.002 and 0.005
    outside = {"openstl/mse_sum": 20.251, "openstl/ssim": 0.8929}
    assert [c.verdict for c in compare(row, inside, "", {})] == ["stands", "stands"]
    assert [c.verdict for c in compare(row, outside, "", {})] == ["does not stand"] * 2
    assert verdict(compare(row, inside | {"openstl/ssim": 0.8}, "", {})) == "does not stand"
    assert set(TOLERANCES) == set(frame_metrics())


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"psnr": "abc"}, "line 2: could not convert"),
        ({"psnr": "nan"}, "line 2: psnr is nan"),
        ({"psnr": 1, "protocol": "openslt"}, "did you mean 'openstl'?"),
        ({"psnr": 1, "data": "moving_mist"}, "there is no data set"),
        ({"psnr": 1, "source": ""}, "line 2: 'source' is empty"),
        ({"psnr": 1, "horizon": 0}, "from 1 up"),
        ({"pnsr": 1}, "a column 'pnsr': did you mean 'psnr'?"),
        ({}, "there must be a score"),
        ({"psnr": 1, "options": "window"}, "options are written NAME=VALUE, got 'window'"),
    ],
)
def test_a_table_that_cannot_be_right_is_refused_with_its_line(tmp_path, values, words):
    with pytest.raises(BenchError, match=words.replace("?", r"\?")):
        rows(own_table(tmp_path / "t.csv", **values))
