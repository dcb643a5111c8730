"""A claim is measured by pairing seeds on the same clips, and says what it cannot measure."""

import html
import json
from dataclasses import replace

import numpy as np
import pytest

from reports.claim import ALIGNMENT, CHANCE, Claim
from reports.claims import HOLDS, NO_DIFFERENCE, REFUTED, UNDECIDED, UNMEASURED, alignments, judge
from reports.claims_figure import claims_figure
from reports.claims_grid import claims_text
from reports.claims_table import claims_table, compared, gain_text
from reports.memory import Addressing, Memories
from reports.results import seed_column
from reports.style import printed
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


def test_an_end_of_an_interval_that_is_not_0_is_not_printed_as_0_since_its_sign_decides():
    judged = replace(the(scored_with_gains([1.0] * SEEDS), BETTER), gains=(0.0003,), low=-0.0001, high=0.0007)
    scored = scored_with_gains([1.0] * SEEDS)
    assert gain_text(scored, judged) == "+0.0003 [-0.0001, +0.0007]"
    assert gain_text(scored, replace(judged, gains=(0.004,), low=-0.31, high=0.32)) == "+0.00 [-0.31, +0.32]"
    assert gain_text(scored, replace(judged, gains=(0.0,), low=0.0, high=0.0)) == "+0.00 [+0.00, +0.00]"


def test_an_end_of_an_interval_is_not_printed_as_the_limit_that_it_does_not_reach():
    scored = scored_with_gains([1.0] * SEEDS)
    least = replace(the(scored, Claim("?", "full", "plain", at_least=0.5)), gains=(0.7,), low=0.498, high=0.9)
    assert gain_text(scored, least) == "+0.700 [+0.498, +0.900]"
    margin = replace(the(scored, Claim("?", "full", "plain", within=0.1)), gains=(0.01,), low=-0.08, high=0.0996)
    assert gain_text(scored, margin) == "+0.0100 [-0.0800, +0.0996]"


def test_frames_that_are_compared_with_themselves_are_no_claim():
    scored = scored_with_gains([1.0] * SEEDS)
    judged = the(scored, Claim("?", "full", "plain", frames=(1, 2), more_than=(1, 2), within=0.1))
    assert judged.verdict == UNMEASURED and judged.why == "it compares these frames with themselves"


def test_the_gain_of_a_scaled_metric_stands_with_its_power_of_ten():
    scored = scored_with_gains([0.0012] * SEEDS, column="standard/lpips")
    claim = Claim("?", "plain", "full", metric="lpips")
    judged = the(scored, claim)
    assert gain_text(scored, judged).startswith("+1.2 ") and "LPIPS (×10⁻³)" in compared(scored, claim)
    assert "LPIPS (×10⁻³)" in claims_figure(scored, [judged]).axes[0].get_xlabel()


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


@pytest.mark.parametrize("format", ["terminal", "markdown", "latex", "tabular", "html", "csv", "json"])
def test_every_format_has_the_sentence_the_gain_the_interval_and_the_verdict(format):
    scored = scored_with_gains([0.9, 1.0, 1.1, 1.0, 0.95, 1.05])
    judged = the(scored, BETTER)
    text = claims_text(scored, [judged], format)
    for fragment in ("The memory helps.", "holds", "0.99" if format == "json" else "1", str(judged.low)[:4], "1.1"):
        assert fragment in text


def test_latex_sets_long_sentences_as_paragraphs_of_one_table():
    scored = scored_with_gains([0.9, 1.0, 1.1, 1.0, 0.95, 1.05])
    judged = the(scored, replace(BETTER, sentence="The memory helps, and says so in a sentence of some length. " * 3))
    source = claims_text(scored, [judged], "latex")
    assert source.count(r"\begin{tabular}") == 1 and source.count(r"\parbox[t]") == 1 and "sentence of some length" in source


def test_json_has_every_number_in_full():
    scored = scored_with_gains([0.9, 1.0, 1.1, 1.0, 0.95, 1.05])
    judged = the(scored, BETTER)
    output = json.loads(claims_text(scored, [judged], "json"))["claims"][0]
    assert (output["gain"], output["low"], output["high"]) == (judged.gain, judged.low, judged.high)
    assert output["gains"] == list(judged.gains) and output["claim"]["better"] == "full"


def test_claims_about_one_label_say_so_in_every_format_and_in_the_picture():
    scored = scored_with_gains([0.9, 1.0, 1.1, 1.0, 0.95, 1.05])
    scored = replace(scored, metadata=replace(scored.metadata, label="walking"))
    judged = the(scored, BETTER)
    for form in ("markdown", "latex", "csv", "html", "json"):
        assert "clips of 'walking'" in html.unescape(claims_text(scored, [judged], form)), form
    assert json.loads(claims_text(scored, [judged], "json"))["label"] == "walking"
    assert "clips of 'walking'" in claims_figure(scored, [judged]).axes[0].get_xlabel()


def test_a_seed_that_does_not_count_because_a_score_is_not_finite_is_named():
    scored = scored_with_gains([0.9, 1.0, 1.1, 1.0, 0.95, 1.05])
    blown = (scored.scores["variant"] == "full") & (scored.scores["seed"] == 2) & (scored.scores["clip"] == 1)
    scores = scored.scores.assign(**{"standard/psnr": scored.scores["standard/psnr"].mask(blown)})
    scored = replace(scored, scores=scores)
    judged = the(scored, BETTER)
    assert judged.seeds == (0, 1, 3, 4, 5)
    remark = "Without seeds that have no score: 'full' is not finite on 1 clip with seed 2."
    assert remark in claims_text(scored, [judged], "markdown").replace("\\", "")


def test_margins_are_in_the_unit_of_the_score_and_shown_in_the_unit_of_the_table():
    scored = scored_with_gains([0.012, 0.010, 0.011, 0.012, 0.013, 0.011], column="standard/lpips")
    judged = the(scored, Claim("?", "full", "plain", metric="lpips", within=0.02))
    assert judged.verdict == REFUTED  # surely worse, by less than the margin: the stronger statement wins
    assert "No difference: the whole interval within ±20.0." in claims_text(scored, [judged], "markdown")
    near = scored_with_gains([0.001, -0.002, 0.0, 0.001, -0.001, 0.002], column="standard/lpips")
    assert the(near, Claim("?", "full", "plain", metric="lpips", within=0.02)).verdict == NO_DIFFERENCE


def test_the_picture_shows_every_sentence_and_verdict_and_is_the_same_each_time():
    scored = scored_with_gains([0.9, 1.0, 1.1, 1.0, 0.95, 1.05])
    claims = [BETTER, Claim("A $long$ sentence " * 8, "plain", "full", within=0.5), Claim("Gone.", "full", "gone")]
    judged = judge(scored, claims)
    first, second = (printed(claims_figure(scored, judged), "svg") for _ in range(2))
    assert first == second
    assert printed(claims_figure(scored, judged), "png")[:4] == b"\x89PNG"
    drawn = claims_figure(scored, judged)
    texts = [text.get_text() for text in drawn.axes[0].texts]
    assert "The memory helps." in texts and any(text.startswith("holds, 6 seeds") for text in texts)
    assert "full, plain: PSNR (dB), frames 1-4" in texts and "Gone." not in texts
    assert [text.get_text() for text in drawn.texts] == ["toy, paper scale, moving digits", "not measured here: 1 of 3 claims"]
    marks = [text.get_text() for text in drawn.legends[0].texts]
    assert marks[:2] == ["a seed", "mean and interval, 95% for all 3 claims together"] and "no difference" in marks[2]
    assert "Gone." in [text.get_text() for text in claims_figure(scored, judged[2:]).axes[0].texts]


def test_an_interval_that_goes_on_beyond_the_picture_ends_in_an_arrow():
    def arrows(gains):
        scored = scored_with_gains(gains)
        lines = claims_figure(scored, judge(scored, [BETTER])).axes[0].lines
        return {line.get_marker() for line in lines} & {"<", ">"}

    assert arrows([0.0, 1.0, 0.0, 1.0]) == {"<", ">"}
    assert arrows([0.9, 1.0, 1.1, 1.0, 0.95, 1.05]) == set()


def test_a_table_of_claims_has_one_row_a_claim_headed_claim():
    scored = scored_with_gains([1, 1])
    shown = claims_table(scored, judge(scored, [BETTER, BETTER]))
    assert shown.subject == "claim" and [row.label for row in shown.rows] == ["The memory helps."] * 2


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
