"""PSNR, SSIM, MSE and MAE: hand-worked numbers, the authors' golden numbers, and scikit-image as the reference."""

from pathlib import Path

import numpy as np
import pytest
import torch
from skimage.metrics import structural_similarity
from torch import Tensor
from torch.testing import assert_close

from bench.common.errors import BenchError
from bench.metrics.pixelwise import mae, mse, psnr
from bench.metrics.ssim import ssim
from bench.metrics.views import without_infinite

GOLDEN = Path(__file__).parent / "data" / "golden" / "metrics.npz"
WANG = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False}


def flat(value: float, *, size: int = 16) -> Tensor:
    return torch.full((1, 2, 1, size, size), value)


def test_psnr_of_a_tenth_off_everywhere_is_20_db():
    assert_close(psnr(flat(0.6), flat(0.5)), torch.full((1, 2), 20.0))


def test_psnr_of_identical_frames_is_100_db():
    frames = torch.rand(2, 3, 1, 8, 8)
    assert_close(psnr(frames, frames), torch.full((2, 3), 100.0))


def test_psnr_never_exceeds_100_db():
    """A millionth off is 120 dB by the formula."""
    assert_close(psnr(flat(1e-6), flat(0.0)), torch.full((1, 2), 100.0))


def test_psnr_of_bytes_takes_255_as_the_peak():
    """25.5 levels off is a tenth of the range."""
    assert_close(psnr(flat(125.5), flat(100.0), data_range=255), torch.full((1, 2), 20.0))


def test_errors_are_means_over_the_pixels_and_channels_of_each_frame():
    """Of 2 x 2 x 2 values one is 0.8 off, in the second frame only: 0.64 / 8 and 0.8 / 8."""
    target = torch.zeros(1, 2, 2, 2, 2)
    prediction = target.clone()
    prediction[0, 1, 1, 0, 1] = -0.8
    assert_close(mse(prediction, target), torch.tensor([[0.0, 0.08]]))
    assert_close(mae(prediction, target), torch.tensor([[0.0, 0.1]]))


def test_ssim_of_flat_frames_is_their_luminance_term_alone():
    """Without variance the second factor is 1: (2 * 0.5 * 0.25 + 0.0001) / (0.25 + 0.0625 + 0.0001) = 0.2501 / 0.3126."""
    expected = torch.full((1, 2), 0.2501 / 0.3126)
    assert_close(ssim(flat(0.5), flat(0.25)), expected)
    assert_close(ssim(flat(0.5), flat(0.25), window="uniform"), expected)


def test_ssim_of_range_2_is_higher_by_its_constants():
    """The first constant becomes (0.01 * 2)^2 = 0.0004."""
    assert_close(ssim(flat(0.5), flat(0.25), data_range=2), torch.full((1, 2), 0.2504 / 0.3129))


def test_ssim_of_one_7x7_window_by_hand():
    """One pixel of 49 is 1 in the target and 0 in the prediction: means 0 and 1/49, variances 0 and 1/49, no covariance."""
    target = torch.zeros(1, 1, 1, 7, 7)
    target[..., 3, 3] = 1
    expected = 1e-4 / (49**-2 + 1e-4) * 9e-4 / (1 / 49 + 9e-4)
    assert_close(ssim(torch.zeros_like(target), target, window="uniform"), torch.tensor([[expected]]))


def test_ssim_is_1_for_identical_frames():
    frames = torch.rand(1, 2, 3, 12, 15)
    for window in ("gaussian", "uniform"):
        assert_close(ssim(frames, frames, window=window), torch.ones(1, 2), rtol=0, atol=0)


def test_scores_equal_the_authors_golden_numbers():
    """Mean square error (summed), PSNR (range 1) and SSIM (7x7) with range 2 and 1, per clip and frame."""
    golden = np.load(GOLDEN)
    prediction, target = torch.from_numpy(golden["pred"]), torch.from_numpy(golden["gt"])
    computed = {
        "mse": mse(prediction, target) * 64 * 64,
        "psnr": psnr(prediction, target),
        "ssim_range2": ssim(prediction, target, data_range=2, window="uniform"),
        "ssim_range1": ssim(prediction, target, data_range=1, window="uniform"),
    }
    for name, scores in computed.items():
        np.testing.assert_allclose(scores.numpy(), golden[name], rtol=0, atol=1e-5, err_msg=name)


@pytest.mark.parametrize("window", ["gaussian", "uniform"])
@pytest.mark.parametrize("name", ["noise on white", "almost equal", "half and half", "against grey", "slopes", "checkers"])
def test_ssim_keeps_five_decimals_where_float32_is_weakest(name: str, window: str):
    """Bright and nearly flat frames, where a variance is the difference of two almost equal squares."""
    drawn = torch.Generator().manual_seed(0)

    def noise(size: float) -> Tensor:
        return size * torch.randn(1, 2, 1, 24, 32, generator=drawn)

    half = (torch.arange(32) >= 16).float().expand(1, 2, 1, 24, 32)
    slope = torch.linspace(0, 1, 32).expand(1, 2, 1, 24, 32)
    checkers = ((torch.arange(24)[:, None] + torch.arange(32)) % 2).float().expand(1, 2, 1, 24, 32)
    prediction, target = {
        "noise on white": (0.97 + noise(0.01), 0.97 + noise(0.01)),
        "almost equal": (0.999 + noise(1e-5), 0.999 + noise(1e-5)),
        "half and half": (0.98 * half, half),
        "against grey": (torch.full_like(half, 0.7), half),
        "slopes": (0.9 * slope + 0.05, slope),
        "checkers": (checkers, 1 - checkers),
    }[name]
    options = WANG if window == "gaussian" else {}
    expected = [
        structural_similarity(x[0].double().numpy(), y[0].double().numpy(), data_range=1, **options)
        for x, y in zip(prediction[0], target[0], strict=True)
    ]
    np.testing.assert_allclose(ssim(prediction, target, window=window)[0].numpy(), expected, rtol=0, atol=1e-5)


def test_frames_smaller_than_the_window_are_refused_in_words():
    with pytest.raises(BenchError, match="gaussian window needs frames of at least 11x11 pixels, got 16x10"):
        ssim(torch.zeros(1, 1, 1, 10, 16), torch.zeros(1, 1, 1, 10, 16))
    with pytest.raises(BenchError, match="uniform window needs frames of at least 7x7 pixels, got 6x16"):
        ssim(torch.zeros(1, 1, 1, 16, 6), torch.zeros(1, 1, 1, 16, 6), window="uniform")


def test_the_way_to_nan_of_infinite_numbers_leaves_finite_ones_as_they_are_to_the_bit():
    limits = torch.finfo(torch.float32)
    numbers = torch.tensor([0.0, -0.0, 1.0, -2.5, limits.max, limits.min, limits.tiny / 8, 0.1])
    assert without_infinite(numbers).view(torch.int32).equal(numbers.view(torch.int32))
    assert without_infinite(torch.tensor([torch.inf, -torch.inf, torch.nan])).isnan().all()
