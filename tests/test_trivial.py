"""A mean over seeds does not hide the seeds that learned no more than a prediction without learning scores."""

import json

import numpy as np
import pytest

from bench.spec import loading
from reports.claim import Claim
from reports.claims import judge
from reports.claims_grid import claims_text
from reports.differences_table import differences_table
from reports.render import FORMATS, render
from reports.results import Results
from reports.scores_table import scores_table
from reports.statistics import clopper_pearson
from reports.trivial import failing
from tests.report_samples import results, runs

CLIPS, FRAMES = 4, 10
BLACK = 15 + np.arange(CLIPS * FRAMES, dtype=float).reshape(CLIPS, FRAMES) % 7  # dB


def scored(full: list, black: object = BLACK, copied: object = BLACK - 3, **changes: object) -> Results:
    """A model with a seed for each gain over black (dB, or an array of them), and two trivial baselines."""
    values = {("full", seed): BLACK + gain for seed, gain in enumerate(full)}
    trivial = {(label, 0): frames for label, frames in (("black", black), ("copy", copied)) if frames is not None}
    rows = [
        {"variant": variant, "seed": seed, "parameters": 9 if variant == "full" else 0} for variant, seed in values | trivial
    ]
    return results(values | trivial, runs(*rows), **changes)


def found(full: list, **changes: object) -> list[tuple]:
    return [(group.baseline, group.alike, group.seeds, group.scored) for group in failing(scored(full, **changes))]


def test_a_seed_above_the_best_baseline_is_none_of_them_and_one_at_it_or_below_is():
    assert found([3, 4, 5]) == []
    assert found([3, -1.5, 4, -0.001]) == [("black", False, (1, 3), 4), ("black", True, (3,), 4)]
    assert found([0, 3]) == [("black", False, (0,), 2), ("black", True, (0,), 2)]  # exactly black


def test_a_seed_that_scores_like_a_baseline_is_named_though_its_mean_is_higher_and_another_baseline_better():
    assert found([3, 0.2], copied=BLACK + 1.5) == [("copy", False, (1,), 2), ("black", True, (1,), 2)]


@pytest.mark.parametrize(("far", "alike"), [(2, True), (3, False)])  # of 40 frames: 95% and less
def test_to_score_like_a_baseline_is_to_be_within_a_decibel_on_95_percent_of_the_frames(far, alike):
    gain = np.full((CLIPS, FRAMES), 0.9)
    gain.flat[:far] = 5
    assert found([gain]) == ([("black", True, (0,), 1)] if alike else [])
    assert found([np.full((CLIPS, FRAMES), 1.1)]) == []


def test_where_an_experiment_has_no_trivial_baseline_or_none_with_scores_nothing_is_said():
    alone = scored([-3, 0], black=None, copied=None)
    assert failing(alone) == [] and "no better" not in render(scores_table(alone))
    unscored = scored([-3], black=np.full((CLIPS, FRAMES), np.nan), copied=None)
    assert failing(unscored) == [] and failing(scored([-3], column="standard/ssim")) == []
    assert failing(scored([-3]), "lmc2021") == []


def test_seeds_without_scores_are_no_failures_and_do_not_count():
    lost = np.full((CLIPS, FRAMES), np.nan)
    assert found([3, lost, -1]) == [("black", False, (2,), 2), ("black", True, (2,), 2)]


@pytest.mark.parametrize("format", FORMATS)
def test_a_table_says_it_once_in_every_format_with_the_exact_interval_of_the_rate(format):
    text = " ".join(render(scores_table(scored([3, 4, 5, 3, 4, 3, -5, 3])), format).replace("\\", "").split())
    assert text.count("is no better than") == 1 and "eed 6 (1 of 8)" in text
    assert "[0%, 53%]" in text or "[]0%, 53%]" in text.replace("{[}", "[]").replace("{]}", "]")


def test_the_table_of_differences_does_not_repeat_it_and_no_number_changes():
    with_failure, without_baseline = scored([3, 4, -2]), scored([3, 4, -2], black=None, copied=None)
    assert "no better" not in render(differences_table(with_failure))
    assert scores_table(with_failure).rows[0].cells[0].value == scores_table(without_baseline).rows[0].cells[0].value


def test_one_seed_has_no_rate_and_all_seeds_are_called_so():
    assert "Seed 0 is no better than 'black'." in render(scores_table(scored([-5])), "csv")
    assert "All 3 seeds [29%, 100%] are no better than 'black'." in render(scores_table(scored([-5, -6, -5])), "csv")


def test_what_is_said_of_the_same_seeds_is_said_at_once():
    text = render(scores_table(scored([3, 0.2, 3], copied=BLACK + 1.5)), "csv")
    assert "Seed 1 (1 of 3) [1%, 91%] is no better than 'copy' and scores like 'black'." in text


@pytest.mark.parametrize("format", ["terminal", "markdown", "latex", "tabular", "html", "json"])
def test_claims_name_the_seeds_of_both_variants(format):
    gains = scored([3, 4, 5, 3, 4, 3, -5, 3])
    judged = judge(gains, [Claim("It learns.", "full", "black"), Claim("It moves.", "full", "copy")])
    text = claims_text(gains, judged, format)
    if format == "json":
        (group,) = json.loads(text)["failing"]
        assert (group["variant"], group["baseline"], group["seeds"], group["scored"]) == ("full", "black", [6], 8)
        assert (group["low"], group["high"]) == pytest.approx((0.0032, 0.5265), abs=1e-4)
        return
    text = " ".join(text.replace("\\", "").replace("&#39;", "'").split())
    assert text.count("seed 6 (1 of 8) is no better than") == 1  # one note, which both claims have


@pytest.mark.parametrize(
    ("count", "total", "low", "high"),
    [(0, 10, 0, 0.3085), (1, 8, 0.0032, 0.5265), (3, 28, 0.0227, 0.2823), (5, 10, 0.1871, 0.8129), (4, 4, 0.3976, 1)],
)
def test_the_interval_of_a_rate_is_that_of_clopper_and_pearson(count, total, low, high):
    assert clopper_pearson(count, total) == pytest.approx((low, high), abs=1e-4)


@pytest.mark.parametrize("count", [0, 1, 3, 7])
def test_at_its_ends_the_interval_leaves_a_fortieth_on_either_side(count):
    from scipy.stats import binom

    low, high = clopper_pearson(count, 7)
    assert count == 0 or binom.sf(count - 1, 7, low) == pytest.approx(0.025)
    assert count == 7 or binom.cdf(count, 7, high) == pytest.approx(0.025)


@pytest.mark.parametrize("scale", ["small", "medium", "paper"])
@pytest.mark.parametrize("name", ["ablation", "memory_size", "comparison", "long_term"])
def test_every_experiment_has_the_baselines_that_it_takes(name, scale):
    trivial = {spec.model.name for spec in loading.load(name, scale).variants.values() if spec.steps == 0}
    assert {"copy_last", "black"} <= trivial
