"""Figures draw the numbers of the tables, hide nothing and come out byte for byte the same."""

import warnings
from dataclasses import replace

import matplotlib
import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from reports.figures import against_costs, against_sizes, distinct, per_frame, training
from reports.memory import Addressing, Memories
from reports.memory_figures import alignment
from reports.scores_table import scores_table
from reports.style import line_styles, paper, printed, save
from tests.report_samples import results, runs

SCORES = {
    ("full", 0): [[30, 20], [32, 22]],
    ("full", 1): [[33, 23]] * 2,
    ("plain", 0): [[20, 10]] * 2,
    ("plain", 1): [[20, 12]] * 2,
}
COSTS = [{"variant": v, "seed": s, "parameters": 9, "train_seconds": 10 * (s + 1)} for v, s in SCORES]
LOST = {"variant": "lost", "seed": 0, "state": "failed", "reason": "out of memory", "parameters": 9, "train_seconds": None}


@pytest.fixture
def toy_results():
    steps = [
        {"variant": v, "seed": s, "step": t, "name": "matching/loss", "value": 1.0 / (1 + t) + s}
        for v, s in SCORES
        for t in (0, 10)
    ]
    return results(SCORES, runs(*COSTS, LOST), training=pd.DataFrame(steps))


def test_a_seed_that_is_not_finite_at_a_frame_counts_at_the_others_as_in_the_table():
    spoilt = {**SCORES, ("full", 1): [[33, np.nan]] * 2}
    curve = next(iter(drawn(per_frame(results(spoilt))).values()))
    assert curve == [32, 21]
    assert scores_table(results(spoilt), frames=[2]).rows[0].cells[1].value == 21


def drawn(figure):
    return {to_hex(line.get_color(), keep_alpha=False): list(line.get_ydata()) for line in figure.axes[0].get_lines()}


def legend(figure):
    return [text.get_text() for text in figure.legends[0].get_texts()]


def test_the_curve_per_frame_is_the_mean_over_clips_and_seeds(toy_results):
    colours = {variant: style.colour.lower() for variant, style in line_styles(toy_results.variants).items()}
    curves = drawn(per_frame(toy_results))
    assert curves[colours["full"]] == [32, 22]  # seeds 31, 21 and 33, 23
    assert curves[colours["plain"]] == [20, 11]


def test_training_curves_are_means_over_seeds(toy_results):
    curves = drawn(training(toy_results))
    assert curves[line_styles(toy_results.variants)["full"].colour.lower()] == pytest.approx([1.5, 0.5 + 1 / 11])


def test_a_variant_keeps_its_colour_in_every_figure(toy_results):
    colour = line_styles(toy_results.variants)["plain"].colour.lower()
    figures = [
        per_frame(toy_results),
        training(toy_results),
        against_costs(toy_results, "standard/psnr"),
        against_sizes(toy_results, "standard/psnr", {"full": 100}),
    ]
    assert all(colour in drawn(figure) for figure in figures)


def test_eight_variants_have_eight_colours_and_thirty_two_differ_in_dash_and_marker_where_a_colour_comes_again():
    styles = list(line_styles([str(n) for n in range(32)]).values())
    assert len({style.colour for style in styles[:8]}) == 8
    for mark in ("dash", "marker"):
        assert len({(style.colour, str(getattr(style, mark))) for style in styles}) == 32


def test_every_curve_of_a_picture_looks_its_own():
    toy_results = results({(f"variant {n}", 0): [[30 + n, 20]] for n in range(18)})
    drawn = [
        (line.get_color(), str(line.get_linestyle()), line.get_marker()) for line in per_frame(toy_results).axes[0].get_lines()
    ]
    assert len(set(drawn)) == 18


@pytest.mark.parametrize("count", [3, 8, 18, 40])
def test_a_legend_is_smaller_than_its_panels(count):
    names = [f"variant number {n} of them" for n in range(count)]
    toy_results = results(
        {(name, 0): [[30, 20]] for name in names},
        runs(*({"variant": name, "seed": 0, "train_seconds": 10, "parameters": 9} for name in names)),
    )
    for figure in (
        per_frame(toy_results),
        against_costs(toy_results, "standard/psnr"),
        against_costs(toy_results, "standard/psnr", ["parameters"] * 4),
    ):
        with paper():
            figure.canvas.draw()
        panels = [panel.get_window_extent() for panel in figure.axes]
        tall = max(box.y1 for box in panels) - min(box.y0 for box in panels)
        assert figure.legends[0].get_window_extent().height < tall
        assert all(box.height > 72 for box in panels)  # points: an inch


def test_panels_that_would_show_the_same_curves_in_another_unit_are_one(toy_results):
    mse = 100 - toy_results.scores["standard/psnr"]
    both = replace(
        toy_results,
        scores=toy_results.scores.assign(**{"standard/mse": mse, "standard/mse_sum": mse * 4096}),
        metrics={**toy_results.metrics, "mse_sum": replace(toy_results.metrics["mse"], unit="sum per frame")},
    )
    assert distinct(both, both.columns) == ["standard/psnr", "standard/mse"]
    assert len(per_frame(both).axes) == 2


def test_an_axis_names_what_was_logged_as_tables_do():
    steps = [
        {"variant": "full", "seed": 0, "step": t, "name": name, "value": 0.1 + t}
        for t in (0, 10)
        for name in ("rate", "validation/psnr", "loss/memory_storing", "loss")
    ]
    figure = training(results({("full", 0): [[1, 2]]}, training=pd.DataFrame(steps)))
    assert [panel.get_ylabel() for panel in figure.axes] == [
        "loss (memory storing)",
        "loss",
        "validation PSNR (dB) ↑",
        "learning rate",
    ]


def test_what_cannot_be_drawn_is_named_in_the_legend_with_the_reason(toy_results):
    assert legend(per_frame(toy_results)) == ["full", "plain", "lost (no scores)"]
    assert legend(training(toy_results))[2] == "lost (not trained)"
    assert legend(against_costs(toy_results, "standard/psnr"))[2] == "lost (no scores)"


def test_a_floor_far_below_does_not_flatten_the_curves_and_is_named():
    scores = {**SCORES, ("black", 0): [[1, 1]] * 2}
    figure = per_frame(results(scores, runs(*COSTS, {"variant": "black", "seed": 0, "parameters": 0})))
    assert "black (off the axis)" in legend(figure)
    assert figure.axes[0].get_ylim()[0] > 5


def test_a_floor_that_one_of_the_panels_shows_is_only_partly_off_the_axis():
    planned = runs(*COSTS, {"variant": "black", "seed": 0, "parameters": 0})
    scores = results({**SCORES, ("black", 0): [[1, 1]] * 2}, planned).scores
    level = scores["standard/psnr"].where(scores["variant"] != "black", 30).astype("float32")
    figure = per_frame(results(SCORES, planned, scores=scores.assign(**{"standard/ssim": level})))
    assert "black (partly off the axis)" in legend(figure)


def test_frames_beyond_training_are_shaded_and_said(toy_results):
    longer = replace(toy_results, metadata=replace(toy_results.metadata, trained=1))
    assert "beyond the 1 frames" in per_frame(longer).legends[0].get_title().get_text()
    assert "beyond" not in per_frame(toy_results).legends[0].get_title().get_text()


def test_one_seed_draws_no_band_and_says_so():
    figure = per_frame(results({("full", 0): [[30, 20]]}))
    assert not figure.axes[0].collections
    assert figure.legends[0].get_title().get_text() == "one seed: no confidence interval"


def test_a_sweep_stands_at_its_sizes_in_order(toy_results):
    figure = against_sizes(toy_results, "standard/psnr", {"plain": 200, "full": 50})
    assert figure.axes[0].get_xticks().tolist() == [50, 200]
    assert np.asarray(figure.axes[0].get_lines()[0].get_ydata()).tolist() == [27, 15.5]


def test_no_bar_of_a_sweep_is_cut_off():
    toy_results = results({("5", 0): [[10]] * 2, ("5", 1): [[20]] * 2, ("10", 0): [[15]] * 2, ("10", 1): [[15.1]] * 2})
    low, high = against_sizes(toy_results, "standard/psnr", {"5": 5, "10": 10}).axes[0].get_ylim()
    assert low < 15 - 12.7 * 5 and high > 15 + 12.7 * 5  # Student's t of two seeds times their standard error


def test_files_are_the_same_bytes_whenever_and_with_whatever_settings_they_are_made(toy_results, tmp_path):
    paths = save(per_frame(toy_results), tmp_path / "a", "frames")
    with matplotlib.rc_context({"font.size": 20, "axes.grid": False, "lines.linewidth": 5}):
        restyled_paths = save(per_frame(toy_results), tmp_path / "b", "frames")
    assert [path.suffix for path in paths] == [".pdf", ".svg", ".png"]
    for path, restyled in zip(paths, restyled_paths, strict=True):
        assert path.read_bytes() == restyled.read_bytes()
    assert sorted(path.name for path in (tmp_path / "a").iterdir()) == ["frames.pdf", "frames.png", "frames.svg"]


def test_names_are_no_mathematics_and_leave_the_panels_their_place_however_long(tmp_path):
    names = ["a$^$b", r"$\frac$", *(f"{number} {'long ' * 30}" for number in range(3))]
    toy_results = results({(name, 0): [[30, 20]] for name in names})
    path = np.linspace(0, 1, 2 * 64).reshape(2, 64, 1, 1)
    memories = Memories(names, [Addressing(name, 0, path, path, path[:, :3, 0, 0], path) for name in names], {}, None)
    figures = {"frames": per_frame(toy_results), "alignment": alignment(toy_results, memories)}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for name, figure in figures.items():
            save(figure, tmp_path, name, ["svg"])
    assert legend(figures["frames"])[0] == "a$^$b"


def test_powers_of_ten_at_an_axis_stay_mathematics():
    with paper():
        panel = Figure().subplots()
        panel.loglog([1, 1e4], [1, 1e4])
    printed(panel.figure)
    assert all(tick.label1.get_parse_math() for axis in (panel.xaxis, panel.yaxis) for tick in axis.get_major_ticks())


def test_a_loss_that_stays_as_it_is_can_be_seen():
    steps = [{"variant": "full", "seed": s, "step": t, "name": "loss", "value": 0.1} for s in range(3) for t in (0, 10)]
    low, high = training(results({("full", 0): [[1, 2]]}, training=pd.DataFrame(steps))).axes[0].get_ylim()
    assert low < 0.06 and high > 0.15


def test_a_cost_that_no_run_knows_is_refused_with_the_known_ones(toy_results):
    with pytest.raises(ValueError, match="do not say 'flops'; known costs: parameters, "):
        against_costs(toy_results, "standard/psnr", ["flops"])


def test_training_curves_that_nobody_logged_are_refused():
    with pytest.raises(ValueError, match="has no training curves"):
        training(results(SCORES))
