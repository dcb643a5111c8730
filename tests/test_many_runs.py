"""Thousands of runs: what looks at all of them answers in seconds."""

import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from tests.many_runs import write_experiment, write_store, yardstick

ROOT = Path(__file__).parent.parent


def seconds_of(folder, *words):
    """The processor seconds of a `bench` command in its own process, and what it printed."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    environment = {**os.environ, "BENCH_STORE": str(folder / "runs"), "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "bench.cli", *words]
    done = subprocess.run(command, capture_output=True, text=True, cwd=folder, env=environment, check=False)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert done.returncode == 0, done.stderr
    return (after.ru_utime - before.ru_utime) + (after.ru_stime - before.ru_stime), done.stdout


@pytest.fixture(scope="module")
def many(tmp_path_factory):
    """2,000 finished runs."""
    folder = tmp_path_factory.mktemp("many")
    write_experiment(folder, 500)
    write_store(folder, 500)
    return folder


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("plan", "many.py"), "0 of 2000 runs to do"),
        (("status",), "finished"),
        (("status", "many.py"), "finished"),
        (("report", "many.py", "--frames", "all"), "│ 8 slots"),
        (("report", "many.py", "--differences"), "│ 8 slots"),
        (("explain", "many.py", "8 slots", "psnr"), "the mean of 500 seeds"),
    ],
    ids=lambda value: " ".join(value[:2]) if isinstance(value, tuple) else "",
)
def test_looking_at_2000_finished_runs_takes_30_times_as_long_as_writing_10000_down(many, words, message):
    seconds, out = seconds_of(many, *words)
    assert message in out and seconds < 30 * yardstick()  # 4 to 20


@pytest.mark.slow
def test_a_plan_of_10000_runs_takes_14_times_as_long_as_writing_them_down(tmp_path):
    write_experiment(tmp_path, 2500)
    tries = [seconds_of(tmp_path, "plan", "many.py") for _ in range(2)]
    assert all("10000 of 10000 runs to do" in out for _, out in tries)
    assert min(seconds for seconds, _ in tries) < 14 * yardstick()  # 8 to 11, start-up included
