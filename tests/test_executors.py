"""What every executor promises, and that one of your own is a class and a name."""

import inspect
import subprocess
import sys

import pytest
import torch

from bench.common import trust
from bench.common.errors import BenchError
from bench.common.machine import gpus
from bench.executors import local, ray
from bench.spec import catalog
from bench.sweep.executor import Executor
from bench.sweep.plan import plan

OWN = """
from concurrent.futures import Future
from pathlib import Path

from bench.store.tickets import put, ticket
from bench.sweep.executor import Executor, Job


class Shelf:
    name = "Shelf"

    def find_job(self, ticket):
        there = Path(ticket.job).exists()
        return Job("waiting", waiting=True, detail="(for a librarian)") if there else Job("gone", ended=True)

    def cancel(self, tickets, waiting_only):
        for ticket in tickets:
            Path(ticket.job).unlink(missing_ok=True)


class Library(Executor):
    queue = Shelf()
    slots = 10

    def __init__(self):
        self.runs = []

    def submit(self, run, evaluations):
        Path(run.name).touch()
        put(run, "my_library:Library", run.name)
        self.runs.append(run)
        return Future()

    def detach(self):
        return [ticket(run) for run in self.runs]

    def stop(self): ...
    def kill(self): ...
"""


class PretendedRay:
    """A cluster of one node."""

    def __init__(self, gpus):
        self.resources = {"CPU": 8.0, "GPU": float(gpus)}

    def cluster_resources(self):
        return self.resources

    def nodes(self):
        return [{"Alive": True, "Resources": self.resources}]


def test_ray_gives_a_run_as_many_gpus_as_devices_or_refuses(monkeypatch):
    monkeypatch.setattr(ray, "_connected", lambda address: PretendedRay(gpus=2))
    assert ray.Ray(devices=2).gpus == ray.Ray(devices=2).devices == 2
    assert ray.Ray(devices=2, gpus=0).devices == 2  # processes
    assert ray.Ray(per_gpu=2).gpus == 0.5
    for more, reason in (
        ({"per_gpu": 2}, "with --per-gpu 2 and 2 GPUs in the cluster it has 1"),
        ({"gpus": 1}, "with --on gpus=1 it has 1"),
    ):
        with pytest.raises(BenchError, match=f"--devices 2 gives every run as many GPUs, and {reason}"):
            ray.Ray(devices=2, **more)
    with pytest.raises(BenchError, match="2 GPUs in the cluster it has 2"):
        ray.Ray(devices=3)


def test_a_run_goes_to_the_gpu_with_the_fewest_runs(store, five, monkeypatch):
    children, popen = [], subprocess.Popen

    def sleeping(command, env, **options):
        child = popen(["sleep", "60"], **options)
        children.append((env["CUDA_VISIBLE_DEVICES"], child))
        return child

    monkeypatch.setattr(local, "gpus", lambda: ["4", "5"])
    monkeypatch.setattr(subprocess, "Popen", sleeping)
    executor = local.Local(per_gpu=2)
    runs = [planned.run for planned in plan(five, store)]
    for planned in plan(five, store):
        planned.run.create(planned.spec)
    futures = [executor.submit(run, ()) for run in runs[:4]]
    try:
        assert [gpu for gpu, _ in children] == ["4", "5", "4", "5"]
        for position in (1, 0, 2):  # one of GPU 5, then both of GPU 4
            children[position][1].kill()
            futures[position].result(timeout=30)
        executor.submit(runs[4], ())
        assert children[4][0] == "4"
    finally:
        executor.kill()


def test_each_instance_of_a_divided_gpu_is_one_to_run_on(monkeypatch):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)  # what CUDA shows any process of several instances
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "MIG-a,MIG-b,MIG-c")
    assert gpus() == ["MIG-a", "MIG-b", "MIG-c"]
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3,4")
    assert gpus() == ["3"]
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "MIG-a")
    assert gpus() == []


@pytest.fixture
def library(tmp_path, monkeypatch):
    (tmp_path / "my_library.py").write_text(OWN)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield "my_library:Library"
    sys.modules.pop("my_library", None)


@pytest.mark.parametrize("name", catalog.CATALOG["executors"])
def test_an_executor_of_the_catalogue_keeps_the_contract(name):
    executor = catalog.load("executors", name)
    assert issubclass(executor, Executor) and not inspect.isabstract(executor)


def test_an_executor_of_ones_own_that_queues_is_one_class(bench, library):
    detached = ("run", "mine.py", "--executor", library, "--detach")
    code, out, err = bench(*detached)
    assert code == 0 and "queued 2 runs of mine as Shelf job " in out, err
    status = bench("status", "mine.py", "--json")[1]
    assert status.count("Shelf job") == status.count("waiting (for a librarian)") == status.count('"queued"') == 2
    assert "queued 0 runs of mine; 2 were queued before" in bench(*detached)[1]
    assert bench("stop", "--all")[0] == 0
    assert "queued" not in bench("status", "mine.py")[1]


def test_a_queue_that_is_not_installed_here_is_not_taken_for_an_empty_one(bench, library, tmp_path):
    bench("run", "mine.py", "--executor", library, "--detach")
    (tmp_path / "my_library.py").unlink()
    del sys.modules["my_library"]
    status = bench("status", "mine.py", "--json")[1]
    assert status.count("'my_library:Library' job") == 2 and "there is no answer from its queue here" in status


def test_detaching_is_refused_where_runs_end_with_the_command(bench):
    code, _, err = bench("run", "mine.py", "--executor", "inline", "--detach")
    assert code == 2 and "--detach needs an executor whose runs outlive this process" in err


def test_a_class_that_only_looks_like_an_executor_is_refused(tmp_path, monkeypatch):
    (tmp_path / "lookalike.py").write_text(
        "class Looks:\n    def submit(self): ...\n    def stop(self): ...\n    def kill(self): ...\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(BenchError, match=r"that is a bench\.sweep\.executor\.Executor"):
        catalog.load("executors", "lookalike:Looks")


def test_what_is_no_executor_is_refused_in_one_line_and_not_trusted(bench):
    code, _, err = bench("run", "mine.py", "--executor", "subprocess:Popen")
    assert code == 2 and "'subprocess:Popen' is no executor" in err and not trust.is_trusted("subprocess")
