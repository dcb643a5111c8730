"""LPIPS with the published weights gives the published values. Skips itself where the weights are not."""

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn
from torch.testing import assert_close

from bench.metrics import lpips, weights
from bench.metrics.networks import ALEXNET
from bench.metrics.score import score
from tests import published_weights
from tests.published_weights import SHARED
from tests.test_lpips import reference, torchvision_imports


@pytest.fixture(autouse=True)
def real(monkeypatch: pytest.MonkeyPatch) -> None:
    published_weights.use(ALEXNET, monkeypatch)


@pytest.fixture
def network() -> lpips.LPIPS:
    loaded_network, description = lpips.load((1, 64, 64))
    assert loaded_network is not None, description
    return loaded_network


def test_black_against_white_frames_is_the_published_0_8140(network: lpips.LPIPS):
    """Other code bases print 0.81401 for this pair, in [-1, 1]; four decimals agree, and the lpips package to a millionth."""
    black, white = torch.zeros(1, 2, 1, 64, 64), torch.ones(1, 2, 1, 64, 64)
    scores = score(black, white, ["standard"], networks={"lpips": network})["standard/lpips"]
    assert_close(scores, torch.full((1, 2), 0.8140, dtype=torch.float64), rtol=0, atol=1e-4)


@pytest.mark.parametrize(("name", "published"), [("ex_p0", 0.722), ("ex_p1", 0.138)])
def test_the_example_images_of_the_lpips_repository_have_the_distances_that_it_prints(network, name: str, published: float):
    folder = SHARED / "lpips"
    if not folder.is_dir():
        pytest.skip("the example images are not here")
    assert round(network(pixels(folder / f"{name}.png"), pixels(folder / "ex_ref.png")).item(), 3) == published


def test_the_lpips_package_with_the_same_weights_agrees_to_a_millionth(network: lpips.LPIPS):
    if not torchvision_imports():
        pytest.skip("the lpips package needs torchvision")
    package: nn.Module = pytest.importorskip("lpips").LPIPS(net="alex", pnet_rand=True, verbose=False)
    state = weights.tensors(ALEXNET)
    package.net.load_state_dict({name: state[name.partition(".")[2]] for name in package.net.state_dict()})
    torch.manual_seed(0)
    prediction, target = torch.rand(2, 2, 3, 1, 64, 64).mul(2).sub(1)
    prediction[0], target[0] = -1, 1  # black and white
    with torch.no_grad():
        assert_close(network(prediction, target), reference(package, prediction, target), rtol=0, atol=1e-6)


def pixels(file) -> Tensor:
    """[1, 1, 3, H, W] in [-1, 1]."""
    values = np.array(Image.open(file).convert("RGB"), np.float32) / 127.5 - 1
    return torch.from_numpy(values).permute(2, 0, 1)[None, None]
