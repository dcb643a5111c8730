"""`plan --probe`: what its processes measure, and what is kept, said and ended, with processes pretended by a script."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from bench.costs import measured
from bench.costs.forecast import Machine, forecast, lacking
from bench.costs.probe import STEPS, News, WarmUp, _measure, probe
from bench.sweep.plan import plan
from tests.conftest import EVALUATION, TINY

HERE = Machine("AMD EPYC, 1 thread", slots=2, threads=1)
SCORING = {EVALUATION.at(TINY).key: 1.0}
RESULT = {"step_seconds": 0.5, "score_seconds": SCORING, "other_seconds": 2.0, "parameters": 10, "flops": 100}
DONE = "echo '{\"done\": 10}'; echo '{\"done\": 20}'"
MEASURED = f"{DONE}; echo '{json.dumps(RESULT)}'"


@pytest.fixture
def pretend(tmp_path, monkeypatch):
    """Makes every probe execute some lines of shell instead of measuring; $JOB is what it was asked to measure."""

    def replaced(shell: str) -> None:
        script = tmp_path / "probe"
        script.write_text(f"#!/bin/sh\nJOB=$(cat)\n{shell}\n")
        script.chmod(0o755)
        monkeypatch.setattr(sys, "executable", str(script))

    return replaced


def test_plan_probe_measures_what_no_run_has_shown_and_the_next_plan_knows_it(bench, pretend):
    pretend(MEASURED)
    words = ("plan", "mine.py", "--only", "tiny", "--workers", 1)
    code, out, err = bench(*words, "--probe")
    assert code == 0 and out.startswith("probed tiny\n"), err
    assert "   6 s " in out  # 6 steps of half a second, a second of scoring, and 2 s around them
    pretend("exit 1")
    assert "   6 s " in bench(*words)[1]
    assert "probed" not in bench(*words, "--probe")[1]


def test_a_plan_for_a_script_has_the_news_of_probes_on_standard_error(bench, pretend):
    pretend(MEASURED)
    code, out, err = bench("plan", "mine.py", "--only", "tiny", "--probe", "--json")
    assert code == 0 and json.loads(out)[0]["seconds"] == 6.0 and err == "probed tiny\n"


def test_a_probe_that_fails_says_why_and_the_others_go_on(bench, pretend):
    pretend(f"""case "$JOB" in *copy_last*) echo 'Killed by the cold'; exit 3;; esac; {MEASURED}""")
    code, out, _ = bench("plan", "mine.py", "--probe", "--workers", 2)
    assert code == 0 and "copy could not be probed: Killed by the cold" in out and "probed tiny" in out
    assert "no similar run has been timed yet (1 of 2 runs)" in out


def test_a_probe_that_ends_without_a_word_is_told_by_its_exit_code(store, pair, pretend):
    pretend("exit 3")
    news = []
    probe(plan(pair, store)[:1], store, HERE, news.append)
    assert [message.trouble for message in news] == ["its process ended with 3"] and not store.root.exists()


def test_probes_tell_how_many_of_their_steps_are_done(store, pair, pretend):
    pretend(MEASURED)
    news = []
    probe(plan(pair, store)[:1], store, HERE, news.append)
    assert [(message.done, message.over, message.trouble) for message in news] == [
        (10, False, ""), (20, False, ""), (20, True, ""),
    ]  # fmt: skip


def test_every_kind_that_was_measured_is_kept_with_this_hardware(store, pair, pretend):
    pretend(MEASURED)
    probe(lacking(plan(pair, store), store, HERE), store, HERE, lambda news: None)
    assert [path.name for path in store.root.iterdir()] == [measured.CACHE]
    assert lacking(plan(pair, store), store, HERE) == []
    assert [cost.hardware for cost in forecast(plan(pair, store), store, HERE).costs.values()] == [HERE.hardware] * 2


def test_probes_on_gpus_have_one_each(store, pair, pretend, tmp_path):
    pretend(f"""echo "$JOB" > {tmp_path}/gpu-$CUDA_VISIBLE_DEVICES; {MEASURED}""")
    probe(plan(pair, store), store, replace(HERE, gpus=("3", "5")), lambda news: None)
    jobs = [json.loads((tmp_path / f"gpu-{gpu}").read_text()) for gpu in (3, 5)]
    assert [(job["device"], job["spec"]["model"]["name"]) for job in jobs] == [("cuda", "lmc"), ("cuda", "copy_last")]


def test_an_interrupted_probe_ends_its_process_at_once(store, pair, pretend, tmp_path):
    pretend(f"echo $$ > {tmp_path}/process; echo '{{\"done\": 1}}'; sleep 60")

    def interrupt(news):
        raise KeyboardInterrupt

    began = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        probe(plan(pair, store)[:1], store, HERE, interrupt)
    assert time.monotonic() - began < 30 and not store.root.exists()
    process = (tmp_path / "process").read_text().strip()
    until = time.monotonic() + 10
    while os.path.exists(f"/proc/{process}/exe") and time.monotonic() < until:
        time.sleep(0.05)
    assert not os.path.exists(f"/proc/{process}/exe")


def test_a_probe_takes_its_steps_from_all_over_the_run_and_leaves_the_weights_alone(tiny, monkeypatch):
    from bench.training import step

    steps, real = [], step.take_step

    def noted(spec, model, learner, optimizer, clip, at, **more):
        steps.append(at)
        return real(spec, model, learner, optimizer, clip, at, **more)

    monkeypatch.setattr(step, "take_step", noted)
    *lines, last = _measure(tiny.but(steps=1000), [EVALUATION.at(tiny)], torch.device("cpu"))
    assert len(lines) == STEPS and min(steps) == 0 and max(steps) > 900 and 300 < sorted(steps)[12] < 800
    assert last["step_seconds"] > 0 and last["parameters"] > 0 and list(last["score_seconds"]) == [EVALUATION.at(tiny).key]


def test_the_first_steps_are_not_timed_and_on_a_gpu_the_first_of_every_variant():
    learner = SimpleNamespace(variant=lambda step: step < 10)
    on_cpu, on_gpu = (WarmUp(learner, on_gpu, steps=1000) for on_gpu in (False, True))
    steps = [0, 1, 2, 3, 500, 501, 502, 503, 504]
    assert [step for step in steps if on_cpu.needs(step)] == [0, 1]
    assert [step for step in steps if on_gpu.needs(step)] == [0, 1, 2, 500, 501, 502]  # two unrecorded, one that records


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_on_a_gpu_the_timed_steps_are_recorded_ones(tiny, monkeypatch):
    from bench.training import step

    recorders, real = [], step.take_step

    def noted(*of_step, recorded):
        recorders.append((recorded, len(recorded.recordings)))
        return real(*of_step, recorded=recorded)

    monkeypatch.setattr(step, "take_step", noted)
    learner = tiny.learner.but(warmup=500)
    *lines, _ = _measure(tiny.but(steps=1000, learner=learner), [], torch.device("cuda"))
    assert len(lines) == STEPS and len(recorders) == STEPS + 2 * 3 and recorders[-1][1] == 4  # two variants of two phases


def test_a_run_shorter_than_a_probe_is_probed_all_the_same(tiny):
    *lines, last = _measure(tiny.but(steps=2), [], torch.device("cpu"))
    assert lines and last["step_seconds"] > 0


@pytest.mark.slow
def test_what_was_probed_is_known_the_next_time_and_no_run_was_made(store, pair):
    planned_runs = plan(pair, store)
    assert len(lacking(planned_runs, store, HERE)) == 2
    messages = []
    probe(lacking(planned_runs, store, HERE), store, HERE, messages.append)
    assert [path.name for path in store.root.iterdir()] == [measured.CACHE] and {news.trouble for news in messages} == {""}
    assert lacking(planned_runs, store, HERE) == [] and forecast(planned_runs, store, HERE).unknown() == 0


@pytest.mark.slow
def test_a_probe_that_fails_says_why(store, pair, tiny):
    odd = replace(pair, variants={"odd": tiny.but(context=5)})
    news: list[News] = []
    probe(plan(odd, store), store, HERE, news.append)
    assert "needs at least 9 context frames" in news[-1].trouble


@pytest.mark.slow
def test_an_interrupted_probe_leaves_no_process_and_no_trace(store, tmp_path):
    (tmp_path / "long.py").write_text(
        "from bench.spec import Component, Experiment\nfrom tests.conftest import EVALUATION, TINY\n"
        "def experiment(scale):\n"
        "    slow = TINY.but(model=TINY.model.but(width=64), data=Component('digits', size=64), batch=64, steps=100)\n"
        "    return Experiment('?', {'slow': slow}, evaluation=EVALUATION)\n"
    )
    words = [sys.executable, "-m", "bench.cli", "plan", str(tmp_path / "long.py"), "--probe", "--store", str(store.root)]
    child = subprocess.Popen(
        words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # a shell's background jobs are born deaf to it
    )  # fmt: skip
    until = time.monotonic() + 60
    while not (probing := _children(child.pid)) and time.monotonic() < until:
        time.sleep(0.05)
    time.sleep(1.0)
    os.kill(child.pid, signal.SIGINT)
    assert child.wait(timeout=30) == 130 and "Traceback" not in child.stdout.read()
    assert probing and not any(os.path.exists(f"/proc/{process}") for process in probing)
    assert list(store.root.iterdir()) == []


def _children(process):
    """The probes that a process has started, in whichever of its threads."""
    children = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            probes = b"bench.costs.probe" in (stat.parent / "cmdline").read_bytes()
            if probes and int(stat.read_text().rpartition(")")[2].split()[1]) == process:
                children.append(int(stat.parent.name))
    return children
