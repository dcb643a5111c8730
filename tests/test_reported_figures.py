"""The figures that users reported: frames that scored wrongly without a word score what is right now, or are refused.

Each test makes frames whose careless score is the reported one, computes both by NumPy, and asks `bench`.
"""

import json

import numpy as np
import pytest
from PIL import Image

from bench.data.preparing.prepare import prepare
from bench.evaluation.scores import load
from bench.store.store import Store
from tests.external_samples import psnr, refusal, write_clip

STILL = """
from bench.spec import Evaluation, Experiment, Component, RunSpec

def experiment(scale):
    spec = RunSpec(Component("{model}"), Component("nothing"), Component("frames"), context=2, horizon=2, batch=2, steps=0)
    return Experiment("Is it kept as it is?", {{"copy": spec}}, evaluation=Evaluation(clips=5, keep_predictions={keep}))
"""


def decibels(prediction, target):
    """The mean PSNR of frames [N, T, C, H, W] in 0..1, at most 100 dB."""
    error = np.square(np.clip(prediction, 0, 1) - np.clip(target, 0, 1)).mean((2, 3, 4))
    with np.errstate(divide="ignore"):
        return float(np.minimum(-10 * np.log10(error), 100).mean())


# 1. whose clip is it?


def test_five_grey_videos_in_the_order_of_files_score_14_9_and_by_name_100(bench, tmp_path):
    greys = (28, 48, 73, 112, 207)
    for split, values in (("train", (10, 20)), ("val", (30,)), ("test", greys)):
        for number, value in enumerate(values):
            write_clip(tmp_path / "source" / split / f"video_{number}", np.full((4, 16, 16), value, np.uint8))
    prepare("frames", {"source": str(tmp_path / "source")})
    predictions = np.stack([np.full((2, 1, 16, 16), value, np.uint8) for value in greys])
    words = ("--data", "frames", "--context", 2)
    assert bench("data", "export", "frames", "--context", 2, "--horizon", 2, "--out", tmp_path / "clips.npz")[0] == 0
    suite = np.load(tmp_path / "clips.npz")["clips"][:, 2:] / 255
    assert decibels(predictions / 255, suite) == pytest.approx(14.9, abs=0.05)  # the suite's order is another
    np.savez(tmp_path / "ordered.npz", prediction=predictions)
    assert "bench data export frames" in refusal(bench, "--predictions", "ordered.npz", *words)
    np.savez(tmp_path / "named.npz", prediction=predictions, names=np.array([f"video_{n}" for n in range(5)]))
    assert psnr(bench, "--predictions", "named.npz", *words) == 100


# 2. which scale?


def test_floats_in_0_to_255_score_38_65_and_are_never_clamped_to_4_91(bench, tmp_path):
    target = np.full((2, 4, 1, 16, 16), 110, np.uint8)
    target.reshape(8, 256)[:, :28] = 111
    prediction = target.astype(np.float32)
    prediction.reshape(8, 256)[:, -142:] += 4
    assert decibels(prediction, target / 255) == pytest.approx(4.91, abs=0.005)
    assert decibels(prediction / 255, target / 255) == pytest.approx(38.65, abs=0.005)
    for kind in (np.float32, np.int64, np.uint16):
        np.savez(tmp_path / "theirs.npz", prediction=prediction.astype(kind), target=target)
        assert "--range prediction=0..255" in refusal(bench, "--predictions", "theirs.npz")
        assert psnr(bench, "--predictions", "theirs.npz", "--range", "0..255") == pytest.approx(38.65, abs=0.005)


def test_masks_of_0_and_1_score_14_91_and_not_63_04(bench, tmp_path):
    target = np.random.default_rng(0).integers(0, 2, (2, 4, 1, 31, 31)).astype(np.uint8)
    prediction = target.copy()
    prediction[..., :1, :] ^= 1
    assert decibels(prediction / 255, target / 255) == pytest.approx(63.04, abs=0.005)
    np.savez(tmp_path / "masks.npz", prediction=prediction, target=target)
    assert "--range 0..1 or --range 0..255" in refusal(bench, "--predictions", "masks.npz")
    assert psnr(bench, "--predictions", "masks.npz", "--range", "0..1") == pytest.approx(14.91, abs=0.005)


def test_a_target_of_1_0000001_is_white(bench, tmp_path):
    target = np.zeros((2, 4, 1, 16, 16))
    target[..., 0] = 1.0000001
    np.savez(tmp_path / "theirs.npz", prediction=np.minimum(target, 1), target=target)
    assert psnr(bench, "--predictions", "theirs.npz") == 100


def test_bright_frames_of_minus_1_to_1_are_never_read_as_0_to_1(bench, tmp_path):
    target = np.random.default_rng(0).integers(160, 256, (2, 4, 1, 16, 16)).astype(np.uint8)
    prediction = np.clip(target + 5 * np.sign(210.0 - target), 0, 255)
    right = decibels(prediction / 255, target / 255)
    for sides, option in (((prediction / 127.5 - 1, target / 127.5 - 1), "-1..1"), ((prediction / 255, target / 255), "0..1")):
        np.savez(tmp_path / "both.npz", prediction=sides[0], target=sides[1])
        assert "--range target=0..1 or --range target=-1..1" in refusal(bench, "--predictions", "both.npz")
        stated = [word for side in ("prediction", "target") for word in ("--range", f"{side}={option}")]
        assert psnr(bench, "--predictions", "both.npz", *stated) == pytest.approx(right, abs=1e-3)
    np.savez(tmp_path / "one.npz", prediction=prediction / 127.5 - 1, target=target)
    assert "fits the targets better as -1..1 than as 0..1" in refusal(bench, "--predictions", "one.npz")
    assert psnr(bench, "--predictions", "one.npz", "--range", "prediction=-1..1") == pytest.approx(right, abs=1e-3)
    np.savez(tmp_path / "unit.npz", prediction=prediction / 255, target=target)
    assert psnr(bench, "--predictions", "unit.npz") == pytest.approx(right, abs=1e-3)


# 3. keeping must not change what is measured


@pytest.mark.parametrize(("protocol", "careless"), [("standard", 78.85), ("predrnn", 64.67)])
def test_identical_frames_that_are_kept_score_100_and_not_as_float16_would(bench, tmp_path, protocol, careless):
    target = np.random.default_rng(0).random((2, 4, 1, 64, 64), np.float32)
    assert decibels(target.astype(np.float16).astype(np.float64), target) == pytest.approx(78.85, abs=2.5)
    if protocol == "predrnn":  # it compares levels of 0 to 255 that are cut off, and float16 may fall below one
        levels = np.floor(target.astype(np.float16).astype(np.float64) * 255) / 255
        assert decibels(levels, np.floor(target.astype(np.float64) * 255) / 255) < 80
    np.savez(tmp_path / "same.npz", prediction=target, target=target)
    for name in ([], ["--name", "kept"]):
        assert psnr(bench, "--predictions", "same.npz", *name, protocol=protocol) == 100 > careless


@pytest.mark.usefixtures("mlflow_ready")
def test_copying_the_last_frame_of_a_still_video_scores_100_and_not_79_38_when_it_is_kept(bench, tmp_path):
    random = np.random.default_rng(0)
    for split, count in (("train", 2), ("val", 1), ("test", 5)):
        for number in range(count):
            frame = random.integers(0, 256, (16, 16)).astype(np.uint8)
            write_clip(tmp_path / "source" / split / f"video_{number}", np.repeat(frame[None], 4, 0))
    prepare("frames", {"source": str(tmp_path / "source")})
    frame = np.float32(random.integers(0, 256, (1, 1, 1, 64, 64)) / 255)
    assert decibels(frame.astype(np.float16).astype(np.float64), frame) == pytest.approx(79.38, abs=3)
    for keep in (True, False):
        (tmp_path / "still.py").write_text(STILL.format(model="copy_last", keep=keep))
        assert bench("run", "still.py", "--executor", "inline")[0] == 0
        table = json.loads(bench("report", "still.py", "--metrics", "psnr", "--format", "json")[1])
        assert table["rows"][0]["cells"][0]["value"] == 100
        files = [path for run in Store(tmp_path / "runs").listing()[0] for path in run.path.glob("scores/*.npz")]
        before = [load(path).values.tobytes() for path in files]
        assert bench("rescore", "still.py")[0] == 0
        assert files and [load(path).values.tobytes() for path in files] == before


# 4. which axis is time?


def test_clips_first_in_a_file_of_moving_mnist_never_scores_17_95(bench, tmp_path):
    from bench.spec import catalog

    digits = catalog.build("datasets", "digits", {})
    clips = np.round(digits.clips("test", 0, 50, 20).numpy()[:, :, 0] * 255).astype(np.uint8)  # [50, 20, 64, 64], clips first
    misread = clips.swapaxes(0, 1)[:, :20]  # "clips" whose "frames" are those of 20 videos
    assert decibels(clips[:20, 10:, None] / 255, misread[:, 10:, None] / 255) < 17.95
    for name in ("preds", "trues"):
        np.save(tmp_path / f"{name}.npy", clips[:, 10:])
    assert "--layout NTHW, --layout TNHW" in refusal(bench, "--predictions", "preds.npy")
    assert psnr(bench, "--predictions", "preds.npy", "--layout", "NTHW") == 100


def test_three_grey_frames_are_not_taken_for_one_of_colour(bench, tmp_path):
    frames = np.random.default_rng(0).integers(0, 256, (4, 3, 1, 16, 16)).astype(np.uint8)
    np.savez(tmp_path / "three.npz", prediction=frames, target=frames)
    assert "--layout NTCHW, --layout NCTHW" in refusal(bench, "--predictions", "three.npz")
    for layout, horizon in (("NTCHW", 3), ("NCTHW", 1)):
        code, out, _ = bench("eval", "--predictions", "three.npz", "--layout", layout, "--json")
        assert code == 0 and json.loads(out)["horizon"] == horizon


# 5. which frame comes first?


def test_curves_of_frames_named_by_decimals_are_not_off_by_21_db(bench, tmp_path):
    random = np.random.default_rng(3)
    target = random.integers(0, 256, (1, 12, 1, 32, 32)).astype(np.uint8)
    prediction = np.clip(target + random.normal(0, 1 + 3 * np.arange(12)[:, None, None, None], target.shape), 0, 255)
    prediction = np.round(prediction).astype(np.uint8)
    names = [f"{t * 0.05:g}" for t in range(12)]
    careless = np.argsort([float(f"0.{int(name.partition('.')[2] or 0):05d}") for name in names], kind="stable")
    with np.errstate(divide="ignore"):
        curve = -10 * np.log10(np.square(prediction / 255 - target / 255).mean((0, 2, 3, 4)))
    assert np.abs(curve[careless] - curve).max() > 10  # 0.5 before 0.05
    for side, frames in (("prediction", prediction), ("target", target)):
        (tmp_path / "theirs" / side / "clip").mkdir(parents=True)
        for name, frame in zip(names, frames[0, :, 0], strict=True):
            Image.fromarray(frame).save(tmp_path / "theirs" / side / "clip" / f"{name}.png")
    code, out, err = bench("eval", "--predictions", "theirs", "--json")
    assert code == 0, err
    assert json.loads(out)["protocols"]["standard"]["psnr"]["per_frame"] == pytest.approx(list(curve), abs=1e-3)
