"""A search whose workers and schedulers are killed again and again finds what it would have found undisturbed."""

import contextlib
import os
import random
import signal
import time

import pytest
from optuna.trial import TrialState

from bench.store import Store
from bench.tune.study import find, finished
from tests.sweep_samples import bench, owners

KILLS, TRIALS = 10, 6
SPACE = """
from bench.spec import Part
from tests.conftest import TINY

def space(trial, scale):
    base = TINY.but(steps=150, validate_every=25)
    rate, slots = trial.suggest_float("lr", 1e-4, 1e-1, log=True), trial.suggest_int("slots", 2, 20)
    return base.but(optimizer=Part("adam", lr=rate), model=base.model.but(slots=slots))
"""
pytestmark = pytest.mark.chaos


def _tune(folder):
    (folder / "mine.py").write_text(SPACE)
    words = ("--trials", TRIALS, "--workers", 2, "--sampler", "random", "--pruner", "none", "--confirm", 0)
    return bench("tune", folder / "mine.py", *words, store=folder / "runs")


def _found(folder):
    """Settings, state and values of every finished trial."""
    trials = find(Store(folder / "runs"), "mine", "small").trials()
    assert not [trial.number for trial in trials if trial.state in (TrialState.RUNNING, TrialState.WAITING)]
    return {(str(trial.params), trial.state.name, tuple(trial.values)) for trial in trials if finished(trial)}


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("undisturbed")
    search = _tune(folder)
    out, _ = search.communicate(timeout=1500)
    assert search.returncode == 0, out
    return _found(folder)


@pytest.mark.parametrize("seed", [0, 1])
def test_kills_of_workers_and_schedulers_change_nothing_in_what_a_random_search_finds(tmp_path, undisturbed, seed):
    moments = random.Random(seed)
    search, kills, until = _tune(tmp_path), 0, time.monotonic() + 1500
    while search.poll() != 0 or kills < KILLS:
        assert time.monotonic() < until
        time.sleep(moments.uniform(0.2, 5.0))
        if search.poll() == 0:
            break
        if search.poll() is not None:
            search = _tune(tmp_path)
        elif kills < KILLS:
            workers = list(owners(tmp_path / "runs").values())
            victim = search.pid if moments.random() < 0.5 or not workers else moments.choice(workers)
            with contextlib.suppress(ProcessLookupError):
                os.kill(victim, signal.SIGKILL)
                kills += 1
    assert kills == KILLS, f"the search was over after {kills} kills"
    assert _found(tmp_path) == undisturbed and len(undisturbed) == TRIALS
