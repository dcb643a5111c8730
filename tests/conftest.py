"""What tests share: a tiny spec that trains in a second, and a store in a temporary folder."""

import os
import shutil
import sys
from dataclasses import replace
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import pytest
import torch

from bench import cli
from bench.executors.inline import Inline
from bench.spec.component import Component
from bench.spec.experiment import Evaluation, Experiment
from bench.spec.runspec import RunSpec
from bench.store.run import Run
from bench.store.store import Store
from bench.sweep.plan import plan
from bench.sweep.scheduler import Scheduler
from bench.tracking.connection import connect

torch.set_num_threads(1)

TINY = RunSpec(
    model=Component("lmc", width=4, layers=1, slots=5),
    learner=Component("memory_alignment", warmup=0),
    data=Component("digits", size=16, digit=8),
    context=9,
    horizon=2,
    batch=2,
    steps=6,
    optimizer=Component("adam", lr=1e-3),
    validate_every=3,
    validation_clips=2,
)
FLOOR = TINY.but(model=Component("copy_last"), learner=Component("nothing"), steps=0)
EVALUATION = Evaluation(clips=3, keep_predictions=True)


def trained_run(folder: Path) -> Run:
    """The run that was trained, of the two in a copied store."""
    return next(run for run in Store(folder / "runs").runs() if run.name.startswith("lmc-"))


@pytest.fixture(autouse=True)
def _apart(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test sees the user's data, weights, MLflow server, or what he trusts."""
    monkeypatch.setenv("BENCH_CONFIG", str(tmp_path_factory.mktemp("config")))
    monkeypatch.setenv("BENCH_TRUST", "")
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
    connect(store).search_experiments()
    return store.root / "mlflow.db"


@pytest.fixture
def tiny() -> RunSpec:
    return TINY


@pytest.fixture
def pair() -> Experiment:
    """A learned variant and a floor."""
    return Experiment("Does it run?", {"tiny": TINY, "copy": FLOOR}, evaluation=EVALUATION, name="pair")


@pytest.fixture
def five(pair, tiny):
    return replace(pair, variants={str(n): tiny.but(seed=n) for n in range(1)}, seeds=(0, 1, 2, 3, 4))


EXPERIMENT = """
from bench.spec import Experiment
from tests.conftest import EVALUATION, FLOOR, TINY

def experiment(scale):
    return Experiment("Does it run?", {"tiny": TINY, "copy": FLOOR}, evaluation=EVALUATION)
"""


@pytest.fixture(scope="session")
def trained(tmp_path_factory):
    """A store in which the experiment is finished, to copy."""
    store = Store(tmp_path_factory.mktemp("trained") / "runs")
    pair = Experiment("Does it run?", {"tiny": TINY, "copy": FLOOR}, evaluation=EVALUATION, name="pair")
    with pytest.MonkeyPatch.context() as patch:  # `_apart` comes later: it is made anew for every test
        patch.setenv("TORCH_HOME", str(tmp_path_factory.mktemp("no_weights")))
        Scheduler(plan(pair, store), store, Inline()).run()
    return store.root


@pytest.fixture
def bench(monkeypatch, capsys, tmp_path):
    """Calls `bench` in this process: (exit code, what it printed, what it complained)."""
    monkeypatch.setenv("BENCH_STORE", str(tmp_path / "runs"))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.py").write_text(EXPERIMENT)

    def call(*words):
        monkeypatch.setattr(sys, "argv", ["bench", *map(str, words)])
        try:
            cli.main()
            code = 0
        except SystemExit as end:
            code = end.code or 0
        out, err = capsys.readouterr()
        return code, out, err

    return call


@pytest.fixture
def finished_store(trained, tmp_path) -> Store:
    """The store that `bench` uses, with two finished runs in it."""
    shutil.copytree(trained, tmp_path / "runs", dirs_exist_ok=True)
    return Store(tmp_path / "runs")


@pytest.fixture
def finished(bench, finished_store):
    """`bench`, on a store with two finished runs."""
    return bench


@pytest.fixture
def mlflow_ready(empty_mlflow, tmp_path):
    """The tests that train copy into MLflow as well."""
    (tmp_path / "runs").mkdir(exist_ok=True)
    shutil.copy(empty_mlflow, tmp_path / "runs")


@pytest.fixture
def cluster(tmp_path, monkeypatch):
    """SLURM's commands as they are on a cluster, pretended; `cluster.calls(tool)` tells with which arguments one was called."""
    from bench.executors import slurm, slurm_queue
    from tests.slurm.pretend import Slurm

    pretended = Slurm(tmp_path / "slurm")
    monkeypatch.setenv("PATH", f"{pretended.folder / 'bin'}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setattr(slurm_queue, "FRESH", 0.0)
    monkeypatch.setattr(slurm, "POLL", 0.1)
    slurm_queue.QUEUE.refresh()
    return pretended
