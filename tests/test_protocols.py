"""The four protocols: what each computes, against scikit-image called with that protocol's arguments."""

import subprocess
import sys

import numpy as np
import pytest
import torch
from skimage.metrics import peak_signal_noise_ratio, structural_similarity
from torch import Tensor
from torch.testing import assert_close

from bench.common.errors import BenchError
from bench.metrics import frame_metrics
from bench.metrics.protocols import PROTOCOLS, score_names
from bench.metrics.score import score

CLIPS = {
    "random": lambda draw, shape: (1.4 * draw(shape) - 0.2, draw(shape)),
    "constant": lambda draw, shape: (torch.full(shape, 0.3), torch.full(shape, 0.85)),
    "identical": lambda draw, shape: ((frames := draw(shape)), frames.clone()),
    "black and white": lambda draw, shape: (torch.zeros(shape), torch.ones(shape)),
    "far out": lambda draw, shape: (torch.where(draw(shape) > 0.5, 3.0, -2.0), (draw(shape) > 0.5).float()),
    "nearly right": lambda draw, shape: ((frames := draw(shape)) + 1e-3 * draw(shape), frames),
}
SHAPES = {"grey": (1, 16, 16), "colour": (3, 16, 16), "non-square": (1, 12, 37)}


def example(name: str, shape: tuple[int, int, int], clips: int = 2, frames: int = 2) -> tuple[Tensor, Tensor]:
    drawn = torch.Generator().manual_seed(1)
    return CLIPS[name](lambda size: torch.rand(size, generator=drawn), (clips, frames, *shape))


def reference(protocol: str, prediction: np.ndarray, target: np.ndarray) -> dict[str, float]:
    """One frame [C, H, W], by scikit-image with the arguments that the protocol's code base uses."""
    clamped = prediction.clip(0, 1)
    errors = prediction - target if protocol == "openstl" else clamped - target
    sums = {"mse_sum": (errors.astype(float) ** 2).sum(), "mae_sum": np.abs(errors.astype(float)).sum()}
    if protocol == "standard":
        sums |= {"mse": sums["mse_sum"] / errors.size, "mae": sums["mae_sum"] / errors.size}
    x, y, options = clamped.astype(float), target.astype(float), {"data_range": 2}
    if protocol == "standard":
        options = {"data_range": 1, "gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False}
    if protocol == "predrnn":
        x, y, options = (clamped * 255).round().astype(np.uint8), (target * 255).round().astype(np.uint8), {}
    sums["ssim"] = structural_similarity(x, y, channel_axis=0, **options)
    with np.errstate(divide="ignore"):
        sums["psnr"] = peak_signal_noise_ratio(y, x, data_range=255 if protocol == "predrnn" else 1)
    return sums | {"psnr": min(sums["psnr"], 100.0)}


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("name", CLIPS)
@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_every_score_equals_the_reference_with_that_protocols_arguments(protocol: str, name: str, shape: str):
    prediction, target = example(name, SHAPES[shape])
    scores = score(prediction, target)
    for clip in range(2):
        for frame in range(2):
            expected = reference(protocol, prediction[clip, frame].numpy(), target[clip, frame].numpy())
            for metric, value in expected.items():
                ours = scores[f"{protocol}/{metric}"][clip, frame].item()
                assert ours == pytest.approx(value, rel=1e-6, abs=1e-5), metric


def test_one_pass_gives_every_score_but_lpips_and_with_a_network_that_too():
    prediction, target = example("random", (1, 16, 16))
    without = [name for name in score_names() if not name.endswith("lpips")]
    assert list(score(prediction, target)) == without
    assert list(score(prediction, target, networks={"lpips": lambda x, y: x.mean((2, 3, 4))})) == score_names()


def test_lpips_gets_clamped_frames_in_each_protocols_own_range():
    inputs = []

    def network(prediction: Tensor, target: Tensor) -> Tensor:
        inputs.append((prediction.aminmax(), target.aminmax()))
        return prediction.amin((2, 3, 4))

    scores = score(*example("far out", (1, 16, 16)), networks={"lpips": network})
    lows = {name: scores[f"{name}/lpips"].min().item() for name in PROTOCOLS}
    assert lows == {"standard": -1, "lmc2021": 0, "openstl": -1, "predrnn": 0}
    assert len(inputs) == 2, "what two protocols share is computed once"
    assert all(end == 1 for pair in inputs for _, end in pair)


def test_only_openstl_sees_what_lies_outside_the_range():
    """A prediction of 1.5 where the target is 1: clamped it is exact, else 0.25 off per pixel, 16 * 16 of them."""
    scores = score(torch.full((1, 1, 1, 16, 16), 1.5), torch.ones(1, 1, 1, 16, 16))
    assert scores["openstl/mse_sum"].item() == 64
    assert scores["openstl/psnr"].item() == 100
    assert scores["lmc2021/mse_sum"].item() == scores["predrnn/mse_sum"].item() == scores["standard/mse"].item() == 0


def test_the_sum_per_frame_is_the_mean_times_the_pixels():
    """Trap 5 of the published numbers: 4096 at 64 x 64."""
    scores = score(torch.full((1, 1, 1, 64, 64), 0.5), torch.zeros(1, 1, 1, 64, 64))
    assert scores["standard/mse"].item() == 0.25
    assert scores["standard/mse_sum"].item() == scores["lmc2021/mse_sum"].item() == 1024
    assert scores["standard/mae_sum"].item() == 2048


def test_frames_a_third_of_a_level_apart_are_the_same_bytes():
    scores = score(torch.full((1, 1, 1, 16, 16), (100 + 1 / 3) / 255), torch.full((1, 1, 1, 16, 16), 100 / 255))
    assert scores["predrnn/psnr"].item() == 100
    assert scores["standard/psnr"].item() < 60


@pytest.mark.parametrize("batch", [1, 3, 7])
def test_the_mean_over_clips_does_not_depend_on_the_batch_size(batch: int):
    """Seven clips: the last batch of three is short."""
    prediction, target = example("random", (1, 16, 16), clips=7)
    whole = score(prediction, target)
    parts = [score(*part) for part in zip(prediction.split(batch), target.split(batch), strict=True)]
    for name, scores in whole.items():
        assert_close(torch.cat([part[name] for part in parts]), scores, rtol=1e-6, atol=1e-6)


def test_scores_do_not_depend_on_how_clips_are_cut_into_chunks(monkeypatch: pytest.MonkeyPatch):
    prediction, target = example("random", (1, 16, 16), clips=5, frames=3)
    whole = score(prediction, target)
    for frames in (1, 2, 7):
        monkeypatch.setattr("bench.metrics.score.CACHED", frames * 256)
        for name, scores in score(prediction, target).items():
            assert_close(scores, whole[name], rtol=1e-6, atol=1e-6)


def test_memory_does_not_grow_with_the_clips(monkeypatch: pytest.MonkeyPatch):
    """No copy larger than a chunk is made, whatever the number of clips, also of a target that is a view into its clips."""
    largest = 0
    original = torch.Tensor.float

    def watched(tensor: Tensor) -> Tensor:
        nonlocal largest
        largest = max(largest, tensor.numel())
        return original(tensor)

    monkeypatch.setattr(torch.Tensor, "float", watched)
    monkeypatch.setattr("bench.metrics.score.CACHED", 1024)
    clips = torch.rand(40, 6, 1, 16, 16)
    score(clips[:, :3], clips[:, 3:])
    assert 0 < largest <= 1024


def test_a_model_that_gives_nan_scores_nan_and_not_a_number_that_looks_fine():
    prediction, target = example("random", (1, 16, 16))
    prediction[0, 1, 0, 8, 8] = torch.nan
    for name, scores in score(prediction, target).items():
        assert torch.isnan(scores).tolist() == [[False, True], [False, False]], name


def test_predictions_in_half_precision_are_scored_in_full():
    prediction, target = example("nearly right", (1, 16, 16))
    half_scores, expected = score(prediction.bfloat16(), target), score(prediction.bfloat16().float(), target)
    for name, scores in half_scores.items():
        assert_close(scores, expected[name])


def test_an_unknown_protocol_is_refused_with_a_suggestion():
    with pytest.raises(BenchError, match="there is no protocol 'opensstl': did you mean 'openstl'"):
        score(*example("random", (1, 16, 16)), protocols=["opensstl"])


def test_shapes_that_differ_are_refused_in_words():
    with pytest.raises(BenchError, match=r"one shape \[B, T, C, H, W\], got \[1, 2, 1, 16, 16\] and \[1, 3, 1, 16, 16\]"):
        score(torch.zeros(1, 2, 1, 16, 16), torch.zeros(1, 3, 1, 16, 16))


def test_every_score_has_a_metric_with_unit_and_direction():
    assert {name.partition("/")[2] for name in score_names()} == set(frame_metrics())


def test_the_table_of_protocols_is_read_without_torch():
    code = "import sys, bench.metrics.protocols, bench.metrics; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
