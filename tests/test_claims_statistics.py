"""Claims are decided rightly however often one looks, with few seeds where a difference is large."""

import math

import numpy as np
import pytest

from reports.anytime import begins, critical, interval, log_evidence, needed
from reports.claims import ALPHA, HOLDS, NO_DIFFERENCE, REFUTED, UNDECIDED, verdict
from reports.statistics import outlier
from tests.claims_simulation import COLLAPSE, markdown, shapes_markdown, simulate, until_decided

EXPERIMENTS = 2_000


def test_of_2000_experiments_that_stop_as_soon_as_they_may_at_most_one_in_twenty_finds_what_is_not_there():
    assert 0.01 <= simulate(0.0, experiments=EXPERIMENTS).wrong <= 0.05  # some are: the simulation can find what is wrong


def test_ordinary_t_tests_asked_after_every_seed_find_what_is_not_there_in_every_third():
    assert simulate(0.0, experiments=EXPERIMENTS).peeking > 0.3


def test_of_2000_experiments_with_eight_claims_that_share_a_variant_at_most_one_in_twenty_decides_any_wrongly():
    random, claims, wrong = np.random.default_rng(1), 8, 0
    for _ in range(EXPERIMENTS):
        scores = random.normal(0, 1, (claims + 1, 40))
        gains = scores[0] - scores[1:]  # every claim is about the same first variant
        wrong += any(until_decided(gain, ALPHA / claims)[1] != UNDECIDED for gain in gains)
    assert 0.005 <= wrong / EXPERIMENTS <= 0.05  # some are: the simulation can find what is wrong


def test_a_margin_within_which_nothing_differs_is_not_found_where_the_difference_is_larger():
    random = np.random.default_rng(2)
    draws = random.normal(0.5, 1, (EXPERIMENTS, 60))  # exactly the margin: the hardest case
    verdicts = [
        next((v for n in range(2, 61) if (v := verdict(row[:n].tolist(), ALPHA, 0, 0.5)) != UNDECIDED), "") for row in draws
    ]
    assert verdicts.count(NO_DIFFERENCE) + verdicts.count(REFUTED) <= 0.05 * EXPERIMENTS


@pytest.mark.parametrize(("difference", "most"), [(1.0, 15.0), (2.0, 6.0), (3.0, 5.0)])
def test_a_difference_in_seed_standard_deviations_takes_this_many_seeds_on_average(difference, most):
    simulated = simulate(difference, experiments=EXPERIMENTS)
    assert simulated.mean <= most and simulated.wrong <= 0.01


@pytest.mark.slow
def test_the_documentation_has_the_table_that_the_simulation_makes(request):
    document = (request.config.rootpath / "docs" / "claims.md").read_text("utf-8")
    assert markdown() in document and shapes_markdown() in document


def test_gains_that_are_symmetric_but_not_normal_are_decided_wrongly_as_rarely_and_a_rare_collapse_is_not():
    assert simulate(0.0, experiments=EXPERIMENTS, shape="heavy tails").wrong <= 0.05
    assert simulate(0.0, experiments=EXPERIMENTS, shape=COLLAPSE).wrong > 0.3  # the documentation warns of it


def test_experiments_are_simulated_by_asking_for_the_verdict_after_every_seed():
    for draws in np.random.default_rng(3).normal(0.7, 1, (50, 40)):
        verdicts = ((count, verdict(draws[:count].tolist(), ALPHA)) for count in range(1, 41))
        assert until_decided(draws, ALPHA) == next((pair for pair in verdicts if pair[1] != UNDECIDED), (40, UNDECIDED))


def test_evidence_is_the_integral_of_likelihood_ratios_over_effects_and_scales():
    """By brute force: sum over a grid of effects and of log sigma."""
    values = np.array([0.3, 1.1, 0.7, -0.2, 0.9])
    effects, scales = np.linspace(-8, 8, 801), np.exp(np.linspace(-5, 5, 1201))
    prior = (np.exp(-((effects - 2) ** 2) / 2) + np.exp(-((effects + 2) ** 2) / 2)) / 2 / math.sqrt(2 * math.pi)
    prior *= effects[1] - effects[0]
    standard = values[:, None] / scales  # the right Haar measure is d log sigma
    null = (np.exp(-(standard**2).sum(0) / 2) / scales ** len(values)).sum()
    alternative = sum(
        weight * (np.exp(-((standard - effect) ** 2).sum(0) / 2) / scales ** len(values)).sum()
        for weight, effect in zip(prior, effects, strict=True)
    )
    ratio = values.sum() / math.sqrt((values**2).sum())
    assert log_evidence(5, ratio) == pytest.approx(math.log(alternative / null), rel=1e-6)


def test_one_value_is_no_evidence_whatever_it_is():
    assert log_evidence(1, 1.0) == pytest.approx(0, abs=1e-12)


def test_evidence_grows_with_the_ratio_so_that_what_is_not_excluded_is_an_interval():
    for count in (2, 4, 10, 300):
        evidence = [log_evidence(count, ratio) for ratio in np.linspace(0, math.sqrt(count), 200)]
        assert np.all(np.diff(evidence) > 0)


def test_an_interval_begins_with_four_seeds_and_is_wider_than_students():
    values = [1.0, 1.2, 0.9, 1.1, 1.05]
    assert interval(values[:1], 0.05) is interval(values[:3], 0.05) is None
    low, high = interval(values[:4], 0.05)
    half = 3.182 * np.std(values[:4], ddof=1) / 2
    assert low < 1.05 - half and high > 1.05 + half and (low + high) / 2 == pytest.approx(1.05)


def test_of_normal_gains_as_many_are_called_outliers_as_the_level_says():
    random = np.random.default_rng(0)
    samples = random.normal(size=(2000, 6))
    assert 0.035 < np.mean([outlier(sample, level=0.05) is not None for sample in samples]) < 0.06


def test_neither_the_order_of_seeds_nor_the_unit_changes_a_verdict():
    values = [0.31, 0.12, 0.45, 0.27, 0.22, 0.40]
    low, high = interval(values, 0.01)
    assert interval(values[::-1], 0.01) == pytest.approx((low, high), rel=1e-12)
    assert interval([1000 * value for value in values], 0.01) == pytest.approx((1000 * low, 1000 * high))


def test_verdicts():
    gains = [0.9, 1.0, 1.1, 1.0, 0.95, 1.05]  # the interval is about 0.87 to 1.13
    assert verdict(gains, 0.05) == HOLDS
    assert verdict([-gain for gain in gains], 0.05) == REFUTED
    assert verdict(gains, 0.05, at_least=2.0) == REFUTED
    assert verdict(gains, 0.05, at_least=1.0) == UNDECIDED
    assert verdict([gain - 1 for gain in gains], 0.05, within=0.5) == NO_DIFFERENCE
    assert verdict([gain - 1 for gain in gains], 0.05, within=0.1) == UNDECIDED
    assert verdict([gain - 1 for gain in gains], 0.05) == UNDECIDED
    assert verdict(gains[:3], 0.05) == verdict([], 0.05) == UNDECIDED


def test_the_seeds_that_are_still_needed_are_the_first_number_that_would_decide():
    total = needed(0.8, 1.0, 5, 0.05, 0.0, None)
    factor = [critical(count, 0.05) / math.sqrt(count) for count in (total - 1, total)]
    assert factor[0] >= 0.8 > factor[1]
    assert needed(0.0, 1.0, 5, 0.05, 0.0, None) is None and needed(0.01, 1.0, 5, 0.05, 0.0, None) is None
    assert needed(0.01, 1.0, 5, 0.05, 0.0, 0.81) == total  # what makes no difference takes seeds as well


def test_critical_points_are_those_that_the_docstring_names():
    assert (critical(4, 0.05), critical(20, 0.05)) == pytest.approx((5.95, 3.85), abs=0.01)
    assert (begins(0.05), begins(0.005)) == (4, 5)
