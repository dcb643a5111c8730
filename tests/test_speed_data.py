"""What loading costs, beside decoding the same clips from JPEG folders."""

import pytest
import torch

from bench.speed import data


@pytest.fixture(scope="module")
def rows():
    pytest.importorskip("cv2")
    return {row.name.split(",")[0]: row for row in data.measure()}


@pytest.mark.slow
def test_generating_and_the_packed_loader_are_many_times_faster_than_decoding_jpegs(rows):
    assert rows["moving_mnist"].ratio >= 4  # 11 on an EPYC, 6.5 to 7.9 on an Intel Xeon with AVX-512, both quiet
    assert rows["kth"].ratio >= 7  # 20 on the one, 10.8 on the other


@pytest.mark.slow
def test_measuring_leaves_the_number_of_threads_as_it_was():
    pytest.importorskip("cv2")
    before = torch.get_num_threads()
    list(data.measure())
    assert torch.get_num_threads() == before


def test_both_sides_end_with_the_same_clips(tmp_path):
    pytest.importorskip("cv2")
    digits = data.EmbeddedMovingMNIST()
    data._write_jpegs(tmp_path, digits.painted("train", 0, 0, 2, 4))
    decoded = data._from_jpegs([tmp_path / "0", tmp_path / "1"], range(4))
    generated = digits.batch(0, 0, 2, 4)
    assert decoded.shape == generated.shape and (decoded - generated).abs().mean() < 0.02  # what JPEG loses
