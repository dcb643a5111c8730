"""Real data through a whole run: trained, scored per action, and stopped when a file has changed."""

import pytest

from bench.common.errors import BenchError
from bench.data.root import data_root
from bench.evaluation.scores import load
from bench.reporting.results import results
from bench.spec import catalog
from bench.spec.component import Component
from bench.spec.experiment import Experiment
from bench.store.run import FAILED, FINISHED
from bench.store.store import Store
from bench.sweep.plan import plan
from bench.worker.main import execute
from tests.conftest import EVALUATION, TINY
from tests.data_samples import prepare_kth


def spec():
    """A new one each time, since a spec remembers the fingerprint of its data."""
    return TINY.but(data=Component("kth", size=16))


@pytest.fixture
def run(tmp_path):
    prepare_kth(tmp_path / "source")
    run = Store(tmp_path / "runs").run(spec())
    run.create(spec())
    return run


def executed(run):
    return execute(run, [EVALUATION], "cpu", lambda: False)


def test_kth_from_avi_files_to_scores_that_know_their_action(run):
    assert executed(run) == FINISHED
    scores = load(run.scores_file(EVALUATION.at(run.spec).key))
    assert scores["standard/psnr"].shape == (3, 2)  # three sequences of at least 9 + 2 frames, two of them predicted
    assert sorted(scores.metadata["labels"]) == ["jogging", "walking", "walking"]


def test_the_data_sets_fingerprint_is_in_the_provenance(run):
    executed(run)
    assert run.provenance()["fingerprint"] == catalog.build("datasets", "kth", {"size": 16}).fingerprint()


def test_a_prepared_set_that_has_changed_is_noticed_before_training(run, tmp_path):
    (data_root() / "kth" / "16x16" / "train.u8").write_bytes(b"short")
    assert executed(run) == FAILED and "train.u8 has changed (5 bytes" in run.status().reason
    assert not list(run.metrics.lines())
    with pytest.raises(BenchError, match=r"train.u8 has changed"):  # and planning notices it as well
        Store(tmp_path / "runs").run(spec())


def test_a_report_can_be_of_one_action_alone(run):
    executed(run)
    experiment = Experiment("Who walks?", {"tiny": spec()}, evaluation=EVALUATION, name="kth")
    planned_runs = plan(experiment, Store(run.path.parent))
    walking = results(experiment, planned_runs, ["standard"], label="walking")
    assert (walking.metadata.clips, len(walking.scores)) == (2, 4)
    assert walking.metadata.label == "walking"
    with pytest.raises(BenchError, match="no test clip is labelled 'waking': did you mean 'walking'"):
        results(experiment, planned_runs, ["standard"], label="waking")
