"""A search whose workers and schedulers are killed again and again finds what it would have found undisturbed."""

import contextlib
import os
import random
import signal
import time

import pytest
from optuna.trial import TrialState

from bench.store.store import Store
from bench.tune.study import counts_towards_budget, find
from tests.sweep_samples import bench, owners

KILLS, TRIALS = 10, 6
SPACE = """
from bench.spec import Component
from tests.conftest import TINY

def space(trial, scale):
    base = TINY.but(steps=150, validate_every=25)
    rate, slots = trial.suggest_float("lr", 1e-4, 1e-1, log=True), trial.suggest_int("slots", 2, 20)
    return base.but(optimizer=Component("adam", lr=rate), model=base.model.but(slots=slots))
"""
pytestmark = pytest.mark.chaos


RANDOM = ("--sampler", "random", "--pruner", "none")


def _tune(folder, *how):
    (folder / "mine.py").write_text(SPACE)
    words = ("--trials", TRIALS, "--workers", 2, "--confirm", 0, *how)
    return bench("tune", folder / "mine.py", *words, store=folder / "runs")


def _finished_trials(folder):
    """Settings, state and values of every finished trial."""
    trials = find(Store(folder / "runs"), "mine", "small").trials()
    assert not [trial.number for trial in trials if trial.state in (TrialState.RUNNING, TrialState.WAITING)]
    return {(str(trial.params), trial.state.name, tuple(trial.values)) for trial in trials if counts_towards_budget(trial)}


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("undisturbed")
    search = _tune(folder, *RANDOM)
    out, _ = search.communicate(timeout=1500)
    assert search.returncode == 0, out
    return _finished_trials(folder)


def _killed(folder, seed, *how):
    """Search with workers and schedulers killed ten times; it is started again until it says that it is done."""
    moments = random.Random(seed)
    search, kills, until = _tune(folder, *how), 0, time.monotonic() + 1500
    while search.poll() != 0:
        assert time.monotonic() < until
        time.sleep(moments.uniform(0.2, 5.0))
        if search.poll() not in (0, None):
            search = _tune(folder, *how)
        elif search.poll() is None and kills < KILLS:
            workers = list(owners(folder / "runs").values())
            victim = search.pid if moments.random() < 0.5 or not workers else moments.choice(workers)
            with contextlib.suppress(ProcessLookupError):
                os.kill(victim, signal.SIGKILL)
                kills += 1
    assert kills == KILLS, f"the search was over after {kills} kills"
    return _finished_trials(folder)


@pytest.mark.parametrize("seed", [0, 1])
def test_kills_of_workers_and_schedulers_change_nothing_in_what_a_random_search_finds(tmp_path, undisturbed, seed):
    assert _killed(tmp_path, seed, *RANDOM) == undisturbed and len(undisturbed) == TRIALS


def test_kills_lose_no_trial_of_a_search_that_learns_and_prunes(tmp_path):
    assert len(_killed(tmp_path, 2, "--trials", 2 * TRIALS)) == 2 * TRIALS
