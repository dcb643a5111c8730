"""What a search does about runs on fresh seeds that fail, and about scores that are damaged."""

import pytest

from bench.store import search_results
from bench.store.run import DIVERGED, FAILED
from bench.sweep.plan import TO_SCORE
from bench.tune import confirm
from bench.tune.objectives import value
from bench.tune.search import SearchBudget
from bench.tune.study import find
from bench.tune.tables import searched
from bench.tune.trial import refreshed_run
from reports.tuning_tables import best_table
from tests.tune_samples import Pretend, search

SPACE = """
from tests.tune_samples import BASE

def space(trial, scale):
    return BASE.but(model=BASE.model.but(slots=trial.suggest_int("slots", 5, 8)))
"""
WORDS = ("tune", "small.py", "--trials", 2, "--sampler", "random", "--pruner", "none", "--confirm-seeds", 1)


@pytest.fixture(autouse=True)
def _quick(monkeypatch):
    monkeypatch.setattr("bench.sweep.scheduler.TICK_S", 0.01)


class Quiet:
    """A tracker without MLflow."""

    def started(self, planned): ...
    def ended(self, planned): ...
    def tick(self): ...
    def close(self):
        return ""


class FailsOnFreshSeeds(Pretend):
    def _run(self, run, evaluations, future):
        if run.spec.seed:
            self.ends[run.name] = (FAILED, {"kind": "code", "reason": "KeyError: 3"})
        super()._run(run, evaluations, future)


@pytest.fixture
def tuned(bench, tmp_path, monkeypatch):
    """Call: `bench tune` with an executor -> (exit code, what it printed)."""
    (tmp_path / "small.py").write_text(SPACE)
    monkeypatch.setattr("bench.tune.session.Tracker", lambda *words: Quiet())

    def tune(executor):
        monkeypatch.setattr("bench.commands._executors.executor", lambda *words, **options: executor)
        return bench(*WORDS)[:2]

    return tune


def test_a_confirmation_that_failed_is_named_and_the_same_command_tries_it_again(tuned):
    code, out = tuned(FailsOnFreshSeeds())
    assert code == 1 and "1 run of the best trials on fresh seeds did not finish:" in out
    assert "seed 1: failed: code: KeyError: 3" in out and "tries again what did not fail by its own settings" in out
    executor = Pretend()
    code, out = tuned(executor)
    assert code == 0 and len(executor.started) == 1 and "did not finish" not in out


def test_damaged_scores_of_a_search_are_computed_again_by_the_next_one(tuned, store, tmp_path):
    assert tuned(Pretend())[0] == 0
    study = find(store, "small", "small")
    [planned] = confirm.plan(study, 1, 1)
    path = planned.run.scores_file(planned.evaluations[0].key)
    path.write_bytes(path.read_bytes()[:100])
    executor = Pretend()
    assert tuned(executor)[0] == 0 and executor.started == [planned.run.name]
    assert value("psnr", [planned]) and path.with_name(f"{path.name}.damaged").exists()


def test_damaged_scores_of_a_trial_that_was_trained_before_make_it_to_be_scored_again(store):
    plan = SearchBudget(1, "random", "none")
    study, executor, _ = search(store, plan=plan, name="one")
    [planned] = confirm.everything(study)
    path = planned.run.scores_file(planned.evaluations[0].key)
    path.write_bytes(b"PK")
    assert refreshed_run(planned, study).state == TO_SCORE and not path.exists()
    path.write_bytes(b"PK")
    _, executor, searching = search(store, plan=plan, name="other")
    assert searching.trials_left() == 0 and executor.started == [planned.run.name]


def test_rescore_takes_a_search_as_a_whole(bench, tuned, store):
    tuned(Pretend())
    code, _, err = bench("rescore", "tune:small", "--only", "x")
    assert code == 2 and "a search is scored again as a whole" in err
    code, _, err = bench("rescore", "tune:small")
    assert code == 2 and "no readable checkpoint" in err  # the runs of this test only pretend to be trained


def test_a_trial_that_diverges_on_a_fresh_seed_is_not_the_best_of_a_search(store):
    study, _, _ = search(store, plan=SearchBudget(6, pruner="none"))
    first, second = study.ranking()[:2]
    planned_runs = confirm.plan(study, 2, 2)
    lucky = planned_runs[1].run.name  # the second fresh seed of the trial that scored best in the search
    diverged = {lucky: (DIVERGED, {"kind": "diverged", "reason": "the loss is nan at step 7"})}
    for planned in planned_runs:
        planned.run.create(planned.spec)
        Pretend(ends=diverged).submit(planned.run, planned.evaluations)
    result = confirm.conclude(study, 2, 2)
    assert [candidate.trial for candidate in result.candidates] == [second.number, first.number]
    assert [candidate.diverged for candidate in result.candidates] == [[], [2]] and result.candidates[1].confirmed is None
    assert search_results.read(store, study.name, "small") == result
    table = best_table(searched(study, importances=False))
    assert [(row.label, row.seeds, row.marks) for row in table.rows] == [
        (f"trial {second.number}", "2", ()),
        (f"trial {first.number}", "0 of 2", ("1",)),
    ]
    notes = [note.text for note in table.footnotes]
    assert notes[0] == "Diverged when it was trained again on fresh seeds, and so ranks behind those that do not."
    assert not any("not confirmed" in note for note in notes) and "Bold: the best on fresh seeds." in notes
