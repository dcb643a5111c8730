"""From a plan to finished runs, whatever happens to single ones."""

import errno
import shutil
import subprocess
import sys
from dataclasses import replace

import pytest

from bench.common import lease
from bench.common.errors import BenchError
from bench.executors import worker_process
from bench.executors.inline import Inline
from bench.executors.local import Local
from bench.spec.component import Component
from bench.store.run import FAILED, FINISHED, RUNNING, Run
from bench.sweep.plan import NEW, RESUMABLE, TO_DO, TO_SCORE, plan
from bench.sweep.preflight import preflight
from bench.sweep.retry import retry_failed
from bench.sweep.scheduler import Scheduler
from tests.many_runs import yardstick
from tests.schedule_samples import Pretend


def _states(experiment, store):
    return [planned.state for planned in plan(experiment, store)]


def test_a_ctrl_c_while_a_worker_is_being_started_reaches_it_too(store, tiny, monkeypatch):
    executor, popen = Local(workers=1), subprocess.Popen

    def interrupted(command, **options):
        executor.stop()  # as the handler does, in the thread that is starting it
        return popen([sys.executable, "-c", "import time; time.sleep(60)"], **options)

    monkeypatch.setattr(subprocess, "Popen", interrupted)
    (run := store.run(tiny)).create(tiny)
    assert executor.submit(run, ()).result(timeout=30) == "killed by SIGTERM"


def test_workers_that_the_system_will_not_start_fail_one_by_one_and_are_tried_again_next_time(store, five, monkeypatch):
    def refuse(command, **options):
        raise BlockingIOError(errno.EAGAIN, "Resource temporarily unavailable")

    monkeypatch.setattr(subprocess, "Popen", refuse)
    Scheduler(plan(five, store), store, Local(workers=1)).run()
    assert {planned.run.status().kind for planned in plan(five, store)} == {"system"}
    assert all(planned.state in TO_DO for planned in plan(five, store))


def test_a_worker_keeps_the_memory_it_has_unless_the_user_has_said_otherwise(store, tiny, monkeypatch):
    monkeypatch.setenv("OMP_WAIT_POLICY", "ACTIVE")
    monkeypatch.setenv("MALLOC_TRIM_THRESHOLD_", "5")
    settings = worker_process.environment(store.run(tiny), threads=3)
    assert settings["OMP_NUM_THREADS"] == "3" and settings["OMP_WAIT_POLICY"] == "ACTIVE"
    assert settings["MALLOC_TRIM_THRESHOLD_"] == "5"
    assert int(settings["MALLOC_MMAP_THRESHOLD_"]) <= 32 * 2**20, "older glibc refuses more, and is then slower than without"


def test_every_run_is_trained_once_and_a_second_time_nothing_is(store, five):
    executor = Pretend({})
    Scheduler(plan(five, store), store, executor).run()
    assert len(executor.started) == 5 and _states(five, store) == [FINISHED] * 5
    second_executor = Pretend({})
    Scheduler(plan(five, store), store, second_executor).run()
    assert second_executor.started == []


def test_a_failed_run_does_not_stop_the_others_and_a_full_disk_is_tried_again_next_time(store, five):
    planned_runs = plan(five, store)
    executor = Pretend({planned_runs[1].run.name: ["failed disk"]})
    Scheduler(planned_runs, store, executor).run()
    assert executor.started.count(planned_runs[1].run.name) == 1
    assert _states(five, store) == [FINISHED, RESUMABLE, FINISHED, FINISHED, FINISHED]
    Scheduler(plan(five, store), store, Pretend({})).run()
    assert _states(five, store) == [FINISHED] * 5


def test_an_error_in_the_code_stays_until_retry_names_its_kind(store, five):
    planned_runs = plan(five, store)
    Scheduler(planned_runs, store, Pretend({planned_runs[1].run.name: ["failed code"]})).run()
    assert _states(five, store) == [FINISHED, FAILED, FINISHED, FINISHED, FINISHED]
    assert retry_failed(plan(five, store), {"memory"}) == 0 and retry_failed(plan(five, store), {"code"}) == 1
    Scheduler(plan(five, store), store, Pretend({})).run()
    assert _states(five, store) == [FINISHED] * 5


def test_three_runs_with_the_same_error_in_a_row_end_the_sweep_in_words(store, five):
    planned_runs = plan(five, store)
    executor = Pretend({planned.run.name: ["failed code"] for planned in planned_runs})
    executor.slots = 1
    scheduler = Scheduler(planned_runs, store, executor)
    scheduler.run()
    assert len(executor.started) == 3 and scheduler.halted == "3 runs in a row failed with the same error: as told"
    assert _states(five, store) == [FAILED] * 3 + [NEW] * 2


def test_a_module_that_cannot_be_read_fails_its_run_alone(store, five):
    planned_runs = plan(five, store)

    def note(run):
        if run.name == planned_runs[1].run.name:
            raise BenchError("my_models.py: half edited")

    Scheduler(planned_runs, store, Pretend({}), prepare=note).run()
    status = planned_runs[1].run.status()
    assert (status.state, status.kind, status.reason) == (FAILED, "changed", "my_models.py: half edited")
    assert [planned.run.status().state for planned in planned_runs].count(FINISHED) == 4


def test_a_run_that_was_asked_to_stop_is_left_alone_until_the_next_time(store, five):
    planned_runs = plan(five, store)
    executor = Pretend({planned_runs[0].run.name: ["interrupted asked", FINISHED]})
    Scheduler(planned_runs, store, executor).run()
    assert _states(five, store) == [RESUMABLE] + [FINISHED] * 4
    Scheduler(plan(five, store), store, executor).run()
    assert _states(five, store) == [FINISHED] * 5


def test_a_run_whose_directory_was_deleted_is_told_and_not_started_again_at_once(store, five):
    class Deleting(Pretend):
        def submit(self, run, evaluations):
            future = super().submit(run, evaluations)
            if run.name == planned_runs[0].run.name:
                shutil.rmtree(run.path)
            return future

    ended_runs = []
    planned_runs = plan(five, store)
    executor = Deleting({})
    Scheduler(planned_runs, store, executor, [Recorder(ended_runs)]).run()
    assert (
        any("its directory was deleted" in planned.why for planned in ended_runs)
        and _states(five, store) == [NEW] + [FINISHED] * 4
    )


def test_a_watcher_may_add_runs_while_others_go_on(store, five):
    planned_runs = plan(five, store)

    class Adds(Recorder):
        def ended(self, planned):
            super().ended(planned)
            if len(ended_runs) < len(planned_runs):
                scheduler.add(planned_runs[len(ended_runs)])

    ended_runs = []
    scheduler = Scheduler(planned_runs[:1], store, Pretend({}), [Adds(ended_runs)])
    scheduler.run()
    assert _states(five, store) == [FINISHED] * 5


def test_a_store_that_cannot_be_written_is_told_in_words_and_the_others_go_on(store, five, monkeypatch):
    planned_runs = plan(five, store)
    create = Run.create
    monkeypatch.setattr(Run, "create", lambda run, spec: _full() if run.name == planned_runs[0].run.name else create(run, spec))
    ended_runs = []
    Scheduler(planned_runs, store, Pretend({}), [Recorder(ended_runs)]).run()
    assert ended_runs[0].state == FAILED and "No space left" in ended_runs[0].why
    assert _states(five, store)[1:] == [FINISHED] * 4 and _states(five, store)[0] in TO_DO


def _full():
    raise OSError(28, "No space left on device")


class Recorder:
    """A watcher that remembers how runs ended."""

    def __init__(self, ended_runs):
        self.planned_runs = ended_runs

    def started(self, planned): ...
    def ended(self, planned):
        self.planned_runs.append(planned)

    def tick(self): ...


def test_a_run_whose_process_died_is_resumed_at_once(store, five):
    planned_runs = plan(five, store)
    executor = Pretend({planned_runs[0].run.name: [None, FINISHED]})
    Scheduler(planned_runs, store, executor).run()
    assert executor.started.count(planned_runs[0].run.name) == 2 and _states(five, store) == [FINISHED] * 5


def test_a_run_that_dies_again_and_again_at_the_same_step_is_given_up_in_words(store, five):
    planned_runs = plan(five, store)
    Scheduler(planned_runs, store, Pretend({planned_runs[0].run.name: [None]})).run()
    status = planned_runs[0].run.status()
    assert (status.state, status.kind) == (FAILED, "died") and "killed by SIGKILL" in status.reason
    assert (planned_runs[0].run.path / "log.txt").read_text().count(
        "died at step 0 (killed by SIGKILL); it is started again"
    ) == 2


def test_a_run_that_another_process_trains_is_waited_for_and_not_trained_twice(store, five, monkeypatch):
    planned_runs = plan(five, store)
    planned_runs[0].run.create(planned_runs[0].spec)
    owned = lease.take(planned_runs[0].run.path)
    assert owned is not None
    planned_runs = plan(five, store)
    assert planned_runs[0].state == RUNNING

    class Other:
        """Finishes the other process's run once ours are done."""

        def started(self, planned): ...
        def ended(self, planned):
            if len(executor.started) == 4 and not owned._ended.is_set():
                Pretend({}).submit(planned_runs[0].run, planned_runs[0].evaluations)
                owned.release()

        def tick(self): ...

    executor = Pretend({})
    Scheduler(planned_runs, store, executor, [Other()]).run()
    assert planned_runs[0].run.name not in executor.started and _states(five, store) == [FINISHED] * 5


def test_stopping_leaves_the_rest_for_later(store, five):
    class Stopper:
        def started(self, planned):
            scheduler.stop()

        def ended(self, planned): ...
        def tick(self): ...

    executor = Pretend({})
    scheduler = Scheduler(plan(five, store), store, executor, [Stopper()])
    scheduler.run()
    assert executor.stopped and _states(five, store).count(NEW) == 4


def test_a_plan_says_what_is_new_resumable_to_score_or_finished(store, pair):
    assert _states(pair, store) == [NEW, NEW]
    planned_runs = plan(pair, store)
    planned_runs[0].run.create(planned_runs[0].spec)
    planned_runs[0].run.set_status("interrupted", reason="asked to stop", step=3)
    planned_runs[1].run.create(planned_runs[1].spec)
    planned_runs[1].run.set_status("finished", trained=True)
    planned_runs = plan(pair, store)
    assert [planned.state for planned in planned_runs] == [RESUMABLE, TO_SCORE]
    assert planned_runs[0].why == "asked to stop at step 3 of 6"


def test_an_impossible_size_is_refused_before_anything_runs(store, pair, tiny):
    short = replace(pair, variants={"short": tiny.but(context=5)})
    with pytest.raises(BenchError, match="variant 'short': model 'lmc' needs at least 9 context frames, got 5"):
        preflight(plan(short, store))
    odd = replace(pair, variants={"odd": tiny.but(data=Component("digits", size=20, digit=8))})
    with pytest.raises(BenchError, match=r"variant 'odd': model 'lmc': .*16"):
        preflight(plan(odd, store))


def test_inline_and_in_child_processes_the_scores_are_the_same(tmp_path, pair):
    from bench.evaluation.scores import load
    from bench.store.store import Store

    scores = []
    for name, executor in (("inline", Inline()), ("local", Local(workers=2))):
        store = Store(tmp_path / name)
        Scheduler(plan(pair, store), store, executor).run()
        planned_runs = plan(pair, store)
        assert [planned.state for planned in planned_runs] == [FINISHED] * 2
        scores.append([load(planned.run.scores_file(planned.evaluations[0].key)).values.tobytes() for planned in planned_runs])
    assert scores[0] == scores[1]


def test_planning_ten_thousand_runs_takes_ten_times_as_long_as_writing_them_down(store, pair, tiny):
    import time

    many = replace(pair, variants={str(n): tiny.but(steps=n + 1) for n in range(100)}, seeds=tuple(range(100)))

    def times() -> float:
        began = time.process_time()
        assert len(plan(many, store)) == 10_000
        return (time.process_time() - began) / yardstick()

    assert any(times() < 10 for _ in range(3))  # 5.5; more beside neighbours
