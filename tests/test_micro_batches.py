"""A batch cut into micro-batches trains as the whole batch does."""

import copy

import pytest
import torch
from torch.testing import assert_close

from bench.spec import catalog
from bench.spec.component import Component
from bench.store.run import FINISHED, INTERRUPTED
from bench.store.store import Store
from bench.training.process_group import ProcessGroup
from bench.training.step import cut, spec_deviation, take_step
from bench.worker.main import execute
from tests import test_contracts
from tests.conftest import EVALUATION, TINY

# What cannot be alike: batch norms see one part at a time, and dropped branches are drawn by the model itself.
NAMED = {"simvp": "batch norms", "tau": "batch norms", "swinlstm": "draws by itself"}
BATCH = 3  # an odd number: parts differ in size
STEP = 10  # of 100, where schedules still draw


def _trained(name, micro_batches, options=None):
    """Losses, weights and the generator's state after a step in double precision, where rounding hides nothing."""
    torch.manual_seed(0)
    small, learner = test_contracts.TINY[name]
    model = catalog.build(
        "models", name, {**small, **(options or {})}, shape=test_contracts.SHAPE, context=9, horizon=3
    ).double()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    learner = catalog.build(
        "learners", learner, {"long": 9} if name == "lmc" else {}, model=model, context=9, horizon=3, steps=100
    )
    clip = test_contracts.clips(count=BATCH, frames=learner.frames).double()
    torch.manual_seed(1)
    losses = take_step(TINY.but(batch=BATCH), model, learner, optimizer, clip, STEP, micro_batches)
    return losses, model.state_dict(), torch.get_rng_state()


@pytest.mark.parametrize(
    "name", [n for n in catalog.CATALOG["models"] if test_contracts.TINY[n][1] != "nothing" and n not in NAMED]
)
def test_a_step_in_two_micro_batches_is_the_step_of_the_whole_batch(name):
    assert_close(_trained(name, 2), _trained(name, 1), rtol=1e-7, atol=1e-8)


def test_without_dropped_branches_swinlstm_too_trains_alike_in_parts():
    assert_close(_trained("swinlstm", 3, {"drop_path": 0.0}), _trained("swinlstm", 1, {"drop_path": 0.0}), rtol=1e-7, atol=1e-8)


@test_contracts.every_learned_model
def test_models_that_cannot_train_alike_in_parts_are_named_in_the_deviation(name):
    how = spec_deviation(test_contracts.tiny(name), 4, 2)
    assert how.startswith("trained in 2 micro-batches of 2 clips: ")
    assert NAMED.get(name, "the same up to rounding") in how
    assert spec_deviation(test_contracts.tiny(name), 4, 1) == ""
    assert bool(spec_deviation(test_contracts.tiny(name), 4, 1, ProcessGroup(0, 2))) == (name in NAMED)


def test_what_a_model_draws_by_itself_is_drawn_anew_for_every_part_and_leaves_the_generator_alone():
    first, second = _trained("swinlstm", 2, {"drop_path": 0.5}), _trained("swinlstm", 2, {"drop_path": 0.5})
    assert_close(first, second, rtol=0, atol=0)
    torch.manual_seed(1)
    assert torch.equal(first[2], torch.get_rng_state())


@pytest.mark.parametrize(("clips", "parts", "sizes"), [(8, 4, [2, 2, 2, 2]), (7, 2, [3, 4]), (3, 8, [1, 1, 1]), (1, 1, [1])])
def test_parts_are_as_even_as_possible_and_never_empty(clips, parts, sizes):
    ranges = cut(range(5, 5 + clips), parts)
    assert [len(part) for part in ranges] == sizes
    assert [clip for part in ranges for clip in part] == list(range(5, 5 + clips))


def test_a_run_in_micro_batches_ends_as_the_run_with_whole_batches_and_says_so(tmp_path):
    spec = TINY.but(steps=20, batch=4, validate_every=20, learner=Component("memory_alignment", warmup=0, long=9))
    whole, cut_up = (Store(tmp_path / name).run(spec) for name in ("whole", "parts"))
    whole.create(spec)
    assert execute(whole, [], "cpu", lambda: False) == FINISHED
    cut_up.create(spec)
    cut_up.set_micro_batches(2)
    stops = iter([False] * 4 + [True] + [False] * 20)
    assert execute(cut_up, [], "cpu", lambda: next(stops)) == INTERRUPTED
    assert execute(cut_up, [], "cpu", lambda: False) == FINISHED
    assert_close(_weights(cut_up), _weights(whole), rtol=1e-5, atol=1e-5)
    assert cut_up.metrics.latest()["loss/storing"] == pytest.approx(whole.metrics.latest()["loss/storing"], rel=1e-5)
    assert cut_up.provenance()["deviations"] == ["trained in 2 micro-batches of 2 clips: the same up to rounding"]
    assert "deviations" not in whole.provenance()


def test_batches_cut_from_some_step_on_are_told_from_when(tmp_path):
    run = Store(tmp_path).run(TINY)
    run.create(TINY)
    answers = iter([False, True])
    assert execute(run, [EVALUATION], "cpu", lambda: next(answers)) == INTERRUPTED
    run.set_micro_batches(2)
    assert execute(run, [EVALUATION], "cpu", lambda: False) == FINISHED
    assert run.provenance()["deviations"] == ["trained in 2 micro-batches of 1 clip: the same up to rounding (from step 3 on)"]


def _weights(run):
    from bench.training import checkpoint

    return copy.deepcopy(checkpoint.newest(run.path / "checkpoints")["model"])
