"""A checkpoint of this suite is understood outside its run, with all that its weights do not tell."""

import shutil

import numpy as np
import pytest
import torch

from bench.spec.component import Component
from bench.worker.main import execute
from tests.conftest import TINY

CONVLSTM = TINY.but(model=Component("convlstm", hidden=8, layers=1, patch=2), learner=Component("direct"))
SPECS = {
    "temperature": TINY.but(model=TINY.model.but(temperature=0.05)),
    "no decomposition": TINY.but(model=TINY.model.but(decompose=False)),
    "another model": CONVLSTM,
}


@pytest.fixture(params=SPECS)
def trained_and_copied(request, store):
    """(a trained run, a copy of its checkpoint under another name, somewhere else)."""
    spec = SPECS[request.param].but(steps=2, validate_every=2)
    run = store.run(spec)
    run.create(spec)
    execute(run, [], "cpu", lambda: False)
    copy = store.root.parent / "shared.pt"
    shutil.copy(next((run.path / "checkpoints").glob("step-*.pt")), copy)
    return run, copy


def test_a_copied_checkpoint_predicts_as_its_run_does(trained_and_copied, bench, tmp_path):
    run, copy = trained_and_copied
    np.save(tmp_path / "clip.npy", np.random.default_rng(0).random((11, 1, 16, 16)).astype(np.float32))
    arrays = []
    for source in (run.name, copy):
        code, _, err = bench("predict", source, "clip.npy", "--pictures", 0, "--array", f"{len(arrays)}.npy")
        assert code == 0, err
        arrays.append(np.load(tmp_path / f"{len(arrays)}.npy"))
    assert np.array_equal(*arrays)
    assert f"shared.pt: a checkpoint of this suite, {run.spec.model!r}" in err


def test_what_a_user_says_of_a_copied_checkpoint_must_be_what_it_says_itself(bench, store, tmp_path):
    spec = CONVLSTM.but(steps=1)
    run = store.run(spec)
    run.create(spec)
    execute(run, [], "cpu", lambda: False)
    shutil.copy(next((run.path / "checkpoints").glob("step-*.pt")), tmp_path / "shared.pt")
    np.save(tmp_path / "clip.npy", np.zeros((11, 1, 16, 16), np.float32))
    words = ("predict", "shared.pt", "clip.npy", "--pictures", 0, "--array", "out.npy")
    assert bench(*words[:-1], "first.npy", "--model", "convlstm", "--set", "model.hidden=8")[0] == 0
    code, _, err = bench(*words, "--model", "predrnn")
    assert code == 2 and "shared.pt holds weights of convlstm, not of predrnn" in err
    code, _, err = bench(*words, "--set", "model.hidden=16")
    assert code == 2 and "shared.pt was trained as convlstm(hidden=8, layers=1, patch=2); --set says otherwise" in err


@pytest.mark.parametrize(
    ("trained_as", "words"),
    [
        ({"model": 3}, "model must be an object with a name and options"),
        ({"horizon": None}, "shared.pt does not say as what its weights were trained"),
        ({"context": -1}, "shared.pt does not say as what its weights were trained"),
        ({"shape": []}, "shared.pt does not say as what its weights were trained"),
        ({"shape": [1, "16", 16]}, "shared.pt does not say as what its weights were trained"),
        ({"precision": ["bf16"]}, "shared.pt does not say as what its weights were trained"),
        ({"model": {"name": "convlstn", "options": {}}}, "there is no model 'convlstn'"),
        ({"model": {"name": "theirs:Model", "options": {}}}, "bench --trust theirs"),
    ],
)
def test_what_a_file_of_a_stranger_says_of_itself_is_checked(trained_as, words, bench, tmp_path):
    sizes = {"context": 9, "horizon": 2, "shape": [1, 16, 16]}
    about = {"model": {"name": "black", "options": {}}, "precision": "float32", **sizes, **trained_as}
    torch.save({"trained_as": about, "model": {"weight": torch.zeros(2)}}, tmp_path / "shared.pt")
    np.save(tmp_path / "clip.npy", np.zeros((11, 1, 16, 16), np.float32))
    code, _, err = bench("predict", "shared.pt", "clip.npy")
    assert code == 2 and words in err and len(err.splitlines()) == 1


def test_an_older_checkpoint_says_what_its_weights_do_not_tell(bench, store, tmp_path):
    spec = TINY.but(steps=1)
    run = store.run(spec)
    run.create(spec)
    execute(run, [], "cpu", lambda: False)
    state = torch.load(next((run.path / "checkpoints").glob("step-*.pt")), weights_only=True)
    del state["trained_as"]
    torch.save(state, tmp_path / "old.pt")
    np.save(tmp_path / "clip.npy", np.zeros((11, 1, 16, 16), np.float32))
    words = ("predict", "old.pt", "clip.npy", "--context", 9, "--pictures", 0, "--array", "out.npy")
    assert "nor the temperature, decompose and shuffled of a model of this suite" in bench(*words)[2]
    assert "do not tell" not in bench(*words[:-1], "two.npy", "--set", "model.temperature=0.5")[2]
