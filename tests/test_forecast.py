"""What a plan will cost: predicted from what was measured, and unknown where nothing was."""

import json
import time
from dataclasses import replace

import pytest

from bench.commands._tables import cost_notes
from bench.costs import measured
from bench.costs.forecast import Cost, Forecast, Machine, forecast, lacking
from bench.spec.component import Component
from bench.store.run import FINISHED, INTERRUPTED
from bench.sweep.plan import plan, unique
from tests.conftest import EVALUATION, TINY
from tests.many_runs import yardstick

HERE = Machine("Cray-1, 1 thread", slots=2, threads=1)  # a processor that no machine has on which these tests run
MACHINE = {"processor": "Cray-1", "threads": 1, "accelerators": []}


def _finished(store, spec, train=12.0, scoring=3.0, other=4.0, device="cpu", machine=MACHINE, flops=100):
    """A finished run that has taken as long as told."""
    run = store.run(spec)
    run.create(spec)
    run.set_status(FINISHED, trained=True, step=spec.steps)
    key = EVALUATION.at(spec).key
    run.scores_file(key).parent.mkdir(exist_ok=True)
    run.scores_file(key).write_bytes(b"12345")
    metadata = {"device": device, "machine": machine, "train_seconds": train, "parameters": 10, "flops": flops}
    seconds = {"score_seconds": {key: scoring}, "other_seconds": other}
    (run.path / "provenance.json").write_text(json.dumps({**metadata, **seconds}))
    return run


def _cost(experiment, store, machine=HERE):
    planned_runs = plan(experiment, store)
    return forecast(planned_runs, store, machine).costs[planned_runs[0].run.name]


@pytest.fixture
def longer(pair, tiny):
    """The learned variant alone, of another seed and twice as many steps as what is finished."""
    return replace(pair, variants={"tiny": tiny.but(steps=12)}, seeds=(7,))


def test_other_seeds_and_lengths_of_the_same_settings_cost_what_the_finished_ones_did(store, tiny, longer):
    _finished(store, tiny)  # 12 s for 6 steps
    cost = _cost(longer, store)
    assert cost.seconds == 12 * 2.0 + 3.0 + 4.0 and not cost.scaled and cost.without == ()


def test_of_several_finished_runs_the_one_in_the_middle_counts(store, tiny, longer):
    for seed, train in enumerate((12.0, 6.0, 600.0)):
        _finished(store, tiny.but(seed=seed), train=train)
    assert _cost(longer, store).seconds == 31.0


def test_whole_runs_know_better_than_probes(store, tiny, longer):
    names = measured.kind_of(tiny), measured.family_of(tiny)
    key = EVALUATION.at(tiny).key
    measured.keep(store, measured.Measured(*names, HERE.hardware, 1.0, {key: 1.0}, 1.0, 100, tiny.batch, 10))
    assert _cost(longer, store).seconds == 12 * 1.0 + 1.0 + 1.0
    _finished(store, tiny)
    assert _cost(longer, store).seconds == 31.0


def test_a_run_of_another_size_is_scaled_by_flops_and_marked(store, tiny, longer):
    from bench.training.flops import flops, on_meta

    wider = longer.variants["tiny"].but(model=tiny.model.but(width=8))
    counted = [flops(on_meta(model, (1, 16, 16), 9, 2), (1, 16, 16), 9, 2) for model in (tiny.model, wider.model)]
    _finished(store, tiny, flops=counted[0])
    cost, ratio = _cost(replace(longer, variants={"wider": wider}), store), counted[1] / counted[0]
    assert ratio > 1.5 and cost.scaled and cost.seconds == pytest.approx(24.0 * ratio + 3.0 * ratio + 4.0)


def test_where_nothing_like_it_was_measured_the_cost_is_unknown(store, tiny, longer):
    _finished(store, tiny.but(model=Component("convlstm", hidden=4, layers=1), learner=Component("direct")))
    assert _cost(longer, store).seconds is None


def test_what_the_seconds_leave_out_is_named(store, tiny, longer):
    run = _finished(store, tiny)
    provenance = json.loads((run.path / "provenance.json").read_text())
    (run.path / "provenance.json").write_text(json.dumps({k: v for k, v in provenance.items() if not k.endswith("r_seconds")}))
    assert _cost(longer, store).without == ("starting up",)
    _finished(store, tiny, scoring=3.0)
    other = replace(longer, evaluation=EVALUATION.over(1))
    assert _cost(other, store).without == ("scoring",)


def test_a_compiled_run_is_of_another_kind_than_the_same_one_as_it_is(store, tiny, pair):
    both = replace(pair, variants={"tiny": tiny.but(seed=7), "compiled": tiny.but(compile=True)}, seeds=(7,))
    _finished(store, tiny)
    assert [planned.label for planned in lacking(plan(both, store), store, HERE)] == ["compiled"]


@pytest.mark.parametrize("clips", [3, None])
def test_kept_predictions_take_disk_once_whether_some_clips_are_scored_or_all(store, tiny, longer, clips, monkeypatch):
    monkeypatch.setattr("bench.data.digits.Digits.count", lambda self, split, frames: 3)
    keeping = replace(longer, evaluation=replace(EVALUATION, clips=clips, keep_predictions=True))
    run = _finished(store, tiny)
    predictions = run.predictions_file("x")
    predictions.parent.mkdir()
    predictions.write_bytes(bytes(10_000))
    others = sum(path.stat().st_size for path in run.path.rglob("*") if path.is_file()) - 10_000
    assert _cost(keeping, store).disk == others + 3 * tiny.horizon * 16 * 16 * 4


def test_an_interrupted_run_costs_the_steps_that_are_left_and_a_trained_one_its_scoring(store, tiny, longer):
    _finished(store, tiny)
    [(_, spec)] = longer.runs()
    run = store.run(spec)
    run.create(spec)
    run.set_status(INTERRUPTED, step=9)
    assert _cost(longer, store).seconds == 3 * 2.0 + 3.0 + 4.0
    run.set_status(INTERRUPTED, step=12, trained=True)
    assert _cost(longer, store).seconds == 3.0 + 4.0


def test_times_are_of_this_machine_if_anything_was_measured_here_and_else_of_the_place_that_is_named(store, tiny, longer):
    gpu = {**MACHINE, "accelerators": ["NVIDIA H100"]}
    _finished(store, tiny.but(seed=1), train=1.2, device="cuda", machine=gpu)
    costs = forecast(plan(longer, store), store, HERE)
    assert costs.hardware == "NVIDIA H100" and costs.gpu_hours() == pytest.approx((2.4 + 7.0) / 3600)
    _finished(store, tiny)
    costs = forecast(plan(longer, store), store, HERE)
    assert (costs.hardware, costs.gpu_hours()) == (HERE.hardware, None)


def test_an_estimate_rests_on_the_run_of_its_own_size_rather_than_on_a_toy_with_as_many_threads_as_now(store, tiny, longer):
    from bench.training.flops import flops, on_meta

    small = tiny.but(model=tiny.model.but(width=4))
    large = tiny.but(model=tiny.model.but(width=64), seed=7, steps=6)
    counted = [flops(on_meta(model, (1, 16, 16), 9, 2), (1, 16, 16), 9, 2) for model in (small.model, large.model)]
    _finished(store, small, train=3.0, machine={**MACHINE, "threads": 2}, flops=counted[0])
    two_threads = replace(HERE, hardware="Cray-1, 2 threads", threads=2)
    wide = replace(longer, variants={"wide": large.but(steps=12)})
    from_toy = _cost(wide, store, two_threads)
    assert from_toy.scaled and from_toy.hardware == "Cray-1, 2 threads" and from_toy.ratio == counted[1] / counted[0] > 4
    _finished(store, large.but(seed=1), train=12.0, flops=counted[1])  # 2 s a step, with one thread
    cost = _cost(wide, store, two_threads)
    assert cost.seconds == 12 * 2.0 + 3.0 + 4.0 and not cost.scaled and cost.hardware == "Cray-1, 1 thread"
    assert cost_notes([from_toy])[0][1].endswith(f"a step has {from_toy.ratio:.2g} times its FLOPs")


def test_a_run_on_a_processor_is_never_estimated_from_a_gpu_as_long_as_any_processor_was_timed(store, tiny, longer):
    gpu = {**MACHINE, "accelerators": ["NVIDIA H100"]}
    _finished(store, tiny.but(seed=1), train=0.6, device="cuda", machine=gpu)
    _finished(store, tiny.but(seed=2), train=12.0, machine={**MACHINE, "processor": "Intel Xeon", "threads": 8})
    assert _cost(longer, store).hardware == "Intel Xeon, 8 threads"


def test_wall_time_is_that_of_the_slot_which_ends_last(store):
    seconds = {"a": 3.0, "b": 1.0, "c": 1.0, "d": None, "e": 2.0}
    costs = Forecast({name: Cost(value) for name, value in seconds.items()}, HERE.hardware)
    assert costs.wall(1) == 7.0 and costs.wall(2) == 4.0 and costs.wall(9) == 3.0 and costs.unknown() == 1


def test_disk_is_that_of_a_finished_run_or_reckoned_from_the_number_of_parameters(store, tiny, longer):
    [(_, spec)] = longer.runs()
    predictions = 4 * 3 * 2 * 16 * 16  # bytes, clips, frames, pixels
    from bench.training.flops import on_meta, parameters

    count = parameters(on_meta(spec.model, (1, 16, 16), 9, 2))
    assert _cost(longer, store).disk == 2 * 3 * 4 * count + predictions
    run = _finished(store, tiny)
    used_bytes = sum(path.stat().st_size for path in run.path.rglob("*") if path.is_file())
    assert _cost(longer, store).disk == used_bytes + predictions


def test_forecasting_ten_thousand_runs_takes_a_dozen_times_as_long_as_writing_them_down(store, pair, tiny):
    _finished(store, tiny)
    many = replace(pair, variants={str(n): tiny.but(steps=n + 7) for n in range(100)}, seeds=tuple(range(100)))

    def times() -> float:
        began = time.process_time()
        costs = forecast(plan(many, store), store, HERE)
        assert len(costs.costs) == 10_000 and costs.unknown() == 0
        return (time.process_time() - began) / yardstick()

    assert any(times() < 12 for _ in range(3))  # 7; more beside neighbours


def test_a_plan_prints_time_disk_and_what_is_not_known(bench, tmp_path):
    from bench.store.store import Store

    code, out, _ = bench("plan", "mine.py", "--workers", "1")
    assert code == 0 and "no similar run has been timed yet (2 of 2 runs)" in out and "--probe` measures" in out
    _finished(Store(tmp_path / "runs"), TINY.but(seed=3))
    code, out, _ = bench("plan", "mine.py", "--workers", "1")
    assert "   19 s " in out and "at least 19 s, one after another, 1 thread each; as measured on Cray-1, 1 thread" in out
    out = bench("plan", "mine.py", "--workers", "2")[1]
    assert "as measured on Cray-1, 1 thread; these would run on " in out
    rows = json.loads(bench("plan", "mine.py", "--json")[1])
    assert rows[0]["rests_on"] == {"place": "Cray-1, 1 thread", "flops_ratio": 1.0}
    assert [row["seconds"] for row in rows] == [19.0, None] and unique([]) == []


def test_the_gpu_hours_of_runs_that_several_gpus_train_together_count_all_of_them():
    from bench.costs.forecast import Cost, Forecast
    from bench.costs.measured import hardware_of

    provenance = {"device": "cuda:0", "devices": 4, "machine": {"accelerators": ["NVIDIA H100"] * 8}}
    assert hardware_of(provenance) == "4 x NVIDIA H100" and hardware_of({**provenance, "devices": 1}) == "NVIDIA H100"
    costs = {"run": Cost(3600.0)}
    assert Forecast(costs, "4 x NVIDIA H100").gpu_hours() == 4 and Forecast(costs, "NVIDIA H100").gpu_hours() == 1
    assert Forecast(costs, "4 x NVIDIA H100").gpu_hours(per_gpu=2) == 2
