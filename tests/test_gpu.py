"""What must hold on a GPU; every test here skips itself without one."""

import copy
import gc
import threading
import time

import pytest
import torch
from torch.testing import assert_close

from bench.executors.inline import Inline
from bench.metrics.full_float32 import full_float32
from bench.metrics.lpips import LPIPS, WIDTHS, alexnet_features
from bench.spec.component import Component
from bench.spec.experiment import Experiment
from bench.store.run import FINISHED, INTERRUPTED
from bench.store.store import Store
from bench.sweep.plan import plan
from bench.sweep.scheduler import Scheduler
from bench.training.graphs import WARM_UP, RecordedPhases
from bench.training.optimizer import Adam
from bench.training.step import take_step
from bench.worker.main import execute
from tests import test_contracts
from tests.conftest import TINY

pytestmark = [pytest.mark.gpu, pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")]
GPU = torch.device("cuda")


@pytest.fixture
def exact(monkeypatch):
    """Convolutions in full float32, by algorithms that give the same bits every time."""
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", False)
    monkeypatch.setattr(torch.backends.cudnn, "deterministic", True)


@test_contracts.every_model
def test_predictions_on_a_gpu_are_those_of_the_processor(name, exact):
    model, context = test_contracts.tiny(name), test_contracts.clips()
    on_gpu = copy.deepcopy(model).to(GPU)
    assert_close(
        test_contracts.predict(on_gpu, context.to(GPU)).cpu(), test_contracts.predict(model, context), rtol=1e-3, atol=1e-4
    )


def test_lpips_on_a_gpu_is_that_of_the_processor():
    torch.manual_seed(0)
    metric = LPIPS(alexnet_features().state_dict(), [torch.rand(1, width, 1, 1) for width in WIDTHS])
    frames = torch.rand(2, 2, 3, 1, 64, 64)
    on_cpu = metric(*frames)
    with full_float32():
        on_gpu = metric.to(GPU)(*frames.to(GPU)).cpu()
    assert_close(on_gpu, on_cpu, rtol=1e-4, atol=0)


def _trained(name, device, recorded, steps=WARM_UP + 3):
    """Weights after some steps, losses, and the recorder."""
    torch.manual_seed(0)
    model = test_contracts.tiny(name).to(device)
    learner = test_contracts.learner_of(name, model)
    optimizer = Adam(model.parameters(), lr=1e-4)
    recorder = RecordedPhases(model, learner, "float32") if recorded else None
    losses = []
    for step in range(steps):
        clip = test_contracts.clips(step, count=4, frames=learner.frames).to(device)
        losses.append(take_step(TINY.but(batch=4), model, learner, optimizer, clip, step + 10, recorded=recorder))
    values = torch.stack([torch.stack(list(of_step.values())) for of_step in losses]).cpu()
    return {key: weight.cpu() for key, weight in model.state_dict().items()}, values, recorder


@pytest.mark.parametrize("name", sorted(set(test_contracts.LEARNED) - {"swinlstm"}))  # which draws on the device what it drops
def test_a_step_on_a_gpu_trains_as_a_step_on_the_processor(name, exact):
    (_, on_cpu, _), (_, on_gpu, _) = _trained(name, torch.device("cpu"), False, 2), _trained(name, GPU, False, 2)
    assert_close(on_gpu, on_cpu, rtol=1e-3, atol=1e-5)


@test_contracts.every_learned_model
def test_recorded_steps_train_as_unrecorded_ones(name, exact):
    recorded, losses, recorder = _trained(name, GPU, True)
    plain, plain_losses, _ = _trained(name, GPU, False)
    assert recorder.recordings, "nothing was recorded"
    assert_close(losses, plain_losses, rtol=1e-5, atol=1e-6)
    assert_close(recorded, plain, rtol=1e-2, atol=3e-4)  # a step moves a weight by 1e-4; some gradients are sums in any order


def test_phases_are_recorded_while_another_thread_pins_memory(exact):
    _, plain_losses, _ = _trained("lmc", GPU, False)  # CUDA is loaded by now
    over, pinned = threading.Event(), []

    def pin() -> None:
        while not over.wait(1e-4) and len(pinned) < 2**15:  # at most 2 GiB; none is freed, so each is pinned anew
            pinned.append(torch.empty(2**16, dtype=torch.uint8).pin_memory())

    thread = threading.Thread(target=pin)
    thread.start()
    try:
        _, losses, recorder = _trained("lmc", GPU, True)
        assert thread.is_alive(), "the thread had pinned all it may before the recording was over"
    finally:
        over.set()
        thread.join()
    assert recorder.possible and recorder.recordings
    assert_close(losses, plain_losses, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("precision", ["float32", "bf16"])
def test_a_run_that_was_stopped_on_a_gpu_ends_as_the_one_that_was_not(tmp_path, precision, record_property):
    spec = TINY.but(steps=12, batch=4, precision=precision)
    whole, stopped = (Store(tmp_path / name).run(spec) for name in ("whole", "stopped"))
    whole.create(spec)
    assert execute(whole, [], "cuda", lambda: False) == FINISHED
    stopped.create(spec)
    stops = iter([False] * 7 + [True] + [False] * 20)
    assert execute(stopped, [], "cuda", lambda: next(stops)) == INTERRUPTED
    assert execute(stopped, [], "cuda", lambda: False) == FINISHED
    deviation = (
        abs(whole.metrics.latest()["loss/matching"] - stopped.metrics.latest()["loss/matching"])
        / whole.metrics.latest()["loss/matching"]
    )
    record_property("deviation", deviation)
    assert deviation < 1e-3


def test_a_batch_that_does_not_fit_on_a_gpu_is_trained_in_micro_batches(tmp_path):
    wide = TINY.but(
        steps=2, validate_every=2, data=Component("digits", size=32), model=Component("lmc", width=32, layers=1, slots=5)
    )
    store, properties = Store(tmp_path), torch.cuda.get_device_properties(0)
    assert _scheduled(store, wide.but(batch=8)).micro_batches() == 1
    enough_for_20 = 2.5 * torch.cuda.max_memory_allocated()
    torch.cuda.set_per_process_memory_fraction(enough_for_20 / properties.total_memory)
    try:
        run = _scheduled(store, wide.but(batch=64))
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
    assert run.micro_batches() > 1
    assert any("micro-batches" in words for words in run.provenance()["deviations"])


def _scheduled(store, spec):
    """The finished run of a sweep of one, whose process had the GPU's memory for itself."""
    gc.collect()
    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats()
    Scheduler(plan(Experiment("Does it fit?", {"large": spec}, name="fits"), store), store, Inline()).run()
    assert store.run(spec).status().state == FINISHED
    return store.run(spec)


def test_a_compiled_run_ends_as_a_plain_one(tmp_path):
    ends = []
    for name, compile in (("plain", False), ("compiled", True)):
        spec = TINY.but(steps=6, batch=4, compile=compile)
        run = Store(tmp_path / name).run(spec)
        run.create(spec)
        began = time.monotonic()
        assert execute(run, [], "cuda", lambda: False) == FINISHED
        print(f"{name}: {time.monotonic() - began:.1f} s")
        ends.append(run.metrics.latest()["loss/matching"])
    assert ends[1] == pytest.approx(ends[0], rel=1e-2)
