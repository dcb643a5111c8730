"""compile=True compiles what a model repeats and changes nothing else."""

import pytest
import torch
from torch import nn
from torch.testing import assert_close

from bench.common.errors import BenchError
from bench.training import compiling
from bench.training.flops import flops
from bench.training.optimizer import Adam
from bench.training.step import take_step
from lmc.learner import MatchingOnly
from lmc.model import LMC

CPU = torch.device("cpu")


class Doubling(nn.Module):
    compile_targets = ("inner.step",)

    def __init__(self):
        super().__init__()
        self.inner = Step()

    def forward(self, frames: torch.Tensor) -> torch.Tensor:
        return self.inner.step(frames)


class Step(nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(()))

    def step(self, frames: torch.Tensor) -> torch.Tensor:
        return 2 * self.weight * frames


@pytest.fixture
def noted(monkeypatch):
    """What would be compiled, by name, without a compiler."""
    names = []

    def compile(function, **options):
        names.append(function.__qualname__)
        return function

    monkeypatch.setattr(torch, "compile", compile)
    return names


def test_hot_methods_are_compiled_and_the_weights_keep_their_names(noted):
    model = compiling.compile_in_place(Doubling(), CPU)
    assert noted[1:] == ["Step.step"] and list(model.state_dict()) == ["inner.weight"]
    assert_close(model(torch.ones(3)), torch.full((3,), 2.0))


def test_of_lmc_memory_the_step_the_decoder_and_the_motion_encoders_are_compiled(noted):
    compiling.compile_in_place(LMC((1, 16, 16), width=4, layers=1, slots=3), CPU)
    assert noted[1:] == ["LMC.advance", "LMC.decode", "Memory.query"]


@pytest.mark.parametrize(
    ("model", "names"), [(Step(), ["Step.step"]), (nn.Linear(1, 1), ["Linear.forward"]), (nn.Identity(), [])]
)
def test_of_a_model_that_names_nothing_it_is_its_step_or_the_whole_unless_it_learns_nothing(noted, model, names):
    compiling.compile_in_place(model, CPU)
    assert noted[1:] == names


def test_a_machine_without_a_compiler_is_told_in_one_line(monkeypatch):
    def compile(function, **options):
        raise RuntimeError("InvalidCxxCompiler: no working C++ compiler found\nand much more")

    monkeypatch.setattr(torch, "compile", compile)
    with pytest.raises(BenchError, match=r"compile=true needs a C\+\+ compiler .*: InvalidCxxCompiler: no .* found; inst"):
        compiling.check(CPU)


@pytest.mark.slow
def test_a_compiled_model_learns_what_an_uncompiled_one_does_and_counts_the_same_operations(tiny):
    losses, operations = [], []
    for compile in (False, True):
        torch.manual_seed(0)
        model = LMC((1, 16, 16), width=4, layers=1, slots=5, storing=False)
        learner = MatchingOnly(compiling.compile_in_place(model, CPU) if compile else model, context=9, horizon=2, steps=3)
        optimizer = Adam(model.parameters(), lr=1e-3)
        clip = torch.rand(2, 11, 1, 16, 16, generator=torch.Generator().manual_seed(1))
        losses.append([take_step(tiny, model, learner, optimizer, clip, step) for step in range(3)])
        operations.append(flops(model.eval(), (1, 16, 16), 9, 2))
    assert_close(losses[0], losses[1], rtol=1e-4, atol=1e-6)
    assert operations[0] == operations[1]
