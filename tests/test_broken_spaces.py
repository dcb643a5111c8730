"""Search spaces that do not work, or have changed: one message that says what to do, never a traceback."""

import pytest

from bench.common.errors import BenchError
from bench.tune.search import SearchBudget
from bench.tune.walk import BrokenSpace
from tests.tune_samples import BASE, search

SPACE = "from tests.conftest import TINY\n\ndef space(trial, scale):\n    {body}\n    return TINY\n"


@pytest.fixture(autouse=True)
def _quick(monkeypatch):
    monkeypatch.setattr("bench.sweep.scheduler.TICK_S", 0.01)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("trial.suggest_float('lr', 1.0, 1e-4)", "the choice 'lr': `low <= high` must hold"),
        ("trial.suggest_float('lr', 0.0, 1.0, log=True)", "the choice 'lr': `low > 0` must hold for `log=True`"),
        ("trial.suggest_float('lr', 0.0, float('inf'))", "the choice 'lr': a range from 0 to inf has no end"),
        ("trial.suggest_int('slots', 1, 5, step=0)", "the choice 'slots': `step > 0` must hold"),
        ("trial.suggest_categorical('slots', [])", "the choice 'slots': The `choices` must contain one or more elements"),
        ("{4: 'a'}[5]", "`space(trial, scale)` of mine.py does not work: KeyError: 5"),
        ("trial.suggest_number('slots')", "`space(trial, scale)` of mine.py does not work: AttributeError: "),
        (
            "trial.suggest_categorical('slots', [4] if trial.suggest_int('a', 0, 1) else [5])",
            "the search space mine takes 'slots' from 5, and elsewhere from 4; give each choice a name of its own",
        ),
        ("return 3", "the search space mine must return a RunSpec, got int"),
        ("return TINY\n\ndef start(scale):\n    return [][0]", "`start(scale)` of mine.py does not work: IndexError: "),
        ("return TINY\n\ndef start(scale):\n    return 4", "`start(scale)` of mine.py must return a dict of choices, got int"),
        (
            "trial.suggest_categorical('slots', [4, 8])\n    return TINY\n\ndef start(scale):\n    return {'slots': 5}",
            "the choice 'slots': '5' not in (4, 8)",
        ),
    ],
)
def test_a_space_that_does_not_work_is_refused_in_words_before_anything_is_written(bench, tmp_path, body, message):
    (tmp_path / "mine.py").write_text(SPACE.replace("{body}", body))
    code, _, err = bench("tune", "mine.py")
    assert code == 2 and message in err and len(err.splitlines()) == 1
    assert not list((tmp_path / "runs").glob("tuning/*"))


def test_a_space_may_ask_for_the_number_of_a_trial_and_note_something_with_it(bench, tmp_path):
    body = "trial.set_user_attr('mine', trial.number * trial.suggest_int('slots', 4, 8))"
    (tmp_path / "mine.py").write_text(SPACE.replace("{body}", body))
    code, out, _ = bench("list", "spaces", "mine.py")
    assert code == 0 and "4 to 8" in out


def test_a_space_without_choices_is_said_to_have_none(bench, tmp_path):
    (tmp_path / "mine.py").write_text(SPACE.replace("{body}", "pass"))
    code, _, err = bench("list", "spaces", "mine.py")
    assert code == 2 and "the search space mine has no choices: it asks its trial for none" in err


def _few(*choices):
    return lambda trial: BASE.but(model=BASE.model.but(slots=trial.suggest_categorical("slots", choices)))


def test_a_study_is_not_continued_with_other_choices_and_the_message_names_them(store):
    study, executor, _ = search(store, plan=SearchBudget(2, "random", "none"), draw=_few(4, 8))
    with pytest.raises(BenchError, match="'slots' from 4, 8, and the search space takes it from 4, 8, 12 now; `--study NAME`"):
        search(store, executor, SearchBudget(4, "random", "none"), draw=_few(4, 8, 12))
    assert len(study.trials()) == 2


def test_an_error_that_only_some_trials_meet_stops_the_search_and_its_trial_goes_on_once_it_is_mended(store):
    def broken(trial):
        if trial.number == 2:
            raise BrokenSpace("`space(trial, scale)` of mine.py does not work: KeyError: 8")
        return _few(4, 8)(trial)

    plan = SearchBudget(6, "random", "none")
    _, _, searching = search(store, plan=plan, draw=broken)
    assert "KeyError: 8" in searching.scheduler.halted and searching.trials_left() > 0
    mended, _, searching = search(store, plan=plan, draw=_few(4, 8))
    assert searching.trials_left() == 0 and [trial.number for trial in mended.trials()] == list(range(6))
