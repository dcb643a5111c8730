"""eval, rescore and weights: scores of anything, made again without training, the same as before."""

import json
import re
import shutil
import zipfile

import numpy as np
import pytest
import torch

from bench.evaluation import evaluate
from bench.evaluation.scores import DamagedScores, Scores, load, read_header, verify
from bench.metrics.lpips import alexnet_features
from bench.spec import catalog
from bench.spec.experiment import Evaluation
from bench.store.store import Store
from tests.conftest import EVALUATION, TINY
from tests.test_check import CLAIMING


@pytest.fixture
def run(tmp_path):
    return Store(tmp_path / "runs").run(TINY)


def _scores(run):
    return load(run.scores_file(EVALUATION.at(TINY).key))


def test_rescoring_kept_predictions_gives_the_same_numbers_bit_for_bit(finished, run):
    before = _scores(run)
    run.scores_file(EVALUATION.at(TINY).key).unlink()
    shutil.rmtree(run.path / "checkpoints")
    code, out, _ = finished("rescore", "mine.py", "--only", "tiny")
    assert code == 0 and "scored again from kept predictions" in out
    assert np.array_equal(_scores(run).values, before.values, equal_nan=True)


def test_without_kept_predictions_the_checkpoint_is_run_again(finished, run):
    before = _scores(run)
    run.predictions_file(EVALUATION.at(TINY).key).unlink()
    code, out, _ = finished("rescore", "mine.py", "--only", "tiny")
    assert code == 0 and "scored again from its checkpoint" in out
    assert np.allclose(_scores(run)["standard/psnr"], before["standard/psnr"], atol=1e-3)


def test_a_gpu_s_convolutions_are_in_full_float32_for_scores_and_as_before_for_the_model(monkeypatch):
    precisions = []

    def noting(name, result):
        def note(*of_call, **more):
            precisions.append((name, torch.backends.cudnn.conv.fp32_precision))
            return result(*of_call, **more)

        return note

    clips = torch.rand(1, 2, 1, 16, 16)
    pairs = (noting("model", lambda: (clips, clips))() for _ in range(2))
    monkeypatch.setattr(evaluate, "score", noting("frames", evaluate.score))
    monkeypatch.setattr(evaluate.SetScorer, "add", noting("sets", evaluate.SetScorer.add))
    default = torch.backends.cudnn.conv.fp32_precision
    evaluate.scored(pairs, 2, {}, torch.device("cpu"))
    assert default == "tf32" and precisions == [("model", "tf32"), ("frames", "ieee"), ("sets", "ieee")] * 2
    assert torch.backends.cudnn.conv.fp32_precision == "tf32"


def test_rescoring_one_protocol_leaves_the_others_alone(finished, run):
    marked = _scores(run)
    marked.values[:] = 7
    marked.save(run.scores_file(EVALUATION.at(TINY).key))
    assert finished("rescore", "mine.py", "--only", "tiny", "--protocol", "openstl")[0] == 0
    assert (_scores(run)["standard/psnr"] == 7).all() and not (_scores(run)["openstl/psnr"] == 7).any()


def test_lpips_is_filled_in_once_its_backbone_is_there_and_the_table_says_which(bench, tmp_path):
    sizes = ["--set", "data.size=32", "--set", "data.digit=16"]
    assert bench("run", "mine.py", "--executor", "inline", "--only", "copy", *sizes)[0] == 0
    table = ("report", "mine.py", "--only", "copy", *sizes, "--format", "markdown")
    assert "LPIPS is empty: this machine has no weights of AlexNet" in bench(*table)[1]
    torch.manual_seed(0)
    layers = alexnet_features().state_dict()
    torch.save({f"features.{name}": tensor for name, tensor in layers.items()}, tmp_path / "random.pth")
    code, _, err = bench("weights", "add", tmp_path / "random.pth")
    assert code == 2 and "random.pth" in err
    assert bench("weights", "add", tmp_path / "random.pth", "--unverified")[0] == 0
    assert bench("weights", "status")[0] == 0
    assert bench("rescore", "mine.py", "--only", "copy", *sizes)[0] == 0
    out = bench(*table)[1]
    assert "LPIPS is empty" not in out and "LPIPS by weights that are not the published AlexNet (sha256" in out


def test_any_horizon_can_be_scored(finished, run):
    output = json.loads(finished("eval", run.name, "--horizon", "5", "--clips", "3", "--json")[1])
    assert (output["clips"], output["horizon"]) == (3, 5)
    assert set(output["protocols"]) == {"standard", "lmc2021", "openstl", "predrnn"}
    psnr = output["protocols"]["standard"]["psnr"]
    assert len(psnr["per_frame"]) == 5 and psnr["mean"] == pytest.approx(np.mean(psnr["per_frame"]))


@pytest.mark.usefixtures("mlflow_ready")
def test_a_run_is_scored_and_predicts_in_the_precision_that_it_was_trained_in(bench, tmp_path):
    assert bench("run", "mine.py", "--executor", "inline", "--only", "tiny", "--set", "precision=bf16")[0] == 0
    (run,) = (run for run in Store(tmp_path / "runs").runs() if run.spec.precision == "bf16")
    output = json.loads(bench("eval", run.name, "--clips", "3", "--json")[1])
    assert output["protocols"]["standard"]["psnr"]["mean"] == _scores(run).means()["standard/psnr"]
    data = run.spec.data.build()
    np.save(tmp_path / "clips.npy", data.clips("test", 0, 3, 11).numpy())
    assert bench("predict", run.name, "clips.npy", "--pictures", "0", "--array", "predicted.npy")[0] == 0
    stored_predictions = np.load(run.predictions_file(EVALUATION.at(run.spec).key))
    assert np.array_equal(np.load("predicted.npy"), stored_predictions.astype(np.float32))


def test_a_checkpoint_of_the_authors_is_scored_by_its_file_alone(finished, tmp_path, run):
    state = torch.load(sorted((run.path / "checkpoints").glob("step-*"))[-1], weights_only=True)["model"]
    torch.save({f"module.{name}": tensor for name, tensor in state.items()}, tmp_path / "theirs.pth")
    data = ["--data", "digits", "--set", "data.size=16", "--set", "data.digit=8"]
    words = [*data, "--context", "9", "--horizon", "2", "--clips", "3", "--json"]
    theirs = json.loads(finished("eval", "--checkpoint", tmp_path / "theirs.pth", "--model", "lmc", *words)[1])
    ours = _scores(run).means()
    assert theirs["protocols"]["standard"]["psnr"]["mean"] == pytest.approx(ours["standard/psnr"], abs=1e-3)
    code, _, err = finished("eval", "--checkpoint", tmp_path / "theirs.pth", "--model", "lmc", "--set", "model.slots=7", *words)
    assert code == 2 and "is LMC-Memory with slots=5, not 7" in err


def test_frames_of_another_code_base_are_scored_as_arrays_and_as_pictures(bench, tmp_path):
    from bench.common.images import image, save_png

    target = np.random.default_rng(0).integers(0, 256, (2, 4, 1, 16, 16)).astype(np.uint8)
    prediction = np.clip(target.astype(int) + 10, 0, 255).astype(np.uint8)
    np.savez(tmp_path / "frames.npz", prediction=prediction / 255, target=target / 255)
    for name, clips in (("prediction", prediction), ("target", target)):
        for n, clip in enumerate(clips):
            for t, frame in enumerate(clip):
                save_png(image(frame / 255), tmp_path / "theirs" / name / f"clip_{n}" / f"frame_{t}.png")
    arrays = json.loads(bench("eval", "--predictions", tmp_path / "frames.npz", "--json")[1])
    pictures = json.loads(bench("eval", "--predictions", tmp_path / "theirs", "--json")[1])
    psnr = 10 * np.log10(255**2 / ((prediction.astype(float) - target) ** 2).mean((2, 3, 4))).mean()
    assert arrays["protocols"]["predrnn"]["psnr"]["mean"] == pytest.approx(psnr, abs=1e-4)
    ssim = [result["protocols"]["standard"]["ssim"]["mean"] for result in (arrays, pictures)]
    assert ssim[0] == pytest.approx(ssim[1], abs=1e-5)


def test_a_mean_that_is_missing_is_explained(bench, tmp_path):
    frames = np.zeros((3, 2, 1, 16, 16), np.float32)
    spoilt = frames.copy()
    spoilt[1, 1, 0, 3, 3] = np.nan
    np.savez(tmp_path / "frames.npz", prediction=spoilt, target=frames)
    code, out, _ = bench("eval", "--predictions", "frames.npz")
    assert code == 0 and "not finite: 1 of 3 clips" in out


def test_clips_and_frames_whose_names_agree_in_part_are_not_paired_by_their_order(bench, tmp_path):
    from bench.common.images import image, save_png

    folder = tmp_path / "theirs"
    for side in ("prediction", "target"):
        for path in (f"{side}/a/0.png", f"{side}/a/1.png", f"{side}/b/0.png", f"{side}/b/1.png"):
            save_png(image(np.zeros((1, 16, 16))), folder / path)
    (folder / "prediction" / ".hidden").mkdir()
    assert bench("eval", "--predictions", folder)[0] == 0
    for old, new in (("b", "c"), ("a/0.png", "a/7.png")):
        (folder / "prediction" / old).rename(folder / "prediction" / new)
        code, _, err = bench("eval", "--predictions", folder)
        assert code == 2 and f"{new} has no counterpart of that name" in err and len(err.splitlines()) == 1
        (folder / "prediction" / new).rename(folder / "prediction" / old)
    (folder / "prediction" / "a" / "0.png").rename(folder / "prediction" / "a" / "00.png")  # the same number
    assert bench("eval", "--predictions", folder)[0] == 0
    for clip in (folder / "prediction").glob("[ab]"):  # a code base that calls its predictions otherwise throughout
        for frame in clip.iterdir():
            frame.rename(clip / f"predicted_{frame.name}")
    assert bench("eval", "--predictions", folder)[0] == 0


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "name one thing to score"),
        (["--predictions", "nowhere.npz"], "must be an .npz file with arrays 'prediction' and 'target'"),
        (["--predictions", "nowhere"], "there is no folder nowhere"),
        (["--predictions", "empty"], "must hold one folder of pictures per clip"),
        (["nonsense"], "there is no run 'nonsense'"),
        (["nonsense", "--name", " "], "--name takes the name that the scores are to be kept under"),
        (["nonsense", "--protocol", "openslt"], "did you mean 'openstl'?"),
    ],
)
def test_what_cannot_be_scored_is_refused_in_words(bench, tmp_path, words, message):
    (tmp_path / "empty").mkdir()
    code, _, err = bench("eval", *words)
    assert code == 2 and message in err and "Traceback" not in err


def test_the_mean_over_clips_does_not_depend_on_how_they_are_batched(monkeypatch):
    from bench.evaluation import evaluate

    data = catalog.build("datasets", "digits", {"size": 16, "digit": 8})
    model = catalog.build("models", "copy_last", {}, shape=data.shape)

    def means(pixels):
        monkeypatch.setattr(evaluate, "CHUNK_PIXELS", pixels)
        return evaluate.evaluate(model, data, 9, Evaluation(clips=7, horizon=2), torch.device("cpu")).values

    whole, cut = means(10**9), means(3 * 11 * 256)  # all at once; three, three and one
    assert np.allclose(whole, cut, rtol=1e-6, atol=1e-6, equal_nan=True)
    assert whole.mean(0) == pytest.approx(cut.mean(0), rel=1e-6, nan_ok=True)


def test_lpips_that_was_made_elsewhere_survives_rescoring_here(finished, run):
    scores = _scores(run)
    scores.values[..., scores.names.index("standard/lpips")] = 0.25
    scores.metadata.update(lpips="AlexNet", lpips_missing="")
    scores.save(run.scores_file(EVALUATION.at(TINY).key))
    assert finished("rescore", "mine.py", "--only", "tiny")[0] == 0
    assert (_scores(run)["standard/lpips"] == 0.25).all() and _scores(run).metadata["lpips"] == "AlexNet"


def test_runs_with_lpips_and_without_it_stand_in_one_table(finished, run):
    """As after `bench weights fetch` in the middle of an experiment: what is missing is marked, and the rest is shown."""
    scores = _scores(run)
    why = scores.metadata["lpips_missing"]
    for name in ("standard/lpips", "openstl/lpips"):
        scores.values[..., scores.names.index(name)] = 0.25
    scores.metadata.update(lpips="AlexNet", lpips_missing="")
    scores.save(run.scores_file(EVALUATION.at(TINY).key))
    code, out, err = finished("report", "mine.py", "--format", "markdown")
    assert code == 0, err
    rows = {line.split("|")[1].partition("<")[0].strip(): line for line in out.splitlines() if line.startswith("| ")}
    assert "250.0" in rows["tiny"] and "–" in rows["copy"]
    assert f"Seed 0 without LPIPS: {why.partition(';')[0]}" in out and "LPIPS by AlexNet." in out
    assert "without a finite" not in out


def test_damaged_scores_and_predictions_are_made_again(finished, run):
    before = _scores(run)
    for path in (run.scores_file(EVALUATION.at(TINY).key), run.predictions_file(EVALUATION.at(TINY).key)):
        path.write_bytes(path.read_bytes()[:100])
    code, out, _ = finished("report", "mine.py")
    assert code == 0 and "damaged" in out and "copy" in out  # the others are shown all the same
    assert "scored again from its checkpoint" in finished("rescore", "mine.py", "--only", "tiny")[1]
    assert np.allclose(_scores(run)["standard/psnr"], before["standard/psnr"], atol=1e-3)


@pytest.mark.parametrize("how", ["cut off", "of other clips"])
def test_bench_run_makes_damaged_scores_again_and_says_so(finished, run, how):
    before, path = _scores(run), run.scores_file(EVALUATION.at(TINY).key)
    if how == "cut off":
        path.write_bytes(path.read_bytes()[:100])
    else:
        Scores(before.values[:, :1], before.names, before.metadata).save(path)
    code, out, err = finished("run", "mine.py", "--executor", "inline")
    assert code == 0, err
    assert "note: the scores of tiny, seed 0, are made again" in out and "2 of 2 runs finished" in out
    assert np.array_equal(_scores(run)["standard/psnr"], before["standard/psnr"])
    assert "nothing to do" in finished("run", "mine.py")[1]


def test_claims_are_judged_by_the_other_runs_where_a_byte_of_a_score_has_changed(finished, run, tmp_path):
    (tmp_path / "mine.py").write_text(CLAIMING)
    path = run.scores_file(EVALUATION.at(TINY).key)
    with zipfile.ZipFile(path) as archive:
        member = max(archive.infolist(), key=lambda entry: entry.file_size)
    content = bytearray(path.read_bytes())
    content[member.header_offset + member.compress_size // 2 + 60] ^= 1
    path.write_bytes(content)
    code, out, err = finished("report", "mine.py", "--claims")
    assert code == 0 and "not measured" in out, err


NAMES = ["standard/psnr", "lmc2021/psnr", "standard/ssim"]
VALUES = np.arange(12, dtype=np.float32).reshape(2, 2, 3)


def test_the_scores_of_one_protocol_are_read_alone(tmp_path):
    Scores(VALUES, NAMES, {"fingerprint": "abc"}).save(tmp_path / "scores.npz")
    read = load(tmp_path / "scores.npz", ["standard"])
    assert read.names == ["standard/psnr", "standard/ssim"] and read.metadata == {"fingerprint": "abc"}
    assert np.array_equal(read.values, VALUES[..., [0, 2]])
    whole = load(tmp_path / "scores.npz")
    assert all(np.array_equal(whole[name], VALUES[..., position]) for position, name in enumerate(NAMES))


@pytest.mark.parametrize(("offset", "value"), [(8, 1), (10, 14), (10, 98)], ids=["encrypted", "lzma", "ppmd"])
def test_a_file_of_scores_that_says_it_is_packed_otherwise_is_damaged(tmp_path, offset, value):
    path = tmp_path / "scores.npz"
    Scores(VALUES, NAMES, {}).save(path)
    content = bytearray(path.read_bytes())
    for mark, position in ((b"PK\1\2", offset), (b"PK\3\4", offset - 2)):  # in the directory, and before each array
        for entry in re.finditer(re.escape(mark), bytes(content)):
            content[entry.start() + position] = value
    path.write_bytes(content)
    for read in (read_header, load, verify):
        with pytest.raises(DamagedScores):
            read(path)


def test_scores_from_before_each_protocol_lay_by_itself_are_still_read(tmp_path):
    path = tmp_path / "scores.npz"
    np.savez_compressed(path, values=VALUES, names=np.array(NAMES), facts=np.array("{}"))
    assert read_header(path).shape == VALUES.shape
    assert np.array_equal(load(path, ["lmc2021"]).values, VALUES[..., [1]])
    whole = load(path)
    assert all(np.array_equal(whole[name], VALUES[..., position]) for position, name in enumerate(NAMES))


def test_of_a_protocol_that_a_file_does_not_have_nothing_is_read(tmp_path):
    Scores(VALUES, NAMES, {}).save(tmp_path / "scores.npz")
    read = load(tmp_path / "scores.npz", ["openstl"])
    assert read.names == [] and read.values.shape == (2, 2, 0)
