"""What is measured: every metric with its unit, direction, decimals and, by protocol, the rule that computes it.

A stored score is named protocol/metric ("lmc2021/ssim") and holds one number per clip and predicted frame, [B, T].
Errors carry what they are in their name: `mse` is the mean over a frame's pixels and channels, `mse_sum` the sum over them
(a factor of 4096 on grey 64x64 frames), so that the two never meet in one column.

To add a metric, write a function of `Views` to [B, T] in a file and give it a line here. Rules are named by path, or are the
functions themselves.
"""

from bench.metrics.metric import FrameMetric, FrameRule, SetMetric, rule

ERROR = "bench.metrics.pixelwise:error_rule"
PSNR = "bench.metrics.pixelwise:psnr_rule"
SSIM = "bench.metrics.ssim:ssim_rule"
LPIPS = "bench.metrics.lpips:lpips_rule"


def _errors(power: int, summed: bool) -> dict[str, FrameRule]:
    """The rules of an error: the sum per frame under every protocol, the mean over pixels under `standard` alone."""
    pixels = {"standard": "clamped"} | ({"lmc2021": "clamped", "openstl": "raw", "predrnn": "clamped"} if summed else {})
    return {name: rule(ERROR, pixels=pixel_range, power=power, summed=summed) for name, pixel_range in pixels.items()}


METRICS: dict[str, FrameMetric | SetMetric] = {
    "psnr": FrameMetric("up", "dB", 2, label="PSNR", rules={
        "standard": rule(PSNR, pixels="clamped", data_range=1),
        "lmc2021": rule(PSNR, pixels="clamped", data_range=1),
        "openstl": rule(PSNR, pixels="clamped", data_range=1),
        "predrnn": rule(PSNR, pixels="uint8", data_range=255),  # PredRNN-V2's trainer.py cuts decimals off: within 0.1 dB
    }),
    "ssim": FrameMetric("up", "", 3, label="SSIM", rules={
        "standard": rule(SSIM, pixels="clamped", data_range=1, window="gaussian"),  # as published: Wang et al., 2004
        "lmc2021": rule(SSIM, pixels="clamped", data_range=2, window="uniform"),  # scikit-image <= 0.19 took 2 for floats
        "openstl": rule(SSIM, pixels="clamped", data_range=2, window="uniform"),
        "predrnn": rule(SSIM, pixels="uint8", data_range=255, window="uniform"),
    }),
    "lpips": FrameMetric("down", "", 1, 1e3, "LPIPS", load="bench.metrics.lpips:load", rules={
        "standard": rule(LPIPS, low=-1, high=1),  # what the network expects: Zhang et al., 2018
        "lmc2021": rule(LPIPS, low=0, high=1),  # without the shift that the network expects
        "openstl": rule(LPIPS, low=-1, high=1),
        "predrnn": rule(LPIPS, low=0, high=1),
    }),
    "mse": FrameMetric("down", "per pixel", 2, 1e3, "MSE", rules=_errors(2, summed=False)),
    "mae": FrameMetric("down", "per pixel", 2, 1e3, "MAE", rules=_errors(1, summed=False)),
    "mse_sum": FrameMetric("down", "sum per frame", 1, label="MSE", rules=_errors(2, summed=True)),
    "mae_sum": FrameMetric("down", "sum per frame", 1, label="MAE", rules=_errors(1, summed=True)),
    "fvd": SetMetric("down", "", 1, label="FVD", protocol="fvd2018", version=1, least=10,
        about="below some 2,000 clips it is biased upwards, so compare it at equal numbers of clips only",
        load="bench.metrics.fvd:load", distance="bench.metrics.fvd:frechet_distance"),
}  # fmt: skip


def frame_metrics() -> dict[str, FrameMetric]:
    """The metrics of single frames, which every evaluation computes."""
    return {name: metric for name, metric in METRICS.items() if isinstance(metric, FrameMetric)}


def set_metrics() -> dict[str, SetMetric]:
    """The metrics of whole sets of clips, which are computed when asked for."""
    return {name: metric for name, metric in METRICS.items() if isinstance(metric, SetMetric)}
