"""Batches arrive in order and alike, however they are made; resuming at a step gives what a run without a break gets."""

import itertools
import subprocess
import sys
import threading

import pytest
import torch
from torch.testing import assert_close

from bench.data.actions import Actions
from bench.data.base import Dataset
from bench.data.digits import Digits
from bench.data.loading import AHEAD, Movable, _ahead, batches
from bench.data.moving_mnist import MovingMNIST, MovingMNISTFixed
from bench.data.packed import PackedDataset, scaled

CPU = torch.device("cpu")


class Counting(Digits):
    """Remembers which steps were asked for, and by which threads."""

    def __init__(self):
        super().__init__()
        self.steps, self.threads = [], set()

    def batch(self, seed, step, size, frames):
        self.steps.append(step)
        self.threads.add(threading.current_thread())
        return super().batch(seed, step, size, frames)


def test_batches_are_those_of_their_steps():
    got = list(batches(Digits(), 3, first=2, last=5, size=2, frames=4, device=CPU))
    assert len(got) == 3
    for step, clips in zip(range(2, 5), got, strict=True):
        assert_close(clips, Digits().batch(3, step, 2, 4), rtol=0, atol=0)


def test_on_a_processor_no_thread_is_started():
    data = Counting()
    list(batches(data, 0, 0, 3, 1, 2, CPU))
    assert data.threads == {threading.main_thread()}


@pytest.mark.parametrize("last", [0, 1, AHEAD, AHEAD + 4])
def test_batches_made_ahead_are_the_same_in_the_same_order(last):
    data = Counting()
    ahead = list(_ahead(lambda step: data.batch(3, step, 2, 4), 0, last, CPU))
    assert len(ahead) == last and data.steps == list(range(last))
    for batch, plain in zip(ahead, batches(Digits(), 3, 0, last, 2, 4, CPU), strict=True):
        assert torch.equal(batch, plain)


def test_only_a_few_batches_are_made_ahead_and_none_after_the_reader_left():
    data = Counting()
    reader = _ahead(lambda step: data.batch(0, step, 1, 2), 0, 1000, CPU)
    list(itertools.islice(reader, 2))
    reader.close()
    for thread in data.threads:
        thread.join(timeout=10)
    assert len(data.steps) <= 2 + AHEAD


def test_an_error_while_making_a_batch_reaches_the_reader():
    class Broken(Digits):
        def batch(self, seed, step, size, frames):
            raise OSError("unplugged")

    with pytest.raises(OSError, match="unplugged"):
        next(_ahead(lambda step: Broken().batch(0, step, 1, 2), 0, 5, CPU))


def test_what_can_move_to_a_gpu():
    assert issubclass(PackedDataset, Movable) and issubclass(MovingMNIST, Movable) and issubclass(MovingMNISTFixed, Movable)
    assert not issubclass(Digits, Movable) and issubclass(Digits, Dataset)


def test_bytes_become_exact_fractions_of_255():
    values = torch.arange(256, dtype=torch.uint8)
    assert_close(scaled(values).double(), (values.double() / 255).float().double(), rtol=0, atol=0)


def test_digits_are_prepared_where_the_package_for_videos_is_missing(tmp_path):
    lines = [
        "import sys, pathlib; sys.modules['av'] = None",
        "from tests.data_samples import write_mnist",
        "from bench.data.preparing.prepare import prepare",
        "prepare('mnist', {'source': str(write_mnist(pathlib.Path(sys.argv[1])))})",
    ]
    subprocess.run([sys.executable, "-c", "\n".join(lines), tmp_path / "source"], check=True)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_batches_on_a_gpu_equal_those_on_the_processor(tmp_path, monkeypatch):
    from bench.data.preparing.prepare import prepare
    from tests.data_samples import write_mnist

    monkeypatch.setenv("BENCH_DATA", str(tmp_path / "data"))
    prepare("mnist", {"source": str(write_mnist(tmp_path / "source"))})
    for data in (Digits(), MovingMNIST(), Actions()):
        on_gpu = list(batches(data, 0, 0, 5, 4, 6, torch.device("cuda")))
        for batch, plain in zip(on_gpu, batches(type(data)(), 0, 0, 5, 4, 6, CPU), strict=True):
            assert torch.equal(batch.cpu(), plain)
