"""What a run costs is recorded with it, and the report shows it."""

import pytest
import torch
from torch import nn
from torch.nn.functional import scaled_dot_product_attention

from bench.reporting.results import results
from bench.spec import catalog
from bench.store.store import Store
from bench.sweep.plan import plan
from bench.training.flops import flops, parameters, parameters_used, rollout_seconds


class Slow(nn.Module):
    """Notes what it was asked, as long as it takes."""

    def __init__(self):
        super().__init__()
        self.calls = []

    def forward(self, context, horizon):
        self.calls.append((tuple(context.shape), horizon))
        return context.new_zeros(len(context), horizon, *context.shape[2:])


def test_a_rollout_is_timed_after_one_to_warm_up_and_told_per_clip():
    model = Slow()
    assert 0 < rollout_seconds(model, (1, 16, 16), 10, 5) < 1
    assert model.calls == [((8, 10, 1, 16, 16), 5)] * 3


def test_large_frames_are_not_predicted_all_at_once():
    model = Slow()
    rollout_seconds(model, (3, 512, 512), 2, 2)
    assert model.calls[0][0][0] == 1


class Attention(nn.Module):
    """One head that looks from every frame at every known one."""

    def forward(self, context, horizon):
        tokens = context.flatten(2)[:, None]
        return scaled_dot_product_attention(tokens, tokens, tokens)


def test_attention_is_counted_where_it_is_computed():
    assert flops(Attention(), (1, 8, 8), 10, 10) == 2 * 2 * 10 * 10 * 64  # two matrix products of multiply-adds


@pytest.mark.parametrize(
    ("options", "left_out"),
    [({}, "motion_context_encoder"), ({"storing": False}, None), ({"train_slots": False}, "motion_context_encoder")],
)
def test_parameters_in_use_are_those_that_a_prediction_depends_on(options, left_out):
    model = catalog.build("models", "lmc", {"width": 8, "layers": 1, "slots": 5, **options}, shape=(1, 16, 16)).eval()
    idle = sum(weight.numel() for name, weight in model.named_parameters() if left_out and left_out in name)
    assert parameters_used(model, (1, 16, 16), 9) == parameters(model) - idle > 0
    assert parameters_used(catalog.build("models", "black", {}, shape=(1, 16, 16)).eval(), (1, 16, 16), 9) == 0


def test_a_trained_run_has_every_cost(finished):
    code, out, _ = finished("report", "mine.py", "--costs", "--format", "csv")
    assert code == 0
    costs = "parameters,parameters_used,flops,train_seconds,updates,samples,peak_memory_bytes,rollout_seconds_per_clip"
    assert out.startswith(f"variant,{costs},seeds")
    assert all(out.splitlines()[1].split(",")[:-1])  # the last are notes


def test_a_report_tells_the_code_the_packages_and_the_machine_of_each_run(trained, pair):
    runs = results(pair, plan(pair, Store(trained)), ["standard"]).runs
    assert list(runs["torch"]) == [torch.__version__] * 2
    assert all(runs["machine"]) and all(runs["commit"])
