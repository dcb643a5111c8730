"""Strips and animations show the same clips for every model, chosen by rule and not by hand."""

import io
from pathlib import Path

import matplotlib
import numpy as np
import pytest
from PIL import Image, ImageFont

from reports.strips import GAP, LINE, _wrapped, animation, choose_clips, clip_scores, strip
from tests.report_samples import results

SCORES = {("full", 0): [[1, 1], [9, 9], [5, 5], [4, 4], [7, 7]], ("plain", 0): [[9, 9], [1, 1], [5, 5], [4, 4], [6, 8]]}
CONTEXT = np.zeros((3, 1, 8, 8))
TRUTH = np.stack([np.full((1, 8, 8), level) for level in (0.2, 0.4)])


def shown(figure):
    """The mean grey level of each picture, row by row."""
    rows = {}
    for axis in figure.axes:
        for image in axis.get_images():
            rows.setdefault(axis.get_subplotspec().rowspan.start, []).append(float(np.mean(image.get_array())))
    return list(rows.values())


def test_clips_are_the_best_median_and_worst_of_the_first_variant():
    assert choose_clips(results(SCORES)) == {"best": 1, "median": 2, "worst": 0}


def test_where_less_is_better_the_best_clip_has_the_least():
    assert choose_clips(results(SCORES, column="standard/mse"), "standard/mse")["best"] == 0


def test_the_scores_of_a_clip_are_those_of_its_frames():
    frame_scores = clip_scores(results(SCORES), "standard/psnr", clip=4, seeds={"full": 0, "plain": 0})
    assert {variant: frames.tolist() for variant, frames in frame_scores.items()} == {"full": [7, 7], "plain": [6, 8]}


def test_each_variant_has_the_scores_of_the_run_whose_frames_are_shown():
    toy_results = results({("full", 0): [[1, 2]], ("full", 1): [[3, 4]], ("plain", 0): [[5, 6]]})
    frame_scores = clip_scores(toy_results, "standard/psnr", clip=0, seeds={"full": 1, "plain": 7})
    assert {variant: frames.tolist() for variant, frames in frame_scores.items()} == {"full": [3, 4]}


def test_a_strip_shows_context_truth_models_and_their_errors():
    figure = strip(CONTEXT, TRUTH, {"full": TRUTH, "plain": TRUTH + 0.2}, errors=True)
    assert shown(figure) == [[0, 0, 0], [51, 102], [51, 102], [0, 0], [102, 153], [51, 51]]
    labels = [axis.get_ylabel() for axis in figure.axes if axis.get_ylabel()]
    assert labels == ["context", "truth", "full", "error", "plain", "error"]


def test_the_score_stands_under_its_frame():
    figure = strip(CONTEXT, TRUTH, {"full": TRUTH}, {"full": np.array([31.26, 29.0])})
    under = [axis.get_xlabel() for axis in figure.axes]
    assert under == ["-2", "-1", "0", "1", "2", "", "31.3", "29.0", ""]


def test_what_the_numbers_of_a_strip_are_stands_beside_them():
    figure = strip(CONTEXT, TRUTH, {"full": TRUTH, "bare": TRUTH}, {"full": np.array([31.26, 29.0])}, errors=True)
    texts = [[text.get_text() for text in axis.texts] for axis in figure.axes if axis.get_ylabel()]
    assert texts == [["frame"], ["frame"], ["PSNR (dB)"], [], [], []]


def test_a_long_horizon_is_thinned_evenly_and_ends_with_the_last_frame():
    truth = np.linspace(0, 1, 41).reshape(41, 1, 1, 1) * np.ones((1, 1, 8, 8))
    levels = shown(strip(CONTEXT, truth, {}, columns=5))[1]
    assert levels == pytest.approx([0, 64, 128, 191, 255])


def test_values_beyond_black_and_white_are_clipped_and_colour_stays():
    red = np.zeros((1, 3, 8, 8))
    red[:, 0] = 1.7
    (image,) = strip(red, red, {}).axes[0].get_images()
    assert image.get_array()[0, 0].tolist() == [255, 0, 0]


@pytest.mark.parametrize("channels", [1, 3])
def test_what_is_not_finite_is_magenta_in_its_frame_and_its_error(channels):
    truth = np.zeros((1, channels, 8, 8))
    predicted = truth.copy()
    predicted[0, 0, :4], predicted[0, 0, 4, :2] = np.nan, np.inf
    images = [axis.get_images() for axis in strip(truth, truth, {"mine": predicted}, errors=True).axes]
    for (image,) in images[2:]:
        lost = (np.asarray(image.get_array()) == [255, 0, 255]).all(-1)
        assert lost.sum() == 4 * 8 + 2 and lost[:4].all() and (np.asarray(image.get_array())[~lost] == 0).all()


def test_frames_of_two_channels_are_refused_in_words():
    with pytest.raises(ValueError, match="frames have 1 or 3 channels, got 2"):
        strip(np.zeros((1, 2, 8, 8)), np.zeros((1, 2, 8, 8)), {})


def test_an_animation_plays_the_context_then_the_predictions_at_its_rate():
    data = animation(CONTEXT, TRUTH, {"full": TRUTH + 0.4}, rate=4)
    assert data == animation(CONTEXT, TRUTH, {"full": TRUTH + 0.4}, rate=4)
    film = Image.open(io.BytesIO(data))
    assert film.n_frames == 5
    grey = []
    for frame in range(5):
        film.seek(frame)
        assert film.info["duration"] == 250
        picture = film.convert("L")
        grey.append((picture.getpixel((70, 80)), picture.getpixel((70 + 136, 80))))  # truth, then 128 + 8 pixels on the model
    assert np.allclose(grey, [(0, 0)] * 3 + [(51, 153), (102, 204)], atol=2)


@pytest.mark.parametrize("name", ["no memory, equal updates, warmed up", "a" * 60, "with_an_underscore_in_every_place_of_it x"])
def test_a_long_name_is_wrapped_above_its_picture_and_no_letter_of_it_is_lost(name):
    font = ImageFont.truetype(Path(matplotlib.get_data_path()) / "fonts/ttf/DejaVuSans.ttf", 11)
    lines = _wrapped(name, 128, font)
    assert "".join("".join(lines).split()) == "".join(name.split()) and len(lines) > 1
    assert max(map(font.getlength, lines)) <= 128
    short, tall = (Image.open(io.BytesIO(animation(CONTEXT, TRUTH, {label: TRUTH}))) for label in ("full", name))
    assert tall.height - short.height == LINE * (len(lines) - 1) and tall.width == short.width


def test_many_models_are_animated_in_rows_that_fit_the_page():
    film = Image.open(io.BytesIO(animation(CONTEXT, TRUTH, {f"model {number}": TRUTH for number in range(18)})))
    assert film.width == 10 * (128 + GAP) + GAP <= 1380
