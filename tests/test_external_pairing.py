"""Predicted frames are paired with true ones by the numbers in their names, or refused."""

import json
import shutil

import numpy as np
import pytest
from PIL import Image

from bench.common.errors import BenchError
from tests.external_samples import refusal, write_clip


def test_frames_named_by_decimals_signs_or_hexadecimal_numbers_are_paired_in_order(bench, tmp_path):
    random = np.random.default_rng(1)
    frames = random.integers(0, 256, (12, 16, 16)).astype(np.uint8)
    for form in ("decimals", "signs", "hex"):
        names = {
            "decimals": [f"{t * 0.05:g}.png" for t in range(12)],
            "signs": [f"{t - 6}.png" for t in range(12)],
            "hex": [f"{t:x}.png" for t in range(12)],
        }[form]
        for name, frame in zip(names, frames, strict=True):
            folder = tmp_path / form / "prediction" / "clip"
            folder.mkdir(parents=True, exist_ok=True)
            Image.fromarray(frame).save(folder / name)
        write_clip(tmp_path / "target", frames)
        shutil.copytree(tmp_path / form / "prediction", tmp_path / form / "target")
        output = json.loads(bench("eval", "--predictions", tmp_path / form, "--json")[1])
        assert output["protocols"]["standard"]["psnr"]["per_frame"] == [100] * 12
        np.savez(tmp_path / "target.npz", prediction=frames[None, :, None], target=frames[None, :, None])
    (tmp_path / "hex" / "prediction" / "clip" / "0.png").rename(tmp_path / "hex" / "prediction" / "clip" / "10²0.png")
    assert "10²0.png" in refusal(bench, "--predictions", tmp_path / "hex")


@pytest.mark.parametrize(
    ("predicted", "true", "message"),
    [
        (range(10), range(10), True),
        (range(5, 10), range(10), True),  # the targets begin with the context
        (range(1, 6), range(11, 16), True),  # each counts from its own beginning
        (range(5), range(10), False),  # pred_0 may be of gt_0 or of gt_5
        (range(10), range(5), False),
        (range(10, 15), range(5), False),
        (range(1, 6), range(5), False),
    ],
)
def test_predicted_frames_are_paired_with_true_ones_by_numbers_or_refused(predicted, true, message):
    from bench.external.pairing import pair_frames

    sides = [f"pred_{t}.png" for t in predicted], [f"gt_{t}.png" for t in true]
    if message:
        assert pair_frames(*sides, "here") == list(range(len(true) - len(predicted), len(true)))
    else:
        with pytest.raises(BenchError, match="which belong together"):
            pair_frames(*sides, "here")
