"""What tests share: a tiny spec that trains in a second, and a store in a temporary folder."""

import os
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import pytest
import torch

from bench import tracker
from bench.experiment import Evaluation, Experiment
from bench.spec import Part, RunSpec
from bench.store import Store

torch.set_num_threads(1)

TINY = RunSpec(
    model=Part("lmc", width=4, layers=1, slots=5),
    learner=Part("memory_alignment", warmup=0),
    data=Part("digits", size=16, digit=8),
    context=9,
    horizon=2,
    batch=2,
    steps=6,
    optimizer=Part("adam", lr=1e-3),
    validate_every=3,
    validation_clips=2,
)
FLOOR = TINY.but(model=Part("copy_last"), learner=Part("nothing"), steps=0)
EVALUATION = Evaluation(clips=3, keep_predictions=True)


@pytest.fixture(autouse=True)
def _apart(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test sees the user's data, weights or MLflow server."""
    monkeypatch.setenv("BENCH_DATA", str(tmp_path_factory.mktemp("data")))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path_factory.mktemp("torch")))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)


@pytest.fixture
def store(tmp_path) -> Store:
    return Store(tmp_path / "runs")


@pytest.fixture(scope="session")
def empty_mlflow(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fresh MLflow database to copy: making one takes seconds."""
    store = Store(tmp_path_factory.mktemp("mlflow"))
    tracker._client(store).search_experiments()
    return store.root / "mlflow.db"


@pytest.fixture
def tiny() -> RunSpec:
    return TINY


@pytest.fixture
def pair() -> Experiment:
    """A learned variant and a floor."""
    return Experiment("Does it run?", {"tiny": TINY, "copy": FLOOR}, evaluation=EVALUATION, name="pair")
