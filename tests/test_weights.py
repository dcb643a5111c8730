"""The AlexNet backbone of LPIPS: what is accepted in its place, what is refused, and what a machine without it says."""

import hashlib
import pickle
import urllib.error
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor

from bench.common.errors import BenchError, Blocked
from bench.metrics import weights


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the backbone belongs, in a cache that is empty."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache/hub/checkpoints/alexnet-owt-7be5be79.pth"


def alexnet(prefix: str = "features.") -> dict[str, Tensor]:
    """Zeros in the shapes of AlexNet's convolutions."""
    state = {f"{prefix}{layer}.weight": torch.zeros(shape) for layer, shape in weights.SHAPES.items()}
    return state | {f"{prefix}{layer}.bias": torch.zeros(shape[0]) for layer, shape in weights.SHAPES.items()}


def saved(path: Path, state: object) -> Path:
    torch.save(state, path)
    return path


def passes_for_official(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(weights, "CHECKSUM", hashlib.sha256(file.read_bytes()).hexdigest()[:8])


def test_a_machine_without_the_backbone_says_why_lpips_is_empty_and_what_to_do(place: Path):
    assert weights.status() is None
    available, reason = weights.lpips_state()
    assert not available
    assert "no AlexNet backbone" in reason and "`bench weights add FILE`" in reason
    with pytest.raises(Blocked, match=f"{place}.*bench weights fetch"):
        weights.features()


def test_a_machine_without_the_package_lpips_says_so(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(weights.importlib.util, "find_spec", lambda name: None)
    assert weights.lpips_state() == (False, "the package lpips, whose linear heads it needs, is not installed")


def test_a_file_with_torchvisions_checksum_is_taken(place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    file = saved(tmp_path / "brought.pth", alexnet() | {"classifier.1.weight": torch.zeros(2, 2)})
    passes_for_official(file, monkeypatch)
    backbone = weights.add(file)
    assert backbone.verified and place.read_bytes() == file.read_bytes()
    assert weights.lpips_state() == (True, str(backbone))
    assert "as published by torchvision" in str(backbone)


def test_a_file_that_fails_the_checksum_is_refused(place: Path, tmp_path: Path):
    file = saved(tmp_path / "other.pth", alexnet())
    begins = hashlib.sha256(file.read_bytes()).hexdigest()[:8]
    with pytest.raises(BenchError, match=f"SHA-256 begins with {begins} instead of 7be5be79.*--unverified"):
        weights.add(file)
    assert not place.exists() and not list(place.parent.iterdir())


@pytest.mark.parametrize("prefix", ["features.", ""])
def test_an_unverified_file_is_taken_when_asked_and_named_by_its_hash(tmp_path: Path, prefix: str):
    """Of the convolutions alone as well, under either naming."""
    file = saved(tmp_path / "random.pth", alexnet(prefix))
    weights.add(file, unverified=True)
    available, footnote = weights.lpips_state()
    assert available
    assert "not torchvision's AlexNet" in footnote and hashlib.sha256(file.read_bytes()).hexdigest()[:12] in footnote
    assert set(weights.features()) == set(alexnet(""))


def test_a_file_put_there_by_hand_is_recognised_for_what_it_is(place: Path):
    place.parent.mkdir(parents=True)
    saved(place, alexnet())
    backbone = weights.status()
    assert backbone is not None and not backbone.verified
    saved(place, alexnet() | {"classifier.1.weight": torch.ones(1)})
    changed = weights.status()
    assert changed is not None and changed.sha256 == hashlib.sha256(place.read_bytes()).hexdigest() != backbone.sha256


class Hostile:
    """Pickles into an instruction that writes a file where it is loaded."""

    def __init__(self, victim: Path):
        self.victim = victim

    def __reduce__(self) -> tuple[Callable[..., object], tuple[object, ...]]:
        return Path.write_text, (self.victim, "executed")


@pytest.mark.parametrize("write", [torch.save, lambda value, path: path.write_bytes(pickle.dumps(value, protocol=2))])
def test_a_hostile_file_is_refused_without_executing_it(write: Callable[[object, Path], None], place: Path, tmp_path: Path):
    file, victim = tmp_path / "hostile.pth", tmp_path / "victim"
    write(alexnet() | {"extra": Hostile(victim)}, file)
    with pytest.raises(BenchError, match=r"hostile\.pth cannot be read as a file of plain tensors"):
        weights.add(file, unverified=True)
    assert not victim.exists() and not place.exists()


def test_what_is_no_alexnet_is_refused_in_words(tmp_path: Path):
    wrong = alexnet() | {"features.3.weight": torch.zeros(192, 64, 3, 3)}
    for state, message in (
        (wrong, r"features\.3\.weight should be \[192, 64, 5, 5\] and has \[192, 64, 3, 3\]"),
        ({"a": torch.zeros(1)}, r"features\.0\.weight should be \[64, 3, 11, 11\] and is missing"),
        ([torch.zeros(1)], "holds a list, not the weights of AlexNet"),
    ):
        with pytest.raises(BenchError, match=message):
            weights.add(saved(tmp_path / "file.pth", state), unverified=True)
    (tmp_path / "garbage.pth").write_bytes(b"<html>404</html>")
    with pytest.raises(BenchError, match="cannot be read"):
        weights.add(tmp_path / "garbage.pth", unverified=True)
    with pytest.raises(BenchError, match="there is no file"):
        weights.add(tmp_path / "nowhere.pth")


def test_fetch_puts_the_verified_download_in_its_place(place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    file = saved(tmp_path / "served.pth", alexnet())
    monkeypatch.setattr(weights, "URL", file.as_uri())
    passes_for_official(file, monkeypatch)
    assert weights.fetch() == weights.status()
    assert place.read_bytes() == file.read_bytes()


def test_a_download_that_is_something_else_is_refused(place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(weights, "URL", saved(tmp_path / "served.pth", alexnet()).as_uri())
    with pytest.raises(BenchError, match="SHA-256 begins with"):
        weights.fetch()
    assert not place.exists()


def test_without_a_network_fetch_says_which_file_to_put_where(place: Path, monkeypatch: pytest.MonkeyPatch):
    def unreachable(url: str, timeout: float) -> None:
        raise urllib.error.URLError("Name or service not known")

    monkeypatch.setattr(weights.urllib.request, "urlopen", unreachable)
    with pytest.raises(BenchError) as refused:
        weights.fetch()
    message = str(refused.value)
    assert "https://download.pytorch.org/models/alexnet-owt-7be5be79.pth (Name or service not known)" in message
    assert "`bench weights add alexnet-owt-7be5be79.pth`" in message and str(place) in message
    assert not list(place.parent.iterdir())
