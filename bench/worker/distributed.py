"""Training one run on several devices of a machine: a process for each, started and watched by the worker that owns the run.

The worker itself trains nothing: it holds the lease, passes a request to stop on to the main process, and ends all as
soon as one has died, so that none waits for it; the run then resumes from its last checkpoint. Each process writes its outcome
into a shared folder. The outcome of the main process counts, unless it only reports that it lost the others.
"""

from __future__ import annotations

import argparse
import contextlib
import logging
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from bench.common.errors import BenchError
from bench.common.files import read_json, write_json
from bench.common.machine import KernelKills, signal_name
from bench.spec.experiment import Evaluation, evaluations_from_json, evaluations_to_json
from bench.store.failures import OUT_OF_MEMORY, Failure, Interruption
from bench.store.run import FAILED, FINISHED, INTERRUPTED, Run
from bench.training.control import Control
from bench.worker import spin_control
from bench.worker.outcome import Outcome, outcome_of

if TYPE_CHECKING:
    import torch

    from bench.training.process_group import ProcessGroup

POLL_S = 0.1  # seconds between two checks of the processes
GRACE = 3.0  # seconds to report an outcome after another process has died, before being killed
VALIDATION = timedelta(days=7)  # how long the others wait at most while the main one validates
log = logging.getLogger(__name__)


def train_together(
    run: Run,
    evaluations: Sequence[Evaluation],
    device: str,
    devices: int,
    threads: int,
    control: Control,
) -> Outcome:
    """Train and score on several devices and return the outcome. No process of the group outlives this call or this process.

    devices: at most as many as a batch has clips. threads: of the processor, for all of them together.
    """
    log.info("%s on %d devices", run.name, devices)
    kills = KernelKills()
    with tempfile.TemporaryDirectory(prefix="bench-team-") as folder, contextlib.ExitStack() as stack:
        processes: list[subprocess.Popen[bytes]] = []
        for rank in range(devices):
            processes.append(_start(run, evaluations, device, rank, devices, threads, folder))
            stack.callback(_kill, processes[-1])
        stopping = False
        while processes[0].poll() is None and not any(process.poll() for process in processes) and not control.is_lost():
            if control.stop_requested() and not stopping:
                stopping = True
                _tell_to_stop(processes[0])
            kills.look()
            time.sleep(POLL_S)
        if not control.is_lost():
            _wait_for_outcomes(processes, folder)
        return _verdict(processes, [_reported_outcome(folder, rank) for rank in range(devices)], kills.recent())


def _start(
    run: Run, evaluations: Sequence[Evaluation], device: str, rank: int, size: int, threads: int, folder: str
) -> subprocess.Popen[bytes]:
    """Start a process of the group. Signals that ask to stop are blocked in it: only the worker receives those that are sent to
    the whole process group."""
    share = max(1, threads // size)
    previous_mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGINT, signal.SIGUSR2})
    try:
        return subprocess.Popen(
            [
                sys.executable, "-P", "-m", "bench.worker.distributed", str(run.path), folder,
                "--evaluations", evaluations_to_json(evaluations),
                "--device", device, "--rank", str(rank), "--size", str(size), "--threads", str(share),
            ],
            stdin=subprocess.PIPE, bufsize=0, env={**os.environ, "OMP_NUM_THREADS": str(share)},
        )  # fmt: skip
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, previous_mask)


def _tell_to_stop(process: subprocess.Popen[bytes]) -> None:
    assert process.stdin is not None
    with contextlib.suppress(BrokenPipeError):  # it has ended meanwhile
        process.stdin.write(b".")


def _wait_for_outcomes(processes: list[subprocess.Popen[bytes]], folder: str) -> None:
    """Wait until the main process has reported its outcome, all have ended, or GRACE is over."""
    deadline = time.monotonic() + GRACE
    while time.monotonic() < deadline and any(process.poll() is None for process in processes):
        outcome = _reported_outcome(folder, 0)
        if outcome and outcome.kind != Interruption.PEER_LOST:
            break
        time.sleep(POLL_S)


def _verdict(processes: list[subprocess.Popen[bytes]], outcomes: list[Outcome | None], out_of_memory: bool) -> Outcome:
    """The outcome of the run, from the reports and exit codes of the processes; those still running will be killed."""
    if outcomes[0] and outcomes[0].kind != Interruption.PEER_LOST:
        return outcomes[0]
    for outcome in outcomes:
        if outcome and outcome.state != FINISHED and outcome.kind != Interruption.PEER_LOST:
            return outcome
    for rank, process in enumerate(processes):
        if process.returncode and not outcomes[rank]:
            if process.returncode == -signal.SIGKILL and out_of_memory:
                return Outcome(FAILED, Failure.MEMORY, OUT_OF_MEMORY)
            code = process.returncode
            ending = f"was killed by {signal_name(-code)}" if code < 0 else f"ended with exit code {code}"
            return Outcome(INTERRUPTED, "", f"process {rank + 1} of {len(processes)} {ending}")
    return Outcome(INTERRUPTED, "", "the processes of the run lost each other")


def _reported_outcome(folder: str, rank: int) -> Outcome | None:
    values = read_json(Path(folder) / f"{rank}.json")
    return Outcome(**values) if values else None


def _kill(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait()
    assert process.stdin is not None
    process.stdin.close()


@contextlib.contextmanager
def _joined(folder: str, rank: int, size: int, device: torch.device) -> Iterator[ProcessGroup]:
    """Join the process group; enters once all processes have joined."""
    from torch import distributed

    from bench.training.process_group import ProcessGroup

    if sys.platform == "linux":
        os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo")  # all are on this machine: no name of it need be known to any network
    distributed.init_process_group(
        "nccl" if device.type == "cuda" else "gloo",
        init_method=f"file://{folder}/meeting",
        rank=rank,
        world_size=size,
        timeout=VALIDATION,
        device_id=device if device.type == "cuda" else None,
    )
    yield ProcessGroup(rank, size)
    distributed.destroy_process_group()  # not after an error: it might wait for processes that are dead


def _take_part(run: Run, evaluations: list[Evaluation], folder: str, name: str, rank: int, size: int, control: Control) -> None:
    """What one process of the group does: all train, and the main one does everything else."""
    import torch

    from bench.training.trainer import Trainer
    from bench.worker.work import train_and_score

    if name == "cuda" and torch.cuda.device_count() < size:
        raise BenchError(f"--devices asks for {size} GPUs per run, and this machine has {torch.cuda.device_count()}")
    device = torch.device(name, rank) if name == "cuda" else torch.device(name)
    if device.type == "cuda":
        torch.cuda.set_device(device)
    with _joined(folder, rank, size, device) as group:
        if group.is_main:
            train_and_score(run, evaluations, str(device), control, group)
        else:
            trainer = Trainer(run, run.spec.data.build(), device, group=group)
            trainer.resume()
            trainer.train()


def main() -> None:
    """Entry point of one process of the group; only `train_together` starts it."""
    parser = argparse.ArgumentParser(prog="python -m bench.worker.distributed", description=main.__doc__)
    parser.add_argument("directory", type=Path)
    parser.add_argument("folder", help="where the group meets")
    parser.add_argument("--evaluations", type=evaluations_from_json, required=True)
    for name, kind in {"device": str, "rank": int, "size": int, "threads": int}.items():
        parser.add_argument(f"--{name}", type=kind, required=True)
    options = parser.parse_args()
    stop_requested = threading.Event()
    threading.Thread(target=_listen_to_the_worker, args=(stop_requested, options.folder), daemon=True).start()
    process_label = f" [{options.rank + 1}/{options.size}]" if options.rank else ""
    logging.basicConfig(level=logging.INFO, format=f"%(asctime)s{process_label} %(message)s", datefmt="%Y-%m-%d %H:%M:%S")
    import torch

    torch.set_num_threads(options.threads)
    if options.threads > 1:
        spin_control.watch(options.device)
    run = Run(options.directory)
    control = Control(stop_requested.is_set)
    outcome = outcome_of(
        run,
        lambda: _take_part(run, options.evaluations, options.folder, options.device, options.rank, options.size, control),
    )
    write_json(Path(options.folder) / f"{options.rank}.json", asdict(outcome))
    logging.shutdown()
    exit_code = int(outcome.state != FINISHED)
    os._exit(exit_code)  # what communicates with processes that may be dead is not taken down in good order


def _listen_to_the_worker(stop_requested: threading.Event, folder: str) -> None:
    """The worker holds the other end of the standard input. A byte is a request to stop; its end means that the worker is dead
    and its lease void."""
    while os.read(0, 1):
        stop_requested.set()
    shutil.rmtree(folder, ignore_errors=True)
    os._exit(1)


if __name__ == "__main__":
    main()
