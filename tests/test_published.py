"""The published numbers: complete, in the suite's units, without contradictions, each offered only under its own protocol."""

import numpy as np
import pandas as pd
import pytest

from bench.metrics import METRICS
from bench.metrics.protocols import PROTOCOLS
from reports.published import SCORES, SETTING, load, of_task

PIXELS = {"moving_mnist": 64 * 64, "kth": 128 * 128}

# A mean of per-frame PSNR exceeds the PSNR of the mean MSE, the more the more uneven the frames are (Jensen's inequality; the
# logarithm rewards easy frames). This much of an excess is taken for that.
UNEVEN_DB = 2.5
REASONS = {
    "noted": "the row's own note says so",
    "uneven": "PSNR is averaged over frames of uneven error, which lifts it above the PSNR of the mean MSE",
}


def contradictions(table: pd.DataFrame, tolerance_db: float = 1.0) -> pd.DataFrame:
    """Where a method's PSNR is not what its MSE implies, by more than the tolerance.

    table: as `load` gives it. Columns of the answer: SETTING, method, psnr, implied (10 log10(pixels / MSE) in dB), excess, and
    the reason as far as it is known; an empty reason is a fault of the table.
    """
    scores = table[table["dataset"].isin(PIXELS) & table["metric"].isin(("psnr", "mse_sum"))].copy()
    scores["result"] = scores["method"].str.replace(", BUGGY pre-fix PSNR", "")  # stands beside the MSE of the same training
    errors = scores[scores["metric"] == "mse_sum"].set_index([*SETTING, "result"])["value"].rename("mse_sum")
    pairs = scores[scores["metric"] == "psnr"].join(errors, on=[*SETTING, "result"], how="inner")
    pairs["implied"] = 10 * np.log10(pairs["dataset"].map(PIXELS) / pairs["mse_sum"])
    pairs["excess"] = pairs["value"] - pairs["implied"]
    pairs = pairs[pairs["excess"].abs() > tolerance_db].rename(columns={"value": "psnr"})
    pairs["reason"] = np.select(
        [~pairs["rankable"], pairs["excess"].between(0, UNEVEN_DB)], [REASONS["noted"], REASONS["uneven"]], default=""
    )
    return pairs[[*SETTING, "method", "psnr", "implied", "excess", "reason"]].reset_index(drop=True)


def value(table: pd.DataFrame, method: str, metric: str) -> float:
    rows = table[(table["method"] == method) & (table["metric"] == metric)]
    assert len(rows) == 1
    return float(rows["value"].iloc[0])


def under(protocol: str, dataset: str, context: int, horizon: int) -> pd.DataFrame:
    rows = of_task(load(), dataset, context, horizon)
    return rows[rows["protocol"] == protocol]


def test_the_targets_of_a_faithful_lmc_memory_run_are_there_under_its_protocol():
    mnist, kth, long = (under("lmc2021", *task) for task in (("moving_mnist", 10, 10), ("kth", 10, 20), ("kth", 10, 40)))
    assert value(mnist, "LMC-Memory", "mse_sum") == 41.5
    assert value(mnist, "LMC-Memory", "ssim") == 0.924
    assert value(mnist, "LMC-Memory", "lpips") == pytest.approx(0.0469)
    assert [value(kth, "LMC-Memory", name) for name in ("psnr", "ssim")] == [28.61, 0.894]
    assert [value(long, "LMC-Memory", name) for name in ("psnr", "ssim")] == [27.50, 0.879]


def test_all_838_rows_are_kept_with_source_and_confidence():
    table = load()
    assert len(table) == 838
    assert set(table["confidence"]) == {"high", "medium"}
    assert (table["source"] != "").all() and table["value"].gt(0).all()
    assert not table.duplicated([*SETTING, "method", "metric", "source"]).any()


def test_every_protocol_and_metric_is_the_suites_or_unstated():
    table = load()
    assert set(table["protocol"]) <= {*PROTOCOLS, "unstated"}
    assert set(table["metric"]) & set(METRICS) == set(SCORES)


def test_values_are_in_the_units_that_scores_are_stored_in():
    """A sum per frame is 4096 times the mean per pixel on Moving-MNIST, to the printed decimals; SSIM and LPIPS are below 1."""
    table = load()
    both = table[table["metric"].isin(("mse", "mse_sum")) & (table["dataset"] == "moving_mnist")]
    ratios = both.pivot_table(index=[*SETTING, "method"], columns="metric", values="value").dropna()
    assert len(ratios) == 8
    assert (ratios["mse_sum"] / ratios["mse"]).to_list() == pytest.approx([4096] * 8, rel=2e-3)
    assert table.loc[table["metric"].isin(("ssim", "lpips")), "value"].lt(1).all()


def test_a_number_is_offered_only_for_its_own_data_frames_and_protocol():
    rows = under("openstl", "kth", 10, 20)
    assert (
        len(rows) and set(rows["dataset"]) == {"kth"} and set(rows["horizon"]) == {20} and set(rows["protocol"]) == {"openstl"}
    )
    assert set(rows["metric"]) <= set(SCORES)
    assert under("standard", "moving_mnist", 10, 10).empty


def test_rows_with_a_note_are_never_ranked():
    table = load()
    assert (table["rankable"] == (table["note"] == "")).all()
    noted = table[~table["rankable"]]
    assert len(noted) == 14 and noted["note"].str.contains("wrapped uint8").all()


def test_the_shipped_table_contradicts_itself_nowhere_without_a_reason():
    contradictory = contradictions(load())
    unexplained = contradictory[contradictory["reason"] == ""]
    assert unexplained.empty, unexplained.to_string()


def test_psnr_from_wrapped_bytes_contradicts_its_mse_and_is_noted():
    """OpenSTL's withdrawn ConvLSTM-S: 37.36 dB where an MSE of 29.80 per frame of 4096 pixels is 21.38 dB."""
    contradictory = contradictions(load())
    noted = contradictory[contradictory["excess"] > UNEVEN_DB]
    assert len(noted) == 10 and noted["reason"].str.contains("note").all()
    row = noted[noted["method"].str.startswith("ConvLSTM-S")].iloc[0]
    assert row["implied"] == pytest.approx(21.38, abs=0.01)


@pytest.mark.parametrize(("psnr", "reason"), [(18.9, ""), (19.1, None), (20.9, None), (21.9, "uneven"), (23.0, ""), (26.0, "")])
def test_a_psnr_that_its_mse_cannot_explain_is_found(psnr: float, reason: str | None):
    """An MSE of 40.96 per frame of 4096 pixels is 20 dB. A mean of PSNR cannot be below that. None: no finding."""
    row = dict.fromkeys(SETTING, "") | {"dataset": "moving_mnist", "method": "made up", "rankable": True}
    table = pd.DataFrame([row | {"metric": "mse_sum", "value": 40.96}, row | {"metric": "psnr", "value": psnr}])
    reasons = contradictions(table)["reason"].to_list()
    assert reasons == [] if reason is None else len(reasons) == 1 and reason in reasons[0] and bool(reasons[0]) == bool(reason)
