"""External results: what others trained stands beside our variants, marked, and only where the clips are the same."""

import io
import json
import shutil

import numpy as np
import pytest
import torch
from PIL import Image

from bench.commands._selection import select
from bench.data.clip_names import clip_name
from bench.evaluation.scores import load
from bench.external.results import folder
from bench.metrics.lpips import alexnet_features
from bench.reporting.gallery import pictures
from bench.spec import catalog
from bench.store.store import Store
from tests.conftest import EVALUATION, TINY

DATA = ("--data", "digits", "--set", "data.size=16", "--set", "data.digit=8", "--context", "9")


@pytest.fixture(scope="module")
def clips():
    """The frames that the experiment's models have to predict: [3, 2, 1, 16, 16]."""
    data = TINY.data.build()
    return data.clips("test", 0, 3, 11)[:, 9:].numpy()


@pytest.fixture(scope="module")
def names():
    """The names of these clips."""
    data = TINY.data.build()
    return np.array([clip_name(number, clip) for number, clip in enumerate(data.clips("test", 0, 3, 11).numpy())])


@pytest.fixture
def theirs(clips, names, tmp_path):
    """A tenth off everywhere, in [0, 1]: 20 dB."""
    np.savez(tmp_path / "theirs.npz", prediction=np.where(clips > 0.5, clips - 0.1, clips + 0.1), names=names)
    return tmp_path / "theirs.npz"


def cells(out):
    report = json.loads(out)
    return {row["label"]: row for row in report["rows"]}, [note["text"] for note in report["footnotes"]]


def test_frames_of_another_code_base_stand_beside_our_variants_with_their_source(finished, theirs):
    assert finished("eval", "--predictions", theirs, "--name", "Their model", *DATA)[0] == 0
    rows, notes = cells(finished("report", "mine.py", "--with", "Their model", "--metrics", "psnr", "--format", "json")[1])
    assert list(rows) == ["tiny", "copy", "Their model"]
    assert rows["Their model"]["cells"][0]["text"] == "20.00" and rows["copy"]["cells"][0]["best"]
    assert rows["Their model"]["cells"][0]["p"] is not None  # compared with the best, clip by clip
    marked = next(note for note in notes if "theirs.npz" in note)
    assert marked.startswith("Not trained here: scored from the frames in") and "sha256" in marked


def test_the_only_run_of_an_external_result_is_paired_with_every_seed_of_ours(finished, theirs, tmp_path):
    store = Store(tmp_path / "runs")
    other = store.run(TINY.but(seed=1))
    shutil.copytree(store.run(TINY).path, other.path)  # a second seed, scored otherwise
    (other.path / "spec.json").write_text(json.dumps(TINY.but(seed=1).to_json()))
    path = other.scores_file(EVALUATION.at(TINY).key)
    scores = load(path)
    scores.values[:] += 1
    scores.save(path)
    assert finished("eval", "--predictions", theirs, "--name", "Their model", *DATA)[0] == 0
    words = (
        "--seeds",
        "2",
        "--only",
        "tiny",
        "--with",
        "Their model",
        "--differences",
        "--metrics",
        "psnr",
        "--format",
        "json",
    )
    rows, _ = cells(finished("report", "mine.py", *words)[1])
    difference, own_cell = rows["Their model"]["cells"][0], rows["tiny"]["cells"][0]
    assert difference["seeds"] == 2 and difference["value"] == pytest.approx(20 - own_cell["value"], abs=1e-3)
    assert difference["low"] < difference["value"] < difference["high"]


def test_frames_of_other_clips_are_refused_with_the_command_that_scores_the_right_ones(finished, clips, tmp_path):
    np.savez(tmp_path / "two.npz", prediction=clips[:2], target=clips[:2])
    assert finished("eval", "--predictions", "two.npz", "--name", "two")[0] == 0
    code, _, err = finished("report", "mine.py", "--with", "two")
    assert code == 2 and "'two' was scored on other clips than 'tiny'" in err
    assert "--data digits --set data.size=16 --set data.digit=8 --context 9` scores frames of its 3 clips of 2 frames" in err


def test_targets_that_are_not_the_data_sets_are_refused_and_the_first_one_is_named(finished, clips, tmp_path):
    np.savez(tmp_path / "shifted.npz", prediction=clips, target=np.concatenate([clips[:1], clips[2:], clips[1:2]]))
    code, _, err = finished("eval", "--predictions", "shifted.npz", *DATA)
    assert code == 2 and "the target of clip 1 (counted from 0), frame 1 is not this data set's" in err
    np.savez(tmp_path / "rounded.npz", prediction=clips, target=np.rint(clips * 255).astype(np.uint8))
    assert finished("eval", "--predictions", "rounded.npz", *DATA)[0] == 0


@pytest.mark.parametrize("form", ["npz", "pictures"])
def test_external_results_are_scored_again_from_their_kept_frames_bit_for_bit(finished, clips, names, tmp_path, form):
    from bench.common.images import image, save_png

    frames = np.rint(np.abs(clips - 0.1) * 255).astype(np.uint8)
    np.savez(tmp_path / "theirs.npz", prediction=frames, names=names)
    for n, clip in enumerate(frames):
        for t, frame in enumerate(clip):
            save_png(image(frame / 255), tmp_path / "theirs" / "prediction" / names[n] / f"frame_{t}.png")
    predictions_path = "theirs.npz" if form == "npz" else "theirs"
    assert finished("eval", "--predictions", predictions_path, "--name", "Their model", *DATA)[0] == 0
    shutil.rmtree(tmp_path / "theirs")
    (tmp_path / "theirs.npz").unlink()
    path = next(folder(Store(tmp_path / "runs"), "Their model").glob("*.npz"))
    before = load(path)
    assert before.metadata["guest"]["hash"] == next(path.parent.glob("*.npy")).stem.rpartition("-")[2]
    spoilt = load(path)
    spoilt.values[..., spoilt.names.index("standard/ssim")] = 7
    spoilt.save(path)
    assert "Their model, seed 0: scored again" in finished("rescore", "mine.py", "--with", "Their model")[1]
    assert np.array_equal(load(path).values, before.values, equal_nan=True) and load(path).metadata == before.metadata


def test_a_score_that_takes_the_place_of_another_model_s_says_so(finished, clips, names, tmp_path):
    for name, shift, is_told in (("a", 0.1, False), ("a", 0.1, False), ("b", 0.2, True)):
        np.savez(tmp_path / f"{name}.npz", prediction=np.abs(clips - shift), names=names)
        _, _, err = finished("eval", "--predictions", f"{name}.npz", "--name", "Theirs", *DATA)
        assert ("on these clips from the frames in a.npz" in err) is is_told


def test_who_was_not_trained_to_the_end_is_said_to_be_so_wherever_the_score_is_shown(finished, tmp_path):
    run = Store(tmp_path / "runs").run(TINY)
    early = sorted((run.path / "checkpoints").glob("step-*"))[0]
    words = ("--clips", "3", "--name")
    assert "it is at step 3 of 6" in finished("eval", "--checkpoint", early, *words, "Early")[2]
    assert "trained to its end" not in finished("eval", run.name, *words, "Late")[2]
    out = finished("report", "mine.py", "--with", "Early", "--with", "Late", "--format", "markdown")[1]
    assert ", at step 3 of 6 (sha256" in out and f"Not of this experiment: scored from the run {run.name}." in out
    np.save(tmp_path / "clip.npy", np.zeros((12, 1, 16, 16), np.float32))
    assert "(at step 3 of 6): 1 clip, " in finished("predict", early, "clip.npy")[1]


def test_a_checkpoint_enters_the_table_the_same_way_and_a_second_seed_is_a_second_run(finished, tmp_path):
    run = Store(tmp_path / "runs").run(TINY)
    checkpoint = sorted((run.path / "checkpoints").glob("step-*"))[-1]
    for seed in (0, 1):
        words = ("--checkpoint", checkpoint, "--clips", "3", "--name", "Elsewhere", "--seed", seed)
        assert finished("eval", *words)[0] == 0
    rows, notes = cells(finished("report", "mine.py", "--with", "Elsewhere", "--metrics", "psnr", "--format", "json")[1])
    assert rows["Elsewhere"]["seeds"] == "2"
    assert rows["Elsewhere"]["cells"][0]["value"] == pytest.approx(rows["tiny"]["cells"][0]["value"], abs=1e-3)
    assert any(f"scored from the checkpoint {checkpoint}" in note for note in notes)


@pytest.mark.slow
def test_external_results_are_in_the_strips_beside_our_variants(finished, theirs, tmp_path, pair):
    assert finished("eval", "--predictions", theirs, "--name", "Their model", *DATA)[0] == 0
    heights = []
    for names in ([], ["Their model"]):
        chosen = select(pair, Store(tmp_path / "runs"), ["standard"], None, names, "bench run pair")
        shots = pictures(chosen.planned_runs, chosen.results, "standard/psnr", chosen.external_results)
        heights.append(Image.open(io.BytesIO(shots[0].data)).height)
    assert heights[1] > heights[0] > 0


@pytest.mark.slow
@pytest.mark.usefixtures("mlflow_ready")
def test_lpips_of_external_results_is_filled_in_with_the_experiments(bench, tmp_path):
    sizes = ("--set", "data.size=32", "--set", "data.digit=16")
    report = ("report", "mine.py", "--only", "copy", *sizes, "--with", "Their model", "--format", "json")
    assert bench("run", "mine.py", "--executor", "inline", "--only", "copy", *sizes)[0] == 0
    data = catalog.build("datasets", "digits", {"size": 32, "digit": 16})
    clips = data.clips("test", 0, 3, 11).numpy()
    names = [clip_name(number, clip) for number, clip in enumerate(clips)]
    np.savez(tmp_path / "theirs.npz", prediction=clips[:, 9:] / 2, names=np.array(names))
    assert (
        bench("eval", "--predictions", "theirs.npz", "--name", "Their model", "--data", "digits", *sizes, "--context", 9)[0]
        == 0
    )
    torch.manual_seed(0)
    torch.save({f"features.{name}": value for name, value in alexnet_features().state_dict().items()}, tmp_path / "random.pth")
    assert bench("weights", "add", tmp_path / "random.pth", "--unverified")[0] == 0
    assert bench("rescore", "mine.py", "--only", "copy", *sizes)[0] == 0
    rows, notes = cells(bench(*report)[1])
    assert rows["Their model"]["cells"][2]["value"] is None and any("Seed 0 without LPIPS: " in note for note in notes)
    assert bench("rescore", "mine.py", "--only", "copy", *sizes, "--with", "Their model")[0] == 0
    rows, notes = cells(bench(*report)[1])
    assert rows["Their model"]["cells"][2]["value"] > 0 and any("LPIPS by weights that are not" in note for note in notes)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("report", "mine.py", "--with", "Thier model"), "no scores are kept as 'Thier model': did you mean 'Their model'?"),
        (("report", "mine.py", "--with", "nobody"), "there are Their model"),
        (("report", "mine.py", "--with", "tiny"), "'tiny' is a variant already"),
        (("eval", "--predictions", "theirs.npz"), "has no targets"),
        (("eval", "--predictions", "theirs.npz", "--horizon", "2"), "--horizon does not go with --predictions"),
        (("eval", "--predictions", "theirs.npz", *DATA[:2]), "the test split has 3 of 10 + 2 frames [1, 32, 32]"),
    ],
)  # fmt: skip
def test_external_results_that_are_not_there_or_do_not_fit_are_explained(finished, theirs, words, message):
    assert finished("eval", "--predictions", theirs, "--name", "Their model", *DATA)[0] == 0
    code, _, err = finished(*words)
    assert code == 2 and message in err and "Traceback" not in err
