"""What is wrong is called by its name: the file that is missing, the store that was looked into, the word that was meant."""

import json
import shutil
import subprocess

import pytest

from bench.maintenance import doctor
from bench.store.store import Store
from tests.conftest import TINY


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("eval", "--checkpoint", "nofile.pth"), "there is no checkpoint file nofile.pth"),
        (("eval", "--checkpoint", "nofile"), "there is no checkpoint file nofile"),
        (("predict", "nofile.pth", "clip.npy"), "there is no"),
        (("prepare", "mmnist"), "did you mean 'moving_mnist'?"),
        (("report", "mine.py", "--protocol", "openSTL"), "did you mean 'openstl'?"),
        (("report", "mine.py", "--store", "elsewhere"), "elsewhere, which is not there)"),
        (("report", "mine.py"), "runs, which is not there)"),
        (("status", "--store", "mine.py"), "mine.py is a file, and a store is a folder"),
        (("tune", "space.py", "--trials", "1"), "space.py defines space(trial), and it is called as space(trial, scale)"),
        (("plan", "mine.py", "--set", "model=predrnn"), "learner 'memory_alignment' trains LMC alone, and PredRNN is none"),
        (("plan", "mine.py", "--set", "context=5"), "needs at least 9 context frames, got 5"),
    ],
)
def test_what_is_wrong_is_called_by_its_name(bench, tmp_path, words, message):
    (tmp_path / "space.py").write_text("def space(trial):\n    return None\n")
    code, out, err = bench(*words)
    assert code == 2 and message in err and len(err.splitlines()) == 1, (out, err)


def test_a_learner_that_does_not_fit_is_refused_by_plan_without_torch(bench, monkeypatch):
    monkeypatch.setattr("bench.sweep.preflight.preflight", lambda planned_runs: pytest.fail("imports torch"))
    assert "trains LMC alone" in bench("plan", "mine.py", "--set", "model=convlstm")[2]


def test_missing_data_are_counted_as_blocked_and_said_once(bench):
    code, out, _ = bench("plan", "ablation", "--set", "data=kth")
    assert code == 0 and out.count("bench prepare kth --source DIR") == 1
    assert "runs blocked: kth is not in" in out and "0 of" in out


def test_a_checkpoint_of_ours_that_was_copied_elsewhere_is_recognised(finished, tmp_path):
    run = Store(tmp_path / "runs").run(TINY)
    shutil.copy(sorted((run.path / "checkpoints").glob("step-*"))[-1], tmp_path / "copied.pt")
    data = ("--data", "digits", "--set", "data.size=16", "--set", "data.digit=8")
    words = (*data, "--context", "9", "--horizon", "2", "--clips", "3")
    own = json.loads(finished("eval", run.name, "--clips", "3", "--json")[1])["protocols"]["standard"]["psnr"]["mean"]
    for more in ((), ("--model", "lmc")):
        code, out, err = finished("eval", "--checkpoint", tmp_path / "copied.pt", *more, *words, "--json")
        assert code == 0, err
        assert json.loads(out)["protocols"]["standard"]["psnr"]["mean"] == pytest.approx(own, abs=1e-3)


def test_doctor_notes_a_package_that_does_not_import(monkeypatch):
    broken = subprocess.CompletedProcess([], 1, "", "Traceback ...\nRuntimeError: operator torchvision::nms does not exist\n")
    monkeypatch.setattr(doctor.subprocess, "run", lambda *_, **__: broken)
    found = {finding.what: finding for finding in doctor._packages()}
    assert found["torchvision"].verdict == "note" and "cannot be imported (RuntimeError: operator" in found["torchvision"].found
    assert found["torch"].verdict == "good"


def test_pictures_of_one_data_set_do_not_overwrite_those_of_another(bench, tmp_path):
    for size in ("16", "24"):
        words = ("--set", f"size={size}", "--set", "digit=8", "--clips", "1", "--frames", "2")
        assert bench("data", "show", "digits", *words)[0] == 0
    assert len(list((tmp_path / "out").iterdir())) == 2
