"""What the suite costs beside training."""

import subprocess
import sys

import pytest

from bench.executors import worker_process
from bench.speed import overhead


def test_scheduling_costs_under_a_third_of_a_second_a_run(store, monkeypatch):
    monkeypatch.setattr(overhead, "RUNS", 20)
    row = overhead.scheduling(store)
    assert row.processor < row.limit == 0.3 and all(run.status().state == "finished" for run in store.runs())


def test_a_figure_names_its_limit_and_what_it_is_measured_in():
    row = overhead.OverheadRow("a", 0.0123, 0.5, limit=4.0)
    assert row.format_row() == "a: 12.3 ms (500 ms of processor time), at most 4 s"
    assert overhead.OverheadRow("b", 0.0, 0.0, limit=0.02, share=0.0012).format_row() == "b: 0.12%, at most 2%"


@pytest.mark.slow
def test_tracking_adds_less_than_a_fiftieth_to_training(store):
    *_, share = overhead.tracking(store)
    assert share.share < share.limit == 0.02


@pytest.mark.slow
def test_a_worker_takes_its_first_step_and_help_answers_within_their_limits(store):
    assert overhead.starting(store).processor < 2 * 4.0  # of the whole process, on however busy a machine
    assert overhead.command_line().processor < 0.3


@pytest.mark.slow
def test_a_worker_imports_nothing_that_takes_long_but_torch(store, tiny):
    run = store.run(tiny)
    run.create(tiny)
    words = [sys.executable, "-X", "importtime", "-P", "-m", "bench.worker.main", str(run.path)]
    done = subprocess.run(words, env=worker_process.environment(run, 1), capture_output=True, text=True)
    imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines() if line.startswith("import time:")}
    assert run.status().state == "finished" and "torch" in imported
    assert not imported & {"torch._dynamo", "sklearn", "pandas", "scipy", "skimage", "matplotlib", "mlflow", "optuna", "rich"}


def test_flops_are_counted_as_pytorch_counts_them():
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    from bench.training.flops import flops

    layers = torch.nn.Sequential(torch.nn.Conv2d(1, 4, 3), torch.nn.Flatten(), torch.nn.Linear(4 * 14 * 14, 3))
    with torch.no_grad(), FlopCounterMode(display=False) as theirs:
        layers(torch.zeros(1, 1, 16, 16))

    class Model(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.layers = layers

        def forward(self, context, horizon):
            return self.layers(context[:, 0])

    by_hand = 2 * 14 * 14 * 4 * 9 + 2 * 3 * 4 * 14 * 14
    assert flops(Model(), (1, 16, 16), 1, 1) == theirs.get_total_flops() == by_hand
