"""Runs on a Ray cluster end like anywhere else, also when a node is lost in the middle. `make chaos` installs Ray."""

import os
import signal
import socket
from dataclasses import replace
from pathlib import Path

import pytest

from bench.common import lease
from bench.common.errors import BenchError
from bench.evaluation.scores import load
from bench.executors.inline import Inline
from bench.store.run import FINISHED
from bench.store.store import Store
from bench.sweep.plan import plan
from bench.sweep.scheduler import Scheduler
from tests import sweep_samples
from tests.conftest import EXPERIMENT

pytestmark = pytest.mark.chaos
ray = pytest.importorskip("ray", reason="Ray is not installed: pip install 'lmc-bench[ray]'")


@pytest.fixture
def four(pair, tiny):
    return replace(pair, variants={"tiny": tiny.but(steps=150, validate_every=25)}, seeds=(0, 1, 2, 3))


def _outcome(experiment, store):
    planned_runs = plan(experiment, store)
    assert [planned.state for planned in planned_runs] == [FINISHED] * len(planned_runs), [
        planned.why for planned in planned_runs
    ]
    return [load(planned.run.scores_file(planned.evaluations[0].key)).values.tobytes() for planned in planned_runs]


@pytest.fixture
def undisturbed(four, tmp_path):
    store = Store(tmp_path / "undisturbed")
    Scheduler(plan(four, store), store, Inline()).run()
    return _outcome(four, store)


@pytest.fixture
def cluster(monkeypatch):
    """A head that runs nothing, and two nodes with one core each, on this machine."""
    from ray.cluster_utils import Cluster

    for name, value in {
        "RAY_USAGE_STATS_ENABLED": "0",
        "RAY_health_check_initial_delay_ms": "0",
        "RAY_health_check_period_ms": "1000",
        "RAY_health_check_failure_threshold": "3",
    }.items():
        monkeypatch.setenv(name, value)
    ray_cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False})
    yield ray_cluster
    ray.shutdown()
    ray_cluster.shutdown()


def test_a_worker_and_then_a_node_that_are_lost_in_the_middle_cost_nothing_but_time(four, tmp_path, cluster, undisturbed):
    from bench.executors.ray import Ray

    nodes = [cluster.add_node(num_cpus=1), cluster.add_node(num_cpus=1)]
    store = Store(tmp_path / "cluster")
    executor = Ray(address=cluster.address)
    assert executor.slots == 2

    class Loses:
        """Kills the Ray worker above one run, and later a node with another; counts how often runs were started."""

        killed, starts = "", 0

        def started(self, planned):
            self.starts += 1

        def ended(self, planned): ...
        def tick(self):
            training = [planned.run for planned in scheduler.active.values() if 0 < planned.run.metrics.step() < 140]
            if len(training) == 2 and not self.killed:
                self.killed = training[0].name
                os.kill(_parent(int(lease.holder(training[0].path).rpartition(" ")[2])), signal.SIGKILL)
            elif len(training) == 2 and len(nodes) == 2 and self.starts > 2:
                cluster.remove_node(nodes.pop(), allow_graceful=False)

    loses = Loses()
    scheduler = Scheduler(plan(four, store), store, executor, [loses])
    scheduler.run()
    assert len(nodes) == 1 and loses.starts == 6 and _outcome(four, store) == undisturbed


def _parent(process):
    return int(Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[1])


def test_where_no_cluster_answers_there_is_one_clear_error_at_once():
    from bench.executors.ray import Ray

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(BenchError, match=f"nothing answers at 127.0.0.1:{port}"):
        Ray(address=f"127.0.0.1:{port}")


def test_without_an_address_ray_starts_here_and_a_run_that_never_fits_is_refused_in_words(tmp_path):
    (tmp_path / "mine.py").write_text(EXPERIMENT)
    words = ("run", tmp_path / "mine.py", "--executor", "ray")
    refused = sweep_samples.bench(*words, "--on", "cpus=500", store=tmp_path / "runs")
    out, _ = refused.communicate()
    assert refused.returncode == 2 and "a run wants 500 CPUs on one node" in out
    done = sweep_samples.bench(*words, store=tmp_path / "runs")
    out, _ = done.communicate()
    assert done.returncode == 0 and "2 of 2 runs finished" in out, out
