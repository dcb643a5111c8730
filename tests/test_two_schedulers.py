"""Two `bench run`s on one store, also on two hosts that share it, train every run once and lose none."""

import os
import shutil
import signal
import subprocess
import time

import pytest

from bench.store.run import FINISHED
from tests.sweep_samples import bench, outcome, owners, states, twelve

pytestmark = pytest.mark.chaos
TIMEOUT_S = 1500


def host(name: str) -> tuple[str, ...]:
    """What to put before a command so that it runs under another host name, in a process namespace of its own."""
    shell = 'hostname "$0"; exec "$@"'
    return ("unshare", "--uts", "--pid", "--fork", "--mount-proc", "--kill-child", "sh", "-c", shell, name)


def two_hosts() -> bool:
    return shutil.which("unshare") is not None and subprocess.run([*host("probe"), "true"], capture_output=True).returncode == 0


needs_hosts = pytest.mark.skipif(not two_hosts(), reason="simulating hosts needs `unshare` and the right to use it")


def _assert_trained_once(path, store):
    assert states(path, store) == [FINISHED] * 12
    for run in store.glob("*/spec.json"):
        assert [lease.name for lease in run.parent.glob("lease-*")] == ["lease-0"], f"{run.parent.name} was owned twice"


def test_two_sweeps_started_at_the_same_instant_train_every_run_once(tmp_path):
    path, store = twelve(tmp_path), tmp_path / "runs"
    both = [bench("run", path, "--workers", 1, store=store) for _ in range(2)]
    outputs = [sweep.communicate(timeout=TIMEOUT_S)[0] for sweep in both]
    assert [sweep.returncode for sweep in both] == [0, 0], outputs
    _assert_trained_once(path, store)


@needs_hosts
def test_two_hosts_that_share_a_folder_train_every_run_once(tmp_path):
    path, store = twelve(tmp_path), tmp_path / "runs"
    both = [bench("run", path, "--workers", 1, store=store, prefix=host(name)) for name in ("node1", "node2")]
    outputs = [sweep.communicate(timeout=TIMEOUT_S)[0] for sweep in both]
    assert [sweep.returncode for sweep in both] == [0, 0], outputs
    _assert_trained_once(path, store)


@needs_hosts
def test_the_run_of_a_host_that_died_is_taken_over_once_it_has_been_silent(tmp_path):
    path, store = twelve(tmp_path), tmp_path / "runs"
    dies = bench("run", path, "--workers", 1, store=store, prefix=host("node1"))
    while not owners(store):
        assert dies.poll() is None, dies.stdout.read()
        time.sleep(0.1)
    stays = bench("run", path, "--workers", 1, store=store, prefix=host("node2"))
    os.killpg(dies.pid, signal.SIGKILL)
    output, _ = stays.communicate(timeout=TIMEOUT_S)
    assert stays.returncode == 0, output
    assert states(path, store) == [FINISHED] * 12 and len(outcome(path, store)) == 12
