"""A small made-up search for the tests of reports."""

import math

import pandas as pd

from reports.results import Metric
from reports.tuning import COMPLETE, FAILED, PRUNED, Confirmed, Searched

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


SEARCHED = Searched(
    name="lmc",
    scale="paper",
    objectives={"psnr": PSNR, "cost": COST},
    trials=pd.DataFrame(ROWS, columns=["trial", "state", "reason", "trained", "psnr", "cost"]),
    settings=SETTINGS,
    logarithmic=frozenset({"lr"}),
    curves=pd.DataFrame([(t, s, 20 + t - 50 / s) for t in (0, 1, 2, 4) for s in (50, 100)], columns=["trial", "step", "value"]),
    importances={"lr": 0.8, "warmup": 0.2},
    evaluator="fANOVA",
    front=(2, 0),
    confirmed=[
        Confirmed(
            2, [1, 2], {"psnr": 23.5, "cost": 9e6}, {"psnr": 22.9, "cost": 9e6}, {"psnr": [22.8, 23.0], "cost": [9e6] * 2}
        )
    ],
    confirming="bench tune lmc --confirm 1",
)
