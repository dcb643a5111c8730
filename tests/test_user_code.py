"""A model of the user's own that is edited after training keeps the names of its runs: everything that uses them says so."""

import os
import sys

import pytest
import torch
from torch import nn

from baselines.learners import loss
from bench.common.errors import BenchError
from bench.evaluation.scores import load
from bench.external.rescore import rescore
from bench.store import checkpoint_files, provenance, user_code
from bench.store.run import INTERRUPTED
from bench.store.store import Store
from tests.conftest import EVALUATION, TINY

MODEL = """
import torch
from torch import nn

class Fading(nn.Module):
    def __init__(self, shape: tuple):
        super().__init__()
        self.rate = nn.Parameter(torch.tensor(0.5))

    def forward(self, context, horizon):
        return context[:, -1:].expand(-1, horizon, -1, -1, -1) * self.rate
"""
EXPERIMENT = """
from bench.spec import Component, Experiment
from tests.conftest import EVALUATION, TINY

SPEC = TINY.but(model=Component("MODULE:Fading"), learner=Component("direct"))

def experiment(scale):
    return Experiment("Does it fade?", {"fading": SPEC}, evaluation=EVALUATION)
"""


@pytest.fixture
def faded(bench, tmp_path, monkeypatch):
    """A finished run of a model in a module of its own, since a process reads each module once."""
    monkeypatch.syspath_prepend(tmp_path)
    module(tmp_path).write_text(MODEL)
    (tmp_path / "fade.py").write_text(EXPERIMENT.replace("MODULE", module(tmp_path).stem))
    assert bench("run", "fade.py", "--executor", "inline")[0] == 0
    return bench


def module(folder):
    return folder / f"model_{folder.name}.py"


def edit(folder):
    module(folder).write_text(MODEL.replace("* self.rate", "* self.rate**2"))


def test_a_model_that_was_edited_since_is_named_by_plan_run_and_predict(faded, tmp_path):
    assert "has changed" not in faded("plan", "fade.py")[1]
    edit(tmp_path)
    name = f"{tmp_path.name}/{module(tmp_path).name}"
    expected = (
        f"note: {name} has changed since 'fading' was trained (seed 0); `bench run ... --only fading --fresh` trains it anew"
    )
    for command in ("plan", "run"):
        assert expected in faded(command, "fade.py")[1]
    run = Store(tmp_path / "runs").runs()[0]
    code, _, err = faded("eval", run.name, "--clips", "2")
    assert code == 0 and f"{name} has changed since" in err


def test_seeds_that_were_trained_with_different_code_have_a_footnote(faded, tmp_path):
    edit(tmp_path)
    assert faded("run", "fade.py", "--executor", "inline", "--seeds", "2")[0] == 0
    out = " ".join(faded("report", "fade.py", "--seeds", "2")[1].split())
    assert "Seeds were trained with different code: seed 0 with" in out and "; seed 1 with" in out


def test_a_run_that_goes_on_with_other_code_says_from_which_step(faded, tmp_path):
    run = Store(tmp_path / "runs").runs()[0]
    checkpoint_files.newest_first(run.path / "checkpoints", "step")[0].unlink()
    run.set_status(INTERRUPTED, trained=False)
    edit(tmp_path)
    assert faded("run", "fade.py", "--executor", "inline")[0] == 0
    changed = f"{tmp_path.name}/{module(tmp_path).name}"
    assert run.provenance()["deviations"] == [f"trained with another version of {changed} (from step 4 on)"]


def test_a_run_that_was_planned_and_never_trained_has_no_older_code(faded, tmp_path):
    run = Store(tmp_path / "runs").runs()[0]
    (run.path / "provenance.json").unlink()
    older = {str(module(tmp_path)): "0123456789ab"}
    run.write("code.json", {"folder": "", "digest": "0123456789ab", "own": older})
    assert user_code.changed(run, run.spec) == []
    run.write("provenance.json", {"command": "bench run fade.py"})  # as an older version has left it
    assert user_code.changed(run, run.spec) == [f"{tmp_path.name}/{module(tmp_path).name}"]


def test_classes_of_the_suite_are_no_code_of_the_users(tiny):
    assert user_code.files(tiny) == [] and user_code.hashes(tiny) == {}


def test_kept_predictions_of_other_test_clips_are_not_scored_against_those_of_now(finished, tmp_path):
    run = Store(tmp_path / "runs").run(TINY)
    evaluation = EVALUATION.at(TINY)
    path, predictions_path = run.scores_file(evaluation.key), run.predictions_file(evaluation.key)
    before, predictions = load(path), predictions_path.read_bytes()
    before.metadata["targets"] = "0123456789ab"
    before.save(path)
    predictions_path.write_bytes(predictions[:128] + bytes(len(predictions) - 128))  # black, as of other clips
    code, out, _ = finished("rescore", "mine.py", "--only", "tiny")
    assert code == 0 and "scored again from its checkpoint, as the test clips have changed" in out
    assert (
        load(path)["standard/psnr"].tobytes() == before["standard/psnr"].tobytes()
        and predictions_path.read_bytes() == predictions
    )
    with pytest.raises(BenchError, match="scored on other test clips than there are now"):
        before.save(path)
        rescore(run, evaluation, ["standard"], "cpu", sets=["fvd"])


def test_a_model_that_cannot_take_so_few_frames_is_refused_with_its_line(faded, tmp_path):
    run = Store(tmp_path / "runs").runs()[0]
    module(tmp_path).write_text(MODEL.replace("context[:, -1:]", "context[:, :1] if context[0, 2].sum() else context[:, -1:]"))
    sys.modules.pop(module(tmp_path).stem)
    code, _, err = faded("eval", run.name, "--clips", "2", "--context", "2")
    assert code == 2 and "Traceback" not in err
    assert f"Fading failed on 2 context frames [1, 16, 16] ({module(tmp_path).name}, line 11): IndexError: " in err


def test_a_model_that_returns_too_few_frames_is_refused_where_it_trains():
    model = nn.Linear(1, 1)
    with pytest.raises(ValueError, match=r"Linear returned frames of \[2, 1, 1, 8, 8\], and the target is \[2, 3, 1, 8, 8\]"):
        loss(model, torch.zeros(2, 1, 1, 8, 8), torch.zeros(2, 3, 1, 8, 8), None)


def test_a_run_whose_process_loads_is_starting_and_has_not_died(store, tiny):
    run = store.run(tiny)
    run.create(tiny)
    assert run.status().reason == "its process is starting"
    os.utime(run.path, (0, 0))
    assert run.status().reason == "its process died before it had begun"


def test_explain_names_the_package_that_a_model_came_from_and_the_file_of_one_that_came_from_none(faded, tmp_path):
    def explained():
        return faded("explain", "fade.py", "fading", "psnr")[1]

    assert f"{tmp_path.name}/{module(tmp_path).name} (hash " in explained() and "plug-in" not in explained()
    info = tmp_path / "my_fading-1.2.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: my-fading\nVersion: 1.2\n")
    (info / "entry_points.txt").write_text(f"[lmc_bench.models]\nfading = {module(tmp_path).stem}:Fading\n")
    assert faded("run", "fade.py", "--executor", "inline", "--fresh")[0] == 0
    assert "my-fading 1.2" in explained()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: my-fading\nVersion: 1.3\n")
    assert "my-fading 1.2" in explained()  # of the training, not of now


def test_modules_of_a_package_are_found_without_an_entry_point_and_files_are_of_no_package():
    assert list(provenance.packages_of(["optuna.trial", "tests.conftest"])) == ["optuna"]
