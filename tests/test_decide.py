"""Seeds are added for the variants of undecided claims alone, round after round, and a round that was begun is found again."""

import json
import re
from dataclasses import replace

import pytest

from bench.common.errors import BenchError
from bench.common.files import write_json
from bench.evidence.rounds import SeedRounds, next_round
from bench.spec import Claim, Experiment
from bench.spec.loading import load
from bench.store.store import Store
from bench.sweep.plan import plan
from bench.sweep.seeds import widened, with_seeds
from reports.anytime import begins
from reports.claims import HOLDS, NO_PAIR, UNDECIDED, UNMEASURED, Judged
from tests.conftest import FLOOR, TINY

FEWER, WIDE = TINY.but(model=TINY.model.but(slots=2)), TINY.but(model=TINY.model.but(width=8))
HELPS, COPIES, WIDER = Claim("?", "full", "few"), Claim("?", "full", "copy"), Claim("?", "wide", "full")
FOUR = Experiment("?", {"full": TINY, "few": FEWER, "wide": WIDE, "copy": FLOOR}, name="four", claims=(HELPS, COPIES, WIDER))
MINE = """
from bench.spec import Claim, Evaluation, Experiment
from tests.conftest import FLOOR, TINY

def experiment(scale):
    variants = {"full": TINY, "few": TINY.but(model=TINY.model.but(slots=2)), "bystander": TINY.but(batch=1), "copy": FLOOR}
    claims = (Claim("Five slots are better than two.", "full", "few", at_least=0.001, within=0.0001),)
    return Experiment("Does it decide?", variants, evaluation=Evaluation(clips=3), claims=claims)
"""


def judged(claim, verdict, seeds=0, alpha=0.05):
    return Judged(claim, verdict, seeds=tuple(range(seeds)), gains=(1.0,) * seeds, alpha=alpha)


def test_undecided_claims_alone_get_seeds_and_what_is_not_trained_none():
    five = with_seeds(FOUR, {label: range(5) for label in ("full", "few", "wide")})
    verdicts = [judged(HELPS, HOLDS, 5), judged(COPIES, UNDECIDED, 5), judged(WIDER, HOLDS, 5)]
    assert next_round(five, verdicts, 20) == {"full": [5]}
    assert next_round(five, [judged(HELPS, HOLDS, 5)], 20) == {}
    assert next_round(five, [judged(HELPS, UNMEASURED)], 20) == {}


def test_a_claim_whose_seeds_have_all_diverged_gets_others():
    lost = Judged(HELPS, UNMEASURED, NO_PAIR)
    assert next_round(FOUR, [lost], 20) == {"full": [1, 2, 3, 4], "few": [1, 2, 3, 4]}
    assert next_round(FOUR, [lost], 1) == {}


def test_the_first_round_goes_to_where_an_interval_can_begin():
    assert (begins(0.05), begins(0.005)) == (4, 5)
    assert next_round(FOUR, [judged(HELPS, UNDECIDED, 1)], 20) == {"full": [1, 2, 3], "few": [1, 2, 3]}
    assert next_round(FOUR, [judged(HELPS, UNDECIDED, 1, 0.005)], 20)["few"] == [1, 2, 3, 4]


def test_no_claim_gets_more_seeds_than_it_may_have():
    assert next_round(FOUR, [judged(HELPS, UNDECIDED, 1)], 3) == {"full": [1, 2], "few": [1, 2]}
    three = with_seeds(FOUR, {"full": (1, 2), "few": (1, 2)})
    assert next_round(three, [judged(HELPS, UNDECIDED, 3)], 3) == {}


def test_a_variant_that_has_the_seed_already_is_not_asked_again():
    ahead = with_seeds(FOUR, {"full": range(9), "few": range(4)})
    assert next_round(ahead, [judged(HELPS, UNDECIDED, 4)], 20) == {"few": [4]}


def test_a_seed_that_diverged_counts_as_had_and_another_takes_its_place():
    five = with_seeds(FOUR, {"full": range(5), "few": range(5)})
    assert next_round(five, [judged(HELPS, UNDECIDED, 4)], 20) == {"full": [5], "few": [5]}


def test_further_seeds_come_after_all_declared_ones_in_the_plan():
    wider = with_seeds(FOUR, {"few": (2, 1), "wide": (1,), "gone": (7,)})
    later = [(label, spec.seed) for label, spec in wider.runs()][4:]
    assert later == [("few", 1), ("wide", 1), ("few", 2)]
    assert wider.runs()[:4] == FOUR.runs()


def test_rounds_are_kept_for_each_question_apart(store):
    record = SeedRounds.of(FOUR, store)
    record.add({"full": [1]}, after=0)
    SeedRounds.of(FOUR, store).add({"full": [2], "few": [2]}, after=1)
    assert record.rounds() == [{"full": [1]}, {"full": [2], "few": [2]}]
    assert record.applied(FOUR).further == {"full": (1, 2), "few": (2,)}
    for other in (FOUR.edited(["steps=7"]), with_claims(WIDER), FOUR.only(["full", "few"])):
        assert SeedRounds.of(other, store).rounds() == []


def test_rounds_are_found_again_when_a_claim_is_put_into_other_words(store):
    SeedRounds.of(FOUR, store).add({"full": [1]}, after=0)
    reworded = [replace(claim, sentence="In plainer words.", source="who says so") for claim in FOUR.claims]
    assert SeedRounds.of(replace(FOUR, claims=tuple(reworded)), store).rounds() == [{"full": [1]}]


def test_rounds_that_an_older_version_wrote_are_found(store):
    path = store.root / ".decide" / "four-small-61678436.json"
    write_json(path, {"rounds": [{"full": [1]}]})
    assert SeedRounds.of(FOUR, store).path == path and SeedRounds.of(FOUR, store).rounds() == [{"full": [1]}]


def test_of_two_schedulers_that_choose_the_same_round_one_writes_it_down(store):
    for _ in range(2):
        SeedRounds.of(FOUR, store).add({"full": [1]}, after=0)
    assert SeedRounds.of(FOUR, store).rounds() == [{"full": [1]}]


def with_claims(*claims):
    return Experiment("?", FOUR.variants, name="four", claims=claims)


def test_a_damaged_record_is_as_good_as_none(store):
    record = SeedRounds.of(FOUR, store)
    record.add({"full": [1]}, after=0)
    record.path.write_text("{")
    assert record.rounds() == [] and record.applied(FOUR) == FOUR


def test_all_seeds_are_those_that_the_store_has_variant_by_variant_up_to_the_first_gap(store):
    for seed in (1, 2, 4):
        store.run(TINY.but(seed=seed)).create(TINY.but(seed=seed))
    assert widened(FOUR, store).further == {"full": (1, 2)}


def test_a_claim_about_a_variant_that_there_is_not_is_refused(tmp_path):
    (tmp_path / "mine.py").write_text(MINE.replace('"full", "few", at', '"full", "fwe", at'))
    with pytest.raises(Exception, match="claims something about 'fwe', and has no such variant: did you mean 'few'"):
        load(str(tmp_path / "mine.py"))


@pytest.mark.parametrize(
    ("settings", "why"),
    [
        ({"metric": "pnsr"}, "something about 'pnsr', and protocol 'standard' has none: did you mean 'psnr'"),
        ({"metric": "fvd"}, "something about 'fvd', and protocol 'standard' has none; of single frames it has psnr, ssim"),
        ({"protocol": "openslt"}, "there is no protocol 'openslt': did you mean 'openstl'"),
        ({"frames": (21, 30)}, "something about frame 30, and"),
        ({"frames": (1, 2), "more_than": (2, 99)}, "something about frame 99, and"),
    ],
)
def test_a_claim_that_no_scores_could_decide_is_refused_before_anything_is_trained(settings, why):
    claim = Claim("?", "full", "few", **settings)
    with pytest.raises(BenchError, match=re.escape(why)):
        replace(FOUR, claims=(claim,)).refuse_strange_claims()


@pytest.fixture
def bench_mine(bench, tmp_path, mlflow_ready):
    (tmp_path / "mine.py").write_text(MINE)
    return lambda *words: bench(*words[:1], "mine.py", *words[1:])


@pytest.mark.slow
def test_decide_goes_to_the_end_of_its_budget_and_asked_again_does_nothing(bench_mine, tmp_path):
    code, out, _ = bench_mine("run", "--executor", "inline", "--decide", "--max-seeds", 5)
    assert code == 0, out
    assert "round 1: 1 of 1 claims undecided" in out and "round 2" in out
    store = Store(tmp_path / "runs")
    seeds = {
        label: [i.seed for i in plan(widened(load("mine.py"), store), store) if i.label == label] for label in ("full", "few")
    }
    assert seeds == {"full": [0, 1, 2, 3, 4], "few": [0, 1, 2, 3, 4]}
    assert len(store.runs()) == 5 + 5 + 1 + 1  # the bystander and copying have the seed that was declared
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "runs").rglob("*.npz")}
    code, second_output, _ = bench_mine("run", "--executor", "inline", "--decide", "--max-seeds", 5)
    assert code == 0 and "round" not in second_output
    assert before == {path: path.stat().st_mtime_ns for path in (tmp_path / "runs").rglob("*.npz")}
    _reports_over_all_seeds(bench_mine)
    code, planned, _ = bench_mine("plan", "--decide", "--max-seeds", 6, "--json")
    new = [
        (planned_run["variant"], planned_run["seed"]) for planned_run in json.loads(planned) if planned_run["state"] == "new"
    ]
    assert code == 0 and new in ([("full", 5), ("few", 5)], [])


def _reports_over_all_seeds(bench_mine):
    code, out, _ = bench_mine("report", "--claims", "--format", "json")
    claim = json.loads(out)["claims"][0]
    assert code == 0 and claim["seeds"] == [0, 1, 2, 3, 4] and claim["claim"]["sentence"] == "Five slots are better than two."
    assert json.loads(bench_mine("report", "--claims", "--seeds", 1, "--format", "json")[1])["claims"][0]["seeds"] == [0]
    assert json.loads(bench_mine("report", "--seeds", "all", "--format", "json")[1])["rows"][0]["seeds"] == "5"
    assert "1 of 1" not in bench_mine("report", "--format", "csv")[1]


@pytest.mark.slow
def test_when_the_hours_are_over_it_saves_what_runs_and_the_same_command_goes_on(bench_mine):
    code, out, _ = bench_mine("run", "--executor", "inline", "--decide", "--hours", 0)
    assert code == 0 and "the 0 hours are spent" in out and "--decide --hours 0" in out


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("--max-seeds", 5), "work only with --decide"),
        (("--hours", 1), "work only with --decide"),
        (("--decide", "--detach"), "--decide does not go with --detach"),
        (("--decide", "--fresh"), "--decide does not go with --fresh"),
    ],
)
def test_words_that_do_not_go_together_are_refused(bench_mine, words, why):
    code, _, message = bench_mine("run", *words)
    assert code == 2 and why in message


def test_an_experiment_without_claims_has_nothing_to_decide(bench):
    for words in (("run", "mine.py", "--decide"), ("plan", "mine.py", "--decide")):
        code, _, message = bench(*words)
        assert code == 2 and "has no claims" in message
    code, _, message = bench("report", "mine.py", "--claims")
    assert code == 2
