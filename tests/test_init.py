"""Training may start from a checkpoint: its content is part of the identity of a run, and tables say so."""

import json
import shutil

import pytest
import torch

from bench.common.errors import BenchError
from bench.executors.inline import Inline
from bench.spec.component import Component
from bench.spec.experiment import Evaluation, Experiment
from bench.spec.runspec import RunSpec
from bench.store.run import FAILED, FINISHED
from bench.sweep.plan import plan
from bench.sweep.preflight import preflight
from bench.sweep.scheduler import Scheduler
from bench.training import checkpoint, trainer
from bench.worker.main import execute
from tests.checkpoint_samples import SAMPLES, saved

SPEC = RunSpec(
    model=Component("convlstm", hidden=16, layers=2, patch=2), learner=Component("direct"),
    data=Component("digits", size=16, digit=8),
    context=3, horizon=2, batch=1, steps=1, optimizer=Component("adam", lr=1e-9), validation_clips=1,
)  # fmt: skip


@pytest.fixture
def theirs(tmp_path):
    return saved(tmp_path / "theirs.pth", {"state_dict": {f"model.{k}": t for k, t in SAMPLES["convlstm"].weights().items()}})


def trained(spec, store):
    """The weights of a run once it is trained, and its plan."""
    planned_runs = plan(Experiment("?", {"it": spec}, evaluation=Evaluation(clips=2), name="it"), store)
    Scheduler(planned_runs, store, Inline()).run()
    state = checkpoint.newest(planned_runs[0].run.path / "checkpoints")
    assert state is not None
    return state["model"], planned_runs


def test_the_content_of_the_file_is_the_identity_and_not_its_place(theirs, tmp_path):
    spec = SPEC.edited(f"init={theirs}")
    (tmp_path / "elsewhere").mkdir()
    moved = shutil.copy(theirs, tmp_path / "elsewhere" / "other.pth")
    assert spec.key == SPEC.but(init=str(moved)).key != SPEC.key
    assert SPEC.but(init=str(saved(tmp_path / "b.pth", {"a": torch.zeros(1)}))).key != spec.key
    assert RunSpec.from_json(json.loads(json.dumps(spec.to_json()))) == spec and spec.init_sha256 in json.dumps(
        spec.differences()
    )
    theirs.unlink()
    assert spec.but(seed=1).init == spec.init  # planned once, it is known without the file


def test_training_starts_from_weights_of_another_code_base(theirs, store):
    weights, _ = trained(SPEC.but(init=str(theirs)), store)
    assert torch.allclose(weights["output.weight"], SAMPLES["convlstm"].weights()["conv_last.weight"], atol=1e-6)
    random, _ = trained(SPEC, store)
    assert not torch.allclose(random["output.weight"], weights["output.weight"], atol=1e-2)


def test_training_starts_from_a_checkpoint_of_ours(store):
    random, planned_runs = trained(SPEC, store)
    file = sorted((planned_runs[0].run.path / "checkpoints").glob("step-*"))[-1]
    second_run, _ = trained(SPEC.but(init=str(file), seed=7), store)
    assert all(torch.allclose(second_run[name], tensor, atol=1e-6) for name, tensor in random.items())


def test_once_begun_a_run_no_longer_needs_the_file(theirs, store):
    spec = SPEC.but(init=str(theirs), steps=2, validate_every=1)
    _, planned_runs = trained(spec, store)
    theirs.unlink()
    assert planned_runs[0].run.status().step == 2
    trained(spec, store)  # finished: nothing is asked for


def test_a_run_that_was_cut_off_goes_on_without_the_file_and_one_that_never_began_asks_for_it(theirs, store, monkeypatch):
    spec = SPEC.but(init=str(theirs), steps=4, validate_every=2)
    real = trainer.take_step

    def dying(spec, model, learner, optimizer, clip, at, *parts):
        if at == 3:
            raise KeyboardInterrupt
        return real(spec, model, learner, optimizer, clip, at, *parts)

    run = store.run(spec)
    run.create(spec)
    with monkeypatch.context() as patch:
        patch.setattr(trainer, "take_step", dying)
        with pytest.raises(KeyboardInterrupt):
            execute(run, [], "cpu", lambda: False)
    assert checkpoint.newest(run.path / "checkpoints") is not None
    theirs.unlink()
    assert execute(run, [], "cpu", lambda: False) == FINISHED and run.status().step == 4
    fresh = store.run(spec.but(seed=1))
    fresh.create(spec.but(seed=1))
    assert execute(fresh, [], "cpu", lambda: False) == FAILED
    assert "there is no file" in fresh.status().reason and "theirs.pth" in fresh.status().reason


def test_the_file_is_read_from_where_the_user_says_and_not_from_where_a_store_says(theirs, store, tmp_path):
    spec = SPEC.but(init=str(theirs))
    secret = tmp_path / "secret.pth"
    run = store.run(spec)
    run.create(spec)
    values = json.loads((run.path / "spec.json").read_text())
    values["init"] = values["init"].replace(str(theirs), str(secret))
    (run.path / "spec.json").write_text(json.dumps(values))
    trained(spec, store)  # there is no secret.pth
    assert json.loads((run.path / "spec.json").read_text())["init"] == spec.init


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"model": Component("convlstm", hidden=8, layers=2, patch=2)}, "is ConvLSTM of OpenSTL with hidden=16, not 8"),
        (
            {"model": Component("predrnn", hidden=16, layers=2, patch=2)},
            "is not PredRNN of its authors and OpenSTL: 'cell_list.0.conv_last.weight' is missing",
        ),
        ({"model": Component("trajgru", hidden=(8, 8, 8), stem=4, links=2)}, "has no '"),
    ],
)
def test_a_file_that_does_not_fit_is_refused_before_anything_runs(theirs, store, change, words):
    planned_runs = plan(Experiment("?", {"it": SPEC.but(**change, init=str(theirs))}, name="it"), store)
    with pytest.raises(BenchError) as refused:
        preflight(planned_runs)
    assert words in str(refused.value) and "\n" not in str(refused.value)


def test_a_file_that_changed_or_is_gone_or_cannot_be_is_refused(theirs, store, tmp_path):
    planned_runs = plan(Experiment("?", {"it": SPEC.but(init=str(theirs))}, name="it"), store)
    saved(theirs, {"a": torch.zeros(1)})
    with pytest.raises(BenchError, match="has changed since this run was planned"):
        preflight(planned_runs)
    theirs.unlink()
    with pytest.raises(BenchError, match="there is no file"):
        preflight(planned_runs)
    with pytest.raises(BenchError, match=r"init: cannot read the checkpoint nowhere.pth"):
        SPEC.edited("init=nowhere.pth")
    with pytest.raises(BenchError, match="steps=0"):
        SPEC.but(init=str(saved(tmp_path / "b.pth", {})), steps=0)
    with pytest.raises(BenchError, match="stored with the hash of its file"):
        RunSpec.from_json({**SPEC.to_json(), "init": str(tmp_path / "b.pth")})
    with pytest.raises(BenchError, match="names no SHA-256"):
        SPEC.but(init="a.pth@sha256:123")


@pytest.mark.usefixtures("mlflow_ready")
def test_the_tables_of_scores_and_costs_say_where_a_row_started(theirs, bench, tmp_path):
    (tmp_path / "tuned.py").write_text(
        "from bench.spec import Experiment, Evaluation\nfrom tests.test_init import SPEC\n"
        "def experiment(scale):\n"
        f"    variants = {{'random': SPEC, 'from theirs': SPEC.but(init={str(theirs)!r})}}\n"
        "    return Experiment('?', variants, evaluation=Evaluation(clips=2))\n"
    )
    assert bench("run", "tuned.py", "--executor", "inline")[0] == 0
    out = bench("report", "tuned.py")[1]
    assert "Started from the weights in theirs.pth (sha256 " in out
    out = bench("report", "tuned.py", "--costs")[1]
    assert "from theirs: Started from the weights in theirs.pth" in out
