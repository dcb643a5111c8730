"""The search: what it asks for, tells and prunes, on runs that only pretend to train."""

import io
import json
import time
from collections import Counter

import pytest
from optuna.trial import FixedTrial, TrialState

from bench.common.errors import BenchError
from bench.maintenance import gc
from bench.store.run import FAILED
from bench.store.run_names import find_run
from bench.store.search_results import Aim, journal
from bench.store.store import Store
from bench.tune import confirm, spaces
from bench.tune.display import SearchProgress
from bench.tune.search import SearchBudget
from bench.tune.spaces import Space
from bench.tune.study import begin, counts_towards_budget, find
from tests.tune_samples import Pretend, draw, few, search


@pytest.fixture(autouse=True)
def _quick(monkeypatch):
    monkeypatch.setattr("bench.sweep.scheduler.TICK_S", 0.01)


def _states(study):
    return Counter(trial.state.name for trial in study.trials())


def _outcomes(study):
    """What is known of every trial but when it was: settings, state, values."""
    return [(trial.number, trial.params, trial.state, trial.values) for trial in study.trials()]


@pytest.mark.slow
def test_tpe_with_four_workers_over_two_hundred_trials_repeats_and_loses_nothing(store):
    began = time.process_time()
    study, executor, _ = search(store, Pretend(4, seconds=0.02), SearchBudget(200, pruner="none"))
    assert (time.process_time() - began) / 200 < 0.1
    assert _states(study) == {"COMPLETE": 200} and len(set(executor.started)) == 200
    assert study.ranking()[0].values[0] > 29.9


def test_the_budget_is_a_total_of_finished_trials(store):
    study, executor, _ = search(store, plan=SearchBudget(5))
    assert sum(map(counts_towards_budget, study.trials())) == 5 == len(executor.started)
    assert search(store, plan=SearchBudget(5))[1].started == []
    assert len(search(store, plan=SearchBudget(8))[0].trials()) == 8


def test_random_trials_are_the_same_however_often_the_search_is_stopped(store, tmp_path):
    plan = SearchBudget(8, "random", "none")
    whole, _, _ = search(store, plan=plan)
    pieces = Store(tmp_path / "pieces")
    for _ in range(4):
        study, _, _ = search(pieces, Pretend(2, seconds=0.05), plan, stop_after=2)
    study, _, _ = search(pieces, plan=plan)
    assert _outcomes(study) == _outcomes(whole)


def test_a_trial_cut_off_while_it_was_asked_for_is_taken_up_with_the_same_settings(store, tmp_path):
    plan = SearchBudget(3, "random", "none")
    whole, _, _ = search(store, plan=plan)

    def cut(trial):
        trial.suggest_float("lr", 1e-5, 1e-1, log=True)
        raise KeyboardInterrupt

    other = Store(tmp_path / "other")
    for draw_so_far in (cut, draw):
        try:
            study, _, _ = search(other, plan=plan, draw=draw_so_far)
        except KeyboardInterrupt:
            continue
    assert _outcomes(study) == _outcomes(whole)


def test_no_more_trials_are_asked_for_than_there_are_slots(store):
    most = []

    class Counting(Pretend):
        def submit(self, run, evaluations):
            most.append(sum(trial.state == TrialState.RUNNING for trial in find(store, "sample", "small").trials()))
            return super().submit(run, evaluations)

    search(store, Counting(3, seconds=0.02), SearchBudget(9))
    assert max(most) == 3


@pytest.mark.parametrize("pruner", ["hyperband", "median"])
def test_poor_trials_are_pruned_and_the_run_says_by_whom(store, pruner):
    study, _, _ = search(store, Pretend(2, seconds=0.2), SearchBudget(16, pruner=pruner))
    pruned = [trial for trial in study.trials() if trial.state == TrialState.PRUNED]
    assert len(pruned) >= 4
    stopped = [status for trial in pruned if (status := find_run(store, trial.user_attrs["runs"][0]).status()).kind == "asked"]
    assert stopped and stopped[0].reason == "pruned by study sample"
    complete = sorted(trial.values[0] for trial in study.trials() if trial.state == TrialState.COMPLETE)
    assert complete[-1] > complete[len(complete) // 2]


def test_what_was_to_be_pruned_when_the_search_died_is_told_so(store):
    study, _, _ = search(store, Pretend(1, seconds=0.05), SearchBudget(4), stop_after=1)
    trial = study.optuna_study.ask()
    spec = draw(trial)
    run = store.run(spec)
    run.create(spec)
    for name, value in {"spec": spec.to_json(), "runs": [run.name], "pruned": "pruned by study sample"}.items():
        trial.set_user_attr(name, value)
    executor = Pretend()
    resumed, _, _ = search(store, executor, SearchBudget(4))
    assert resumed.trials()[trial.number].state == TrialState.PRUNED and run.name not in executor.started


def test_a_diverged_trial_is_a_failure_with_its_reason_and_counts(store):
    study, executor, _ = search(store, Pretend(diverging=1e-3), SearchBudget(10, "random", "none"))
    failed = [trial for trial in study.trials() if trial.state == TrialState.FAIL]
    assert failed and {trial.user_attrs["kind"] for trial in failed} == {"diverged"}
    assert failed[0].user_attrs["reason"] == "the loss is nan at step 1"
    assert len(study.trials()) == 10 == len(executor.started)


def test_a_trial_lost_to_the_machine_does_not_count_and_is_tried_again_with_its_settings(store):
    whole, _, _ = search(store, plan=SearchBudget(3, "random", "none"), name="whole")
    lost = whole.trials()[1].user_attrs["runs"][0]
    store.set_aside(find_run(store, lost))
    full = {lost: (FAILED, {"kind": "disk", "reason": "No space left on device"})}
    study, _, searching = search(store, Pretend(ends=full), SearchBudget(3, "random", "none"))
    assert _states(study) == {"COMPLETE": 2, "FAIL": 1} and searching.trials_left() == 1
    study, executor, searching = search(store, plan=SearchBudget(3, "random", "none"))
    assert executor.started == [lost] and searching.trials_left() == 0
    assert study.trials()[3].params == study.trials()[1].params and study.trials()[3].state == TrialState.COMPLETE


def test_a_trial_that_was_trained_before_is_answered_from_the_store(store):
    search(store, plan=SearchBudget(4, "random", "none"), name="one")
    study, executor, _ = search(store, plan=SearchBudget(4, "random", "none"), name="other")
    assert executor.started == [] and _states(study) == {"COMPLETE": 4}


@pytest.mark.parametrize("sampler", ["tpe", "random"])
def test_suggesting_the_same_again_trains_nothing_and_ends(store, sampler):
    study, executor, _ = search(store, Pretend(3, seconds=0.01), SearchBudget(12, sampler, "none"), draw=few)
    assert _states(study) == {"COMPLETE": 12} and len(set(executor.started)) == len(executor.started) <= 4


@pytest.mark.parametrize("slots", [2, 4])
def test_the_same_settings_at_once_share_the_runs_of_all_their_seeds(store, slots):
    study, executor, searching = search(
        store, Pretend(slots, seconds=0.01), SearchBudget(8, "random", "none"), draw=few, seeds=2
    )
    assert _states(study) == {"COMPLETE": 8} and searching.trials_left() == 0
    assert len(set(executor.started)) == len(executor.started) <= 8


def test_what_was_pruned_is_pruned_again_without_training(store):
    study, _, _ = search(store, Pretend(2, seconds=0.05), SearchBudget(12, pruner="median"), draw=draw)
    pruned = next(trial for trial in study.trials() if trial.state == TrialState.PRUNED)
    study.optuna_study.enqueue_trial(pruned.params)
    study, executor, _ = search(store, plan=SearchBudget(13, pruner="median"))
    twin = study.trials()[12]
    assert twin.state == TrialState.PRUNED and f"as trial {pruned.number}" in twin.user_attrs["reason"]
    assert executor.started == [] and twin.intermediate_values == pruned.intermediate_values


def test_the_recipe_comes_first(store):
    study, _, _ = search(store, plan=SearchBudget(2), start={"lr": 1e-3, "slots": 40})
    assert study.trials()[0].params == {"lr": 1e-3, "slots": 40} and study.trials()[0].values == [pytest.approx(30)]


def test_a_grid_visits_every_point_once_and_ends(store):
    study, executor, searching = search(store, plan=SearchBudget(100, "grid", "none"))
    assert searching.trials_left() == 0 and len({tuple(trial.params.items()) for trial in study.trials()}) == 9 == len(
        executor.started
    )


def test_a_grid_follows_conditional_choices():
    def conditional(trial):
        if trial.suggest_categorical("kind", ["plain", "warm"]) == "warm":
            trial.suggest_int("steps", 1, 2)
        trial.suggest_float("lr", 0.01, 1.0, log=True)
        return draw(FixedTrial({"lr": 1e-3, "slots": 5}))

    points = spaces.grid(Space("sample", conditional))
    assert len(points) == 3 + 2 * 3 and {tuple(point) for point in points} == {("kind", "lr"), ("kind", "steps", "lr")}
    assert [point["lr"] for point in points[:3]] == pytest.approx([0.01, 0.1, 1.0])


@pytest.mark.parametrize("sampler", ["gp", "cmaes"])
def test_other_samplers_search_too(store, sampler):
    pytest.importorskip("scipy" if sampler == "gp" else sampler)
    study, _, _ = search(store, plan=SearchBudget(8, sampler, "none"))
    assert _states(study) == {"COMPLETE": 8}


def test_a_sampler_whose_package_is_missing_says_what_to_install(store, monkeypatch):
    monkeypatch.setattr("bench.tune.samplers.find_spec", lambda name: None)
    with pytest.raises(BenchError, match="--sampler cmaes needs the package cmaes: pip install cmaes"):
        search(store, plan=SearchBudget(2, "cmaes"))


def test_after_the_timeout_nothing_is_asked_for_and_what_goes_on_is_finished(store):
    study, _, searching = search(store, Pretend(2, seconds=0.3), SearchBudget(50, timeout=0.2))
    assert set(_states(study)) <= {"COMPLETE", "PRUNED"} and 2 <= len(study.trials()) < 50 and searching.trials_left() > 0


def test_the_best_are_confirmed_on_fresh_seeds_which_then_choose(store):
    study, _, _ = search(store, plan=SearchBudget(6, pruner="none"), seeds=2)
    planned_runs = confirm.plan(study, 2, 3)
    assert [planned.seed for planned in planned_runs] == [2, 3, 4] * 2 and {
        planned.evaluations[0].split for planned in planned_runs
    } == {"val"}
    assert confirm.conclude(study, 2, 3).candidates[0].confirmed is None
    for planned in planned_runs:
        planned.run.create(planned.spec)
        Pretend().submit(planned.run, planned.evaluations)
    result = confirm.conclude(study, 2, 3)
    assert [candidate.trial for candidate in result.candidates] == [trial.number for trial in study.ranking()[:2]]
    assert result.candidates[0].confirmed > result.candidates[1].confirmed
    assert result.seconds == pytest.approx(6 * 2 * 1.5 + 6 * 1.5)


@pytest.mark.parametrize("storage", ["journal", "sqlite"])
def test_no_run_that_a_search_refers_to_is_taken_for_unneeded(store, tmp_path, storage):
    url = f"sqlite:///{tmp_path / 'record.db'}" if storage == "sqlite" else None
    study, _, _ = search(store, plan=SearchBudget(3, pruner="none"), url=url)
    confirmed = confirm.plan(study, 1, 2)
    stranger = store.run(spec := draw(FixedTrial({"lr": 1e-3, "slots": 3})))
    for run, run_spec in [*((planned.run, planned.spec) for planned in confirmed), (stranger, spec)]:
        run.create(run_spec)
    confirm.conclude(study, 1, 2)
    assert len(store.runs()) == 3 + 2 + 1
    assert [waste.run.name for waste in gc.find(store, runs=True) if waste.kind == gc.RUNS] == [stranger.name]


def test_another_aim_is_another_study(store):
    begin(store, "mine", Aim("lmc", "small"))
    with pytest.raises(BenchError, match=r"--objective psnr .*, not to .*--objective ssim .*; --study NAME"):
        begin(store, "mine", Aim("lmc", "small", objectives=("ssim",)))


def test_the_test_split_stays_sealed(store):
    study, _, _ = search(store, plan=SearchBudget(3))
    runs = [find_run(store, trial.user_attrs["runs"][0]) for trial in study.trials()]
    scored = [path.name for run in runs for path in run.path.glob("scores/*")]
    assert len(scored) == 3 and all(name.startswith("val-") for name in scored)


def test_a_half_written_line_of_the_record_is_cut_off(store):
    search(store, plan=SearchBudget(2))
    whole = journal(store).read_bytes()
    journal(store).write_bytes(whole + b'{"op_code": 4, "wor')
    study, _, _ = search(store, plan=SearchBudget(3))
    assert len(study.trials()) == 3
    assert [json.loads(line) for line in journal(store).read_text().splitlines()]


@pytest.mark.parametrize(
    ("line", "reason"),
    [(b'{"op_code": 4, "wor\n', "line 4 is no JSON"), (b"{}\n", "KeyError"), (b"7\n", "TypeError")],
)
def test_a_damaged_line_in_the_middle_of_the_record_is_named_with_what_to_do(store, line, reason):
    search(store, plan=SearchBudget(2))
    lines = journal(store).read_bytes().splitlines(keepends=True)
    journal(store).write_bytes(b"".join([*lines[:3], line, *lines[4:]]))
    with pytest.raises(BenchError, match=rf"journal.log is damaged: {reason}.*; restore it from a copy, or move it away"):
        search(store, plan=SearchBudget(3))
    with pytest.raises(BenchError, match=rf"journal.log is damaged: {reason}"):
        find(store, "sample", "small")
    journal(store).rename(journal(store).with_suffix(".damaged"))
    study, _, _ = search(store, plan=SearchBudget(2))
    assert len(study.trials()) == 2


def test_two_stores_share_a_record_and_its_budget(tmp_path):
    url = f"sqlite:///{tmp_path / 'shared.db'}"
    first, second = Store(tmp_path / "one"), Store(tmp_path / "other")
    study, _, searching = search(first, Pretend(3, seconds=1.5), SearchBudget(6, "random", "none"), stop_after=1, url=url)
    left = [trial.number for trial in study.trials() if trial.state == TrialState.RUNNING]
    assert left
    theirs, executor, _ = search(second, plan=SearchBudget(6, "random", "none"), url=url)
    assert [trial.number for trial in theirs.trials() if trial.state == TrialState.RUNNING] == left
    assert len(theirs.trials()) == 6 and len(executor.started) < 6
    search(first, plan=SearchBudget(6, "random", "none"), url=url)
    assert _states(theirs) == {"COMPLETE": 6} and searching.trials_left() == 0


def test_a_password_is_not_written_down(store):
    with pytest.raises(BenchError, match="PGPASSWORD"):
        begin(store, "mine", Aim("lmc", "small"), "postgresql://me:secret@host/name")
    assert not (store.root / "tuning" / "mine-small").exists()


def test_the_table_hides_no_setting_and_no_result_on_a_narrow_screen(store):
    from rich.console import Console

    from bench.tune.study import format_settings

    study, _, _ = search(store, plan=SearchBudget(3))
    for width in (60, 80, 120):
        console = Console(width=width, record=True, force_terminal=True, file=io.StringIO())
        board = SearchProgress(console, study, 5)
        console.print(board._table(study.trials()))
        shown = console.export_text()
        assert "…" not in shown and max(map(len, shown.splitlines())) <= width
        for trial in study.trials():
            assert all(word in shown for word in [*format_settings(trial).split(), *board.outcome(trial).split()]), shown


def test_the_table_shows_settings_curve_state_and_the_best_so_far(store):
    from rich.console import Console

    study, _, _ = search(store, plan=SearchBudget(3))
    console = Console(width=140, record=True, force_terminal=True)
    board = SearchProgress(console, study, 5)
    console.print(board._table(study.trials()))
    shown = console.export_text()
    assert "lr=" in shown and "slots=" in shown and "at step 9" in shown and "3 of 5 trials, best" in shown
    assert f"(trial {study.ranking()[0].number})" in shown
