"""Tasks of a Ray cluster: Ray chooses a node for each run, and there the run is a process, as with other executors.

Ray does not retry: the state of a run is read from the store, and the scheduler submits unfinished runs again. So a worker
or a node that dies costs at most the steps since the last checkpoint. The nodes share the store's folder.
"""

from __future__ import annotations

import contextlib
import logging
import os
import socket
from collections.abc import Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import Any

from bench.common import lease
from bench.common.errors import BenchError
from bench.common.machine import cores
from bench.executors import worker_process
from bench.spec.experiment import Evaluation
from bench.store import snapshot
from bench.store.failures import OUT_OF_MEMORY
from bench.store.provenance import threads_of
from bench.store.run import Run
from bench.sweep.executor import Executor

CLUSTER_TIMEOUT_S = 10.0  # seconds that a cluster gets to answer


class Ray(Executor):
    """Tasks of a Ray cluster.

    address: of the cluster, HOST:PORT or 'auto'; without one, Ray is started on this machine for as long as it is needed.
    workers: runs at once; 0 means as many as the cluster has room for. cpus: cores of each run, which takes as many threads as
    pay and keeps to their number; threads: that many, exactly, and as many cores. gpus: GPUs of each run, less
    than 1 for a share of one; without GPUs, devices processes train it together. -1 means one where the cluster has any, which
    per_gpu runs share.
    """

    def __init__(
        self,
        address: str = "",
        workers: int = 0,
        cpus: int = 1,
        gpus: float = -1,
        per_gpu: int = 1,
        devices: int = 1,
        threads: int = 0,
    ):
        if min(cpus, per_gpu, devices) < 1 or min(workers, threads) < 0:
            raise BenchError("executor 'ray': cpus, per_gpu and devices must be at least 1, workers and threads at least 0")
        self.exactly = threads > 0
        self.ray = _connected(address)
        total = self.ray.cluster_resources()
        self.gpus = min(total.get("GPU", 0.0), devices) / per_gpu if gpus < 0 else gpus
        self.devices = max(int(self.gpus), 1) if self.gpus else devices
        if devices > 1 and self.devices != devices:
            why = f"--on gpus={gpus:g}" if gpus >= 0 else f"--per-gpu {per_gpu} and {total['GPU']:g} GPUs in the cluster"
            raise BenchError(f"--devices {devices} gives every run as many GPUs, and with {why} it has {self.gpus:g}")
        self.cpus = threads or cpus * (1 if self.gpus else devices)
        self._refuse_what_never_fits()
        rooms = [total.get("CPU", 0.0) / self.cpus] + ([total.get("GPU", 0.0) / self.gpus] if self.gpus else [])
        self.slots = workers or max(1, int(min(rooms)))
        self._active: dict[Any, Run] = {}

    def submit(self, run: Run, evaluations: Sequence[Evaluation]) -> Future[str]:
        """Hand the run to Ray, which starts it as soon as there is room."""
        cpus = self._cpus_of(run)
        resources = {"num_cpus": cpus, "num_gpus": self.gpus, "max_retries": 0, "name": run.name}
        task = self.ray.remote(**resources)(_work)
        device = "cuda" if self.gpus else "cpu"
        command = worker_process.command(run, evaluations, device, cpus, self.devices, self.exactly)
        settings = worker_process.environment(run, cpus, device)
        worker_settings = {
            name: settings[name] for name in ("OMP_NUM_THREADS", "PYTHONPATH", *worker_process.settings(cpus, device))
        }
        worker_settings["PYTHONDONTWRITEBYTECODE"] = "1"  # the workers of a node share one copy of the code, which each checks
        for name in ("BENCH_DATA", "TORCH_HOME"):
            worker_settings |= {name: str(Path(os.environ[name]).absolute())} if name in os.environ else {}
        reference = task.remote(command, worker_settings, str(run.path / "log.txt"), _sealed(run))
        self._active[reference] = run
        future: Future[str] = Future()
        reference.future().add_done_callback(lambda done: self._pass_on_result(reference, done, future))
        return future

    def stop(self) -> None:
        """Workers may be on any node, so the request goes through the run directories; waiting tasks are cancelled."""
        for reference, run in list(self._active.items()):
            if run.path.exists():
                run.ask_to_stop("stopped on request; `bench run` resumes it from its checkpoint")
            if not lease.holder(run.path):  # a task that Ray interrupts would leave its worker alone, and free its GPU too soon
                self.ray.cancel(reference, force=False)

    def kill(self) -> None:
        for reference in list(self._active):
            with contextlib.suppress(ValueError):  # it has ended meanwhile
                self.ray.cancel(reference, force=True)

    def _pass_on_result(self, reference: Any, done: Future[str], future: Future[str]) -> None:
        self._active.pop(reference, None)
        error = done.exception()
        if error is None:
            future.set_result(done.result())
        elif type(error).__name__ == "OutOfMemoryError":
            future.set_result(OUT_OF_MEMORY)
        else:
            future.set_result(f"Ray lost it: {type(error).__name__}")

    def _cpus_of(self, run: Run) -> int:
        """As many cores as the run has begun with threads, if any node has as many."""
        earlier_threads = None if self.exactly or self.gpus else threads_of(run.provenance())
        return self.cpus if earlier_threads is None else min(earlier_threads, max(self.cpus, int(self.most_cpus)))

    def _refuse_what_never_fits(self) -> None:
        """BenchError if a run needs more than any node has: Ray would wait for ever without a message."""
        nodes = [node["Resources"] for node in self.ray.nodes() if node["Alive"]]
        self.most_cpus = max((node.get("CPU", 0.0) for node in nodes), default=0.0)
        for name, needed, option in (("CPU", self.cpus, "cpus"), ("GPU", self.gpus, "gpus")):
            largest = max((node.get(name, 0.0) for node in nodes), default=0.0)
            if needed > largest:
                raise BenchError(
                    f"executor 'ray': a run wants {needed:g} {name}s on one node, and the largest node has {largest:g}; "
                    f"lower it with --on {option}={largest:g}"
                )


def _connected(address: str) -> Any:
    """Ray, started or connected; its usage reports and its dashboard stay off."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    try:
        import ray
    except ImportError as error:
        raise BenchError("executor 'ray' needs Ray: pip install 'lmc-bench[ray]'") from error
    if ray.is_initialized():
        return ray
    _refuse_silence(address)
    try:
        if address:
            ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR)
        else:
            ray.init(
                address="local", num_cpus=cores(), include_dashboard=False, log_to_driver=False, logging_level=logging.ERROR,
                _node_ip_address="127.0.0.1",  # else it listens to the whole network, and nothing public tells it not to
            )  # fmt: skip
    except (ConnectionError, RuntimeError, ValueError) as error:
        raise BenchError(f"executor 'ray': no cluster answers at {address or 'this machine'}: {error}") from error
    return ray


def _refuse_silence(address: str) -> None:
    """BenchError if nothing listens at the address: Ray would try for many minutes without a message."""
    host, colon, port = address.removeprefix("ray://").rpartition(":")
    if colon and port.isdigit():
        try:
            socket.create_connection((host.strip("[]"), int(port)), timeout=CLUSTER_TIMEOUT_S).close()
        except OSError as error:
            raise BenchError(
                f"executor 'ray': nothing answers at {address} ({error}); `ray start --head` on that machine starts a cluster"
            ) from error


def _sealed(run: Run) -> tuple[str, str] | None:
    """The copy of the code that a run is executed with, and its fingerprint."""
    planned = snapshot.planned_for(run)
    return (planned.folder, planned.digest) if planned else None


def _work(command: list[str], settings: dict[str, str], log: str, sealed: tuple[str, str] | None) -> str:
    """On a node: run a worker to its end. Returns how it was ended, in words; empty if it ended by itself."""
    import os
    import socket
    import subprocess
    import sys
    from pathlib import Path

    if not Path(log).parent.is_dir():
        return f"node {socket.gethostname()} does not see {Path(log).parent}: the nodes must share the store's folder"
    if sealed:
        from bench.store import seal  # of the node's own installation

        try:
            seal.check(Path(sealed[0]), sealed[1])
        except seal.Broken as error:
            return f"the copy of the code in {sealed[0]} {error}"
    sys.path[:0] = settings["PYTHONPATH"].split(os.pathsep)
    from bench.common.files import appending
    from bench.executors.worker_process import wait_for_worker

    with appending(Path(log)) as output:
        child = subprocess.Popen(
            [sys.executable, *command[1:]],
            stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, env={**os.environ, **settings},
            start_new_session=True,
        )  # fmt: skip
        return wait_for_worker(child)
