"""FVD: the distance between Gaussians by hand, what is kept of each clip, and the published values where the weights are."""

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.testing import assert_close

from bench.evaluation.evaluate import scored
from bench.evaluation.scores import load, read_header
from bench.evaluation.sets import REPLICATES, Features, SetScorer, set_score
from bench.metrics import METRICS, fvd, networks, set_metrics
from bench.metrics.i3d import I3D, folded, same
from bench.metrics.networks import i3d_branches
from tests import published_weights


def gaussian(count: int, dimensions: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(count, dimensions))


def test_the_distance_of_two_gaussians_with_diagonal_covariances_is_known_in_closed_form():
    """|m - m'|^2 + sum (s - s')^2: means 3 apart, deviations 1 and 2 in one direction, equal in the other."""
    corners = np.array([[1.0, 1.0], [1.0, -1.0], [-1.0, 1.0], [-1.0, -1.0]]) * np.sqrt(3 / 4)  # sample variances 1 and 1
    assert fvd.frechet_distance(corners, corners * [2, 1] + [3, 0]) == pytest.approx(9 + 1, rel=1e-9)


@pytest.mark.parametrize(("clips", "dimensions"), [(5, 12), (40, 6)])
def test_the_distance_is_symmetric_and_that_of_a_set_to_itself_is_nothing(clips: int, dimensions: int):
    """With fewer clips than dimensions and with more."""
    first, second = gaussian(clips, dimensions), 1.5 * gaussian(clips + 1, dimensions, seed=1) + 0.3
    distance = fvd.frechet_distance(first, second)
    assert distance > 1 and fvd.frechet_distance(second, first) == pytest.approx(distance, rel=1e-9)
    assert abs(fvd.frechet_distance(first, first)) < 1e-9 * distance


def test_the_distance_equals_the_textbook_formula_by_way_of_matrix_roots():
    linalg = pytest.importorskip("scipy.linalg")
    first, second = gaussian(50, 5), gaussian(60, 5, seed=1) @ np.diag([1, 2, 3, 1, 1]) + 1
    covariances = [np.cov(features, rowvar=False) for features in (first, second)]
    root = linalg.sqrtm(covariances[0] @ covariances[1]).real
    expected = np.square(first.mean(0) - second.mean(0)).sum() + np.trace(covariances[0] + covariances[1] - 2 * root)
    assert fvd.frechet_distance(first, second) == pytest.approx(expected, rel=1e-9)


def test_frames_are_resized_to_a_shorter_side_of_224_and_cut_at_the_centre():
    clips = torch.zeros(1, 2, 1, 32, 64)
    clips[..., 32] = 2.0  # beyond the range: clamped to 1
    prepared = fvd.prepared(clips)
    assert prepared.shape == (1, 1, 2, 224, 224)
    assert prepared.min() == -1 and 0.9 < prepared.max() <= 1
    assert prepared[0, 0, 0, 0].argmax().item() in range(112, 119), "column 32 of 64 begins at the centre"


def test_an_infinite_pixel_leaves_a_set_without_a_score_as_nan_does():
    scorer = SetScorer([])
    scorer._extractors, scorer._collected = {"mean": lambda clips: clips.mean((2, 3, 4))}, {"mean": ([], [])}
    frames = torch.rand(3, 2, 1, 4, 4)
    predictions = frames.clone()
    predictions[1, 0, 0, 0, 0] = torch.inf
    scorer.add(predictions, frames)
    predicted, true = (torch.cat(chunks) for chunks in scorer._collected["mean"])
    assert predicted.isnan().tolist() == [[False, False], [True, False], [False, False]] and not true.isnan().any()


def test_same_padding_puts_the_odd_zero_behind():
    """Of 6 with a window of 3 and steps of 2: three windows from 0, 2 and 4, the last one reaching one beyond."""
    padded, amounts = same(torch.ones(1, 1, 6, 6, 6), (3, 3, 3), (2, 2, 2))
    assert amounts == (0, 0, 0) and padded.shape[2:] == (7, 7, 7)
    assert padded[0, 0, 0, 0, 0] == 1 and padded[0, 0, 6].sum() == 0
    padded, amounts = same(torch.ones(1, 1, 6, 6, 6), (3, 3, 3), (1, 1, 1))
    assert amounts == (1, 1, 1) and padded.shape[2:] == (6, 6, 6)


def random_weights() -> dict[str, Tensor]:
    torch.manual_seed(0)
    weights = {}
    for name, shape in networks.I3D.shapes.items():
        weights[name] = 0.02 * torch.randn(shape)
        if name.endswith("running_var"):
            weights[name] = torch.rand(shape) + 0.5
    return weights


def test_folding_a_batch_norm_into_its_convolution_changes_nothing():
    tensors = random_weights()
    name = "Mixed_3b.Branch_0.Conv3d_0a_1x1"
    _, before, after = i3d_branches("Mixed_3b")["Branch_0.Conv3d_0a_1x1"]
    x = torch.randn(2, before, 2, 3, 3)
    plain = torch.nn.functional.conv3d(x, tensors[f"{name}.conv.weight"])
    mean, variance = tensors[f"{name}.norm.running_mean"], tensors[f"{name}.norm.running_var"]
    expected = torch.nn.functional.batch_norm(plain, mean, variance, bias=tensors[f"{name}.norm.bias"], eps=1e-3)
    folded_tensors = folded(tensors)
    assert_close(
        torch.nn.functional.conv3d(x, folded_tensors[f"{name}.weight"], folded_tensors[f"{name}.bias"]),
        expected,
        rtol=1e-5,
        atol=1e-6,
    )
    assert expected.shape[1] == after


@pytest.mark.slow
def test_grey_frames_score_as_three_equal_channels():
    network = I3D(random_weights())
    clip = torch.rand(1, 1, 9, 224, 224)
    assert_close(network(clip), network(clip.expand(-1, 3, -1, -1, -1)), rtol=1e-4, atol=1e-5)


@pytest.fixture
def toy(monkeypatch: pytest.MonkeyPatch) -> None:
    """A set metric whose features are the means of a clip's first and last frame."""
    monkeypatch.setitem(METRICS, "fvd", TOY)


TOY = type(set_metrics()["fvd"])(
    "down", "", 1, label="FVD", protocol="fvd2018", version=1, least=2, about="a toy",
    load="tests.test_fvd:toy_features", distance="bench.metrics.fvd:frechet_distance",
)  # fmt: skip


def toy_features(shape: tuple[int, int, int], device: torch.device):
    return (lambda clips: clips[:, [0, -1]].mean((2, 3, 4))), "toy features"


def pairs(clips: int = 7, frames: int = 3):
    drawn = torch.Generator().manual_seed(0)
    for size in (4, clips - 4):  # two chunks
        yield torch.rand(size, frames, 1, 16, 16, generator=drawn), torch.rand(size, frames, 1, 16, 16, generator=drawn)


def test_an_evaluation_keeps_each_clips_features_with_the_scores(toy: None, tmp_path):
    computed = scored(pairs(), 7, {}, torch.device("cpu"), sets=["fvd"])
    computed.save(tmp_path / "scores.npz")
    loaded = load(tmp_path / "scores.npz")
    predicted = torch.cat([prediction for prediction, _ in pairs()])
    assert np.allclose(loaded.sets["fvd"].prediction, predicted[:, [0, -1]].mean((2, 3, 4)), atol=1e-6)
    metadata = loaded.metadata["sets"]["fvd"]
    assert (metadata["protocol"], metadata["version"], metadata["by"]) == ("fvd2018", 1, "toy features")
    features = loaded.sets["fvd"]
    assert loaded.set_scores() == {"fvd2018/fvd": pytest.approx(fvd.frechet_distance(features.prediction, features.target))}
    assert len(metadata["replicates"]) == REPLICATES and "sets" in read_header(tmp_path / "scores.npz").metadata


def test_a_set_score_of_some_clips_is_that_of_their_features():
    features = Features(gaussian(20, 3).astype(np.float32), gaussian(20, 3, seed=1).astype(np.float32))
    shown = np.arange(0, 20, 2)
    expected = fvd.frechet_distance(features.prediction[shown], features.target[shown])
    assert set_score("fvd", features, shown).value == pytest.approx(expected)
    assert np.array_equal(set_score("fvd", features).replicates, set_score("fvd", features).replicates)


def test_clips_that_are_too_short_have_no_fvd_and_a_reason():
    computed = scored(pairs(frames=9), 7, {}, torch.device("cpu"), sets=["fvd"])
    assert computed.metadata["sets"]["fvd"]["missing"] == "it needs at least 10 predicted frames, these clips have 9"
    assert not computed.sets and not computed.set_scores()


def test_a_machine_without_the_weights_says_so():
    computed = scored(pairs(frames=10), 7, {}, torch.device("cpu"), sets=["fvd"])
    assert "no weights of I3D; `bench weights fetch fvd`" in computed.metadata["sets"]["fvd"]["missing"]


def test_a_prediction_that_is_not_finite_has_no_fvd(toy: None):
    broken = ((torch.full_like(prediction, torch.nan), target) for prediction, target in pairs())
    computed = scored(broken, 7, {}, torch.device("cpu"), sets=["fvd"])
    assert not computed.set_scores() and computed.metadata["sets"]["fvd"]["missing"] == "a prediction is not finite"


@pytest.mark.slow
@pytest.mark.parametrize(("frames", "published"), [(10, 569.77), (16, 152.90), (30, 151.39)])
def test_eight_black_against_eight_white_clips_is_the_published_value(monkeypatch, frames: int, published: float):
    """TensorFlow's original gives 151.39244 for 30 frames; one clip of each is looked at and counted eight times."""
    published_weights.use(networks.I3D, monkeypatch)
    features, description = fvd.load((1, 64, 64), torch.device("cpu"))
    assert features is not None, description
    black, white = (
        np.repeat(features(clip.expand(1, frames, 1, 64, 64)).numpy(), 8, 0) for clip in (torch.zeros(1), torch.ones(1))
    )
    distance = fvd.frechet_distance(black, white)
    assert distance == pytest.approx(published, rel=1e-3)
    assert fvd.frechet_distance(white, black) == pytest.approx(distance, rel=1e-9)
    assert abs(fvd.frechet_distance(white, white)) < 1e-3 * distance
