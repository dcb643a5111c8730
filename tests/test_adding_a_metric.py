"""A metric of one's own is one function and one line: it is scored, tabulated, explained and copied to MLflow."""

import json

import pytest
import torch
from torch import Tensor

from bench.evaluation.scores import load
from bench.metrics import METRICS
from bench.metrics.metric import FrameMetric
from bench.metrics.views import Views
from bench.store.store import Store
from bench.tracking.connection import connect
from tests.conftest import EVALUATION, TINY


def gradient_difference(views: Views) -> Tensor:
    """Mean absolute difference of horizontal gradients, [B, T]."""
    prediction, target = views.frames()
    return (prediction.diff(dim=-1) - target.diff(dim=-1)).abs().mean((-3, -2, -1))


@pytest.fixture
def added(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(
        METRICS, "mgd", FrameMetric("down", "per pixel", 2, 1e3, "MGD", rules={"standard": gradient_difference})
    )


@pytest.mark.usefixtures("mlflow_ready", "added")
def test_a_metric_added_by_one_function_and_one_line_reaches_table_explanation_and_mlflow(bench, tmp_path):
    assert bench("run", "mine.py", "--executor", "inline")[0] == 0
    run = Store(tmp_path / "runs").run(TINY)
    scores = load(run.scores_file(EVALUATION.at(TINY).key))
    mean = scores.means()["standard/mgd"]
    assert 0 < mean < 1 and not any(name.endswith("/mgd") and not name.startswith("standard") for name in scores.names)

    code, out, _ = bench("report", "mine.py", "--metrics", "psnr,mgd", "--frames", "2", "--format", "markdown")
    assert code == 0 and "MGD (×10⁻³ per pixel) ↓ | MGD t=2" in out and f"{1000 * mean:.2f}" in out
    (tmp_path / "paper.md").write_text(out)
    assert bench("report", "mine.py", "--check", "paper.md")[0] == 0
    explanation = json.loads(bench("explain", "mine.py", "tiny", "mgd", "--json")[1])
    assert explanation["value"] == pytest.approx(mean) and explanation["shown"]["unit"] == "per pixel"

    (copied,) = (mlflow_run for mlflow_run in _mlflow_runs(tmp_path) if mlflow_run.data.tags["bench.variant"] == "tiny")
    assert copied.data.metrics["mean/standard/mgd"] == pytest.approx(mean)
    assert "frame/standard/mgd" in copied.data.metrics


def _mlflow_runs(tmp_path):
    client = connect(Store(tmp_path / "runs"))
    return client.search_runs([experiment.experiment_id for experiment in client.search_experiments()])


def test_a_function_of_ones_own_sees_whole_chunks(added: None):
    from bench.metrics.score import score

    target = torch.zeros(1, 2, 1, 16, 16)
    stripes = target.clone()
    stripes[..., ::2] = 0.5
    assert score(stripes, target)["standard/mgd"].tolist() == [[0.5, 0.5]]
