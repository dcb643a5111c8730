"""Differences are paired over seeds and clips, found where they are, and seldom where they are not."""

import math
import time
import tracemalloc

import numpy as np
import pandas as pd
import pytest
import scipy.stats

from reports.columns import horizon_slices
from reports.differences_table import differences_table
from reports.results import Metadata, Results
from reports.scores_table import scores_table
from reports.statistics import (
    bootstrap,
    compare,
    effect,
    half_interval,
    holm,
    least_p,
    paired,
    permutation,
    student,
    too_few_clips,
)
from tests.report_samples import METRICS, results, runs


def test_student_is_that_of_scipy():
    for dof in (1, 2, 3, 4, 9, 30, 101):
        assert student(dof) == pytest.approx(scipy.stats.t.ppf(0.975, dof), abs=1e-6)


def test_the_interval_of_a_mean_over_seeds_is_that_of_scipy():
    seeds = np.array([28.1, 28.4, 28.9])
    low, high = scipy.stats.t.interval(0.95, 2, seeds.mean(), scipy.stats.sem(seeds))
    assert half_interval(seeds) == pytest.approx((high - low) / 2)


def test_the_permutation_test_of_one_seed_is_that_of_scipy():
    differences = np.random.default_rng(3).normal(0.3, 1, 40)
    peer = scipy.stats.permutation_test((differences,), np.mean, permutation_type="samples", n_resamples=20_000, rng=0)
    assert permutation([differences[None]])[0] == pytest.approx(peer.pvalue, abs=0.015)


def test_the_permutation_test_of_seeds_that_alone_differ_is_a_t_test_over_seeds():
    seeds = np.array([0.1, 0.5, 0.3, 0.6])
    pair = np.repeat(seeds[:, None], 2000, axis=1) + np.random.default_rng(0).normal(0, 1e-3, (4, 2000))
    assert permutation([pair])[0] == pytest.approx(scipy.stats.ttest_1samp(seeds, 0).pvalue, abs=0.01)


@pytest.mark.parametrize("seeds", [1, 3])
@pytest.mark.parametrize("clips", [2, 4, 5, 6])
def test_no_difference_however_large_has_a_smaller_p_value_than_the_least_one(clips, seeds):
    pair = 1000 + np.random.default_rng(0).normal(size=(seeds, 1)) + np.zeros((seeds, clips))
    assert permutation([pair])[0] == pytest.approx(least_p(clips, seeds), rel=0.15)


@pytest.mark.parametrize(
    ("clips", "seeds", "tests", "needed"),
    [(2, 1, 1, 6), (5, 1, 1, 6), (6, 1, 1, None), (6, 1, 2, 7), (4, 3, 1, 5), (5, 3, 1, None), (1, 1, 0, None)],
)
def test_clips_that_no_test_can_find_a_difference_with_are_too_few(clips, seeds, tests, needed):
    sentence = too_few_clips(clips, seeds, tests)
    assert (
        (f"With {clips} clips no test can" in sentence and f"it takes {needed} clips" in sentence) if needed else not sentence
    )


@pytest.mark.parametrize("make", [scores_table, differences_table])
def test_a_table_of_too_few_clips_says_that_nothing_can_be_found(make):
    def notes(clips):
        shown = make(results({("a", 0): [[30.0]] * clips, ("b", 0): [[10.0]] * clips}), ["psnr"])
        return " ".join(note.text for note in shown.footnotes), shown.rows[1].cells[0]

    few, many = notes(2), notes(6)
    assert "With 2 clips no test can find a difference, however large it is; it takes 6 clips." in few[0]
    assert "no test can find" not in many[0] and few[1].p > 0.05 and many[1].p < 0.05


def test_the_bootstrap_over_clips_is_that_of_scipy():
    clips = np.random.default_rng(5).exponential(1, 60)
    peer = scipy.stats.bootstrap((clips,), np.mean, method="percentile", rng=0).confidence_interval
    assert bootstrap(np.stack([clips, clips])) == pytest.approx((peer.low, peer.high), abs=0.03)  # equal seeds add nothing


def test_one_seed_has_no_interval():
    assert bootstrap(np.ones((1, 50))) == (None, None)
    assert half_interval(np.array([3.0])) is None


def test_holm_by_hand():
    assert holm([0.04, 0.01, 0.03]) == pytest.approx([0.06, 0.03, 0.06])
    assert holm([]) == []


def test_the_effect_is_the_mean_by_the_deviation_over_clips():
    assert effect(np.array([[1.0, 3.0], [3.0, 5.0]])) == pytest.approx(3 / math.sqrt(2))
    assert effect(np.zeros((2, 5))) == 0


def test_pairs_are_the_seeds_and_clips_that_both_have():
    ours = np.array([[1.0, 2.0, 3.0], [4.0, 5.0, np.nan], [np.nan] * 3])
    assert paired(ours, np.zeros((3, 3))).tolist() == [[1, 2], [4, 5]]
    assert paired(ours, np.full((3, 3), np.nan)).size == 0
    assert compare([np.empty((0, 0))]) == [None]


def noisy(random, shift, seeds=3, clips=100):
    """Scores of two variants: clips are of different difficulty, seeds of different luck, and b is `shift` dB above a."""
    difficulty = random.normal(25, 3, (1, clips))
    scores = [difficulty + random.normal(0, 0.03, (seeds, 1)) + random.normal(0, 0.2, (seeds, clips)) for _ in "ab"]
    return {
        (label, seed): (scores[number][seed] + shift * number)[:, None]
        for number, label in enumerate("ab")
        for seed in range(seeds)
    }


@pytest.mark.parametrize("seeds", [1, 3, 5])
def test_a_planted_difference_of_a_fifth_db_is_found(seeds):
    row = scores_table(results(noisy(np.random.default_rng(seeds), 0.2, seeds))).rows[0]
    assert not row.cells[0].close
    assert row.cells[0].p < 0.05


def test_no_difference_is_found_in_95_of_100_planted_nulls():
    random = np.random.default_rng(0)
    nulls = [noisy(random, 0) for _ in range(100)]
    pairs = [np.stack([null["b", seed] - null["a", seed] for seed in range(3)])[..., 0] for null in nulls]
    assert sum(p < 0.05 for p in permutation(pairs)) <= 5


@pytest.mark.slow
@pytest.mark.parametrize("seed_noise, clip_noise", [(1, 0), (0, 1), (1, 1)])
def test_intervals_hold_the_truth_and_nulls_pass_whichever_noise_rules(seed_noise, clip_noise):
    random = np.random.default_rng(1)
    for seeds in (2, 3, 5):
        pairs = [
            random.normal(0, 0.1 * seed_noise, (seeds, 1))
            + random.normal(0, clip_noise, (1, 100))
            + random.normal(0, 0.2, (seeds, 100))
            for _ in range(300)
        ]
        differences = compare(pairs)
        assert np.mean([d.low <= 0 <= d.high for d in differences]) > (0.96 if seeds == 2 else 0.92)
        assert np.mean([d.p < 0.05 for d in differences]) < 0.08


def test_an_ablation_shows_differences_to_the_first_variant_on_the_same_seeds():
    base = {("full", seed): [[20 + seed, 20]] * 4 for seed in (0, 1, 2)}
    less = {("no memory", seed): [[18 + seed, 18]] * 4 for seed in (1, 2)}  # 2 below on every seed it has
    differences = differences_table(results({**base, **less}))
    assert differences.rows[0].cells[0].text.startswith("20.50 ± ")
    assert differences.rows[1].cells[0].text == "-2.00 [-2.00, -2.00]"
    assert differences.rows[1].cells[0].seeds == 2


@pytest.mark.parametrize("make", [scores_table, differences_table])
def test_a_comparison_on_fewer_seeds_than_its_row_shows_names_them(make):
    ours = {("ours", seed): [[20 + seed, 20]] * 9 for seed in (0, 1)}
    partly = results({**ours, ("theirs", 0): [[24, 22]] * 9, ("theirs", 5): [[9, 9]] * 9})
    whom, row = ("the best", 1) if make is scores_table else ("'ours'", 1)
    (mark,) = make(partly).rows[row].marks
    assert next(note.text for note in make(partly).footnotes if note.mark == mark) == f"Compared with {whom} on seed 0 alone."


def test_a_comparison_on_all_seeds_of_both_has_no_remark_nor_has_one_with_what_is_not_trained():
    scores = {("full", 0): [[20, 20]], ("full", 1): [[22, 22]], ("less", 0): [[18, 18]], ("less", 1): [[18, 18]]}
    planned = runs(
        *({"variant": v, "seed": s, "parameters": 9} for v, s in scores), {"variant": "copy", "seed": 0, "parameters": 0}
    )
    for make in (scores_table, differences_table):
        assert not any("Compared" in note.text for note in make(results({**scores, ("copy", 0): [[9, 9]]}, planned)).footnotes)


def test_an_interval_of_differences_is_explained_where_the_first_variant_has_one_seed_that_counts_for_all():
    scores = {("copy", 0): [[10, 10]] * 3, ("full", 0): [[20, 20]] * 3, ("full", 1): [[22, 22]] * 3}
    planned = runs(*({"variant": v, "seed": s, "parameters": 0 if v == "copy" else 9} for v, s in scores))
    shown = differences_table(results(scores, planned))
    texts = [note.text for note in shown.footnotes]
    assert shown.rows[1].cells[0].low is not None
    assert any("with 95% intervals" in text for text in texts) and not any("n = 1" in text for text in texts)


def test_seeds_of_a_comparison_are_named_by_frames_where_the_best_differs_between_them():
    values = {("early", 0): [[30, 10]] * 3, **{("late", seed): [[10, 20]] * 3 for seed in (0, 1)}}
    values |= {("both", seed): [[9, 9]] * 3 for seed in range(3)}
    planned = runs(*({"variant": v, "seed": s, "parameters": 9} for v, s in values))
    notes = [note.text for note in scores_table(results(values, planned), frames=[1, 2]).footnotes]
    assert "Compared with the best on seed 0 alone in PSNR, PSNR t=1; on seeds 0, 1 alone in PSNR t=2." in notes


def test_seeds_of_a_comparison_are_named_by_metric_where_metrics_have_other_seeds():
    values = {(variant, seed): [[20 + seed, 20]] * 3 for variant in ("full", "less") for seed in (0, 1)}
    psnr = results(values).scores
    lpips = psnr["standard/psnr"].mask((psnr["variant"] == "full") & (psnr["seed"] == 1))
    footnotes = differences_table(results(values, scores=psnr.assign(**{"standard/lpips": lpips}))).footnotes
    assert any(note.text == "Compared with 'full' on seed 0 alone in LPIPS." for note in footnotes)


def test_cells_tell_p_and_the_effect_beside_the_difference():
    random = np.random.default_rng(0)
    scores = noisy(random, 0.2, 3)
    for cell in (scores_table(results(scores)).rows[0].cells[0], differences_table(results(scores)).rows[1].cells[0]):
        pair = np.stack([scores["b", seed] - scores["a", seed] for seed in range(3)])[..., 0]
        assert abs(cell.effect) == pytest.approx(effect(pair))
        assert cell.details == f"p = {cell.p:.2g} (corrected), effect d = {cell.effect:.2f}, 3 seeds"


def test_what_has_nothing_to_train_is_compared_on_every_seed():
    scores = {("full", 0): [[20, 20]], ("full", 1): [[22, 22]], ("copy", 0): [[10, 10]]}
    planned = runs(*({"variant": v, "seed": s, "parameters": 0 if v == "copy" else 9} for v, s in scores))
    cell = differences_table(results(scores, planned)).rows[1].cells[0]
    assert (cell.value, cell.seeds) == (-11, 2)


def test_without_a_seed_in_common_there_are_no_differences_and_a_sentence_says_so():
    scores = {("full", 0): [[1, 2]] * 9, ("other", 1): [[1, 2]] * 9, ("other", 2): [[1, 2]] * 9}
    shown = differences_table(results(scores, runs(*({"variant": v, "seed": s, "parameters": 9} for v, s in scores))))
    assert shown.rows[1].cells[0].value is None
    notes = [note.text for note in shown.footnotes]
    assert "There are no differences: no seed has scores of 'full' and of another one." in notes
    assert not any("n = 1" in note or "paired differences" in note for note in notes)


def test_one_seed_says_n_is_1():
    single = results({("a", 0): [[1, 2]] * 9, ("b", 0): [[2, 3]] * 9})
    for shown in (scores_table(single), differences_table(single)):
        assert any(note.text.startswith("n = 1 seed") for note in shown.footnotes)
        assert "±" not in "".join(cell.text for row in shown.rows for cell in row.cells)


@pytest.mark.slow
def test_a_table_of_500_runs_by_1000_clips_by_40_frames_takes_20_seconds_and_2_gib():
    variants, seeds, clips, frames = [f"v{number:02}" for number in range(100)], 5, 1000, 40
    size = len(variants) * seeds * clips * frames
    tracemalloc.start()
    codes = np.repeat(np.arange(100, dtype=np.int8), size // 100)
    scores = pd.DataFrame({
        "variant": pd.Categorical.from_codes(codes, variants, ordered=True),
        "seed": np.tile(np.repeat(np.arange(seeds, dtype=np.int8), clips * frames), len(variants)),
        "clip": np.tile(np.repeat(np.arange(clips, dtype=np.int16), frames), len(variants) * seeds),
        "frame": np.tile(np.arange(1, frames + 1, dtype=np.int8), size // frames),
    })  # fmt: skip
    for metric in ("psnr", "ssim", "lpips"):
        scores[f"standard/{metric}"] = np.random.default_rng(0).random(size, np.float32)
    planned = runs(*({"variant": variant, "seed": seed} for variant in variants for seed in range(seeds)))
    metadata = Metadata("noise", "test", "0", 10, frames, clips, "the last")
    large = Results("large", "", "paper", variants, scores, planned, METRICS, {"standard": 1}, metadata)
    start = time.perf_counter()
    comparison = scores_table(large, frames=horizon_slices(10, frames))
    seconds, peak = time.perf_counter() - start, tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    print(f"{seconds:.1f} s, {peak / 2**30:.2f} GiB")
    assert len(comparison.rows[0].cells) == 15
    assert seconds < 20
    assert peak < 2 * 2**30
