"""MLflow holds a faithful copy of the store: every run once, whatever happens, however often it is sent."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest

from bench.common.urls import digest
from bench.evaluation.scores import load
from bench.executors.inline import Inline
from bench.store.store import Store
from bench.sweep.plan import plan
from bench.sweep.scheduler import Scheduler
from bench.tracking import mirror, tracker, views
from bench.tracking.connection import tracking_uri
from tests.conftest import TINY

pytestmark = pytest.mark.usefixtures("mlflow_ready")


@pytest.fixture
def copied(finished_store, pair):
    """A store whose two runs are in MLflow."""
    assert tracker.sync(finished_store, "pair-small", plan(pair, finished_store)) == 2
    return finished_store


def _client(store):
    from mlflow.tracking import MlflowClient

    return MlflowClient(tracking_uri(store))


def _close_connections():
    """As if the process ended: MLflow keeps databases open."""
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

    for engine in SqlAlchemyStore._engine_map.values():
        engine.dispose()


def _runs(store):
    client = _client(store)
    experiment = client.get_experiment_by_name("pair-small")
    return {run.info.run_name: run for run in client.search_runs([experiment.experiment_id])}


def _histories(store):
    client = _client(store)
    return {
        (name, metric): [(point.step, point.value) for point in client.get_metric_history(run.info.run_id, metric)]
        for name, run in _runs(store).items()
        for metric in run.data.metrics
    }


def test_runs_are_named_by_variant_and_seed_with_their_settings(copied):
    runs = _runs(copied)
    assert set(runs) == {"tiny · seed 0", "copy · seed 0"}
    assert runs["tiny · seed 0"].data.params["model.slots"] == "5"
    assert runs["tiny · seed 0"].data.params["model.memory"] == "True"  # which is the default: runs differ in values alone
    assert runs["tiny · seed 0"].info.status == "FINISHED"


def test_curves_have_the_training_step_and_scores_the_frame(copied):
    histories = _histories(copied)
    assert [step for step, _ in histories["tiny · seed 0", "loss/matching"]] == [1, 2, 3, 4, 5, 6]
    assert [step for step, _ in histories["tiny · seed 0", "validation/psnr"]] == [3, 6]
    assert [step for step, _ in histories["copy · seed 0", "frame/standard/psnr"]] == [1, 2]
    assert len(histories["copy · seed 0", "mean/standard/psnr"]) == 1


def test_a_run_carries_its_source_commit_user_description_data_set_and_costs(copied):
    run = _runs(copied)["tiny · seed 0"]
    provenance = next(run for run in copied.runs() if run.name.startswith("lmc")).provenance()
    tags = run.data.tags
    assert tags["mlflow.note.content"].startswith("tiny, seed 0, of pair-small.")
    assert tags.get("mlflow.source.git.commit") == provenance["code"].get("commit")
    assert tags["mlflow.source.type"] == "LOCAL" and tags["mlflow.user"]
    assert not tags["mlflow.source.name"].startswith("/")
    (used,) = run.inputs.dataset_inputs
    assert (used.dataset.name, used.dataset.digest) == ("digits", provenance["fingerprint"][-36:])
    assert run.data.metrics["run_cost/parameters"] == provenance["parameters"]


def test_an_experiment_opens_in_the_view_of_model_training(copied):
    assert _client(copied).get_experiment_by_name("pair-small").tags["mlflow.experimentKind"] == "custom_model_development"


def test_an_experiment_has_a_view_of_the_charts_that_matter_first_and_says_its_question(copied, pair):
    client = _client(copied)
    experiment = client.get_experiment_by_name("pair-small")
    saved = json.loads(json.loads(experiment.tags["mlflow.sharedViewState.bench-runs"])["state"])
    charts = [chart["metricKey"] for chart in saved["compareRunCharts"]]
    assert charts[0] == "frame/standard/psnr" and saved["groupBy"] is None
    metric_names = {metric for _, metric in _histories(copied)}
    assert set(charts) - metric_names <= {"frame/standard/lpips", "mean/standard/lpips", "loss/prediction", "loss/storing"}
    assert {chart["metricSectionId"] for chart in saved["compareRunCharts"]} == {s["uuid"] for s in saved["compareRunSections"]}
    by_variant = json.loads(json.loads(experiment.tags["mlflow.sharedViewState.bench-variants"])["state"])
    groups = [{"mode": "param", "groupByData": "variant"}, {"mode": "tag", "groupByData": "bench.settings"}]
    assert by_variant["groupBy"]["groupByKeys"] == groups
    assert f"(#/experiments/{experiment.experiment_id}/runs?" in experiment.tags["mlflow.note.content"]


def test_a_view_that_a_version_before_has_made_is_made_anew(copied, pair):
    client = _client(copied)
    number, tag = client.get_experiment_by_name("pair-small").experiment_id, "mlflow.sharedViewState.bench-variants"
    latest = client.get_experiment(number).tags[tag]
    client.set_experiment_tag(number, tag, views._saved(views.VARIANTS, views.BY_VARIANT))
    plan(pair, copied)[0].run.set_status("finished")
    assert tracker.sync(copied, "pair-small", plan(pair, copied)) == 1
    assert client.get_experiment(number).tags[tag] == latest


def test_a_view_and_a_description_that_somebody_changed_stay(copied, pair):
    client = _client(copied)
    number = client.get_experiment_by_name("pair-small").experiment_id
    changed_tags = {"mlflow.sharedViewState.bench-runs": "{}", "mlflow.note.content": "Mine."}
    for tag, value in changed_tags.items():
        client.set_experiment_tag(number, tag, value)
    for path in copied.root.glob("*/mlflow/*.json"):
        path.unlink()
    assert tracker.sync(copied, "pair-small", plan(pair, copied), question=pair.question) == 2
    assert changed_tags.items() <= client.get_experiment(number).tags.items()


def test_scores_pictures_and_provenance_are_artifacts(copied):
    run = _runs(copied)["tiny · seed 0"]
    client = _client(copied)
    top = {file.path for file in client.list_artifacts(run.info.run_id)}
    assert {"spec.json", "provenance.json", "scores", "predictions"} <= top
    assert len(client.list_artifacts(run.info.run_id, "predictions")) == 3


def test_sending_again_changes_nothing_even_when_nobody_remembers(copied, pair):
    before = _histories(copied)
    assert tracker.sync(copied, "pair-small", plan(pair, copied)) == 0
    for note in copied.root.glob("*/mlflow/*.json"):
        note.unlink()
    assert tracker.sync(copied, "pair-small", plan(pair, copied)) == 2
    assert _histories(copied) == before and len(_runs(copied)) == 2


def test_steps_that_a_resumed_run_will_repeat_are_not_sent_before_a_checkpoint_covers_them(finished_store, pair):
    run = plan(pair, finished_store)[0].run
    run.set_status("interrupted", step=3, trained=False)
    tracker.sync(finished_store, "pair-small", plan(pair, finished_store))
    assert [step for step, _ in _histories(finished_store)["tiny · seed 0", "loss/matching"]] == [1, 2, 3]
    run.set_status("finished", step=6, trained=True)
    tracker.sync(finished_store, "pair-small", plan(pair, finished_store))
    assert [step for step, _ in _histories(finished_store)["tiny · seed 0", "loss/matching"]] == [1, 2, 3, 4, 5, 6]
    assert _runs(finished_store)["tiny · seed 0"].info.status == "FINISHED"


def test_a_run_that_has_finished_after_all_keeps_no_reason_of_its_interruption(copied, pair):
    run = plan(pair, copied)[0].run
    run.set_status("interrupted", reason="asked to stop")
    tracker.sync(copied, "pair-small", plan(pair, copied))
    assert _runs(copied)["tiny · seed 0"].data.tags["bench.reason"] == "asked to stop"
    run.set_status("finished")
    tracker.sync(copied, "pair-small", plan(pair, copied))
    after = _runs(copied)["tiny · seed 0"]
    assert after.info.status == "FINISHED" and "bench.reason" not in after.data.tags


def test_a_server_that_is_down_costs_a_word_and_a_later_sync(finished_store, pair, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
        down = tracker.Tracker(finished_store, "pair-small", plan(pair, finished_store))
        assert "127.0.0.1" in down.close() or "Max retries" in down.trouble
    assert tracker.sync(finished_store, "pair-small", plan(pair, finished_store)) == 2


def test_a_run_that_mlflow_refuses_holds_up_no_other_and_is_named_with_the_reason(finished_store, pair, monkeypatch):
    refused = plan(pair, finished_store)[0]
    monkeypatch.setattr(mirror, "_settings", lambda spec: {"no: such\nname": 1} if spec.steps else spec.flat())
    with pytest.raises(tracker.Refused, match=r"it refused 1 of 2 runs: tiny, seed 0 \(MlflowException: Invalid value"):
        tracker.sync(finished_store, "pair-small", plan(pair, finished_store))
    assert _runs(finished_store)["copy · seed 0"].info.status == "FINISHED" and refused.label == "tiny"
    copying = tracker.Tracker(finished_store, "pair-small", plan(pair, finished_store))
    assert "it refused 1 of 1 runs: tiny, seed 0" in copying.close()
    monkeypatch.undo()
    assert tracker.sync(finished_store, "pair-small", plan(pair, finished_store)) == 1


def test_losses_with_names_that_mlflow_refuses_arrive_under_others(finished_store, pair):
    path = plan(pair, finished_store)[0].run.path / "metrics.jsonl"
    path.write_text(path.read_text().replace("loss/matching", "loss//l1+l2 (%)"))
    tracker.sync(finished_store, "pair-small", plan(pair, finished_store))
    assert len(_histories(finished_store)["tiny · seed 0", "loss/l1-l2 ---"]) == 6


def test_what_was_sent_is_noted_with_where(copied):
    note = json.loads(next(copied.root.glob("lmc-*/mlflow/*.json")).read_text())
    assert note["target"] == digest(tracking_uri(copied)) and "uri" not in note and note["step"] == 6


def test_scores_made_again_reach_mlflow(copied, pair):
    planned = plan(pair, copied)[1]
    path = planned.run.scores_file(planned.evaluations[0].key)
    scores = load(path)
    scores.values[..., scores.names.index("standard/lpips")] = 0.5
    scores.save(path)
    before = _histories(copied)
    assert tracker.sync(copied, "pair-small", plan(pair, copied)) == 1
    after = _histories(copied)
    assert after["copy · seed 0", "mean/standard/lpips"] == [(0, 0.5)]
    assert {name: points for name, points in after.items() if "lpips" not in name[1]} == before  # nothing is there twice


def test_scores_that_have_changed_leave_no_point_and_no_mean_of_the_old_ones(copied, pair):
    planned = plan(pair, copied)[1]
    path = planned.run.scores_file(planned.evaluations[0].key)
    scores = load(path)
    scores.values[..., scores.names.index("standard/psnr")] = 20.0
    scores.values[..., scores.names.index("standard/ssim")] = np.nan
    scores.save(path)
    assert tracker.sync(copied, "pair-small", plan(pair, copied)) == 1
    histories = _histories(copied)
    assert histories["copy · seed 0", "frame/standard/psnr"] == [(1, 20.0), (2, 20.0)]
    assert ("copy · seed 0", "mean/standard/ssim") not in histories and len(_runs(copied)) == 2


def test_seeds_share_the_tag_of_their_settings_and_runs_with_changed_settings_do_not(copied, pair):
    for spec in (TINY.but(seed=1), TINY.but(batch=3)):
        copied.run(spec).create(spec)
        experiment = replace(pair, variants={"tiny": spec}, seeds=(spec.seed,))
        assert tracker.sync(copied, "pair-small", plan(experiment, copied)) == 1
    client = _client(copied)
    mlflow_runs = client.search_runs([client.get_experiment_by_name("pair-small").experiment_id])
    settings = {(run.data.params["variant"], run.data.params["batch"], run.data.tags["bench.settings"]) for run in mlflow_runs}
    assert len(mlflow_runs) == 4 and len(settings) == 3  # two seeds of one, another batch, and the copy of the last frame


def test_a_store_that_was_copied_leaves_the_artifacts_of_the_original_alone(copied, pair, tmp_path):
    other = Store(tmp_path / "elsewhere" / "runs")
    shutil.copytree(copied.root, other.root)  # with times of its own
    before = _histories(copied), sorted((path, path.stat().st_mtime_ns) for path in copied.root.rglob("*") if path.is_file())
    plan(pair, other)[0].run.set_status("finished", step=6, trained=True)
    assert tracker.sync(other, "pair-small", plan(pair, other)) == 2
    runs = _runs(other)
    assert all(run.info.artifact_uri.startswith(str(other.root / "mlflow-artifacts")) for run in runs.values())
    assert len(runs) == 2 and _histories(other) == before[0]
    assert sorted((path, path.stat().st_mtime_ns) for path in copied.root.rglob("*") if path.is_file()) == before[1]


@pytest.mark.parametrize("how", ["damaged", "made by the copy of another experiment"])
def test_a_database_that_took_the_place_of_another_gets_every_run_again(copied, pair, how):
    path = copied.root / "mlflow.db"
    _close_connections()
    if how == "damaged":
        path.write_bytes(b"not a database at all" * 100)
    else:
        path.unlink()
        tracker.sync(copied, "other-small", plan(pair, copied))
    assert tracker.sync(copied, "pair-small", plan(pair, copied)) == 2
    assert set(_runs(copied)) == {"tiny · seed 0", "copy · seed 0"}
    assert tracker.sync(copied, "pair-small", plan(pair, copied)) == 0


def test_a_run_trained_afresh_is_a_run_of_its_own(copied, pair):
    planned = plan(pair, copied)[1]
    copied.set_aside(planned.run)
    Scheduler(plan(pair, copied), copied, Inline()).run()
    tracker.sync(copied, "pair-small", plan(pair, copied))
    experiment = _client(copied).get_experiment_by_name("pair-small")
    mlflow_runs = _client(copied).search_runs([experiment.experiment_id])
    assert len(mlflow_runs) == 3
    settings = {run.data.tags["bench.run"]: run.data.tags["bench.settings"] for run in mlflow_runs}
    assert settings.pop(plan(pair, copied)[1].run.identity()) != "replaced"  # the view of means takes it, and not the former
    assert sorted(value == "replaced" for value in settings.values()) == [False, True]
