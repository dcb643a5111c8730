"""Judged claims as tables of every format and as a picture: each number with its unit, and with as many digits as it needs."""

import html
import json
from dataclasses import replace

import pytest

from reports.claim import Claim
from reports.claims import NO_DIFFERENCE, REFUTED, judge
from reports.claims_figure import claims_figure
from reports.claims_grid import claims_text
from reports.claims_table import claims_table, compared, gain_text
from reports.style import printed
from tests.test_claims import BETTER, SEEDS, scored_with_gains, the


def test_an_end_of_an_interval_that_is_not_0_is_not_printed_as_0_since_its_sign_decides():
    judged = replace(the(scored_with_gains([1.0] * SEEDS), BETTER), gains=(0.0003,), low=-0.0001, high=0.0007)
    scored = scored_with_gains([1.0] * SEEDS)
    assert gain_text(scored, judged) == "+0.0003 [-0.0001, +0.0007]"
    assert gain_text(scored, replace(judged, gains=(0.004,), low=-0.31, high=0.32)) == "+0.00 [-0.31, +0.32]"
    assert gain_text(scored, replace(judged, gains=(-0.0004,), low=None, high=None)) == "-0.0004 [?]"
    assert gain_text(scored, replace(judged, gains=(0.0,), low=0.0, high=0.0)) == "+0.00 [+0.00, +0.00]"


def test_an_end_of_an_interval_is_not_printed_as_the_limit_that_it_does_not_reach():
    scored = scored_with_gains([1.0] * SEEDS)
    least = replace(the(scored, Claim("?", "full", "plain", at_least=0.5)), gains=(0.7,), low=0.498, high=0.9)
    assert gain_text(scored, least) == "+0.700 [+0.498, +0.900]"
    margin = replace(the(scored, Claim("?", "full", "plain", within=0.1)), gains=(0.01,), low=-0.08, high=0.0996)
    assert gain_text(scored, margin) == "+0.0100 [-0.0800, +0.0996]"


def test_the_gain_of_a_scaled_metric_stands_with_its_power_of_ten():
    scored = scored_with_gains([0.0012] * SEEDS, column="standard/lpips")
    claim = Claim("?", "plain", "full", metric="lpips")
    judged = the(scored, claim)
    assert gain_text(scored, judged).startswith("+1.2 ") and "LPIPS (×10⁻³)" in compared(scored, claim)
    assert "LPIPS (×10⁻³)" in claims_figure(scored, [judged]).axes[0].get_xlabel()


def test_the_picture_says_which_settings_were_changed():
    scored = scored_with_gains([0.9, 1.0, 1.1, 1.0, 0.95, 1.05])
    scored = replace(scored, metadata=replace(scored.metadata, changed=["steps=100", "batch=2"]))
    first, second, *_ = (text.get_text() for text in claims_figure(scored, [the(scored, BETTER)]).texts)
    assert first == "toy, paper scale, moving digits" and second == "Changed in every variant that has it: steps=100, batch=2."


@pytest.mark.parametrize("format", ["terminal", "markdown", "latex", "tabular", "html", "csv", "json"])
def test_every_format_has_the_sentence_the_gain_the_interval_and_the_verdict(format):
    scored = scored_with_gains([0.9, 1.0, 1.1, 1.0, 0.95, 1.05])
    judged = the(scored, BETTER)
    text = claims_text(scored, [judged], format)
    for fragment in ("The memory helps.", "holds", "0.99" if format == "json" else "1", str(judged.low)[:4], "1.1"):
        assert fragment in text


@pytest.mark.parametrize(
    ("format", "sides"),
    [("markdown", "| --- | --- | ---: | ---: | --- | ---: | ---: |"), ("tabular", "{llrrlrr}"), ("html", 'class="words"')],
)
def test_words_start_on_the_left_and_numbers_end_on_the_right(format, sides):
    scored = scored_with_gains([0.9, 1.0, 1.1, 1.0, 0.95, 1.05])
    assert sides in claims_text(scored, [the(scored, BETTER)], format)


def test_two_variants_stand_in_quotes_since_their_names_hold_commas():
    scored = scored_with_gains([1.0] * SEEDS)
    claim = Claim("?", "full, equal updates", "plain")
    assert compared(scored, claim).startswith("'full, equal updates' against 'plain': PSNR (dB), frames 1-")


def test_latex_sets_long_sentences_as_paragraphs_of_one_table():
    scored = scored_with_gains([0.9, 1.0, 1.1, 1.0, 0.95, 1.05])
    judged = the(scored, replace(BETTER, sentence="The memory helps, and says so in a sentence of some length. " * 3))
    source = claims_text(scored, [judged], "latex")
    assert source.count(r"\begin{tabular}") == 1 and source.count(r"\parbox[t]") >= 1 and "sentence of some length" in source


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


def test_claims_about_changed_settings_say_so_in_every_format():
    scored = scored_with_gains([0.9, 1.0, 1.1, 1.0, 0.95, 1.05])
    judged, changed = the(scored, BETTER), replace(scored, metadata=replace(scored.metadata, changed=["batch=9"]))
    for form in ("terminal", "markdown", "latex", "csv", "html", "json"):
        assert "batch=9" in claims_text(changed, [judged], form), form


def test_a_claim_that_begins_like_a_formula_is_text_for_a_spreadsheet():
    scored = scored_with_gains([0.9, 1.0, 1.1, 1.0, 0.95, 1.05])
    judged = the(scored, replace(BETTER, sentence="=1+1"))
    assert claims_text(scored, [judged], "csv").splitlines()[1].startswith("'=1+1,")


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
    assert "'full' against 'plain': PSNR (dB), frames\n1-4" in texts and "Gone." not in texts
    assert [text.get_text() for text in drawn.texts] == ["toy, paper scale, moving digits", "not measured here: 1 of 3 claims"]
    marks = [text.get_text() for text in drawn.legends[0].texts]
    assert marks[:2] == ["a seed", "mean and interval, 95% for all 3 claims together"] and "no difference" in marks[2]
    without_margin = claims_figure(scored, [judged[0], judged[2]]).legends[0].texts
    assert len(without_margin) == 2  # no claim that is shown has a margin
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
