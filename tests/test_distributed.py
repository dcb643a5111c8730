"""A run that several processes train is the run that one trains; when one of them dies, all end and the run resumes."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from torch import nn
from torch.testing import assert_close

from bench.common.errors import BenchError
from bench.executors import local
from bench.spec import catalog
from bench.spec.component import Component
from bench.store.run import DIVERGED, FAILED, FINISHED, INTERRUPTED
from bench.store.store import Store
from bench.training import checkpoint
from bench.training.process_group import SINGLE, ProcessGroup
from bench.training.step import take_step
from bench.worker.main import execute
from tests import test_contracts
from tests.conftest import TINY

SPEC = TINY.but(steps=20, batch=3, validate_every=20, learner=Component("memory_alignment", warmup=0, long=9))


def _run(folder, spec=SPEC):
    run = Store(folder).run(spec)
    run.create(spec)
    return run


def _weights(run):
    return checkpoint.newest(run.path / "checkpoints")["model"]


@pytest.fixture(scope="module")
def single_process(tmp_path_factory):
    """The run that one process trains."""
    run = _run(tmp_path_factory.mktemp("alone"))
    assert execute(run, [], "cpu", lambda: False) == FINISHED
    return run


def _assert_alike(run, single_process, tolerance=1e-5):
    assert_close(_weights(run), _weights(single_process), rtol=tolerance, atol=tolerance)
    for name, value in single_process.metrics.latest().items():
        if name.startswith("loss/"):
            assert run.metrics.latest()[name] == pytest.approx(value, rel=tolerance)


def test_two_processes_train_what_one_does(tmp_path, single_process):
    run = _run(tmp_path)
    assert execute(run, [], "cpu", lambda: False, devices=2) == FINISHED
    _assert_alike(run, single_process)
    assert run.provenance()["devices"] == 2
    assert [line["step"] for line in run.metrics.lines()] == [line["step"] for line in single_process.metrics.lines()]


@pytest.mark.gpu
@pytest.mark.skipif(torch.cuda.device_count() < 2, reason="needs two GPUs")
def test_two_gpus_train_what_one_does(tmp_path):
    single, double = _run(tmp_path / "one"), _run(tmp_path / "two")
    assert execute(single, [], "cuda", lambda: False) == FINISHED
    assert execute(double, [], "cuda", lambda: False, devices=2) == FINISHED
    _assert_alike(double, single, 1e-3)  # TF32 rounds more


class Apart(ProcessGroup):
    """A process of a group that brings along what it would add up, and gets nothing back."""

    def all_reduce(self, tensors):
        brought.append([tensor.clone() for tensor in tensors])


brought: list[list[torch.Tensor]] = []


@pytest.mark.parametrize("name", ["lmc", "predrnn", "phydnet"])
def test_what_processes_bring_together_is_the_gradient_of_the_batch(name):
    brought.clear()
    options, learner = test_contracts.TINY[name]
    for group, micro_batches in [(SINGLE, 1), (Apart(0, 2), 1), (Apart(1, 2), 2)]:
        torch.manual_seed(0)
        model = catalog.build("models", name, options, shape=test_contracts.SHAPE, context=9, horizon=3).double()
        learning = catalog.build("learners", learner, {}, model=model, context=9, horizon=3, steps=100)
        learning.phases = dict([list(learning.phases.items())[-1]])
        clip = test_contracts.clips(count=3, frames=learning.frames).double()
        _step(group, model, learning, clip, micro_batches)
        if group is SINGLE:
            whole = [weight.grad for weight in model.parameters() if weight.grad is not None]
    both = [first + second for first, second in zip(*brought, strict=True)]
    assert_close(both[:-1], whole, rtol=1e-7, atol=1e-8)


def test_what_a_batch_norm_remembers_is_the_mean_over_the_clips_of_all_processes():
    brought.clear()
    clip = torch.rand(5, 2, dtype=torch.float64)
    for group in (SINGLE, Apart(0, 2), Apart(1, 2)):
        model = nn.BatchNorm1d(2, momentum=0.5, eps=0.1).double()
        _step(group, model, SimpleNamespace(phases={"mean": lambda clip, step, model=model: model(clip).mean()}), clip)
        if group is SINGLE:
            whole = model.running_mean
    (*_, first, _, _), (*_, second, _, _) = brought  # mean, variance, loss
    assert_close(first + second, whole)


def _step(group, model, learner, clip, micro_batches=1):
    """One step that moves no weight, from the same random state."""
    share = group.share(len(clip))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.0)
    torch.manual_seed(1)
    take_step(TINY.but(batch=len(clip)), model, learner, optimizer, clip[share.start : share.stop], 10, micro_batches, group)


@pytest.mark.parametrize(("clips", "size"), [(8, 2), (7, 3), (3, 3)])
def test_every_clip_of_a_batch_is_one_processs(clips, size):
    shares = [ProcessGroup(rank, size).share(clips) for rank in range(size)]
    assert [clip for share in shares for clip in share] == list(range(clips))
    assert max(map(len, shares)) - min(map(len, shares)) <= 1


@pytest.mark.slow
@pytest.mark.parametrize(("first", "then"), [(2, 1), (1, 2)])
def test_what_some_devices_have_begun_others_finish(tmp_path, single_process, first, then):
    run = _run(tmp_path, SPEC)
    assert execute(run, [], "cpu", lambda: bool(run.metrics.latest()), devices=first) == INTERRUPTED
    assert 0 < run.status().step < SPEC.steps and run.status().kind == "stopped"
    assert execute(run, [], "cpu", lambda: False, devices=then) == FINISHED
    _assert_alike(run, single_process)


@pytest.mark.slow
def test_a_loss_that_is_not_finite_ends_all_processes_with_the_result(tmp_path):
    run = _run(tmp_path, SPEC.edited("optimizer.lr=1e30"))
    assert execute(run, [], "cpu", lambda: False, devices=2) == DIVERGED
    assert "is nan at step" in run.status().reason


BROKEN = """
import torch
from baselines.simvp import SimVP

class Broken(SimVP):
    def forward(self, context, horizon):
        if torch.distributed.is_initialized() and torch.distributed.get_rank() == 1:
            raise MemoryError
        return super().forward(context, horizon)
"""


@pytest.mark.slow
def test_an_error_of_one_process_is_the_runs(tmp_path, monkeypatch):
    (tmp_path / "broken.py").write_text(BROKEN)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    model = Component("broken:Broken", spatial=16, temporal=32, temporal_layers=2, ratio=2)
    run = _run(tmp_path / "runs", SPEC.but(model=model, learner=Component("direct")))
    assert execute(run, [], "cpu", lambda: False, devices=2) == FAILED
    assert (run.status().kind, run.status().reason) == ("memory", "out of memory")


@pytest.mark.chaos
@pytest.mark.parametrize("victim", ["worker", 0, 1])
def test_when_one_process_is_killed_all_end_within_seconds_and_the_run_resumes(tmp_path, victim):
    spec = SPEC.but(steps=60, validate_every=10)
    single_process, run = _run(tmp_path / "alone", spec), _run(tmp_path / "killed", spec)
    assert execute(single_process, [], "cpu", lambda: False) == FINISHED
    worker, group = _training(run)
    began = time.monotonic()
    os.kill(worker.pid if victim == "worker" else group[victim], signal.SIGKILL)
    worker.wait()
    while any(map(_alive, group)):
        time.sleep(0.01)
    assert time.monotonic() - began < 10
    assert run.status().state == INTERRUPTED
    if victim != "worker":
        assert run.status().reason == f"process {victim + 1} of 2 was killed by SIGKILL"
    assert execute(run, [], "cpu", lambda: False) == FINISHED
    _assert_alike(run, single_process, 1e-3)  # rounding grows with the steps


@pytest.mark.chaos
def test_a_process_that_waits_for_a_dead_one_for_ever_is_ended_too(tmp_path):
    run = _run(tmp_path, SPEC.but(steps=1000, validate_every=10))
    worker, group = _training(run)
    os.kill(group[0], signal.SIGSTOP)  # as one that hangs on its GPU: it neither hears nor answers
    os.kill(group[1], signal.SIGKILL)
    worker.wait(timeout=15)
    assert not any(map(_alive, group))
    assert run.status().reason == "process 2 of 2 was killed by SIGKILL"


@pytest.mark.chaos
def test_asked_to_stop_all_processes_end_and_the_work_is_saved(tmp_path):
    run = _run(tmp_path, SPEC.but(steps=1000, validate_every=10))
    worker, group = _training(run)
    os.killpg(worker.pid, signal.SIGTERM)
    worker.wait(timeout=60)
    assert not any(map(_alive, group))
    assert (run.status().state, run.status().kind) == (INTERRUPTED, "stopped")
    assert checkpoint.newest(run.path / "checkpoints")["progress"]["step"] == run.status().step >= 10


def _training(run):
    """A worker that has saved its first checkpoint, and the processes of its group."""
    command = [sys.executable, "-m", "bench.worker.main", str(run.path), "--devices", "2"]
    worker = subprocess.Popen(command, stderr=subprocess.DEVNULL, start_new_session=True)
    while run.status().step < 10:
        assert worker.poll() is None
        time.sleep(0.01)
    group = [int(word) for word in Path(f"/proc/{worker.pid}/task/{worker.pid}/children").read_text().split()]
    assert len(group) == 2
    return worker, group


def _alive(process):
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def test_a_run_gets_no_more_gpus_than_there_are(monkeypatch):
    monkeypatch.setattr(local, "gpus", lambda: ["4", "5", "6"])
    assert local.Local(devices=2).gpus == ["4,5"] and local.Local(devices=2, per_gpu=3).slots == 3
    with pytest.raises(BenchError, match="--devices 4 gives every run as many GPUs, and this machine has 3"):
        local.Local(devices=4)
