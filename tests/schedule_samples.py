"""An executor that ends runs as it is told to."""

from concurrent.futures import Future

from bench.store.run import FINISHED, RUNNING
from bench.sweep.executor import Executor


class Pretend(Executor):
    """An executor whose runs end as they are told to: a state, `failed code` for a kind, or None for a process that dies."""

    slots, death = 2, "killed by SIGKILL"

    def __init__(self, ends):
        self.ends, self.started, self.most, self.stopped = ends, [], 0, False
        self.active = []

    def submit(self, run, evaluations):
        self.started.append(run.name)
        ends = self.ends.get(run.name, [FINISHED])
        end = ends.pop(0) if len(ends) > 1 else ends[0]
        if end is None:
            run.set_status(RUNNING)
        else:
            state, _, kind = end.partition(" ")
            run.set_status(state, kind=kind, trained=end == FINISHED, reason="" if end == FINISHED else "as told")
        if end == FINISHED:
            for evaluation in evaluations:
                run.scores_file(evaluation.key).parent.mkdir(exist_ok=True)
                run.scores_file(evaluation.key).write_bytes(b"")
        future: Future[str] = Future()
        future.set_result("" if end else self.death)
        return future

    def stop(self):
        self.stopped = True

    def kill(self):
        self.stopped = True
