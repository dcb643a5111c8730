"""What runs on the node that SLURM gives: the worker of one run, watched so that it comes back after whatever SLURM does to it.

SLURM tells a job that its time is up, or that others go first, by SIGUSR2 or SIGTERM. The worker then saves and ends, and the
job puts itself back into the queue: a sweep goes on though nobody watches it.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from typing import IO

from bench.common import lease
from bench.common.errors import BenchError
from bench.common.files import appending
from bench.executors import worker
from bench.executors.slurm_queue import tell
from bench.spec.experiment import Evaluation
from bench.store.failures import OUT_OF_MEMORY, Failure
from bench.store.store import FAILED, INTERRUPTED, RUNNING, Run
from bench.store.tickets import forget, put, ticket
from bench.sweep.plan import in_smaller_parts

IDLE = 3  # preemptions without progress after which the run fails: its time limit is too short


def work(threads: int, devices: int, path: str, evaluations: Sequence[Evaluation], exactly: bool = False) -> None:
    """Do what is left to do in a run directory, as a job of SLURM."""
    notice, run, job = _Notice(), Run(Path(path)), _job()
    if not run.path.is_dir():
        raise BenchError(f"{path} is not on {_node()}: the store must be a folder that all nodes share")
    before = run.status().step
    with appending(run.path / "log.txt") as log:
        again = int(os.environ.get("SLURM_RESTART_COUNT") or 0)
        _say(log, f"SLURM job {job} on {_node()}{f', restarted ({again})' if again else ''}")
        if not run.stop_requested() and _wait_for_predecessor(run, notice):
            _execute(run, evaluations, threads, devices, exactly, notice, log)
        _say(log, _after(run, job, notice, before))


def _execute(
    run: Run,
    evaluations: Sequence[Evaluation],
    threads: int,
    devices: int,
    exactly: bool,
    notice: _Notice,
    log: IO[bytes],
) -> None:
    """The worker, from start to end, and again in smaller parts where memory did not do; `log` gets what it prints."""
    given = os.environ.get("CUDA_VISIBLE_DEVICES", "")  # by SLURM, where the job has GPUs
    device = "cpu" if given in ("", "NoDevFiles") else "cuda"
    while True:
        child = subprocess.Popen(
            worker.command(run, evaluations, device, threads, devices, exactly),
            stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, env=worker.environment(run, threads, device),
        )  # fmt: skip
        notice.pass_on_to(child)
        death = worker.run_to_end(child)
        if death == OUT_OF_MEMORY:
            run.set_status(FAILED, kind=Failure.MEMORY, reason=death)
        elif death:
            _say(log, death)
        if notice.came or run.status().kind != Failure.MEMORY or not in_smaller_parts(run):
            return
        _say(log, run.status().reason)


def _after(run: Run, job: str, notice: _Notice, before: int) -> str:
    """Put the run back into the queue if SLURM stopped it, else take its ticket away; what was done, in words."""
    status = run.status()
    unfinished = status.state in (INTERRUPTED, RUNNING)  # running: its last owner, on a lost node, is not yet known to be dead
    if not notice.came or not unfinished or run.stop_requested():
        forget(run, job)
        return f"SLURM job {job} ends: the run is {status.state}"
    held = ticket(run)
    idle = held.idle + 1 if held is not None and status.step == before else 0
    if idle > IDLE:
        reason = f"SLURM stopped it {idle} times at step {status.step} before it got any further: it needs a longer time limit"
        run.set_status(FAILED, kind=Failure.DIED, reason=reason)
        forget(run, job)
        return reason
    put(run, "slurm", job, idle)
    if _is_ours(job) and tell("scontrol", "requeue", job) is not None:
        return f"SLURM job {job} got {notice.came} and is queued again"
    return f"SLURM job {job} got {notice.came}; should SLURM not bring it back itself, `bench run` goes on with the run"


def _wait_for_predecessor(run: Run, notice: _Notice) -> bool:
    """Let the lease of an owner on a lost node run out; False if it is alive after all, or there is no time to wait."""
    until = time.monotonic() + lease.SILENCE + lease.HEARTBEAT
    while lease.holder(run.path) and time.monotonic() < until and not notice.came:
        time.sleep(1)
    return not notice.came and not lease.holder(run.path)


def _is_ours(job: str) -> bool:
    """Whether it is for us to requeue the job. Once it is completing SLURM requeues it itself, or somebody has cancelled it."""
    state = tell("squeue", "--noheader", "--array", f"--jobs={job}", "--states=all", "--format=%T")
    return state is None or state.strip() == "RUNNING"


def _job() -> str:
    """This job as squeue calls it."""
    array, element = os.environ.get("SLURM_ARRAY_JOB_ID"), os.environ.get("SLURM_ARRAY_TASK_ID")
    return f"{array}_{element}" if array and element else os.environ["SLURM_JOB_ID"]


def _say(log: IO[bytes], words: str) -> None:
    log.write(f"{time.strftime('%Y-%m-%d %H:%M:%S')} {words}\n".encode())


def _node() -> str:
    return os.environ.get("SLURMD_NODENAME") or socket.gethostname()


class _Notice:
    """The signal by which SLURM said that it wants the node back; the worker is told at once."""

    def __init__(self) -> None:
        self.came = ""
        self._child: subprocess.Popen[bytes] | None = None
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGUSR2):
            signal.signal(number, self._take)

    def pass_on_to(self, child: subprocess.Popen[bytes]) -> None:
        self._child = child
        if self.came:
            child.terminate()

    def _take(self, number: int, frame: object) -> None:
        self.came = signal.Signals(number).name
        if self._child is not None:
            self._child.terminate()
