"""What is measured: the names, units and directions of the scores. Which conventions apply is in `protocols.py`.

A stored score is named protocol/metric ("lmc2021/ssim") and holds one number per clip and predicted frame, [B, T].
Errors carry what they are in their name: `mse` is the mean over a frame's pixels and channels, `mse_sum` the sum over them
(a factor of 4096 on grey 64x64 frames), so that the two never meet in one column.
"""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Metric:
    """How a metric is read and shown.

    unit: of the shown number, which is the stored one times `scale`, with `digits` decimals.
    """

    label: str
    unit: str
    better: Literal["higher", "lower"]
    scale: float = 1.0
    digits: int = 2


METRICS = {
    "psnr": Metric("PSNR", "dB", "higher"),
    "ssim": Metric("SSIM", "", "higher", digits=3),
    "lpips": Metric("LPIPS", "1e-3", "lower", scale=1e3, digits=1),
    "mse": Metric("MSE", "1e-3 per pixel", "lower", scale=1e3),
    "mae": Metric("MAE", "1e-3 per pixel", "lower", scale=1e3),
    "mse_sum": Metric("MSE", "sum per frame", "lower", digits=1),
    "mae_sum": Metric("MAE", "sum per frame", "lower", digits=1),
}
