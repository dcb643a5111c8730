"""Runs one after another in this process: for debuggers and tests."""

from collections.abc import Sequence
from concurrent.futures import Future

from bench.spec.experiment import Evaluation
from bench.store.run import Run
from bench.sweep.executor import Executor


class Inline(Executor):
    """Runs in the calling process; nothing else happens meanwhile."""

    slots = 1

    def __init__(self) -> None:
        self.stopping = False

    def submit(self, run: Run, evaluations: Sequence[Evaluation]) -> Future[str]:
        """Train and score now; the future is done when this returns."""
        from bench.common.machine import default_device
        from bench.store.snapshot import forget
        from bench.worker.main import execute

        future: Future[str] = Future()
        forget(run)  # the code is that of this very process
        execute(run, list(evaluations), str(default_device()), lambda: self.stopping)
        future.set_result("")
        return future

    def stop(self) -> None:
        self.stopping = True

    def kill(self) -> None:
        self.stopping = True
