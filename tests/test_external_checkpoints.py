"""`bench eval` and `bench predict` take checkpoints of other code bases by their file alone, and give what these give."""

import json

import numpy as np
import pytest
import torch

from tests.checkpoint_samples import OPENSTL, SAMPLES, frames, hollow, saved
from tests.test_converters import WRAPPINGS, Hostile


def predicted(bench, tmp_path, sample, *words, content=None):
    """What `bench predict` makes of the parity net's context, from a file with these weights, and what it said."""
    file = saved(tmp_path / "theirs.pth", sample.weights() if content is None else content)
    np.save(tmp_path / "context.npy", frames(sample).numpy())
    settings = [word for name, value in sample.options.items() for word in ("--set", f"model.{name}={value}")]
    horizon = ("--context", 3, "--horizon", 3, "--pictures", 0, "--array", tmp_path / "out.npy")
    code, _, err = bench("predict", file, tmp_path / "context.npy", *horizon, *settings, *words)
    assert code == 0, err
    return torch.from_numpy(np.load(tmp_path / "out.npy")), err


@pytest.mark.parametrize("name", SAMPLES)
def test_predict_gives_the_families_outputs_from_the_command_line(name, bench, tmp_path):
    sample = SAMPLES[name]
    outputs, err = predicted(bench, tmp_path, sample)
    assert (outputs - sample.expected()).abs().max() <= sample.part.tolerance
    assert f"theirs.pth: {'PhyDNet' if name == 'phydnet' else ''}" in err and f"{sample.model}(" in err and "parameters" in err


def test_what_was_recognised_and_how_the_file_held_it_is_said(bench, tmp_path):
    sample = SAMPLES["predrnn_v2"]
    half = {key: tensor.half() for key, tensor in sample.weights().items()}
    _, err = predicted(bench, tmp_path, sample, content=WRAPPINGS["lightning"](half))
    assert "PredRNN-V2 of its authors and OpenSTL: predrnn_v2(hidden=16, layers=2, kernel=5, patch=2)" in err
    assert "from 'state_dict', behind 'model.', stored in float16" in err


def test_a_model_of_fixed_frames_or_size_refuses_others_in_words(bench, tmp_path):
    np.save(tmp_path / "clip.npy", np.zeros((5, 1, 32, 32), np.float32))
    mim = saved(tmp_path / "mim.pth", SAMPLES["mim"].weights())
    code, _, err = bench("predict", mim, tmp_path / "clip.npy", "--context", 3)
    assert code == 2 and "the weights in mim.pth are tied to frames of 24x16; these are of 32x32" in err
    tau = saved(tmp_path / "tau.pth", SAMPLES["tau"].weights())
    np.save(tmp_path / "two.npy", np.zeros((5, 2, 32, 24), np.float32))
    code, _, err = bench("predict", tau, tmp_path / "two.npy", "--context", 4, "--pictures", 0, "--array", "out.npy")
    assert code == 2 and "tau.pth sees exactly 3 frames, not 4; use --context 3" in err
    code, _, err = bench("predict", tau, tmp_path / "two.npy")
    assert code == 2 and "frames of 2 channels are no pictures; use --pictures 0" in err


def test_a_longer_horizon_chains_the_models_own_outputs(bench, tmp_path):
    sample = SAMPLES["simvp_gsta"]
    long, _ = predicted(bench, tmp_path, sample, "--horizon", 6)
    assert long.shape[1] == 6
    assert (long[:, :3] - sample.expected()).abs().max() <= sample.part.tolerance


def test_eval_scores_a_file_alone_and_says_what_it_recognised(bench, tmp_path):
    file = saved(tmp_path / "theirs.pth", SAMPLES["convlstm"].weights())
    words = ("--data", "digits", "--set", "data.size=16", "--set", "data.digit=8", "--context", 3, "--horizon", 2, "--clips", 3)
    code, out, err = bench("eval", "--checkpoint", file, *words, "--json")
    assert code == 0 and "ConvLSTM of OpenSTL: convlstm(hidden=16, layers=2, kernel=5, patch=2)" in err
    scores = json.loads(out)
    assert scores["clips"] == 3 and scores["protocols"]["openstl"]["psnr"]["mean"] > 0
    assert "ConvLSTM of OpenSTL" in scores["facts"]["recognised"][0]
    assert bench("eval", "--checkpoint", file, "--model", "predrnn", *words)[0] == 2


@pytest.mark.parametrize("wrapping", WRAPPINGS)
def test_a_hostile_file_is_refused_unexecuted_and_nothing_is_stored(wrapping, bench, tmp_path):
    weights = {**SAMPLES["convlstm"].weights(), "cell_list.0.conv_h.0.weight": Hostile(tmp_path / "executed")}
    file = saved(tmp_path / "theirs.pth", WRAPPINGS[wrapping](weights))
    np.save(tmp_path / "clip.npy", np.zeros((5, 1, 16, 16), np.float32))
    for words in (
        ("eval", "--checkpoint", file, "--data", "digits", "--name", "Theirs"),
        ("predict", file, tmp_path / "clip.npy"),
    ):
        code, _, err = bench(*words)
        assert code == 2 and "theirs.pth is no checkpoint of weights alone" in err and len(err.strip().splitlines()) == 1
    assert not (tmp_path / "executed").exists() and not list((tmp_path / "runs").rglob("*theirs*"))


def test_a_file_of_nothing_known_and_one_that_is_not_there_are_refused_in_one_line(bench, tmp_path):
    file = saved(tmp_path / "resnet.pth", torch.nn.Linear(2, 2).state_dict())
    np.save(tmp_path / "clip.npy", np.zeros((5, 1, 16, 16), np.float32))
    code, _, err = bench("eval", "--checkpoint", file, "--data", "digits")
    assert code == 2 and "resnet.pth is of no family that is known here: no model has a 'weight'" in err
    code, _, err = bench("predict", tmp_path / "nowhere.pth", tmp_path / "clip.npy", "--model", "mau")
    assert code == 2 and "there is no checkpoint file" in err


@pytest.mark.slow
@pytest.mark.parametrize("name", OPENSTL)
def test_each_of_openstls_files_at_full_size_predicts_without_options(name, bench, tmp_path):
    file = saved(tmp_path / "theirs.pth", {key: tensor.contiguous() for key, tensor in hollow(name).items()})
    np.save(tmp_path / "context.npy", np.zeros((10, 1, 64, 64), np.float32))
    words = ("--horizon", 2, "--pictures", 0, "--array", tmp_path / "out.npy")
    code, _, err = bench("predict", file, tmp_path / "context.npy", *words)
    assert code == 0, err
    assert np.load(tmp_path / "out.npy").shape == (1, 2, 1, 64, 64)
