"""When phases are recorded and when they are given up, with CUDA's recording pretended; `test_gpu.py` has the real one."""

import contextlib

import pytest
import torch
from torch.testing import assert_close

from bench.training.graphs import WARM_UP, RecordedPhases

CLIPS = torch.ones(2, 1, 1, 1, 1)


class Doubling:
    """Two phases that learn one weight w: the loss is w times the clips' mean, or twice that."""

    frames = 1

    def __init__(self, model):
        self.phases = {
            "first": lambda clips, step: (model.weight * clips.mean()).sum(),
            "second": lambda clips, step: (2 * model.weight * clips.mean()).sum(),
        }

    def variant(self, step):
        return None


class PretendedCuda:
    """CUDA's part of recording. threads_pin: whether another thread pins memory meanwhile. room: recordings that fit."""

    def __init__(self, threads_pin=False, room=2):
        self.threads_pin, self.room = threads_pin, room
        self.stream, self.emptied = "stream of the run", 0

    def graph(self, graph, pool, stream, capture_error_mode="global"):
        @contextlib.contextmanager
        def recording():
            self.stream = stream
            yield
            if self.threads_pin and capture_error_mode == "global":
                raise RuntimeError("operation would make the capture unsafe")
            if self.room == 0:
                raise RuntimeError("out of memory")
            self.room -= 1
            self.stream = "stream of the run"

        return recording()

    def empty_cache(self):
        self.emptied += 1

    def set_stream(self, stream):
        self.stream = stream


class Graph:
    def replay(self): ...


@pytest.fixture
def pretended(monkeypatch):
    def replaced(**how):
        cuda = PretendedCuda(**how)
        for name in ("graph", "empty_cache", "set_stream"):
            monkeypatch.setattr(torch.cuda, name, getattr(cuda, name))
        monkeypatch.setattr(torch.cuda, "current_stream", lambda: cuda.stream)
        monkeypatch.setattr(torch.cuda, "graph_pool_handle", lambda: None)
        monkeypatch.setattr(torch.cuda, "Stream", lambda: "stream of recordings")
        monkeypatch.setattr(torch.cuda, "CUDAGraph", Graph)
        return cuda

    return replaced


def recorder():
    model = torch.nn.Linear(1, 1, bias=False)
    return RecordedPhases(model, Doubling(model), "float32"), model


def test_a_phase_is_recorded_though_another_thread_pins_memory(pretended):
    pretended(threads_pin=True)
    phases, _ = recorder()
    for step in range(WARM_UP + 1):
        phases("first", CLIPS, step)
    assert phases.possible and len(phases.recordings) == 1


def test_a_phase_that_cannot_be_recorded_frees_the_recordings_before_it_and_trains_on(pretended):
    cuda = pretended(room=1)
    phases, model = recorder()
    for step in range(WARM_UP + 1):
        for phase in ("first", "second"):
            model.weight.grad = None
            loss = phases(phase, CLIPS, step)
    assert not phases.possible and not phases.recordings
    assert cuda.emptied == 1 and cuda.stream == "stream of the run"
    assert_close(loss, 2 * model.weight.detach().sum())
    assert_close(model.weight.grad, torch.tensor([[2.0]]))
