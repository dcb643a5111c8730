"""One run from start to finish: what every executor calls, as `python -m bench.worker.main RUN_DIRECTORY`.

Resumes training, scores what is not scored yet, and writes the outcome to status.json. Others rely on that file, not on the
exit code.
"""

from __future__ import annotations

import argparse
import contextlib
import logging
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

from bench.common import lease
from bench.spec.experiment import Evaluation, evaluations_from_json
from bench.store.provenance import threads_of
from bench.store.run import FAILED, FINISHED, RUNNING, Run
from bench.training.control import Control
from bench.worker import spin_control
from bench.worker.outcome import Outcome, outcome_of
from bench.worker.work import train_and_score

STARTED = time.monotonic()  # of a worker process: this module is the first thing that it loads
POLL_S = 1.0  # seconds between two checks for a request to stop
log = logging.getLogger(__name__)


def execute(
    run: Run,
    evaluations: list[Evaluation],
    device: str,
    stop_requested: Callable[[], bool],
    devices: int = 1,
    threads: int = 1,
    started_at: float | None = None,
    measure_threads: bool = False,
) -> str:
    """Do the remaining work of a run directory and return its final state. Errors of the work become the run's outcome.

    devices: on how many of the device's kind to train, as far as the batch has clips for them; for more than one, `threads` of
    the processor are divided among them. started_at: start of this worker process by `time.monotonic`; None if it does other
    work too. measure_threads: whether to find out first how many of the threads pay.
    """
    try:
        held_lease = lease.take(run.path)
    except OSError as error:
        log.error("cannot take the lease of %s: %s", run.path, error.strerror or error)
        return FAILED
    if held_lease is None:
        return RUNNING  # somebody else is at it

    control = Control(stop_requested, held_lease.is_lost)

    def work() -> Outcome | None:
        device_count = min(devices, run.spec.batch)
        if device_count == 1 or run.status().trained or run.spec.steps == 0:
            max_threads = threads if measure_threads else 1
            train_and_score(run, evaluations, device, control, started_at=started_at, max_threads=max_threads)
            return None
        from bench.worker.distributed import train_together

        return train_together(run, evaluations, device, device_count, threads, control)

    try:
        outcome = outcome_of(run, work)
        return RUNNING if held_lease.is_lost() else _end(run, outcome)  # the new owner's word stands
    finally:
        held_lease.release()


def _end(run: Run, outcome: Outcome) -> str:
    if outcome.reason:
        log.info("%s: %s", outcome.state, outcome.reason)
    with contextlib.suppress(OSError):  # on a full disk the lease alone tells that it ended: the run is then interrupted
        run.set_status(outcome.state, kind=outcome.kind, reason=outcome.reason)
    return outcome.state


class StopRequests:
    """Whether to save and end: after a signal, after `bench stop`, or when the parent process has died."""

    def __init__(self, run: Run) -> None:
        self.run, self.requested, self.last_check = run, False, 0.0
        self.parent = os.getppid()
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGUSR2):
            signal.signal(number, self._ask)

    def _ask(self, number: int, frame: object) -> None:
        self.requested = True

    def __call__(self) -> bool:
        if time.monotonic() - self.last_check > POLL_S:
            self.last_check = time.monotonic()
            self.requested = self.requested or bool(self.run.stop_requested())
        return self.requested or os.getppid() != self.parent


def main(arguments: list[str] | None = None) -> int:
    """Entry point of a worker process; exit code 0 if the run is finished."""
    parser = argparse.ArgumentParser(prog="python -m bench.worker.main", description="Train and score one run directory.")
    parser.add_argument("directory", type=Path)
    parser.add_argument("--evaluations", type=evaluations_from_json, default=[], help="JSON list of evaluations")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--devices", type=int, default=1, help="how many of these devices train it together")
    parser.add_argument("--threads", type=int, default=1, help="at most; fewer if fewer pay or were used before")
    parser.add_argument(
        "--exactly", action="store_true", help="use exactly --threads, even if the run began with another number"
    )
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%Y-%m-%d %H:%M:%S")
    run = Run(options.directory)
    stop_requested = StopRequests(run)
    earlier_threads = threads_of(run.provenance()) if options.device == "cpu" and not options.exactly else None
    threads = min(earlier_threads or options.threads, options.threads)
    if options.devices == 1:  # otherwise the processes that this one starts will need it
        import torch  # after the signal handlers: importing it takes seconds in which a stop must not be lost

        torch.set_num_threads(threads)
        if threads > 1:
            spin_control.watch(options.device)
    state = execute(
        run,
        options.evaluations,
        options.device,
        stop_requested,
        devices=options.devices,
        threads=threads,
        started_at=STARTED,
        measure_threads=earlier_threads is None and not options.exactly and options.device == "cpu",
    )
    return 0 if state == FINISHED else 1


if __name__ == "__main__":
    exit_code = main()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(exit_code)  # all is written: taking torch down in good order would cost half a second of processor time a run
