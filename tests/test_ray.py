"""Runs on a Ray cluster end like anywhere else, also when a node is lost in the middle. `make chaos` installs Ray."""

from dataclasses import replace

import pytest

from bench.executors.inline import Inline
from bench.plan import plan
from bench.schedule import Scheduler
from bench.scores import load
from bench.store import FINISHED, Store
from tests.conftest import EXPERIMENT
from tests.sweep_samples import bench as command

pytestmark = pytest.mark.chaos
ray = pytest.importorskip("ray", reason="Ray is not installed: pip install 'lmc-bench[ray]'")


@pytest.fixture
def four(pair, tiny):
    return replace(pair, variants={"tiny": tiny.but(steps=150, validate_every=25)}, seeds=(0, 1, 2, 3))


def _outcome(experiment, store):
    items = plan(experiment, store)
    assert [item.state for item in items] == [FINISHED] * len(items), [item.why for item in items]
    return [load(item.run.scores_file(item.evaluations[0].key)).values.tobytes() for item in items]


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
    made = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False})
    yield made
    ray.shutdown()
    made.shutdown()


def test_a_node_that_is_lost_in_the_middle_costs_nothing_but_time(four, tmp_path, cluster, undisturbed):
    from bench.executors.ray import Ray

    nodes = [cluster.add_node(num_cpus=1), cluster.add_node(num_cpus=1)]
    store = Store(tmp_path / "cluster")
    executor = Ray(address=cluster.address)
    assert executor.slots == 2

    class Loses:
        """Takes a node away once both runs have begun to train."""

        def started(self, item): ...
        def ended(self, item): ...
        def tick(self):
            training = [item for item in scheduler.active.values() if item.run.latest().get("step", 0) > 0]
            if len(training) == 2 and len(nodes) == 2:
                cluster.remove_node(nodes.pop(), allow_graceful=False)

    scheduler = Scheduler(plan(four, store), store, executor, [Loses()])
    scheduler.run()
    assert len(nodes) == 1 and _outcome(four, store) == undisturbed


def test_without_an_address_ray_starts_here_and_a_run_that_never_fits_is_refused_in_words(tmp_path):
    (tmp_path / "mine.py").write_text(EXPERIMENT)
    words = ("run", tmp_path / "mine.py", "--executor", "ray")
    refused = command(*words, "--on", "cpus=500", store=tmp_path / "runs")
    out, _ = refused.communicate()
    assert refused.returncode == 2 and "a run wants 500 CPUs on one node" in out
    done = command(*words, store=tmp_path / "runs")
    out, _ = done.communicate()
    assert done.returncode == 0 and "2 of 2 runs finished" in out, out
