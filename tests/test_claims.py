"""A claim is measured by pairing seeds on the same clips, and says what it cannot measure."""

import json
from dataclasses import replace

import numpy as np
import pytest

from reports.claim import ALIGNMENT, CHANCE, Claim
from reports.claims import HOLDS, NO_DIFFERENCE, REFUTED, UNDECIDED, UNMEASURED, alignments, judge
from reports.claims_grid import claims_text
from reports.memory import Addressing, Memories
from reports.results import seed_column
from tests.report_samples import results, runs

SEEDS = 6


def scored_with_gains(gains, late=0.0, variants=("full", "plain"), **changes):
    """Two variants, 2 clips, 4 frames: the first is better by the gain of each seed, in the last two frames by `late` more."""
    first, second = variants
    rise = np.array([0, 0, late, late])
    values = {}
    for seed, gain in enumerate(gains):
        clips = 20 + 3 * seed + np.array([[0.0], [5.0]]) + np.zeros(4)  # seeds and clips differ by far more than variants
        values[first, seed], values[second, seed] = clips + gain + rise, clips
    return results(values, **changes)


def the(scored, *claims, aligned=None):
    return judge(scored, claims, aligned)[0]


BETTER = Claim("The memory helps.", "full", "plain")


def test_gains_are_paired_by_seed_so_that_what_all_runs_of_a_seed_share_cancels():
    judged = the(scored_with_gains([0.9, 1.0, 1.1, 1.0, 0.95, 1.05]), BETTER)
    assert judged.verdict == HOLDS and judged.seeds == (0, 1, 2, 3, 4, 5)
    assert judged.gains == pytest.approx([0.9, 1.0, 1.1, 1.0, 0.95, 1.05], abs=1e-5) and judged.gain == pytest.approx(
        1.0, abs=1e-5
    )
    assert 0.8 < judged.low < 1 < judged.high < 1.2


def test_of_a_metric_where_less_is_better_less_is_a_gain():
    scored = scored_with_gains([0.9, 1.0, 1.1, 1.0, 0.95, 1.05], column="standard/lpips")
    assert the(scored, Claim("?", "full", "plain", metric="lpips")).verdict == REFUTED
    assert the(scored, Claim("?", "plain", "full", metric="lpips")).verdict == HOLDS


def test_frames_that_are_compared_with_themselves_are_no_claim():
    scored = scored_with_gains([1.0] * SEEDS)
    judged = the(scored, Claim("?", "full", "plain", frames=(1, 2), more_than=(1, 2), within=0.1))
    assert judged.verdict == UNMEASURED and judged.why == "it compares these frames with themselves"


def test_a_claim_is_about_its_frames():
    scored = scored_with_gains([0.01, 0, -0.01, 0.02, -0.02, 0.0], late=1.0)
    assert the(scored, Claim("?", "full", "plain", frames=(3, 4))).gain == pytest.approx(1.0, abs=1e-5)
    assert the(scored, Claim("?", "full", "plain", frames=(1, 2))).gain == pytest.approx(0.0, abs=1e-5)
    assert the(scored, Claim("?", "full", "plain", frames=(3, 4), more_than=(1, 2))).verdict == HOLDS
    assert the(scored, Claim("?", "full", "plain", frames=(1, 2), more_than=(3, 4))).verdict == REFUTED


def test_the_interaction_is_paired_by_seed_so_that_gains_that_vary_together_do_not_hide_it():
    judged = the(
        scored_with_gains([-3, 2, 5, -1, 0, 4], late=0.5), Claim("?", "full", "plain", frames=(3, 4), more_than=(1, 2))
    )
    assert judged.verdict == HOLDS and judged.gains == pytest.approx([0.5] * 6, abs=1e-5)


def test_more_claims_are_decided_later():
    scored = scored_with_gains([1.0, 1.3, 0.8, 1.1])
    assert the(scored, BETTER).verdict == HOLDS
    assert the(scored, *[BETTER] * 10).verdict == UNDECIDED


def test_a_seed_that_only_one_of_the_two_has_does_not_count():
    scored = scored_with_gains([1.0, 1.1, 0.9, 1.0, 1.05])
    shared_scores = scored.scores[~((scored.scores["variant"] == "plain") & (scored.scores["seed"] == 2))]
    judged = the(results({("full", 0): [[1] * 4] * 2, ("plain", 0): [[1] * 4] * 2}, scored.runs, scores=shared_scores), BETTER)
    assert judged.seeds == (0, 1, 3, 4)


def test_an_undecided_claim_says_how_many_more_seeds_it_would_take_and_what_they_cost():
    planned = runs(*({"variant": v, "seed": s, "train_seconds": 1800.0} for s in range(4) for v in ("full", "plain")))
    scored = scored_with_gains([0.9, 1.5, -0.2, 1.3], planned=planned)
    judged = the(scored, BETTER)
    assert judged.verdict == UNDECIDED and judged.more > 0 and judged.seconds == 3600
    assert f"about {judged.more}, {judged.more} h" in claims_text(scored, [judged], "markdown")


@pytest.mark.parametrize(
    ("claim", "why"),
    [
        (Claim("?", "full", "gone"), "there is no variant 'gone' here"),
        (Claim("?", "full", "plain", metric="lpips"), "there are no scores standard/lpips"),
        (Claim("?", "full", "plain", frames=(21, 30)), "it is about frame 30, and 4 are predicted"),
        (Claim("?", "full", "plain", frames=(1, 2), more_than=(5, 6)), "it is about frame 6, and 4 are predicted"),
        (Claim("?", "full", CHANCE, ALIGNMENT), "no memory of 'full' with a storing path could be looked into"),
    ],
)
def test_what_cannot_be_measured_says_why(claim, why):
    scored = scored_with_gains([1, 1])
    judged = the(scored, claim)
    assert (judged.verdict, judged.why) == (UNMEASURED, why)
    assert why in claims_text(scored, [judged], "markdown").replace("\\", "")


def test_two_variants_of_which_none_is_trained_are_no_matter_of_seeds():
    planned = runs(*({"variant": v, "seed": 0, "parameters": 0} for v in ("full", "plain")))
    assert "none of its variants is trained" in the(scored_with_gains([1], planned=planned), BETTER).why


def test_what_is_not_trained_is_compared_with_every_seed_of_what_is():
    scored = scored_with_gains([1.0] * SEEDS)
    shared_scores = scored.scores[~((scored.scores["variant"] == "plain") & (scored.scores["seed"] > 0))]
    planned = runs(
        *({"variant": "full", "seed": s, "parameters": 9} for s in range(SEEDS)),
        {"variant": "plain", "seed": 0, "parameters": 0},
    )
    judged = the(results({("full", 0): [[1] * 4] * 2}, planned, scores=shared_scores, variants=["full", "plain"]), BETTER)
    assert judged.seeds == tuple(range(SEEDS)) and judged.gains == pytest.approx([1, 4, 7, 10, 13, 16], abs=1e-4)


def _addressing(seed, aligned):
    random = np.random.default_rng(seed)
    path = random.dirichlet(np.ones(5), (8, 4)).transpose(0, 2, 1).reshape(8, 5, 2, 2).astype(np.float32)
    storing = path if aligned else path[::-1]
    return Addressing("full", seed, path, path, np.zeros((8, 3)), storing)


@pytest.mark.parametrize(("aligned", "verdict"), [(True, HOLDS), (False, UNDECIDED)])
def test_storing_and_matching_can_be_claimed_to_address_alike_more_than_chance(aligned, verdict):
    memories = Memories(["full"], [_addressing(seed, aligned) for seed in range(SEEDS)], {}, None)
    claim = Claim("Both paths agree.", "full", CHANCE, ALIGNMENT)
    judged = the(scored_with_gains([0] * SEEDS), claim, aligned=alignments(memories, ["full"]))
    assert judged.verdict == verdict and len(judged.gains) == SEEDS and judged.clips == 8


def test_a_verdict_that_other_clips_could_turn_says_so():
    rows = {}
    for seed, gain in enumerate([0.9, 1.0, 1.1, 1.0, 0.95, 1.05]):
        rows["plain", seed] = np.zeros((3, 2))
        rows["full", seed] = (
            np.array([[9.0], [-3.0], [-3.0]]) + gain + np.zeros((3, 2))
        )  # the same clips are better for all seeds
    scored = results(rows)
    judged = the(scored, BETTER)
    assert judged.verdict == HOLDS and judged.open_over_clips
    assert "Decided for these 3 test clips" in claims_text(scored, [judged], "markdown")


def test_a_margin_that_other_clips_could_leave_says_so():
    clips = np.array([[2.0], [-2.0], [0.0]]) + np.zeros((3, 2))  # clips differ, and the mean over them does not
    rows = {
        (label, seed): 20 + (clips + seed / 1000 if label == "full" else 0 * clips)
        for label in ("full", "plain")
        for seed in range(6)
    }
    judged = the(results(rows), Claim("?", "full", "plain", within=0.1))
    assert judged.verdict == NO_DIFFERENCE and judged.open_over_clips


def test_a_memory_whose_addresses_are_not_finite_counts_for_no_claim_and_is_named():
    scored = scored_with_gains([1.0] * SEEDS)
    aligned = {("full", seed): np.array([0.5, 0.6]) + seed / 1000 for seed in range(SEEDS)}
    aligned["full", 0] = np.array([0.5, np.nan])
    claim = Claim("?", "full", CHANCE, ALIGNMENT)
    judged = the(scored, claim, aligned=aligned)
    assert judged.verdict == HOLDS and judged.seeds == (1, 2, 3, 4, 5)
    text = claims_text(scored, [judged], "markdown").replace("\\", "")
    assert "Without seeds that have no score: 'full' has no alignment with seed 0." in text
    assert json.loads(claims_text(scored, [judged], "json"))["claims"][0]["outlier"] is None
    alone = {run: np.array([np.nan]) for run in aligned}  # one clip: there is no other to compare it with
    assert the(scored, claim, aligned=alone).verdict == UNMEASURED


def test_a_seed_without_lpips_says_why_and_not_that_it_blew_up():
    scored = scored_with_gains([0.9, 1.0, 1.1, 1.0, 0.95, 1.05], column="standard/lpips")
    values = scored.scores["standard/lpips"].mask((scored.scores["variant"] == "full") & (scored.scores["seed"] == 2))
    without = (scored.runs["variant"] == "full") & (scored.runs["seed"] == 2)
    planned = scored.runs.assign(lpips_missing=np.where(without, "no weights", ""))
    scored = replace(scored, scores=scored.scores.assign(**{"standard/lpips": values}), runs=planned)
    judged = the(scored, Claim("?", "full", "plain", metric="lpips"))
    assert judged.seeds == (0, 1, 3, 4, 5)
    assert "'full' has no LPIPS (no weights) with seed 2" in claims_text(scored, [judged], "markdown")


def test_seeds_of_any_size_that_runs_take_are_judged():
    large = 2**32 - 1
    values = {
        (label, seed): 20 + better + np.zeros((2, 4))
        for label, better in (("full", 1.0), ("plain", 0.0))
        for seed in (0, large)
    }
    assert the(results(values), BETTER).seeds == (0, large)
    assert seed_column([0, large]).tolist() == [0, large] and seed_column([0, 7]).dtype == np.int32


def test_a_seed_that_diverged_is_named():
    planned = runs(*({"variant": v, "seed": s} for v in ("full", "plain") for s in range(3)))
    planned.loc[1, "state"] = "diverged"
    scored = scored_with_gains([1.0, 1.1, 0.9], planned=planned)
    shared_scores = scored.scores[~((scored.scores["variant"] == "full") & (scored.scores["seed"] == 1))]
    scored = results({("full", 0): [[1] * 4] * 2}, planned, scores=shared_scores)
    text = claims_text(scored, [the(scored, BETTER)], "markdown")
    assert "Without seeds that have no score: 'full' diverged with seed 1." in text


def test_a_seed_whose_gain_is_an_outlier_is_named():
    scored = scored_with_gains([1.0, 1.1, 0.9, 1.05, -4.0, 0.95])
    text = claims_text(scored, [the(scored, BETTER)], "markdown")
    assert "Seed 4 is an outlier (gain -4.00, the others +0.90 to +1.10; Grubbs' test, p = 3e-06)" in text
    without_outlier = scored_with_gains([1.0, 1.1, 0.9, 1.05, 0.7, 0.95])
    assert "outlier" not in claims_text(without_outlier, [the(without_outlier, BETTER)], "markdown")


def test_what_is_equal_between_the_two_is_said_and_what_is_not():
    spent = {"full": {"parameters_used": 3000, "updates": 200}, "plain": {"parameters_used": 1000, "updates": 100}}
    planned = runs(*({"variant": label, "seed": 0, "samples": 800, **costs} for label, costs in spent.items()))
    scored = scored_with_gains([1], planned=planned)
    text = claims_text(scored, [the(scored, BETTER)], "markdown")
    sentence = (
        "Equal in 'full' and 'plain': training clips; not equal: optimizer steps (200, 100), parameters in use (3 k, 1 k)."
    )
    assert sentence in text


def test_a_seed_that_does_not_count_because_a_score_is_not_finite_is_named():
    scored = scored_with_gains([0.9, 1.0, 1.1, 1.0, 0.95, 1.05])
    blown = (scored.scores["variant"] == "full") & (scored.scores["seed"] == 2) & (scored.scores["clip"] == 1)
    scores = scored.scores.assign(**{"standard/psnr": scored.scores["standard/psnr"].mask(blown)})
    scored = replace(scored, scores=scores)
    judged = the(scored, BETTER)
    assert judged.seeds == (0, 1, 3, 4, 5)
    remark = "Without seeds that have no score: 'full' is not finite on 1 clip with seed 2."
    assert remark in claims_text(scored, [judged], "markdown").replace("\\", "")


@pytest.mark.parametrize(
    ("settings", "why"),
    [
        ({"frames": (5, 2)}, "first and the last one"),
        ({"at_least": -1}, "at_least is 0 or more"),
        ({"within": 0}, "within above 0"),
        ({"than": "full"}, "'full' twice"),
        ({"frames": (1.0, 2.0)}, "the first and the last one"),
        ({"than": CHANCE}, "compared with 'chance'"),
        ({"metric": ALIGNMENT}, "compared with 'chance'"),
    ],
)
def test_a_claim_that_means_nothing_is_refused(settings, why):
    with pytest.raises(ValueError, match=why):
        Claim(**{"sentence": "?", "better": "full", "than": "plain", **settings})
