"""Clips go out, predictions come back as three code bases write them, and score as the suite scores the same predictions."""

import numpy as np
import pytest
import torch
from PIL import Image

from bench.data.preparing.prepare import prepare
from bench.evaluation.evaluate import evaluate
from bench.evaluation.scores import load
from bench.external.results import folder
from bench.spec import catalog
from bench.spec.experiment import Evaluation
from bench.store.store import Store

CONTEXT, HORIZON, CLIPS = 3, 4, 5


class Blurring(torch.nn.Module):
    """Predicts that the last frame goes on, a little darker and shifted each time; in levels of 8 bits if asked for."""

    def __init__(self, levels):
        super().__init__()
        self.levels = levels

    def forward(self, context, horizon):
        predictions = [torch.roll(context[:, -1], t + 1, -1) * (0.9 - 0.05 * t) for t in range(horizon)]
        frames = torch.stack(predictions, 1)
        return torch.round(frames * 255) / 255 if self.levels else frames


def as_predrnn(out, names, clips, predictions):
    """One folder a clip, gt1.png ... beside pd4.png ..."""
    for n, name in enumerate(names):
        (out / name).mkdir(parents=True)
        for t, frame in enumerate(clips[n]):
            Image.fromarray(np.rint(frame[0] * 255).astype(np.uint8)).save(out / name / f"gt{t + 1}.png")
        for t, frame in enumerate(predictions[n]):
            Image.fromarray(np.rint(frame[0] * 255).astype(np.uint8)).save(out / name / f"pd{t + 1 + CONTEXT}.png")


def as_lmc(out, names, clips, predictions):
    """One folder a clip with input_, pred_ and gt_ pictures."""
    sides = {"input": clips[:, :CONTEXT], "gt": clips[:, CONTEXT:], "pred": predictions}
    for n, name in enumerate(names):
        (out / name).mkdir(parents=True)
        for side, frames in sides.items():
            for t, frame in enumerate(frames[n]):
                Image.fromarray(np.rint(frame[0] * 255).astype(np.uint8)).save(out / name / f"{side}_{t:02d}.png")


def as_openstl(out, names, clips, predictions):
    """Arrays preds.npy and trues.npy, float32 [N, T, C, H, W], in the order of the exported file."""
    out.mkdir(parents=True)
    for name, frames in {"inputs": clips[:, :CONTEXT], "trues": clips[:, CONTEXT:], "preds": predictions}.items():
        np.save(out / f"{name}.npy", frames)


@pytest.fixture
def moving(tmp_path):
    """Prepared videos of moving noise, whose fixed clips are in an order of their own."""
    random = np.random.default_rng(0)
    for split, count in (("train", 1), ("val", 1), ("test", CLIPS)):
        for number in range(count):
            still = random.integers(0, 256, (16, 16)).astype(np.uint8)
            where = tmp_path / "source" / split / f"video_{number}"
            where.mkdir(parents=True)
            for t in range(CONTEXT + HORIZON):
                Image.fromarray(np.roll(still, t, 1)).save(where / f"{t}.png")
    prepare("frames", {"source": str(tmp_path / "source")})
    return catalog.build("datasets", "frames", {})


@pytest.mark.parametrize("write", [as_predrnn, as_lmc, as_openstl])
def test_predictions_that_come_back_score_as_the_suite_scores_them(bench, moving, tmp_path, write):
    model = Blurring(levels=write is not as_openstl)
    ours = evaluate(model, moving, CONTEXT, Evaluation(clips=CLIPS, horizon=HORIZON, split="test"), torch.device("cpu"))
    words = ("--context", CONTEXT, "--horizon", HORIZON, "--out", tmp_path / "clips.npz")
    assert bench("data", "export", "frames", *words)[0] == 0
    with np.load(tmp_path / "clips.npz") as exported:
        clips, names = exported["clips"].astype(np.float32) / np.float32(255), [str(name) for name in exported["names"]]
    predictions = model(torch.from_numpy(clips[:, :CONTEXT]), HORIZON).numpy()
    write(tmp_path / "theirs", names, clips, predictions)
    options = ("--predictions", tmp_path / "theirs", "--data", "frames", "--context", CONTEXT, "--name", "theirs")
    code, _, err = bench("eval", *options)
    assert code == 0, err
    (scores_file,) = folder(Store(tmp_path / "runs"), "theirs").glob("*.npz")
    theirs = load(scores_file)
    assert theirs.names == ours.names and theirs.metadata["targets"] == ours.metadata["targets"]
    if write is as_openstl:
        np.testing.assert_allclose(theirs.values, ours.values, rtol=0, atol=1e-6)
    else:
        assert np.array_equal(theirs.values, ours.values, equal_nan=True)
