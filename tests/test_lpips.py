"""LPIPS: our network against the lpips package's own, with random weights in AlexNet's place."""

import sys
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.testing import assert_close

from bench.common.errors import BenchError
from bench.metrics import weights
from bench.metrics.lpips import LPIPS, alexnet_features, load
from bench.metrics.networks import ALEXNET
from bench.metrics.score import score


@pytest.fixture(scope="module")
def backbone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of random convolutions."""
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("weights") / "random.pth"
    torch.save({f"features.{name}": value for name, value in alexnet_features().state_dict().items()}, path)
    return path


@pytest.fixture
def cache(backbone: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A temporary cache with that file in AlexNet's place."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    weights.add(backbone, unverified=True)


@pytest.fixture(scope="module")
def package(backbone: Path) -> nn.Module:
    """The lpips package's network with the same convolutions."""
    if not torchvision_imports():
        pytest.skip("the lpips package needs torchvision")
    network = pytest.importorskip("lpips").LPIPS(net="alex", pnet_rand=True, verbose=False)
    state = torch.load(backbone, weights_only=True)
    network.net.load_state_dict({name: state[f"features.{name.partition('.')[2]}"] for name in network.net.state_dict()})
    return network


def torchvision_imports() -> bool:
    """True once torchvision can be imported. Beside a CPU-only torch, two operators that nobody calls must be declared."""
    try:
        import torchvision
    except ModuleNotFoundError:
        return False
    except RuntimeError:
        for name in [name for name in sys.modules if name.partition(".")[0] == "torchvision"]:
            del sys.modules[name]
        for operator in ("nms", "qnms"):
            torch.library.define(f"torchvision::{operator}", "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        import torchvision  # noqa: F401
    return True


def reference(package: nn.Module, prediction: Tensor, target: Tensor) -> Tensor:
    """Frame by frame, grey repeated to three channels."""
    return torch.tensor(
        [
            [package(x.expand(1, 3, -1, -1), y.expand(1, 3, -1, -1)).item() for x, y in zip(*pair, strict=True)]
            for pair in zip(prediction, target, strict=True)
        ]
    )


@pytest.mark.parametrize("shape", [(1, 64, 64), (3, 33, 47)])
def test_lpips_equals_the_lpips_package(package: nn.Module, cache: None, shape: tuple[int, int, int]):
    network, _ = load(shape)
    assert network is not None
    prediction, target = torch.rand(2, 2, 2, *shape).mul(2).sub(1)
    prediction[0, 0] = -1  # constant
    target[0, 1] = prediction[0, 1]  # identical
    with torch.no_grad():
        distances, expected = network(prediction, target), reference(package, prediction, target)
    assert_close(distances, expected, rtol=0, atol=1e-6)
    assert distances[0, 1] == 0


def test_every_protocols_lpips_equals_the_package_with_that_input_range(package: nn.Module, cache: None):
    network, _ = load((1, 32, 32))
    prediction, target = 1.4 * torch.rand(2, 2, 1, 32, 32) - 0.2, torch.rand(2, 2, 1, 32, 32)
    scores = score(prediction, target, networks={"lpips": network})
    with torch.no_grad():
        plain = reference(package, prediction.clamp(0, 1), target)
        shifted = reference(package, 2 * prediction.clamp(0, 1) - 1, 2 * target - 1)
    for protocol, expected in {"standard": shifted, "lmc2021": plain, "openstl": shifted, "predrnn": plain}.items():
        assert_close(scores[f"{protocol}/lpips"].float(), expected, rtol=0, atol=1e-6)
    assert (plain - shifted).abs().min() > 1e-4, "or this test tells nothing apart"


def test_the_footnote_names_the_file_that_lpips_came_from(cache: None, backbone: Path):
    _, footnote = load((1, 32, 32))
    present = weights.installed(ALEXNET)
    assert present is not None and present.sha256[:12] in footnote


def test_lpips_of_a_batch_is_that_of_its_frames(cache: None):
    network, _ = load((1, 32, 32))
    assert network is not None
    prediction, target = torch.rand(2, 3, 2, 1, 32, 32)
    distances = network(prediction, target)
    for clip in range(2):
        for frame in range(3):
            index = slice(clip, clip + 1), slice(frame, frame + 1)
            assert_close(network(prediction[index], target[index]), distances[index], rtol=1e-5, atol=1e-7)


def test_a_machine_without_weights_has_no_lpips_and_a_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    network, reason = load((1, 64, 64))
    assert network is None and "no weights of AlexNet" in reason


def test_a_damaged_file_is_a_reason_and_not_a_crash(cache: None):
    weights.path(ALEXNET).write_bytes(b"half a file")
    network, reason = load((1, 64, 64))
    assert network is None and "cannot be read" in reason


def test_frames_too_small_for_alexnet_have_no_lpips_and_a_reason(cache: None):
    assert load((1, 30, 64)) == (None, "it needs frames of at least 31x31 pixels, these have 64x30")
    assert load((2, 64, 64)) == (None, "it needs frames of 1 or 3 channels, these have 2")
    network = LPIPS(weights.tensors(ALEXNET), weights.heads())
    with pytest.raises(BenchError, match="at least 31x31"):
        network(torch.zeros(1, 1, 1, 30, 64), torch.zeros(1, 1, 1, 30, 64))
    assert network(torch.zeros(1, 1, 1, 31, 31), torch.zeros(1, 1, 1, 31, 31)).item() == 0
