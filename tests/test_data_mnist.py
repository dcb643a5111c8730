"""MNIST's files: read whole or refused by name, copied from a folder or fetched."""

import gzip
import hashlib
import urllib.request
from io import BytesIO
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from bench.common.errors import BenchError, Blocked
from bench.data import mnist
from bench.data.preparing.idx import idx_bytes, read_idx
from bench.data.preparing.prepare import prepare
from tests.data_samples import write_mnist


@pytest.fixture(autouse=True)
def data_root(tmp_path, monkeypatch):
    monkeypatch.setenv("BENCH_DATA", str(tmp_path / "data"))
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
    assert mnist.digits("train").shape == (100, 28, 28)


def test_files_put_into_the_data_root_by_hand_are_found(data_root):
    write_mnist(data_root / "mnist")
    prepare("mnist", {})
    assert mnist.digits("t10k").shape == (50, 28, 28)


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


@pytest.fixture
def mirror(tmp_path, monkeypatch):
    """A mirror that has all files; what it was asked for, and how many answers it gives before it hangs up."""
    source, asked = write_mnist(tmp_path / "source"), []
    sums = {path.stem: hashlib.md5(path.read_bytes()).hexdigest() for path in source.iterdir()}

    def answer(url, timeout):
        asked.append(url.rsplit("/", 1)[1])
        if len(asked) > mirror.patience:
            raise mirror.trouble
        return BytesIO((source / asked[-1]).read_bytes())

    mirror = SimpleNamespace(asked=asked, patience=9, trouble=KeyboardInterrupt())
    monkeypatch.setattr(urllib.request, "urlopen", answer)
    monkeypatch.setattr(mnist, "MD5", sums)
    return mirror


def test_an_interrupted_download_goes_on_where_it_was(mirror):
    mirror.patience = 1
    with pytest.raises(KeyboardInterrupt):
        prepare("mnist", {})
    mirror.patience = 9
    prepare("mnist", {})
    assert len(mirror.asked) == 3 and mirror.asked[0] != mirror.asked[1] == mirror.asked[2]
    assert (len(mnist.digits("train")), len(mnist.digits("t10k"))) == (100, 50)


def test_where_the_rest_cannot_be_fetched_the_digits_that_are_there_will_do(mirror, data_root):
    write_mnist(data_root / "mnist", train=0)
    mirror.patience, mirror.trouble = 0, OSError("no network")
    lines = prepare("mnist", {})
    assert len(mnist.digits("t10k")) == 50
    assert any("cannot be downloaded" in line for line in lines) and any("only_t10k=True" in line for line in lines)


def test_the_second_mirror_is_asked_when_the_first_sends_something_else(tmp_path, monkeypatch):
    source = write_mnist(tmp_path / "source")
    asked = []

    def answer(url, timeout):
        asked.append(url)
        content = b"<html>moved</html>" if url.startswith(mnist.MIRRORS[0]) else (source / url.rsplit("/", 1)[1]).read_bytes()
        return BytesIO(content)

    sums = {path.stem: hashlib.md5(path.read_bytes()).hexdigest() for path in source.iterdir()}
    monkeypatch.setattr(urllib.request, "urlopen", answer)
    monkeypatch.setattr(mnist, "MD5", sums)
    prepare("mnist", {})
    assert mnist.digits("train").shape == (100, 28, 28)
    assert len(asked) == 4


def test_a_file_that_changes_afterwards_is_noticed(tmp_path, data_root):
    prepare("mnist", {"source": str(write_mnist(tmp_path / "source"))})
    file = data_root / "mnist" / "t10k-images-idx3-ubyte"
    file.write_bytes(file.read_bytes()[:-1] + b"\0")
    with pytest.raises(BenchError, match="has changed"):
        mnist.digits("t10k")


def test_absent_digits_are_blocked_with_the_command():
    with pytest.raises(Blocked, match="`bench prepare mnist` puts it there"):
        mnist.digits("train")


def test_a_source_that_is_damaged_leaves_what_was_there(tmp_path, data_root):
    prepare("mnist", {"source": str(write_mnist(tmp_path / "source"))})
    before = mnist.opened().checksum
    Path(tmp_path / "source" / "train-images-idx3-ubyte.gz").write_bytes(b"\x1f\x8bbroken")
    with pytest.raises(BenchError):
        prepare("mnist", {"source": str(tmp_path / "source")})
    assert mnist.opened().checksum == before
