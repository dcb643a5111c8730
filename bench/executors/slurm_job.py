"""The job on a node of SLURM: runs the worker of one run, and requeues itself when SLURM stops it.

SLURM announces a time limit or a preemption by SIGUSR2 or SIGTERM. The worker then saves and ends, and the job puts itself back
into the queue, so that a sweep continues without any watching process.
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
from bench.executors import worker_process
from bench.executors.slurm_queue import slurm_output
from bench.spec.experiment import Evaluation
from bench.store.failures import OUT_OF_MEMORY, Failure
from bench.store.run import FAILED, INTERRUPTED, RUNNING, Run
from bench.store.tickets import forget, put, ticket
from bench.sweep.retry import Deaths, double_micro_batches

IDLE = 3  # preemptions without progress after which the run fails: its time limit is too short


def work(threads: int, devices: int, path: str, evaluations: Sequence[Evaluation], exactly: bool = False) -> None:
    """Do the remaining work of a run directory, as a job of SLURM."""
    notice, run, job = _Notice(), Run(Path(path)), _job()
    if not run.path.is_dir():
        raise BenchError(f"{path} is not on {_node()}: the store must be a folder that all nodes share")
    step_before = run.status().step
    if ticket(run) is None:  # whoever queued this job was killed before it could note it
        put(run, "slurm", job)
    with appending(run.path / "log.txt") as log:
        restarts = int(os.environ.get("SLURM_RESTART_COUNT") or 0)
        _say(log, f"SLURM job {job} on {_node()}{f', restarted ({restarts})' if restarts else ''}")
        if not run.stop_requested() and _wait_for_predecessor(run, notice):
            _execute(run, evaluations, threads, devices, exactly, notice, log)
        _say(log, _after(run, job, notice, step_before))


def _execute(
    run: Run,
    evaluations: Sequence[Evaluation],
    threads: int,
    devices: int,
    exactly: bool,
    notice: _Notice,
    log: IO[bytes],
) -> None:
    """Run the worker to its end; again with more micro-batches after running out of memory, and again if it was killed.

    log: gets its output.
    """
    deaths = Deaths()
    visible_gpus = os.environ.get("CUDA_VISIBLE_DEVICES", "")  # by SLURM, where the job has GPUs
    device = "cpu" if visible_gpus in ("", "NoDevFiles") else "cuda"
    while True:
        child = subprocess.Popen(
            worker_process.command(run, evaluations, device, threads, devices, exactly),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            env=worker_process.environment(run, threads, device),
        )
        notice.pass_on_to(child)
        death = worker_process.wait_for_worker(child)
        if death == OUT_OF_MEMORY and not notice.signal_name:  # else SLURM may have killed it
            run.set_status(FAILED, kind=Failure.MEMORY, reason=death)
        elif death:
            _say(log, death)
        status = run.status()
        if notice.signal_name:
            return
        if status.kind == Failure.MEMORY:
            if not double_micro_batches(run) or run.stop_requested():
                return
            _say(log, run.status().reason)
        elif run.stop_requested() or not death or status.state != INTERRUPTED:
            return
        elif deaths.may_restart(status.step):
            _say(log, f"it is started again at step {status.step}")
        else:
            run.set_status(FAILED, kind=Failure.DIED, reason=deaths.reason(death))
            return


def _after(run: Run, job: str, notice: _Notice, step_before: int) -> str:
    """Requeue the run if SLURM stopped it, else remove its ticket. Returns what was done, in words."""
    status = run.status()
    unfinished = status.state in (INTERRUPTED, RUNNING)  # running: its last owner, on a lost node, is not yet known to be dead
    if not notice.signal_name or not unfinished or run.stop_requested():
        forget(run, job)
        return f"SLURM job {job} ends: the run is {status.state}"
    queued = ticket(run)
    idle = queued.idle + 1 if queued is not None and status.step == step_before else 0
    if idle > IDLE:
        reason = f"SLURM stopped it {idle} times at step {status.step} before it got any further: it needs a longer time limit"
        run.set_status(FAILED, kind=Failure.DIED, reason=reason)
        forget(run, job)
        return reason
    put(run, "slurm", job, idle)
    if _is_ours(job) and slurm_output("scontrol", "requeue", job) is not None:
        return f"SLURM job {job} got {notice.signal_name} and is queued again"
    return f"SLURM job {job} got {notice.signal_name}; should SLURM not bring it back itself, `bench run` goes on with the run"


def _wait_for_predecessor(run: Run, notice: _Notice) -> bool:
    """Wait until the lease of an owner on a lost node expires; False if the owner is alive, or SLURM wants the node back."""
    deadline = time.monotonic() + lease.SILENCE + lease.HEARTBEAT
    while lease.holder(run.path) and time.monotonic() < deadline and not notice.signal_name:
        time.sleep(1)
    return not notice.signal_name and not lease.holder(run.path)


def _is_ours(job: str) -> bool:
    """Whether this job must requeue itself: it is still running. Otherwise SLURM requeues it, or it was cancelled."""
    state = slurm_output("squeue", "--noheader", "--array", f"--jobs={job}", "--states=all", "--format=%T")
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
    """Catches the signal by which SLURM asks for the node, and passes it on to the worker at once."""

    def __init__(self) -> None:
        self.signal_name = ""
        self._child: subprocess.Popen[bytes] | None = None
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGUSR2):
            signal.signal(number, self._take)

    def pass_on_to(self, child: subprocess.Popen[bytes]) -> None:
        self._child = child
        if self.signal_name:
            child.terminate()

    def _take(self, number: int, frame: object) -> None:
        self.signal_name = signal.Signals(number).name
        if self._child is not None:
            self._child.terminate()
