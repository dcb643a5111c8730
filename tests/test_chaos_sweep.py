"""A sweep whose workers and schedulers are killed again and again ends as if nothing had happened, in MLflow too."""

import contextlib
import os
import random
import signal
import time

import pytest

from bench.spec.loading import load
from bench.store.run import FINISHED
from bench.store.store import Store
from bench.sweep.plan import plan
from bench.tracking import connection
from tests.sweep_samples import bench, outcome, owners, states, twelve

KILLS = 20
TIMEOUT_S = 1500
pytestmark = pytest.mark.chaos


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("undisturbed")
    path = twelve(folder)
    sweep = bench("run", path, "--workers", 2, store=folder / "runs")
    out, _ = sweep.communicate(timeout=TIMEOUT_S)
    assert sweep.returncode == 0, out
    return outcome(path, folder / "runs")


def test_twenty_kills_of_workers_and_schedulers_change_no_bit_and_mlflow_equals_the_store(tmp_path, undisturbed):
    path, store = twelve(tmp_path), tmp_path / "runs"
    moments = random.Random(0)
    kills = 0
    sweep = bench("run", path, "--workers", 2, store=store)
    until = time.monotonic() + TIMEOUT_S
    while sweep.poll() is None or states(path, store) != [FINISHED] * 12:
        assert time.monotonic() < until, states(path, store)
        if sweep.poll() is not None:
            sweep = bench("run", path, "--workers", 2, store=store)
        time.sleep(moments.uniform(0.2, 4.0))
        if kills < KILLS and sweep.poll() is None:
            workers = list(owners(store).values())
            victim = sweep.pid if moments.random() < 0.4 or not workers else moments.choice(workers)
            with contextlib.suppress(ProcessLookupError):
                os.kill(victim, signal.SIGKILL)
                kills += 1
    last = bench("run", path, "--workers", 2, store=store)  # the last one may have been killed while it copied into MLflow
    out, _ = last.communicate(timeout=TIMEOUT_S)
    assert last.returncode == 0, out
    assert kills == KILLS, f"the sweep was over after {kills} kills"
    assert outcome(path, store) == undisturbed
    _assert_mlflow_equals(path, Store(store))


def _assert_mlflow_equals(path, store):
    from mlflow.tracking import MlflowClient

    client = MlflowClient(connection.tracking_uri(store))
    experiment = client.get_experiment_by_name("twelve-small")
    copies = {run.data.tags["bench.run"]: run for run in client.search_runs([experiment.experiment_id])}
    planned_runs = plan(load(str(path)), store)
    assert sorted(copies) == sorted(planned.run.identity() for planned in planned_runs)
    for planned in planned_runs:
        copy = copies[planned.run.identity()]
        assert copy.info.status == "FINISHED"
        for name in ("loss/storing", "loss/matching", "validation/psnr"):
            truth = [(int(line["step"]), line[name]) for line in planned.run.metrics.lines() if name in line]
            sent = [(point.step, point.value) for point in client.get_metric_history(copy.info.run_id, name)]
            assert sorted(sent) == sorted(truth)
