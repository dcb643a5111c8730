"""The first tables of a page of results: what each claim's verdict is in every file of scores that has it."""

from dataclasses import replace

import numpy as np
import pytest

from reports.all_claims import all_claims, anchor
from reports.claim import Claim
from reports.claims import judge
from tests.report_samples import results, runs

HELPS, EQUAL = Claim("It helps.", "full", "plain"), Claim("It helps at equal updates.", "full", "equal")


@pytest.fixture
def scores():
    random = np.random.default_rng(0)
    values = {
        (variant, seed): 20 + better + random.normal(0, 0.01, (5, 12))
        for seed in range(6)
        for variant, better in (("full", 3.0), ("plain", 0.0))
    }
    return results(values, runs(*({"variant": v, "seed": s} for v, s in values)))


def _judged(scores, *claims):
    return scores, judge(scores, claims, {})


def test_a_claim_that_several_files_judge_is_one_line_with_a_column_for_each(scores):
    text = all_claims({"toy-medium": _judged(scores, HELPS), "toy-small": _judged(scores, EQUAL, HELPS)})
    head, _, *lines = [line for line in text.splitlines() if line.startswith("|")]
    assert head == "| claim | [toy-medium](#toy-medium) | [toy-small](#toy-small) |"
    assert [line.split(" | ")[0] for line in lines] == ["| It helps.", "| It helps at equal updates."]
    medium, small = lines[0].strip("| ").split(" | ")[1:]
    assert medium == small and medium == "**holds** +3.00 [+3.00, +3.00] dB, frames 1-12, 6 seeds"
    assert lines[1].strip("| ").split(" | ")[1:] == ["–", "not measured"]


def test_each_experiment_has_a_table_under_its_question(scores):
    other = replace(scores, name="other", question="Which of *these*?")
    text = all_claims({"toy": _judged(scores, HELPS), "other": _judged(other, HELPS), "without": _judged(scores)})
    assert text.count("| claim |") == 2 and text.index(f"**{scores.question}**") < text.index(r"**Which of \*these\*?**")
    assert "without" not in text


def test_claims_of_one_sentence_are_told_apart(scores):
    far = replace(HELPS, frames=(9, 12))
    lines = [line for line in all_claims({"toy": _judged(scores, HELPS, far)}).splitlines() if line.startswith("| It")]
    assert len(lines) == 2


def test_a_link_to_a_section_is_what_github_makes_of_its_heading():
    assert anchor("long_term-small My Data (v2)") == "long_term-small-my-data-v2"
