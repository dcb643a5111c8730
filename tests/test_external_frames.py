"""Frames that other code bases wrote are scored rightly or refused: whose clip, which range, which axis, in what order."""

import json

import numpy as np
import pytest
from PIL import Image
from skimage.metrics import peak_signal_noise_ratio

from bench.data.preparing.prepare import prepare
from tests.external_samples import psnr, refusal, write_clip

GREYS = (40, 90, 130, 180, 230)


@pytest.fixture
def greys(tmp_path):
    """A set of five test videos of one grey each, prepared as `frames`; its clips are in an order of their own."""
    source = tmp_path / "source"
    for split, values in (("train", (10, 20)), ("val", (30,)), ("test", GREYS)):
        for number, value in enumerate(values):
            write_clip(source / split / f"video_{number}", np.full((4, 16, 16), value, np.uint8))
    prepare("frames", {"source": str(source)})
    return source


@pytest.fixture
def pair():
    """Random targets [3, 4, 1, 16, 16] uint8, predictions near them, and the PSNR of these."""
    random = np.random.default_rng(0)
    target = random.integers(0, 256, (3, 4, 1, 16, 16)).astype(np.uint8)
    prediction = np.clip(target + random.integers(-9, 10, target.shape), 0, 255).astype(np.uint8)
    flat = zip(target.reshape(-1, 16, 16), prediction.reshape(-1, 16, 16), strict=True)
    return prediction, target, np.mean([peak_signal_noise_ratio(*both) for both in flat])


# whose clip is it?


def test_predictions_named_as_the_videos_are_find_their_clips_whatever_their_order(bench, greys, tmp_path):
    for number, value in enumerate(GREYS):
        write_clip(tmp_path / "theirs" / f"video_{number}", np.full((2, 16, 16), value, np.uint8))
    words = ("--predictions", tmp_path / "theirs", "--data", "frames", "--context", 2)
    assert psnr(bench, *words) == 100
    names = np.array([f"video_{number}" for number in reversed(range(5))])
    frames = np.stack([np.full((2, 1, 16, 16), value, np.uint8) for value in reversed(GREYS)])
    np.savez(tmp_path / "theirs.npz", prediction=frames, names=names)
    assert psnr(bench, "--predictions", tmp_path / "theirs.npz", *words[2:]) == 100


def test_predictions_in_the_order_of_files_are_refused_with_the_command_that_names_clips(bench, greys, tmp_path):
    frames = np.stack([np.full((2, 1, 16, 16), value, np.uint8) for value in GREYS])
    np.savez(tmp_path / "theirs.npz", prediction=frames)
    err = refusal(bench, "--predictions", "theirs.npz", "--data", "frames", "--context", 2)
    assert "`bench data export frames --context 2 --horizon 2 --clips 5 --out clips`" in err
    for number, value in enumerate(GREYS):
        write_clip(tmp_path / "theirs" / f"clip_{number}", np.full((2, 16, 16), value, np.uint8))
    assert "bench data export frames" in refusal(bench, "--predictions", "theirs", "--data", "frames", "--context", 2)
    np.savez(tmp_path / "ordered.npz", prediction=frames, target=frames)
    assert "is not this data set's" in refusal(bench, "--predictions", "ordered.npz", "--data", "frames", "--context", 2)


@pytest.mark.parametrize("form", ["folder", "npz"])
def test_exported_clips_carry_names_and_a_manifest_by_which_predictions_come_back(bench, greys, tmp_path, form):
    out = tmp_path / ("clips.npz" if form == "npz" else "clips")
    code, output, _ = bench("data", "export", "frames", "--context", 2, "--horizon", 2, "--out", out)
    assert code == 0 and "5 clips of 2 + 2 frames of the test split, in the suite's order" in output
    if form == "npz":
        exported = np.load(out)
        shuffled = np.random.default_rng(0).permutation(5)
        theirs = {
            "prediction": exported["clips"][shuffled, 2:],
            "names": exported["names"][shuffled],
            "manifest": exported["manifest"],
        }
        np.savez(tmp_path / "theirs.npz", **theirs)
    else:
        for clip in out.glob("*-*"):
            for frame in sorted(clip.iterdir())[:2]:
                frame.unlink()
        out.rename(tmp_path / "theirs")
    theirs = tmp_path / ("theirs.npz" if form == "npz" else "theirs")
    assert psnr(bench, "--predictions", theirs) == 100
    assert psnr(bench, "--predictions", theirs, "--data", "frames", "--context", 2) == 100
    err = refusal(bench, "--predictions", theirs, "--data", "frames", "--context", 1)
    assert "has no clip 00000-" in err and "bench data export" in err  # cut at another length, these are other clips


def test_a_manifest_of_other_videos_is_refused(bench, greys, tmp_path):
    bench("data", "export", "frames", "--context", 2, "--horizon", 2, "--out", tmp_path / "clips")
    for frame in (tmp_path / "clips").glob("*/frame_0000[01].png"):
        frame.unlink()
    text = (tmp_path / "clips" / "manifest.json").read_text()
    manifest = json.loads(text)
    for change, message in (
        ({"fingerprint": "other"}, "other videos, or prepared otherwise"),
        ({"data": "os:system"}, "is no manifest"),
        ({"context": "2"}, "is no manifest"),
    ):
        (tmp_path / "clips" / "manifest.json").write_text(json.dumps({**manifest, **change}))
        assert message in refusal(bench, "--predictions", "clips")
    (tmp_path / "clips" / "manifest.json").write_text("[" * 100_000)
    assert "is no manifest" in refusal(bench, "--predictions", "clips")


def test_an_export_overwrites_nothing_and_says_which_videos_are_too_short(bench, greys, tmp_path):
    write_clip(greys / "test" / "video_9", np.zeros((2, 16, 16), np.uint8))
    prepare("frames", {"source": str(greys), "name": "short"})
    words = ("data", "export", "frames", "--set", "name=short", "--context", 2, "--horizon", 2, "--out", "clips")
    assert "1 of 6 videos of the test split is shorter than 4 frames" in bench(*words)[1]
    code, _, err = bench(*words)
    assert code == 2 and "is there already" in err
    code, _, err = bench("data", "export", "digits", "--out", "digits")
    assert code == 2 and "--clips 1000" in err


# which range?


@pytest.mark.parametrize(
    ("convert", "option"),
    [
        (lambda frames: frames.astype(np.float32), "0..255"),
        (lambda frames: frames.astype(np.int64), "0..255"),
        (lambda frames: frames.astype(np.uint16) * 257, "0..65535"),
        (lambda frames: frames.astype(np.float32) / 127.5 - 1, "-1..1"),
        (lambda frames: frames.astype(np.float64) / 255, None),
    ],
)
def test_predictions_in_another_range_than_the_targets_are_scored_once_the_range_is_said(
    bench, pair, tmp_path, convert, option
):
    prediction, target, right = pair
    np.savez(tmp_path / "theirs.npz", prediction=convert(prediction), target=target)
    words = ("--predictions", "theirs.npz")
    if option:
        assert f"--range prediction={option}" in refusal(bench, *words)
        words += ("--range", option)
    assert psnr(bench, *words) == pytest.approx(right, abs=1e-4)
    np.savez(tmp_path / "theirs.npz", prediction=convert(prediction), target=convert(target))
    assert psnr(bench, *words) == pytest.approx(right, abs=1e-4)


def test_masks_of_0_and_1_are_refused_until_their_range_is_said(bench, tmp_path):
    target = np.random.default_rng(0).integers(0, 2, (3, 4, 1, 16, 16)).astype(np.uint8)
    prediction = target.copy()
    prediction[:, :, :, :2] ^= 1
    np.savez(tmp_path / "masks.npz", prediction=prediction, target=target)
    assert "--range 0..1 or --range 0..255" in refusal(bench, "--predictions", "masks.npz")
    expected = 10 * np.log10(1 / (prediction != target).mean())
    assert psnr(bench, "--predictions", "masks.npz", "--range", "0..1") == pytest.approx(expected, abs=1e-4)
    np.savez(tmp_path / "masks.npz", prediction=prediction.astype(bool), target=target.astype(bool))
    assert psnr(bench, "--predictions", "masks.npz") == pytest.approx(expected, abs=1e-4)


def test_rounding_beyond_the_range_is_no_error(bench, pair, tmp_path):
    prediction, target, right = pair
    np.savez(tmp_path / "theirs.npz", prediction=prediction / 255, target=np.float32(target / 255) + np.float32(1e-7))
    assert psnr(bench, "--predictions", "theirs.npz") == pytest.approx(right, abs=1e-3)


def test_raw_output_that_leaves_0_to_1_is_scored_with_a_warning_unless_another_range_fits_better(bench, pair, tmp_path):
    prediction, target, _ = pair
    np.savez(tmp_path / "raw.npz", prediction=prediction / 250 - 0.01, target=target)
    code, out, err = bench("eval", "--predictions", "raw.npz", "--json")
    assert code == 0 and err.startswith("warning: ") and "taken for raw output in 0..1" in err and json.loads(out)
    np.savez(tmp_path / "raw.npz", prediction=np.full(target.shape, -0.1), target=np.full_like(target, 115))
    assert "fits the targets better as -1..1" in refusal(bench, "--predictions", "raw.npz")
    assert psnr(bench, "--predictions", "raw.npz", "--range", "prediction=-1..1") > 50


def test_pictures_of_16_bits_and_masks_need_their_range_and_other_formats_are_read(bench, pair, tmp_path):
    prediction, target, right = pair
    for side, frames in (("prediction", prediction), ("target", target)):
        for n, clip in enumerate(frames[:, :, 0]):
            write_clip(tmp_path / "deep" / side / f"c{n}", clip.astype(np.uint16) * 257, "{}.png")
            write_clip(tmp_path / "webp" / side / f"c{n}", clip, "{}.tiff")
    assert "--range 0..65535" in refusal(bench, "--predictions", "deep")
    assert psnr(bench, "--predictions", "deep", "--range", "0..65535") == pytest.approx(right, abs=1e-4)
    for path in (tmp_path / "webp").rglob("*.tiff"):
        Image.open(path).save(path.with_suffix(".webp"), lossless=True)
        path.unlink()
    assert psnr(bench, "--predictions", "webp") == pytest.approx(right, abs=1e-4)  # lossless WEBP is saved in colour


# which axis is time?


@pytest.mark.parametrize("layout", ["NTHW", "TNHW", "NTHWC", "TNCHW", "NTCHW"])
def test_a_layout_that_the_shape_does_not_tell_is_refused_until_it_is_said(bench, pair, tmp_path, layout):
    prediction, target, right = pair
    order = ["NTCHW".index(letter) for letter in layout]

    def stored(frames):
        return frames.transpose([*order, *({0, 1, 2, 3, 4} - set(order))]).reshape([frames.shape[axis] for axis in order])

    np.savez(tmp_path / "theirs.npz", prediction=stored(prediction), target=stored(target))
    if len(layout) == 4:
        assert "--layout NTHW, --layout TNHW" in refusal(bench, "--predictions", "theirs.npz")
    code, out, _ = bench("eval", "--predictions", "theirs.npz", "--layout", layout, "--json")
    assert code == 0 and (json.loads(out)["clips"], json.loads(out)["horizon"]) == (3, 4)
    assert json.loads(out)["protocols"]["standard"]["psnr"]["mean"] == pytest.approx(right, abs=1e-4)


# which frame comes first?


@pytest.mark.parametrize(
    ("predicted", "true"),
    [
        ("pd{}.png", "gt{}.png"),  # PredRNN
        ("pred_{}.png", "gt_{}.png"),
        ("predicted_{:05d}.png", "target_{:05d}.png"),
    ],
)
def test_folders_that_hold_predicted_beside_true_frames_are_understood(bench, pair, tmp_path, predicted, true):
    prediction, target, right = pair
    for n in range(3):
        folder = tmp_path / "results" / str(n + 1)
        write_clip(folder, np.zeros((8, 16, 16), np.uint8), "input_{}.png")
        for t in range(4):
            Image.fromarray(target[n, t, 0]).save(folder / true.format(t + 9))
            Image.fromarray(prediction[n, t, 0]).save(folder / predicted.format(t + 9))
            Image.fromarray(target[n, t, 0] // 2).save(folder / true.format(t + 5))  # the context, which is not predicted
    assert psnr(bench, "--predictions", "results") == pytest.approx(right, abs=1e-4)
    (tmp_path / "results" / "2" / "cover.png").write_bytes((tmp_path / "results" / "2" / true.format(9)).read_bytes())
    assert "cover.png is named neither as predicted nor as true" in refusal(bench, "--predictions", "results")


def test_openstl_s_files_are_understood(bench, pair, tmp_path):
    prediction, target, right = pair
    saved = tmp_path / "saved"
    saved.mkdir()
    for name, frames in (("preds", prediction), ("trues", target), ("inputs", target)):
        np.save(saved / f"{name}.npy", frames.astype(np.float32) / 255)
    for path in (saved, saved / "preds.npy"):
        assert psnr(bench, "--predictions", path) == pytest.approx(right, abs=1e-4)
    (saved / "trues.npy").unlink()
    assert "has no targets beside it" in refusal(bench, "--predictions", saved)


# grey


def test_grey_saved_as_colour_is_scored_with_grey(bench, pair, greys, tmp_path):
    prediction, target, right = pair
    np.savez(tmp_path / "theirs.npz", prediction=prediction.repeat(3, 2), target=target)
    assert "--grey makes both grey" in refusal(bench, "--predictions", "theirs.npz")
    assert psnr(bench, "--predictions", "theirs.npz", "--grey") == pytest.approx(right, abs=1e-4)


# keeping


@pytest.mark.parametrize("protocol", ["standard", "predrnn", "openstl"])
def test_keeping_predictions_does_not_change_their_scores(bench, pair, tmp_path, protocol):
    target = pair[1]
    np.savez(tmp_path / "same.npz", prediction=target / 255, target=target / 255)
    assert psnr(bench, "--predictions", "same.npz", protocol=protocol) == 100
    assert psnr(bench, "--predictions", "same.npz", "--name", "kept", protocol=protocol) == 100
    nearly = target / 255 + np.random.default_rng(0).normal(0, 2e-5, target.shape)
    np.savez(tmp_path / "nearly.npz", prediction=nearly, target=target / 255)
    scores = [psnr(bench, "--predictions", "nearly.npz", *name, protocol=protocol) for name in ([], ["--name", "kept"])]
    assert scores[0] == scores[1] and (protocol == "predrnn" or 90 < scores[0] < 100)


# not a number


def test_what_has_no_mean_says_why_in_text_and_json(bench, pair, tmp_path):
    prediction, target, _ = pair
    spoilt = prediction.astype(np.float32) / 255
    spoilt[1, 2, 0, 3, 3] = np.nan
    np.savez(tmp_path / "spoilt.npz", prediction=spoilt, target=target)
    protocols = json.loads(bench("eval", "--predictions", "spoilt.npz", "--json")[1])["protocols"]
    assert set(protocols) == {"standard", "lmc2021", "openstl", "predrnn"}
    for metrics in protocols.values():
        assert (
            metrics["psnr"]["mean"] is None
            and "not finite: 1 of 3 clips, the first is clip 1, counted from 0" in metrics["psnr"]["reason"]
        )
        assert metrics["psnr"]["per_frame"][2] is None and metrics["psnr"]["per_frame"][0] > 0
    assert "not finite: 1 of 3 clips, the first is clip 1, counted from 0" in bench("eval", "--predictions", "spoilt.npz")[1]


@pytest.mark.parametrize("number", [np.inf, -np.inf])
def test_an_infinite_prediction_counts_as_nan_under_every_protocol_and_never_as_white_or_black(bench, pair, tmp_path, number):
    prediction, target, _ = pair
    tables = []
    for lost in (np.nan, number):
        spoilt = prediction.astype(np.float32) / 255
        spoilt[1][spoilt[1] > 0.9] = lost
        np.savez(tmp_path / "spoilt.npz", prediction=spoilt, target=target)
        tables.append(json.loads(bench("eval", "--predictions", "spoilt.npz", "--json")[1])["protocols"])
    assert tables[0] == tables[1]
    for metrics in tables[1].values():
        for metric in set(metrics) - {"lpips"}:
            assert metrics[metric]["mean"] is None and "not finite: 1 of 3 clips" in metrics[metric]["reason"]
