"""What is wrong is called by its name: the file that is missing, the store that was looked into, the word that was meant."""

import json
import os
import shutil
import subprocess
import sys

import pytest

from bench.maintenance import doctor
from bench.spec import catalog
from bench.store.store import Store
from tests.conftest import TINY

WATCHED = """
import atexit, sys
atexit.register(lambda: print("torch", "torch" in sys.modules))
from bench.cli import main
main()
"""


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
        (("plan", "mine.py", "--set", "model=predrnn"), "learner 'memory_alignment' works only with LMC, not PredRNN"),
        (("plan", "mine.py", "--set", "context=5"), "needs at least 9 context frames, got 5"),
        (("plan", "mine.py", "--set", "steps=0"), "--set steps=0: training takes at least 1 step; `--only` leaves out"),
        (("plan", "mine.py", "--set", "model.decompose=0"), "model 'lmc': decompose must be True or False, got 0"),
        (("plan", "mine.py", "--set", "compile=0"), "compile must be True or False, got 0"),
        (
            ("run", "mine.py", "--set", "optimizer.beta1=5"),
            "variant 'tiny': optimizer 'adam': Invalid beta parameter at index 0",
        ),
        (
            ("run", "mine.py", "--set", "learner.warmup_horizon=0"),
            "variant 'tiny': learner 'memory_alignment': warmup_horizon must be at least 1 frame, got 0",
        ),
        (
            ("run", "mine.py", "--set", "data.size=8", "--set", "data.digit=4"),
            "variant 'tiny': SSIM with the gaussian window needs frames of at least 11x11 pixels, got 8x8",
        ),
        (("run", "mine.py", "--set", "optimizer.lr=0"), "variant 'tiny': optimizer 'adam': lr must be above 0, got 0.0"),
    ],
)
def test_what_is_wrong_is_called_by_its_name(bench, tmp_path, words, message):
    (tmp_path / "space.py").write_text("def space(trial):\n    return None\n")
    code, out, err = bench(*words)
    assert code == 2 and message in err and len(err.splitlines()) == 1, (out, err)


@pytest.mark.parametrize(
    ("setting", "message"),
    [("model=convlstm", "works only with LMC"), ("context=5", "model 'lmc' needs at least 9 context frames, got 5")],
)
def test_what_declarations_tell_is_refused_by_plan_without_torch(tmp_path, setting, message):
    command = [sys.executable, "-c", WATCHED, "plan", "ablation", "--only", "full", "--set", setting]
    environment = {**os.environ, "PYTHONPATH": ":".join(filter(None, sys.path))}
    process = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, env=environment)
    assert process.returncode == 2 and message in process.stderr and len(process.stderr.splitlines()) == 1, process.stderr
    assert "torch False" in process.stdout


@pytest.mark.parametrize(("context", "memory"), [(1, False), (8, False), (9, True)])
def test_enough_context_frames_are_as_many_as_the_model_itself_asks_for(context, memory):
    needed = catalog.build("models", "lmc", {"memory": memory}, shape=(1, 16, 16)).min_context
    assert catalog.least_context("lmc", {"memory": memory}) == needed <= context
    assert all(catalog.least_context(name, {}) == 1 for name in catalog.CATALOG["models"] if name != "lmc")


def test_missing_data_are_counted_as_blocked_and_said_once(bench):
    code, out, _ = bench("plan", "ablation", "--set", "data=kth")
    assert code == 0 and out.count("bench prepare kth --source DIR") == 1
    assert "runs blocked: kth is not in" in out and "0 of" in out


def test_a_checkpoint_of_ours_that_was_copied_elsewhere_is_recognised(finished, tmp_path):
    run = Store(tmp_path / "runs").run(TINY)
    shutil.copy(sorted((run.path / "checkpoints").glob("step-*"))[-1], tmp_path / "copied.pt")
    data = ("--data", "digits", "--set", "data.size=16", "--set", "data.digit=8")
    words = (*data, "--context", "9", "--horizon", "2", "--clips", "3")
    expected = json.loads(finished("eval", run.name, "--clips", "3", "--json")[1])["protocols"]["standard"]["psnr"]["mean"]
    for more in ((), ("--model", "lmc")):
        code, out, err = finished("eval", "--checkpoint", tmp_path / "copied.pt", *more, *words, "--json")
        assert code == 0, err
        assert json.loads(out)["protocols"]["standard"]["psnr"]["mean"] == pytest.approx(expected, abs=1e-3)


def test_a_trained_run_without_scores_and_checkpoints_is_named_with_one_command_that_works(finished, tmp_path):
    run = Store(tmp_path / "runs").run(TINY)
    for name in ("scores", "checkpoints"):
        shutil.rmtree(run.path / name)
    code, out, _ = finished("run", "mine.py", "--executor", "inline")
    out = " ".join(out.split())
    assert code == 1 and run.status().kind == "damaged" and "--retry" not in out
    assert "which is trained, are gone; `bench run ... --only tiny --seeds 0, --fresh` trains it anew, for mine-small" in out
    remedy = "--only tiny --seeds 0, --fresh"
    assert "`bench run mine.py" in out and f"{remedy}` sets the damaged run aside and trains it anew" in out
    assert finished("run", "mine.py", "--executor", "inline", *remedy.split())[0] == 0


def test_a_run_whose_settings_were_edited_is_named_with_the_command_that_trains_it_anew(finished, tmp_path):
    path = Store(tmp_path / "runs").run(TINY).path / "spec.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "steps": 7}))
    code, out, _ = finished("run", "mine.py")
    assert code == 1 and "1 of 2 runs finished, 1 failed:" in out and f"tiny, seed 0: failed: damaged: {path} asks for" in out
    assert "--only tiny --seeds 0, --fresh` sets the damaged run aside and trains it anew" in out


def test_doctor_notes_a_package_that_does_not_import(monkeypatch):
    broken = subprocess.CompletedProcess([], 1, "", "Traceback ...\nRuntimeError: operator torchvision::nms does not exist\n")
    monkeypatch.setattr(doctor.subprocess, "run", lambda *_, **__: broken)
    findings = {finding.what: finding for finding in doctor._packages()}
    assert (
        findings["torchvision"].verdict == "note"
        and "cannot be imported (RuntimeError: operator" in findings["torchvision"].found
    )
    assert findings["torch"].verdict == "good"


def test_pictures_of_one_data_set_do_not_overwrite_those_of_another(bench, tmp_path):
    for size in ("16", "24"):
        words = ("--set", f"size={size}", "--set", "digit=8", "--clips", "1", "--frames", "2")
        assert bench("data", "show", "digits", *words)[0] == 0
    assert len(list((tmp_path / "pictures").iterdir())) == 2


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("plan", "tuned:lmc"), "there is no experiment 'tuned:lmc': did you mean 'tuned_lmc'?"),
        (("plan", "tune:lmc"), "did you mean 'tuned_lmc'?"),
        (("run", "mine"), "there is no experiment 'mine': did you mean 'mine.py'?"),
        (("list", "spaces", "mine"), "there is no search space 'mine': did you mean 'mine.py'?"),
        (("plan", "mine.py", "--set", "lr=0.01"), "a run has no 'lr': did you mean 'optimizer.lr'?"),
        (("plan", "mine.py", "--set", "model.lr=0.01"), "model 'lmc' has no 'lr': did you mean 'optimizer.lr'?"),
        (("plan", "comparison", "--set", "hidden=8"), "did you mean 'model.hidden'?"),  # the first variant has no such option
        (("plan", "mine.py", "--set", "batchs=8"), "a run has no 'batchs': did you mean 'batch'?"),
        (
            ("plan", "ablation", "--set", "data.size=16"),
            "a digit of 20 pixels does not fit on a canvas of 16; use --set data.digit=12",
        ),
    ],
)
def test_what_was_meant_is_named_where_it_can_be_told(bench, words, message):
    code, _, err = bench(*words)
    assert code == 2 and message in err and len(err.splitlines()) == 1


def test_the_digit_that_is_proposed_for_a_small_canvas_fits(bench):
    assert bench("plan", "ablation", "--set", "data.size=16", "--set", "data.digit=12")[0] == 0


def test_a_module_in_this_folder_comes_with_the_command_that_lets_python_find_it(tmp_path):
    (tmp_path / "my_squares.py").write_text("from bench.data.digits import Digits\n\nclass Squares(Digits):\n    'Squares.'\n")

    def plan(data, **variables):
        environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"} | variables
        words = [sys.executable, "-P", "-m", "bench.cli", "plan", "ablation", "--set", f"data={data}"]
        return subprocess.run(words, cwd=tmp_path, env=environment, capture_output=True, text=True)

    refused = plan("my_squares:Squares")
    assert refused.returncode == 2 and "my_squares.py is in this folder" in refused.stderr
    assert "`export PYTHONPATH=.`" in refused.stderr and "$PYTHONPATH:." in plan("my_squares:Squares", PYTHONPATH="x").stderr
    assert plan("my_squares:Squares", PYTHONPATH=".").returncode == 0
    assert "did you mean 'my_squares'?" in plan("my_square:Squares").stderr
