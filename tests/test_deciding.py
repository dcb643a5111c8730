"""`run --decide` from the first round to the last: what it says, when it ends, and how it goes on."""

import json
from dataclasses import replace

import pytest

from bench.commands._deciding import until_decided
from bench.evidence.rounds import SeedRounds
from bench.spec.experiment import Experiment
from bench.store.run import FAILED
from bench.sweep.plan import plan
from bench.sweep.scheduler import Scheduler
from bench.sweep.seeds import widened
from tests import deciding_samples
from tests.deciding_samples import EXPERIMENT, MadeUp

COMMAND = "bench run deciding --decide"


def decide(store, experiment: Experiment = EXPERIMENT, most=5, hours=None, failing=(), ends_after=None, trouble="") -> int:
    """Until decided, with made-up scores. ends_after: runs after which somebody interrupts."""
    executor = MadeUp(failing)

    def go(wider, planned_runs, stop_requested):
        def interrupted_by():
            return stop_requested() or ("Ctrl-C" if ends_after is not None and executor.ended >= ends_after else "")

        scheduler = Scheduler(planned_runs, store, executor, stop_requested=interrupted_by)
        scheduler.run()
        return scheduler.stopped_at is not None, trouble

    return until_decided(experiment, store, go, most, hours, COMMAND)


def seeds(store, experiment: Experiment = EXPERIMENT) -> dict[str, list[int]]:
    """Variant -> its seeds in the store."""
    planned_runs = plan(widened(experiment, store), store)
    return {label: [run.seed for run in planned_runs if run.label == label] for label in experiment.variants}


def test_a_round_names_the_seeds_of_each_variant_and_how_many_claims_are_open(store, capsys):
    decide(store)
    assert (
        "round 1: 2 of 2 claims undecided\n  full: seeds 1, 2, 3\n  few: seeds 1, 2, 3\n  wide: seeds 1, 2, 3\n"
        in capsys.readouterr().out
    )


def test_once_a_claim_is_decided_only_the_variants_of_open_ones_get_seeds(store, capsys):
    assert decide(store) == 0
    assert "round 2: 1 of 2 claims undecided\n  full: seed 4\n  wide: seed 4\n" in capsys.readouterr().out
    assert seeds(store) == {"full": [0, 1, 2, 3, 4], "few": [0, 1, 2, 3], "wide": [0, 1, 2, 3, 4], "copy": [0]}


def test_the_most_seeds_end_it_with_verdicts_and_say_what_is_open(store, capsys):
    assert decide(store, most=4) == 0
    out = capsys.readouterr().out
    assert "holds" in out and "round 2" not in out
    assert out.endswith("1 of 2 claims undecided after 4 seeds; a larger --max-seeds continues from here\n")


def test_it_ends_as_soon_as_no_claim_is_undecided(store, capsys):
    clear = replace(EXPERIMENT, claims=EXPERIMENT.claims[:1])
    assert decide(store, clear) == 0
    out = capsys.readouterr().out
    assert "round 2" not in out and out.endswith("no claim of deciding is undecided\n")


def test_what_is_decided_trains_nothing_when_it_is_asked_again(store, capsys):
    decide(store)
    capsys.readouterr()
    assert decide(store, failing=range(20)) == 0
    assert "round" not in capsys.readouterr().out


def test_when_the_hours_are_spent_it_says_so_and_names_the_command_that_continues(store, capsys):
    assert decide(store, hours=0) == 0
    assert capsys.readouterr().out == f"the 0 hours are spent; `{COMMAND}` continues from here\n"


def test_hours_that_are_spent_between_two_rounds_leave_the_verdicts_so_far(store, capsys):
    decide(store, most=1)
    capsys.readouterr()
    assert decide(store, hours=0) == 0
    out = capsys.readouterr().out
    assert "round" not in out
    assert out.endswith(f"2 of 2 claims undecided, and the 0 hours are spent; `{COMMAND}` continues from here\n")


def test_a_round_that_was_interrupted_is_the_one_that_goes_on(store, tmp_path, capsys):
    assert decide(store, ends_after=7) == 130
    out = capsys.readouterr().out
    assert "round 1" in out and f"interrupted; `{COMMAND}` continues from here" in out
    assert len(SeedRounds.of(EXPERIMENT, store).rounds()) == 1
    assert decide(store) == 0
    assert "round 1" not in capsys.readouterr().out  # it was announced before
    undisturbed = type(store)(tmp_path / "undisturbed")
    decide(undisturbed)
    assert SeedRounds.of(EXPERIMENT, store).rounds() == SeedRounds.of(EXPERIMENT, undisturbed).rounds()
    assert seeds(store) == seeds(undisturbed)


def test_a_run_that_fails_ends_it_before_the_next_round(store, capsys):
    assert decide(store, failing=(3,)) == 1
    out = capsys.readouterr().out
    assert "full, seed 3: failed: code: as told" in out and f"`{COMMAND} --retry code` tries again" in out
    assert "round 2" not in out
    assert {run.spec.seed for run in store.runs() if run.status().state == FAILED} == {3}


def test_each_round_says_if_mlflow_could_not_be_reached(store, capsys):
    decide(store, most=1, trouble="connection refused")
    assert "MLflow does not have all runs (connection refused); `bench sync` copies everything later" in capsys.readouterr().out


def test_plan_decide_shows_the_runs_so_far_and_those_of_the_next_round(bench, store, capsys):
    def planned(*words):
        code, out, err = bench("plan", deciding_samples.__file__, "--decide", *words, "--json")
        assert code == 0, err
        return [(run["variant"], run["seed"]) for run in json.loads(out) if run["state"] == "new"]

    assert planned() == [("full", 0), ("few", 0), ("wide", 0), ("copy", 0)]
    decide(store, most=4)
    capsys.readouterr()
    assert planned("--max-seeds", 4) == []
    assert planned() == [("full", 4), ("wide", 4)]


@pytest.mark.usefixtures("mlflow_ready")
def test_run_decide_does_all_of_it_with_any_executor(bench, store):
    words = (deciding_samples.__file__, "--only", "full,few", "--decide", "--max-seeds", 2)
    code, out, err = bench("run", *words, "--executor", "tests.deciding_samples:MadeUp")
    assert code == 0, err
    assert "round 1: 1 of 2 claims undecided\n  full: seed 1\n  few: seed 1\n" in out
    assert "1 of 2 claims undecided after 2 seeds; a larger --max-seeds continues from here" in out
    code, out, _ = bench("report", *words[:3], "--claims", "--format", "json")
    assert code == 0 and [claim["seeds"] for claim in json.loads(out)["claims"]] == [[0, 1], []]
