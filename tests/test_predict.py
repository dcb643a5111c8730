"""`bench predict`: what it writes, what it reads, and what it refuses."""

import json

import numpy as np
import pytest
import torch
from PIL import Image

from bench.common.errors import BenchError
from bench.external import frames, predict
from bench.external.models import Trained
from bench.spec.component import Component


def test_predict_writes_frames_an_animation_and_numbers(finished, tmp_path):
    clip = np.random.default_rng(0).random((12, 1, 16, 16), np.float32)
    np.save(tmp_path / "clip.npy", clip)
    run = json.loads(finished("plan", "mine.py", "--json")[1])[0]["run"]
    code, out, _ = finished("predict", run, "clip.npy", "--out", "frames", "--array", "numbers.npy")
    assert code == 0 and "9 frames seen, 3 predicted" in out
    assert len(list((tmp_path / "frames").glob("predicted_*.png"))) == 3
    (tmp_path / "frames" / "notes.txt").write_text("mine")
    assert finished("predict", run, "clip.npy", "--out", "frames", "--horizon", "2")[0] == 0
    assert sorted(path.name for path in (tmp_path / "frames").iterdir()) == [
        "notes.txt", "predicted_00009.png", "predicted_00010.png", "prediction.gif", "strip.png",
    ]  # fmt: skip
    code, _, err = finished("predict", run, "frames", "--out", "./frames")
    assert code == 2 and "is where the input's frames are" in err
    assert (tmp_path / "frames" / "prediction.gif").exists() and np.load(tmp_path / "numbers.npy").shape == (1, 3, 1, 16, 16)


def test_many_clips_are_predicted_a_few_at_a_time_and_as_one_alone_is(finished, tmp_path):
    clips = np.random.default_rng(0).integers(0, 256, (20, 12, 1, 16, 16), np.uint8)
    np.save(tmp_path / "clips.npy", clips)
    np.save(tmp_path / "last.npy", clips[-1])
    run = json.loads(finished("plan", "mine.py", "--json")[1])[0]["run"]
    code, out, _ = finished("predict", run, "clips.npy", "--array", "all", "--pictures", "1", "--out", "out")
    assert code == 0 and "20 clips, " in out and [path.name for path in (tmp_path / "out").iterdir()] == ["clip_00000"]
    assert finished("predict", run, "last.npy", "--array", "one.npy", "--pictures", "0")[0] == 0
    assert finished("predict", run, "clips.npy", "--pictures", "3", "--out", "out")[0] == 0
    np.save(tmp_path / "two.npy", clips[:2])
    assert finished("predict", run, "two.npy", "--out", "out")[0] == 0
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["clip_00000", "clip_00001"]
    together, alone = np.load(tmp_path / "all.npy"), np.load(tmp_path / "one.npy")
    assert together.shape == (20, 3, 1, 16, 16) and together.dtype == np.float32
    np.testing.assert_allclose(together[-1:], alone, atol=1e-5)


def test_predict_reads_any_layout_and_range_that_is_said(finished, tmp_path):
    clip = np.random.default_rng(0).integers(0, 256, (12, 1, 16, 16), np.uint8)
    np.save(tmp_path / "clip.npy", clip)
    np.save(tmp_path / "other.npy", clip.transpose(2, 3, 0, 1)[..., 0].astype(np.int64))
    run = json.loads(finished("plan", "mine.py", "--json")[1])[0]["run"]
    words = ("--array", "numbers.npy", "--pictures", "0")
    assert finished("predict", run, "clip.npy", *words)[0] == 0
    plain_frames = np.load(tmp_path / "numbers.npy")
    words = ("--array", "others.npy", "--pictures", "0")
    assert finished("predict", run, "other.npy", "--layout", "HWT", "--range", "0..255", *words)[0] == 0
    assert np.array_equal(np.load(tmp_path / "others.npy"), plain_frames)


def test_predictions_never_replace_the_input_or_an_earlier_array(finished, tmp_path):
    run, clip = json.loads(finished("plan", "mine.py", "--json")[1])[0]["run"], np.zeros((12, 1, 16, 16), np.float32)
    np.save(tmp_path / "clip.npy", clip)
    (tmp_path / "same.npy").symlink_to("clip.npy")
    (tmp_path / "hard.npy").hardlink_to(tmp_path / "clip.npy")
    (tmp_path / "nowhere.npy").symlink_to("gone")
    for name in ("clip.npy", "clip", "same.npy", "hard.npy"):
        code, _, err = finished("predict", run, "clip.npy", "--array", name)
        assert code == 2 and "is the input, which the predictions would replace; choose another name" in err
    assert finished("predict", run, "clip.npy", "--array", "numbers", "--pictures", "0")[0] == 0
    for name in ("numbers", "nowhere"):
        code, _, err = finished("predict", run, "clip.npy", "--array", name)
        assert code == 2 and f"--array {name}.npy is there already; choose another name, or remove it" in err
    assert np.array_equal(np.load(tmp_path / "clip.npy"), clip) and not (tmp_path / "predictions").exists()


def test_predictions_never_replace_the_pictures_that_they_are_made_of(finished, tmp_path):
    run = json.loads(finished("plan", "mine.py", "--json")[1])[0]["run"]
    np.save(tmp_path / "clips.npy", np.random.default_rng(0).integers(0, 256, (2, 12, 1, 16, 16), np.uint8))
    assert finished("predict", run, "clips.npy", "--out", "out")[0] == 0
    contents = {path: path.read_bytes() for path in sorted((tmp_path / "out").rglob("*.*"))}
    for source, out in (("out/clip_00001", "out"), ("out/clip_00001/prediction.gif", "out/clip_00001")):
        code, _, err = finished("predict", run, source, "--out", out, "--context", "1")
        assert code == 2 and "is where the input's frames are" in err
    assert {path: path.read_bytes() for path in sorted((tmp_path / "out").rglob("*.*"))} == contents


def test_predict_says_which_frames_are_not_finite_paints_them_and_fails_where_none_is_left(finished, tmp_path, monkeypatch):
    run = json.loads(finished("plan", "mine.py", "--json")[1])[0]["run"]
    np.save(tmp_path / "clips.npy", np.random.default_rng(0).integers(0, 256, (3, 12, 1, 16, 16), np.uint8))
    predicted = predict.predict

    def diverging(*args, **options):
        for clips, predictions in predicted(*args, **options):
            predictions[1:, 1:3, 0, :4] = np.nan
            predictions[1:, 1:3, 0, 4:8] = np.inf
            yield clips, predictions

    monkeypatch.setattr(predict, "predict", diverging)
    code, _, err = finished("predict", run, "clips.npy", "--out", "out")
    assert code == 0 and "warning: not finite: 4 of 9 predicted frames, in 2 of 3 clips" in err
    shown = [Image.open(tmp_path / "out" / "clip_00001" / f"predicted_{number:05d}.png") for number in (9, 10)]
    assert shown[0].mode == "L" and set(shown[1].crop((0, 0, 16, 8)).get_flattened_data()) == {(255, 0, 255)}
    assert (255, 0, 255) in set(Image.open(tmp_path / "out" / "clip_00001" / "strip.png").get_flattened_data())
    np.save(tmp_path / "one.npy", np.zeros((1, 12, 1, 16, 16), np.uint8))
    monkeypatch.setattr(
        predict, "predict", lambda *args, **_: iter([(args[1][0:1], np.full((1, 3, 1, 16, 16), np.nan, np.float32))])
    )
    code, _, err = finished("predict", run, "one.npy", "--out", "none")
    assert code == 1 and "not finite: 3 of 3 predicted frames, in 1 of 1 clip" in err


def test_predict_says_that_colour_is_made_grey(finished, tmp_path):
    run = json.loads(finished("plan", "mine.py", "--json")[1])[0]["run"]
    clip = np.random.default_rng(0).integers(0, 256, (12, 3, 16, 16), np.uint8)
    np.save(tmp_path / "colour.npy", clip)
    code, _, err = finished("predict", run, "colour.npy")
    assert code == 0 and f"note: colour is made grey (ITU-R 601 luma), since {run} has 1 channel" in err
    as_prepared = np.stack([np.asarray(Image.fromarray(frame).convert("L")) for frame in clip.transpose(0, 2, 3, 1)])
    predicted_from = frames.fitted(clip[None].astype(np.float32) / 255, 1)[0, :, 0]
    assert np.abs(predicted_from * 255 - as_prepared).max() < 0.5001  # not rounded, but of the same weights
    np.save(tmp_path / "grey.npy", clip[:, :1])
    assert "note: " not in finished("predict", run, "grey.npy")[2]
    assert frames.read(tmp_path / "grey.npy").channel_notes(3, "mine") == [
        "note: grey is repeated in three channels, since mine has 3 channels"
    ]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["nonsense", "clip.npy"], "there is no run 'nonsense'"),
        (["tiny.txt", "clip.npy"], "tiny.txt is no checkpoint of weights alone"),
        (["tiny.txt", "clip.npy", "--model", "lmc"], "is no checkpoint"),
        (["tiny.txt", "clip.npy", "--model", "lcm"], "there is no model 'lcm': did you mean 'lmc'?"),
        (["tiny.txt", "tiny.txt"], "is no folder of frames, no video"),
        (["tiny.txt", "clip.npy", "--pictures", "0"], "nothing to write"),
        (["tiny.txt", "clips.npy"], "does not tell clips from time; say it: --layout NTHW, --layout TNHW"),
        (["tiny.txt", "clip.npy", "--layout", "THW"], "has 4 axes [12, 1, 16, 16], and --layout THW names 3"),
        (["tiny.txt", "gt_and_pd"], "gt1.png and pd1.png do not say which frame comes first"),
        (["tiny.txt", "text.npy"], "text.npy is no NumPy array: it does not begin as .npy files do"),
        (["tiny.txt", "cut.npy"], "cut.npy cannot be read as an array: EOF"),
        (["tiny.txt", "none.npy"], "none.npy is empty: [0, 12, 1, 16, 16]; give clips with frames and pixels in them"),
        (["tiny.txt", "flat.npy"], "flat.npy is empty: [12, 1, 0, 16]"),
        (["tiny.txt", "clip.npy", "--out", "tiny.txt"], "--out tiny.txt: tiny.txt is no folder, and the predictions go into"),
        (["tiny.txt", "clip.npy", "--array", "."], "--array . is a folder; name a file"),
        (["tiny.txt", "clip.npy", "--array", "tiny.txt/a.npy"], "--array tiny.txt: tiny.txt is no folder"),
        (["tiny.txt", "bad.npy"], "must be [T, C, H, W] or [B, T, C, H, W]"),
        (
            ["tiny.txt", "bright.npy"],
            "holds float32 from 0 to 2, which is not 0..1; say what is black and white, such as --range 0..255",
        ),
    ],
)
def test_predicting_from_what_is_no_model_or_no_clip_is_refused_in_words(bench, tmp_path, words, message):
    np.save(tmp_path / "clip.npy", np.zeros((12, 1, 16, 16), np.float32))
    np.save(tmp_path / "bad.npy", np.zeros((12, 7), np.float32))
    np.save(tmp_path / "bright.npy", np.linspace(0, 2, 12 * 256, dtype=np.float32).reshape(12, 1, 16, 16))
    np.save(tmp_path / "clips.npy", np.zeros((5, 12, 16, 16), np.float32))
    (tmp_path / "gt_and_pd").mkdir()
    for name in ("gt1", "pd1"):
        Image.fromarray(np.zeros((16, 16), np.uint8)).save(tmp_path / "gt_and_pd" / f"{name}.png")
    (tmp_path / "tiny.txt").write_text("not weights")
    (tmp_path / "text.npy").write_text("hello")
    (tmp_path / "cut.npy").write_bytes((tmp_path / "clip.npy").read_bytes()[:40])
    np.save(tmp_path / "none.npy", np.zeros((0, 12, 1, 16, 16), np.float32))
    np.save(tmp_path / "flat.npy", np.zeros((12, 1, 0, 16), np.float32))
    code, _, err = bench("predict", *words)
    assert code == 2 and message in err and "Traceback" not in err and err.count("cannot be read") < 2


def test_predict_on_frames_unlike_those_of_the_training_says_so_or_what_it_takes(finished, store, tmp_path):
    run = next(run for run in store.runs() if run.name.startswith("lmc-"))
    np.save(tmp_path / "large.npy", np.zeros((12, 1, 32, 32), np.float32))
    np.save(tmp_path / "same.npy", np.zeros((12, 1, 16, 16), np.float32))
    code, _, err = finished("predict", run.name, tmp_path / "large.npy")
    assert code == 0 and "was trained on 16x16 frames, these are 32x32" in err
    assert "was trained on" not in finished("predict", run.name, tmp_path / "same.npy")[2]
    (tmp_path / "videos" / "one").mkdir(parents=True)
    (tmp_path / "videos" / "two").mkdir()
    code, _, err = finished("predict", run.name, tmp_path / "videos")
    assert code == 2 and f"name one of its 2, such as {tmp_path / 'videos' / 'one'}" in err


def test_a_model_that_takes_the_context_or_the_frames_of_its_training_alone_says_which():
    built = Component("simvp", spatial=8, temporal=16, temporal_layers=2, ratio=4)
    weights = built.checked("models").build(shape=(1, 16, 16), context=8, horizon=2).state_dict()
    trained = Trained("mine", built, weights, context=8, horizon=2, trained_size=(16, 16))
    trained.build((1, 16, 16), torch.device("cpu"))
    with pytest.raises(BenchError, match=r"mine takes 8 context frames, as in training, not 4"):
        trained.build((1, 16, 16), torch.device("cpu"), 4)
