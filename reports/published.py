"""Published results, each with the protocol it was measured by and its source (reports/published.csv).

`confidence` is "high" where the primary source was read, "medium" where a second source quotes it. A row with a `note` must
never be ranked. What could not be found anywhere (the LMC-Memory paper's ablation table, its Moving-MNIST 10->30 and its
Human3.6M rows) is not there.
"""

from pathlib import Path

import pandas as pd

FILE = Path(__file__).with_suffix(".csv")

# (metric, unit) as printed -> the suite's name of that metric, and the factor to its unit.
UNITS = {
    ("mse", "sum per frame"): ("mse_sum", 1.0),
    ("mse", "1e-3 per pixel"): ("mse", 1e-3),
    ("mae", "sum per frame"): ("mae_sum", 1.0),
    ("psnr", "dB"): ("psnr", 1.0),
    ("ssim", "1"): ("ssim", 1.0),
    ("lpips", "1"): ("lpips", 1.0),
    ("lpips", "1e-3"): ("lpips", 1e-3),
    ("params", "M"): ("parameters", 1e6),
    ("flops", "G"): ("flops", 1e9),
    ("fps", "frames/s on V100"): ("frames per second on a V100", 1.0),
}
SCORES = ("mse", "mse_sum", "mae_sum", "psnr", "ssim", "lpips")
GENERATED = "generated"  # the `test_set` of numbers whose test clips were made for them, and published nowhere
SETTING = ["dataset", "test_set", "context", "horizon", "protocol"]


def load() -> pd.DataFrame:
    """All published rows: SETTING, method, metric, value, rankable, source, confidence, note.

    Data sets and metrics bear the suite's names and values are in its units, as stored scores are (see `bench list metrics`);
    protocol is "unstated" where the source does not tell. rankable: whether a table may mark the value as better or worse.
    """
    table = pd.read_csv(FILE, dtype={"test_set": str, "unit": str}, keep_default_na=False)
    unknown = set(zip(table["metric"], table["unit"], strict=True)) - set(UNITS)
    if unknown:
        raise ValueError(f"{FILE} has values in units that nobody has declared: {sorted(unknown)}")
    named = [UNITS[pair] for pair in zip(table["metric"], table["unit"], strict=True)]
    table["metric"] = [name for name, _ in named]
    table["value"] = table["value"].astype(float) * [factor for _, factor in named]
    table["dataset"] = table["dataset"].str.replace("-", "_")
    table["rankable"] = table["note"] == ""
    return table[[*SETTING, "method", "metric", "value", "rankable", "source", "confidence", "note"]]


def of_task(table: pd.DataFrame, dataset: str, context: int, horizon: int) -> pd.DataFrame:
    """The scores that may stand beside ours under their own protocol: of that data set, frames seen and frames predicted."""
    named = table["dataset"].isin([dataset, dataset.removesuffix("_fixed")])  # moving_mnist_fixed is Moving-MNIST's test set
    same = named & (table["context"] == context) & (table["horizon"] == horizon)
    return table[same & table["metric"].isin(SCORES)]
