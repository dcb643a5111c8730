"""`python -m bench.speed.gpu`: stages end within their limits and leave what they have, and say what did not go well."""

import json
import os
import signal
import sys
import time
from pathlib import Path

import pytest

from bench.speed import gpu
from bench.speed.gpu import Stage
from tests.data_samples import write_mnist
from tests.processes import alive

INTERRUPTED = """
import pathlib, time
try:
    print("begun", flush=True)
    time.sleep(60)
except KeyboardInterrupt:
    pathlib.Path("summary").write_text("what was done so far")
"""
DEAF = """
import pathlib, signal, subprocess, time
signal.signal(signal.SIGINT, signal.SIG_IGN)
worker = subprocess.Popen(["sleep", "60"], start_new_session=True)
pathlib.Path("worker").write_text(str(worker.pid))
time.sleep(60)
"""


def stage(name, script, limit=3.0, **more):
    return Stage(name, limit, 0.1, ("-S", "-c", script), **more)


@pytest.fixture
def perform(monkeypatch, tmp_path, capsys):
    """Calls the program with stages of one's own: (exit code, what it printed, what it complained)."""
    monkeypatch.chdir(tmp_path)
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def call(*all_stages, words=()):
        if all_stages:
            monkeypatch.setattr(gpu, "stages", lambda folder: list(all_stages))
        monkeypatch.setattr(sys, "argv", ["gpu", "out", *words])
        code = gpu.main()
        return code, *capsys.readouterr()

    yield call
    for number, handler in handlers.items():
        signal.signal(number, handler)


def result(name):
    return json.loads(Path("out", f"{name}.json").read_text())


def test_a_stage_that_reaches_its_limit_is_interrupted_and_the_next_one_runs(perform):
    code, out, _ = perform(stage("long", INTERRUPTED), stage("short", "print('done')"))
    assert Path("summary").read_text() == "what was done so far"
    assert result("long")["ended"] == gpu.STOPPED and result("short")["ended"] == 0
    assert code == 1 and "not well: long\n" in out and "  done\n" in out


def test_a_stage_that_ignores_being_interrupted_is_killed_with_its_workers(perform, monkeypatch):
    monkeypatch.setattr(gpu, "GRACE_S", 0.2)
    began = time.monotonic()
    assert perform(stage("deaf", DEAF))[0] == 1
    worker, until = int(Path("worker").read_text()), time.monotonic() + 10
    while alive(worker) and time.monotonic() < until:
        time.sleep(0.05)
    assert not alive(worker) and time.monotonic() - began < 30


def test_an_interrupted_program_ends_its_stage(perform):
    script = f"import os, signal, time; os.kill({os.getpid()}, signal.SIGTERM); time.sleep(60)"
    began = time.monotonic()
    with pytest.raises(SystemExit):
        perform(stage("long", script, limit=60))
    assert time.monotonic() - began < 30


def test_only_the_ablation_may_be_stopped_and_it_may_not_fail(perform):
    assert perform(stage("ablation", "import time; time.sleep(60)", limit=1.0, may_be_stopped=True, data="actions"))[0] == 0
    assert (result("ablation")["ended"], result("ablation")["data"]) == (gpu.STOPPED, "actions")
    code, out, _ = perform(stage("ablation", "raise SystemExit(1)", may_be_stopped=True, data="actions"))
    assert code == 1 and "ablation (data: actions): ended with 1" in out


def test_a_stage_that_is_not_there_is_refused_in_one_line(perform):
    code, out, err = perform(stage("tests", "print('done')"), words=("--only", "test"))
    assert (code, out, err) == (2, "", "error: there is no stage 'test': did you mean 'tests'?\n")


def test_time_is_shared_among_the_stages_that_are_asked_for(perform):
    long, last = stage("long", "print('done')", limit=500.0), Stage("last", 500.0, 400.0, ("-S", "-c", "print('done')"))
    code, out, _ = perform(long, last, words=("--seconds", "600", "--only", "last"))
    assert code == 0 and out.startswith("last: at most 500 s\n") and not Path("out/long.json").exists()
    code, out, _ = perform(long, last, words=("--seconds", "600"))
    assert code == 0 and "long: at most 500 s\nlast: does not fit, unless others end early\n" in out
    code, out, _ = perform(long, last, words=("--seconds", "300"))
    assert code == 1 and result("long")["limit"] == 300 - gpu.GRACE_S and result("last")["ended"] == "not begun: it needs 400 s"


def test_all_stages_but_the_ablation_get_their_time_within_the_default(tmp_path):
    *measured, ablation = gpu.stages(tmp_path)
    left = 780 - sum(stage.limit for stage in measured)
    assert gpu.granted(ablation, left) >= ablation.least


def test_a_dry_run_refuses_options_that_a_command_does_not_have(perform, tmp_path):
    stages = gpu.stages(tmp_path)
    assert {gpu.refusal(stage.command) for stage in stages} == {""}
    for words in (("speed", "train", "--recipe", "mnist"), ("run", "ablation", "--per-gpus", "8"), ("sped",)):
        assert gpu.refusal(("-m", "bench.cli", *words))
    assert gpu.refusal(("-m", "bench.speed.profile", "--compiled", "result.json"))
    code, out, _ = perform(Stage("train", 60, 1, ("-m", "bench.cli", "speed", "--bach", "1")), words=("--dry-run",))
    assert code == 1 and "--bach" in out


def test_the_ablation_trains_on_moving_mnist_only_where_its_digits_are_prepared(tmp_path):
    from bench.data.preparing.prepare import prepare

    *_, ablation = gpu.stages(tmp_path)
    assert ablation.data == "actions" and "--set" not in ablation.command
    prepare("mnist", {"source": str(write_mnist(tmp_path / "source"))})
    *_, ablation = gpu.stages(tmp_path)
    assert ablation.data == "moving_mnist" and "data=moving_mnist" in ablation.command
