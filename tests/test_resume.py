"""A run that was killed and resumed is bit for bit the run that never was."""

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import asdict

import numpy as np
import pytest
import torch

from bench.common import files
from bench.evaluation.scores import load
from bench.store.run import DIVERGED, FAILED, FINISHED, INTERRUPTED
from bench.store.store import Store
from bench.training import checkpoint, trainer
from bench.training.control import Control, Interrupted
from bench.worker.main import execute
from tests.conftest import EVALUATION, TINY

CPU = torch.device("cpu")


class Killed(BaseException):
    """Stands for SIGKILL: nothing in the suite catches it."""


def _outcome(run):
    """All that a run leaves behind: its scores and its curves, but not when."""
    scores = load(run.scores_file(EVALUATION.at(run.spec).key)).values
    curves = [{key: value for key, value in line.items() if key != "time"} for line in run.metrics.lines()]
    return scores, curves


def _trained(folder, spec, prepare=lambda run: None):
    run = Store(folder).run(spec)
    run.create(spec)
    prepare(run)
    state = execute(run, [EVALUATION], "cpu", lambda: False)
    return run, state


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    run, state = _trained(tmp_path_factory.mktemp("undisturbed"), TINY)
    assert state == FINISHED
    return _outcome(run)


def _assert_same(run, undisturbed):
    scores, curves = _outcome(run)
    assert np.array_equal(scores, undisturbed[0], equal_nan=True)
    assert curves == undisturbed[1]


@pytest.mark.parametrize("step", range(1, 7))
def test_killed_after_any_step_a_run_ends_the_same(tmp_path, monkeypatch, undisturbed, step):
    real = trainer.take_step

    def dying(spec, model, learner, optimizer, clip, at, *parts):
        if at == step - 1:
            raise Killed
        return real(spec, model, learner, optimizer, clip, at, *parts)

    with monkeypatch.context() as patch:
        patch.setattr(trainer, "take_step", dying)
        with pytest.raises(Killed):
            _trained(tmp_path, TINY)
    run, state = _trained(tmp_path, TINY)
    assert state == FINISHED
    _assert_same(run, undisturbed)


def test_killed_in_the_middle_of_writing_a_checkpoint_a_run_ends_the_same(tmp_path, monkeypatch, undisturbed):
    def half_written(path, content, root=None):
        if path.suffix == ".pt" and content != b"":
            path.parent.mkdir(parents=True, exist_ok=True)
            path.with_name(f".{path.name}.half").write_bytes(content[: len(content) // 2])
            raise Killed
        files.write_bytes(path, content, root)

    with monkeypatch.context() as patch:
        patch.setattr(checkpoint, "write_bytes", half_written)
        with pytest.raises(Killed):
            _trained(tmp_path, TINY)
    run, _ = _trained(tmp_path, TINY)
    _assert_same(run, undisturbed)


def test_a_damaged_newest_checkpoint_costs_time_alone(tmp_path, undisturbed):
    run, _ = _trained(tmp_path, TINY)
    newest = sorted((run.path / "checkpoints").glob("step-*"))[-1]
    newest.write_bytes(newest.read_bytes()[:100])
    run.scores_file(EVALUATION.at(TINY).key).unlink()
    assert execute(run, [EVALUATION], "cpu", lambda: False) == FINISHED
    _assert_same(run, undisturbed)


def test_once_a_run_is_another_process_s_nothing_more_is_written_into_it(tmp_path):
    spec = TINY.but(select="best", validate_every=1)
    run = Store(tmp_path).run(spec)
    run.create(spec)
    answers = iter([False, False, False, True])  # two a step: before its losses are written, and after its validation
    with pytest.raises(Interrupted):
        of_old = trainer.Trainer(run, spec.data.build(), CPU, Control(is_lost=lambda: next(answers)))
        of_old.resume()
        of_old.train()
    logged_lines = [(line["step"], *(name for name in line if name.startswith("validation"))) for line in run.metrics.lines()]
    assert max(step for step, *names in logged_lines if names) == 1 and run.status().step == 1
    assert [path.name.split("-")[1] for path in run.path.glob("checkpoints/best-*")] == ["00000001"]


@pytest.mark.parametrize("learner", ["memory_alignment", "scheduled_sampling"])
def test_random_draws_of_a_learner_go_on_where_they_were(tmp_path, learner):
    spec = TINY.edited("learner.long=9") if learner == "memory_alignment" else TINY
    if learner == "scheduled_sampling":
        from bench.spec.component import Component

        spec = TINY.but(model=Component("convlstm", hidden=4, layers=1), learner=Component(learner))
    once, _ = _trained(tmp_path / "once", spec)
    answers = iter([False, True])
    run = Store(tmp_path / "twice").run(spec)
    run.create(spec)
    assert execute(run, [EVALUATION], "cpu", lambda: next(answers)) == INTERRUPTED
    assert run.status().step == 2
    assert execute(run, [EVALUATION], "cpu", lambda: False) == FINISHED
    _assert_same(run, _outcome(once))


def test_a_loss_that_is_not_finite_ends_the_run_naming_phase_and_step(tmp_path):
    run, state = _trained(tmp_path, TINY.edited("optimizer.lr=1e30"))
    assert state == DIVERGED
    assert "phase 'matching' is nan at step" in run.status().reason or "phase 'storing' is nan at step" in run.status().reason


def test_a_run_that_cannot_write_fails_in_words_and_keeps_its_last_checkpoint(tmp_path, monkeypatch):
    real, calls = checkpoint.write_bytes, []

    def full(path, content, root=None):
        calls.append(path)
        if len(calls) == 2:
            raise OSError(28, "No space left on device", str(path))
        real(path, content)

    with monkeypatch.context() as patch:
        patch.setattr(checkpoint, "write_bytes", full)
        run, state = _trained(tmp_path, TINY)
    assert (state, run.status().kind) == (FAILED, "disk")
    assert "No space left on device" in run.status().reason
    assert execute(run, [EVALUATION], "cpu", lambda: False) == FINISHED


@pytest.mark.chaos
@pytest.mark.parametrize("delay", [0.0, 0.02, 0.05, 0.1])
def test_a_process_killed_again_and_again_leaves_nothing_to_repair(tmp_path, delay):
    spec = TINY.but(steps=60, validate_every=10)
    once, _ = _trained(tmp_path / "once", spec)
    run = Store(tmp_path / "killed").run(spec)
    run.create(spec)
    for _ in range(3):
        before = run.metrics.latest()
        child = _worker(run)
        while child.poll() is None and run.metrics.latest() == before:
            time.sleep(0.001)
        time.sleep(delay)
        if child.poll() is None:
            os.killpg(child.pid, signal.SIGKILL)
        child.wait()
        assert run.status().state in (INTERRUPTED, FINISHED)
    assert _worker(run).wait() == 0
    _assert_same(run, _outcome(once))


def _worker(run):
    """The process that an executor would start."""
    command = [sys.executable, "-m", "bench.worker.main", str(run.path), "--evaluations", json.dumps([asdict(EVALUATION)])]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)


def _scored_as(monkeypatch, psnr_of_step):
    """Validation gives these PSNRs, by step."""
    steps = iter(psnr_of_step)
    monkeypatch.setattr(trainer, "validate", lambda *_: {"psnr": psnr_of_step[next(steps)]})


def test_the_best_of_a_life_that_was_killed_before_it_was_saved_is_not_what_is_scored(tmp_path, monkeypatch):
    spec = TINY.but(select="best", validate_every=2)
    run = Store(tmp_path).run(spec)
    run.create(spec)
    save_best = checkpoint.save_best

    def killed_after_step_4(folder, step, state):
        save_best(folder, step, state)
        if step == 4:
            raise Killed

    with monkeypatch.context() as patched:
        _scored_as(patched, {2: 10.0, 4: 12.0})
        patched.setattr(checkpoint, "save_best", killed_after_step_4)
        with pytest.raises(Killed):
            execute(run, [], "cpu", lambda: False)
    _scored_as(monkeypatch, {4: 9.9, 6: 9.8})  # as on another machine
    assert execute(run, [], "cpu", lambda: False) == FINISHED
    assert [path.name[:13] for path in sorted((run.path / "checkpoints").glob("best-*"))] == ["best-00000002"]


def test_a_run_whose_best_checkpoint_is_gone_selects_among_the_later_ones_and_says_so(tmp_path, monkeypatch):
    spec = TINY.but(select="best", validate_every=2)
    run = Store(tmp_path).run(spec)
    run.create(spec)
    _scored_as(monkeypatch, {2: 10.0, 4: 9.0, 6: 9.5})
    answers = iter([False, False, True])
    assert execute(run, [], "cpu", lambda: next(answers)) == INTERRUPTED
    for path in (run.path / "checkpoints").glob("best-*"):
        path.unlink()
    assert execute(run, [], "cpu", lambda: False) == FINISHED
    assert run.provenance()["deviations"] == ["the best weights up to step 3 are gone: selected among those after it"]
    assert [path.name[:13] for path in (run.path / "checkpoints").glob("best-*")] == ["best-00000006"]
