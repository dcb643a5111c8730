"""Seeds until decided, killed again and again, end as if nothing had happened: the same seeds, scores and verdicts."""

import contextlib
import json
import os
import random
import signal
import time

import pytest

from bench.evidence.rounds import SeedRounds
from bench.spec.loading import load
from bench.store.store import Store
from bench.sweep.plan import plan
from bench.sweep.seeds import widened
from tests.sweep_samples import bench, owners

KILLS = 5
TIMEOUT_S = 1500
WORDS = ("--decide", "--max-seeds", 6, "--workers", 2)
CLAIMING = """
from bench.spec import ALIGNMENT, CHANCE, Claim, Evaluation, Experiment
from tests.conftest import FLOOR, TINY

def experiment(scale):
    base = TINY.but(steps=40, validate_every=20)
    variants = {"five": base, "two": base.but(model=base.model.but(slots=2)), "seven": base.but(model=base.model.but(slots=7))}
    claims = (
        Claim("Better than copying.", "five", "copy"),
        Claim("Five are better than two.", "five", "two", within=0.5),
        Claim("Seven are better than five.", "seven", "five", within=0.001),
        Claim("Both paths address alike.", "five", CHANCE, ALIGNMENT),
    )
    return Experiment("Does it survive?", {**variants, "copy": FLOOR}, evaluation=Evaluation(clips=3), claims=claims)
"""
pytestmark = pytest.mark.chaos


def claiming(folder):
    path = folder / "claiming.py"
    path.write_text(CLAIMING)
    return path


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("undisturbed")
    path = claiming(folder)
    sweep = bench("run", path, *WORDS, store=folder / "runs")
    out, _ = sweep.communicate(timeout=TIMEOUT_S)
    assert sweep.returncode == 0, out
    return outcome(path, folder / "runs")


def test_five_kills_change_no_score_no_verdict_and_no_order_of_seeds(tmp_path, undisturbed):
    path, store = claiming(tmp_path), tmp_path / "runs"
    moments, kills, until = random.Random(1), 0, time.monotonic() + TIMEOUT_S
    sweep = bench("run", path, *WORDS, store=store)
    while kills < KILLS:
        assert time.monotonic() < until
        time.sleep(moments.uniform(1.0, 8.0))
        if sweep.poll() is not None:
            assert kills, f"the sweep was over before it was killed: {sweep.stdout.read()}"
            break
        workers = list(owners(store).values())
        victim = sweep.pid if moments.random() < 0.6 or not workers else moments.choice(workers)
        with contextlib.suppress(ProcessLookupError):
            os.kill(victim, signal.SIGKILL)
            kills += 1
        if victim == sweep.pid:
            sweep.wait()
            sweep = bench("run", path, *WORDS, store=store)
    sweep.communicate(timeout=TIMEOUT_S)
    last = bench("run", path, *WORDS, store=store)
    out, _ = last.communicate(timeout=TIMEOUT_S)
    assert last.returncode == 0, out
    assert kills == KILLS, f"the sweep was over after {kills} kills"
    outcome_after_kills = outcome(path, store)
    for key in ("rounds", "verdicts", "scores"):
        assert outcome_after_kills[key] == undisturbed[key], key


def outcome(path, store):
    """The rounds in their order, the claims with their verdicts and every gain, and the scores of every run, bit for bit."""
    from bench.evaluation import scores

    reported = bench("report", path, "--claims", "--format", "json", store=store)
    out, _ = reported.communicate(timeout=TIMEOUT_S)
    assert reported.returncode == 0, out
    verdicts = json.loads(out)["claims"]
    for verdict in verdicts:
        del verdict["seconds"]  # what a run cost is measured, and differs from time to time
    experiment, stored = load(str(path)), Store(store)
    planned_runs = plan(widened(experiment, stored), stored)
    values = {
        f"{planned.label} {planned.seed}": scores.load(planned.run.scores_file(planned.evaluations[0].key)).values.tobytes()
        for planned in planned_runs
    }
    return {"rounds": SeedRounds.of(experiment, stored).rounds(), "verdicts": verdicts, "scores": values}
