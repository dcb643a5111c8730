"""What trials are judged by: one objective or several, the mean over seeds, and what becomes of a trial that has no value."""

from dataclasses import replace

import numpy as np
import pytest
from optuna.trial import TrialState

from bench.evaluation.scores import Scores
from bench.spec.experiment import Experiment
from bench.store.run_names import find_run
from bench.sweep.plan import plan
from bench.tune import objectives
from bench.tune.objectives import NoValue
from bench.tune.search import SearchBudget
from tests.conftest import EVALUATION
from tests.tune_samples import PLAN, Pretend, quality, search


def test_a_trial_whose_predictions_are_not_finite_is_a_failure_and_the_search_goes_on(store, monkeypatch):
    of_run, asked_runs = objectives._of_run, []

    def sometimes(name, planned):
        asked_runs.append(planned.run.name)
        if planned.run.name == asked_runs[0]:
            raise objectives.NoValue(f"{planned.run.name} has predictions that are not finite", "diverged")
        return of_run(name, planned)

    monkeypatch.setattr(objectives, "_of_run", sometimes)
    study, _, searching = search(store, plan=replace(PLAN, trials=4))
    failed = [trial for trial in study.trials() if trial.state == TrialState.FAIL]
    assert len(failed) == 1 and failed[0].user_attrs["reason"].endswith("has predictions that are not finite")
    assert searching.trials_left() == 0 and not searching.open_trials


@pytest.mark.parametrize(("missing", "kind"), [("no weights", "damaged"), ("", "diverged")])
def test_why_a_run_has_no_value_is_told(store, tiny, missing, kind):
    (planned,) = plan(Experiment("?", {"tiny": tiny}, evaluation=EVALUATION), store)
    planned.run.create(tiny)
    scores = np.full((1, 2, 1), np.nan, np.float32)
    metadata = {"lpips_missing": missing}
    Scores(scores, ["standard/lpips"], metadata).save(planned.run.scores_file(planned.evaluations[0].key))
    with pytest.raises(NoValue, match=missing or "not finite") as error:
        objectives.value("lpips", [planned])
    assert error.value.kind == kind
    with pytest.raises(NoValue, match="has no cost on record"):
        objectives.value("cost", [planned])


def test_several_objectives_give_a_front_on_which_nothing_is_beaten(store):
    study, _, _ = search(store, plan=SearchBudget(15, "random", "none"), objectives=("psnr", "cost"))
    front = study.ranking()
    assert len(front) > 1 and front == sorted(front, key=lambda trial: -trial.values[0])
    for trial in front:
        assert not any(other.values[0] > trial.values[0] and other.values[1] < trial.values[1] for other in study.trials())


def test_the_mean_over_seeds_counts_and_a_poor_first_seed_ends_the_trial(store):
    study, executor, _ = search(store, Pretend(2, seconds=0.05), SearchBudget(12), seeds=3)
    best = study.ranking()[0]
    specs = [find_run(store, name).spec for name in best.user_attrs["runs"]]
    assert [spec.seed for spec in specs] == [0, 1, 2]
    assert best.values[0] == pytest.approx(sum(map(quality, specs)) / 3)
    assert max(best.intermediate_values) == 27  # three runs of nine steps
    pruned = [trial for trial in study.trials() if trial.state == TrialState.PRUNED]
    assert pruned and len(executor.started) < 3 * 12
