"""What runs out of memory goes on with smaller micro-batches, and nothing else is taken for it."""

from bench.common import machine
from bench.store.failures import OUT_OF_MEMORY
from bench.store.run import FINISHED, INTERRUPTED, Run
from bench.sweep.plan import plan
from bench.sweep.retry import double_micro_batches
from bench.sweep.scheduler import Scheduler
from tests.schedule_samples import Pretend


def test_out_of_memory_halves_the_micro_batches_until_one_clip_is_left(store, five):
    planned_runs = plan(five, store)  # batches of 2 clips
    helped, hopeless = planned_runs[0].run, planned_runs[1].run
    executor = Pretend({helped.name: ["failed memory", FINISHED], hopeless.name: ["failed memory"]})
    Scheduler(planned_runs, store, executor).run()
    assert helped.status().state == FINISHED and helped.micro_batches() == 2
    assert executor.started.count(hopeless.name) == 2 and "even with one clip at a time" in hopeless.status().reason


def test_a_process_that_the_kernel_killed_for_want_of_memory_counts_as_out_of_memory(store, five):
    planned_runs = plan(five, store)
    executor = Pretend({planned_runs[0].run.name: [None, FINISHED]})
    executor.death = OUT_OF_MEMORY
    Scheduler(planned_runs, store, executor).run()
    assert planned_runs[0].run.status().state == FINISHED and planned_runs[0].run.micro_batches() == 2


def test_what_is_killed_after_a_stop_is_not_taken_for_out_of_memory(store, five):
    class StoppedWhileItRuns(Pretend):
        def submit(self, run, evaluations):
            scheduler.stop()
            return super().submit(run, evaluations)

    planned_runs = plan(five, store)
    executor = StoppedWhileItRuns({planned.run.name: [None] for planned in planned_runs})
    executor.death = OUT_OF_MEMORY
    scheduler = Scheduler(planned_runs, store, executor)
    scheduler.run()
    (name,) = executor.started
    assert Run(store.root / name).micro_batches() == 1 and Run(store.root / name).status().state == INTERRUPTED


def test_only_a_kill_of_the_last_seconds_counts_as_one_for_want_of_memory(monkeypatch):
    counted = [0]
    monkeypatch.setattr(machine, "kernel_kills", lambda: counted[0])
    monkeypatch.setattr(machine, "LOOK_S", 0)
    kills = machine.KernelKills()
    counted[0] = 1  # something else on this machine, long ago
    kills.look()
    kills.look()
    assert not kills.recent()
    counted[0] = 2
    assert kills.recent()


def test_a_signal_without_a_name_is_told_by_its_number():
    assert machine.signal_name(9) == "SIGKILL" and machine.signal_name(40) == "signal 40"


def test_parts_go_on_to_single_clips_whatever_the_batch(store, tiny):
    spec = tiny.but(batch=6)
    run = store.run(spec)
    run.create(spec)
    parts = []
    while double_micro_batches(run):
        parts.append(run.micro_batches())
    assert parts == [2, 4, 6]
