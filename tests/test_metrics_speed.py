"""Scoring under every protocol costs about as much as scikit-image takes for one."""

import pytest
import torch

from bench.speed import metrics


@pytest.mark.slow
def test_all_four_protocols_take_less_than_twice_the_time_of_looping_scikit_image_for_one():
    """One core, 64 clips of 30 frames of 64 x 64; where there is a GPU, 50 times faster at least."""
    rows = list(metrics.measure())
    assert rows[0].ratio > 0.5  # above 1 on an EPYC, 0.74 to 0.77 on an Intel Xeon with AVX-512, both quiet
    assert all(row.ratio > 50 for row in rows[1:-1] if "all protocols" in row.name)


@pytest.mark.slow
def test_an_evaluation_spends_less_than_a_quarter_of_its_time_outside_the_model():
    assert metrics.evaluation(torch.device("cuda" if torch.cuda.is_available() else "cpu")).ratio > 0.75


def test_the_comparison_reads_as_one_row_per_device(monkeypatch: pytest.MonkeyPatch):
    for name, value in {"CLIPS": 1, "FRAMES": 2, "SIDE": 16, "ROUNDS": 1}.items():
        monkeypatch.setattr(metrics, name, value)
    row = next(metrics.measure())
    assert row.name == "all protocols, 1 clips of 2 frames of 16x16 on one core"
    assert row.seconds > 0 and row.ratio > 0 and "scikit-image" in row.peer
