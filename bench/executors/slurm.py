"""Jobs of a SLURM cluster: one array job for a plan. submitit submits them; their state comes from the store and squeue.

A submitted run has a ticket in its directory (bench.store.tickets), so the submitting process may end: the jobs save and
requeue themselves (bench.executors.slurm_job), and the next `bench run` finds the run queued and does not submit it again.
"""

from __future__ import annotations

import contextlib
import re
import shlex
import shutil
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from bench.common import lease
from bench.common.errors import BenchError
from bench.executors import slurm_job, slurm_options, worker_process
from bench.executors.slurm_queue import QUEUE
from bench.spec.experiment import Evaluation
from bench.store import seal, snapshot
from bench.store.failures import OUT_OF_MEMORY
from bench.store.run import Run
from bench.store.tickets import Ticket, put, ticket
from bench.sweep import queued_runs
from bench.sweep.executor import Executor, Job

GATHER = 1.0  # seconds without another submission after which the gathered ones become one array
POLL = 5.0  # seconds between two questions to squeue
LARGEST = 1000  # elements of an array; SLURM's MaxArraySize is 1001 unless somebody has changed it
TRIES = 3  # attempts to submit a job while the controller does not answer


@dataclass(eq=False)
class _Submission:
    run: Run
    evaluations: Sequence[Evaluation]
    future: Future[str] = field(default_factory=Future)


class Slurm(Executor):
    """Jobs of a SLURM cluster, as arrays; they requeue themselves, and outlive this process with --detach.

    workers: runs at once in an array; 0 leaves it to SLURM. queue: runs that may be in SLURM's queue at once.
    partition, constraint: as sbatch takes them. time: the limit of one job, in minutes or as sbatch takes it; a run goes on in
    as many jobs as it needs. cpus: of each run, which takes as many threads as pay and keeps to their number. threads: that
    many, exactly, and as many cpus. gpus: of each run, which train it together; without GPUs, devices processes do.
    notice: seconds before the time limit at which a run saves and requeues.
    extra: further options of sbatch, as on its command line: '--account=vision --mem=16G'; of this cluster alone.
    """

    queue = QUEUE

    def __init__(
        self,
        workers: int = 0,
        partition: str | None = None,
        time: int | str | None = None,
        cpus: int = 1,
        gpus: int = 0,
        devices: int = 1,
        constraint: str | None = None,
        notice: int = 120,
        queue: int = 1000,
        extra: str = "",
        threads: int = 0,
    ):
        for tool in ("sbatch", "srun", "squeue", "scancel"):
            if shutil.which(tool) is None:
                raise BenchError(f"executor 'slurm': there is no {tool} here; start it where jobs are submitted (a login node)")
        if isinstance(time, int) and time * 60 <= notice:
            raise BenchError(f"executor 'slurm': runs save {notice} s before their time limit, which is {time} min; raise time")
        if min(cpus, queue, devices) < 1 or min(workers, gpus, notice, threads) < 0:
            raise BenchError(
                "executor 'slurm': cpus, devices and queue must be at least 1, workers, gpus, notice and threads at least 0"
            )
        self.slots, self.threads, self.devices = queue, threads or cpus, gpus or devices
        self.exactly = threads > 0
        self.parameters = {
            "job_name": "bench", "wckey": None, "nodes": 1, "ntasks_per_node": 1, "stderr_to_stdout": True,
            "partition": partition, "time": time, "cpus_per_task": threads or cpus, "gpus_per_node": gpus or None,
            "constraint": constraint, "signal_delay_s": notice, "array_parallelism": workers or LARGEST,
            "srun_args": [f"--cpus-per-task={threads or cpus}"],  # from SLURM 22.05 on, srun does not ask the job for it
            "additional_parameters": {"requeue": True, **slurm_options.flags(extra)},
        }  # fmt: skip
        self._submitter()  # so that a missing package is found out now
        self._lock = threading.RLock()  # of the lists below; never held while SLURM is asked, since Ctrl-C needs it
        self._submitting = threading.Lock()
        self._gathered: list[_Submission] = []
        self._latest = 0.0
        self._watched: list[_Submission] = []
        self._watch_looping = False
        self._stopped = self._killed = False

    def submit(self, run: Run, evaluations: Sequence[Evaluation]) -> Future[str]:
        """Queue the run, together with others that are submitted within a second."""
        submission = _Submission(run, evaluations)
        with self._lock:
            self._gathered.append(submission)
            self._latest = time.monotonic()
            if not self._watch_looping:
                self._watch_looping = True
                threading.Thread(target=self._watch_loop, daemon=True).start()
        return submission.future

    def detach(self) -> list[Ticket]:
        """Submit the gathered runs and leave them to SLURM."""
        self._flush()
        with self._lock:
            watched, self._watched = self._watched, []
        for submission in watched:
            submission.future.set_result("")
        return [queued for submission in watched if (queued := ticket(submission.run))]

    def stop(self) -> None:
        """Cancel waiting jobs; running ones save their work and end, and are not requeued."""
        with self._lock:
            self._stopped = True
            gathered, self._gathered = self._gathered, []
            runs = [submission.run for submission in self._watched]
        for submission in gathered:
            submission.future.set_result("stopped before it was queued")
        _take_back(runs)

    def kill(self) -> None:
        """Cancel every job; SLURM kills what does not end by itself within its KillWait."""
        if self._killed:
            return
        self._killed = True
        with self._lock:
            gathered, self._gathered = self._gathered, []
            watched, self._watched = self._watched, []
        queued_runs.cancel([submission.run for submission in watched])
        for submission in (*gathered, *watched):
            submission.future.set_result("cancelled")

    def _watch_loop(self) -> None:
        """Submit gathered runs and watch submitted ones, as long as there are any."""
        last_check = time.monotonic()
        while True:
            time.sleep(GATHER / 4)
            with self._lock:
                if not self._gathered and not self._watched:
                    self._watch_looping = False
                    return
                ready = self._gathered and time.monotonic() - self._latest > GATHER
            if ready:
                self._flush()
            if time.monotonic() - last_check > POLL:
                last_check = time.monotonic()
                self._check_jobs()

    def _check_jobs(self) -> None:
        """End the futures of jobs that have ended."""
        with self._lock:
            watched = self._watched[:]
        for submission in watched:  # squeue may take long to answer: Ctrl-C, which needs the lock, must not wait for it
            queued = ticket(submission.run)
            job = QUEUE.find_job(queued) if queued else Job("completed", ended=True)
            if job is not None and job.ended:
                self._end(submission, queued, job)

    def _end(self, submission: _Submission, queued: Ticket | None, job: Job) -> None:
        """End the future of a job that has ended, unless the job was cancelled from here meanwhile."""
        with self._lock:
            if submission not in self._watched:
                return
            self._watched.remove(submission)
        if queued:
            with contextlib.suppress(OSError):  # on a full disk; the future must get its result all the same
                queued_runs.note_end(submission.run, queued, job)
        submission.future.set_result(_format_job(queued.job if queued else "", job))

    def _flush(self) -> None:
        """Submit the gathered runs as arrays; if SLURM refuses, all of their futures get the error."""
        with self._submitting:
            with self._lock:
                gathered, self._gathered = self._gathered, []
            try:
                for start in range(0, len(gathered), LARGEST):
                    self._submit_array(gathered[start : start + LARGEST])
            except Exception as error:
                for submission in gathered:
                    if not submission.future.done() and submission not in self._watched:
                        submission.future.set_exception(error)

    def _submit_array(self, submissions: Sequence[_Submission]) -> None:
        folder = submissions[0].run.path.parent / "slurm"
        with _submission_lock(folder):
            unqueued = [s for s in submissions if not queued_runs.location(s.run) and not lease.holder(s.run.path)]
            for submission in submissions:
                if submission not in unqueued:
                    submission.future.set_result("somebody else has queued it")
            if not unqueued:
                return
            submitter = self._submitter(folder, unqueued[0].run)
            runs, evaluations = [str(s.run.path) for s in unqueued], [tuple(s.evaluations) for s in unqueued]
            jobs = _submit_with_retries(submitter, self._job(), runs, evaluations)
            for submission, job in zip(unqueued, jobs, strict=True):
                try:
                    put(submission.run, "slurm", job)
                except OSError as error:  # its directory is gone: without a ticket nobody could follow the job
                    submission.future.set_exception(error)
                else:
                    self._watch(submission)

    def _watch(self, submission: _Submission) -> None:
        """Follow a job from now on; one that was stopped while sbatch took it is taken back."""
        with self._lock:
            if not self._killed:
                self._watched.append(submission)
            stopped, killed = self._stopped, self._killed
        if killed:
            queued_runs.cancel([submission.run])
            submission.future.set_result("cancelled")
        elif stopped:
            _take_back([submission.run])

    def _job(self) -> partial[None]:
        """What a job calls with the directory and the evaluations of its run."""
        return partial(slurm_job.work, self.threads, self.devices, exactly=self.exactly)

    def _submitter(self, folder: Path = Path("slurm"), run: Run | None = None) -> Any:
        """submitit's executor, with its pickles and the output of jobs in a folder of the store."""
        try:
            import submitit
        except ImportError as error:
            raise BenchError("executor 'slurm' wants submitit: pip install -c constraints.txt -e '.[slurm]'") from error
        submitter = submitit.SlurmExecutor(folder, max_num_timeout=0)
        path = worker_process.environment(run, self.threads)["PYTHONPATH"] if run else ""
        variables = {"PYTHONPATH": path, **slurm_options.environment()}
        setup = [f"export {name}={shlex.quote(value)}" for name, value in variables.items()]
        setup.append("unset SLURM_EXPORT_ENV")  # by --export=NONE: what is exported here would not reach the run
        if run and (planned := snapshot.planned_for(run)):  # the job's code is that copy, which cannot check itself
            check = [sys.executable, "-I", "-c", Path(seal.__file__).read_text(), planned.folder, planned.digest]
            setup.insert(0, f"{shlex.join(check)} || exit 1")
        submitter.update_parameters(**self.parameters, setup=setup)
        return submitter


def _take_back(runs: Sequence[Run]) -> None:
    """Cancel what waits, and ask what runs to save and end."""
    for run in runs:
        with contextlib.suppress(OSError):  # a directory that is gone, or a full disk; the others are asked all the same
            run.ask_to_stop("asked to stop by the process that queued it")
    queued_runs.cancel(runs, waiting_only=True)


@contextmanager
def _submission_lock(folder: Path) -> Iterator[None]:
    """Only one process of a store submits at a time, so that a run is queued once even if several call `bench run`."""
    folder.mkdir(parents=True, exist_ok=True)
    while (held_lease := lease.take(folder)) is None:
        time.sleep(0.2)
    try:
        yield
    finally:
        held_lease.release()


def _submit_with_retries(submitter: Any, *array: Any) -> list[str]:
    """The jobs of a submitted array, as squeue calls them; BenchError with SLURM's own words where it refuses."""
    for number in range(TRIES):
        try:
            return [job.job_id for job in submitter.map_array(*array)]
        except (RuntimeError, OSError) as error:
            message = " ".join(line.strip() for line in str(error).splitlines() if "sbatch:" in line) or str(error)
            if number == TRIES - 1 or not re.search("timed out|contact|temporarily", message):
                raise BenchError(f"SLURM does not take the runs: {message}") from error
            time.sleep(POLL)
    raise AssertionError


def _format_job(name: str, job: Job) -> str:
    if job.state == "out_of_memory":
        return OUT_OF_MEMORY
    hint = f"; what it said before the run began is in slurm/{name}_0_log.out of the store" if job.state == "failed" else ""
    return "" if job.state == "completed" else f"SLURM job {name} ended as {job.state}{hint}"
