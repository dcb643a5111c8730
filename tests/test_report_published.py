"""A published number stands beside ours only where data set, horizon and protocol agree, and is never ranked."""

import hashlib
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from bench.data.preparing import moving_mnist
from bench.data.preparing.prepare import prepare
from bench.reporting.other_clips import other_clips
from bench.spec.component import Component
from bench.spec.experiment import Evaluation
from reports.differences_table import differences_table
from reports.published_rows import with_published
from reports.render import FORMATS, render
from reports.results import Metadata
from reports.scores_table import scores_table
from tests.conftest import TINY
from tests.report_samples import results

PUBLISHED = pd.DataFrame(
    [
        ("kth", 10, 2, "lmc2021", "LMC", "psnr", 28.61, "the paper", "high", ""),
        ("kth", 10, 2, "lmc2021", "LMC", "lpips", 0.1333, "the paper", "high", ""),
        ("kth", 10, 4, "lmc2021", "Longer", "psnr", 27.50, "the paper", "high", ""),
        ("kth", 10, 2, "openstl", "Other", "psnr", 30.0, "a table", "high", ""),
        ("moving_mnist", 10, 2, "lmc2021", "Digits", "psnr", 22.0, "a table", "high", ""),
        ("kth", 10, 2, "lmc2021", "Wrapped", "psnr", 33.6, "a quote", "medium", ""),
        ("kth", 10, 2, "lmc2021", "Wrapped", "psnr", 33.7, "its table", "high", "not comparable"),
        ("kth", 10, 2, "lmc2021", "Wrapped", "parameters", 15e6, "a quote", "medium", ""),
    ],
    columns=["dataset", "context", "horizon", "protocol", "method", "metric", "value", "source", "confidence", "note"],
).assign(test_set="thuml")


@pytest.fixture
def toy_results():
    scores = {("full", 0): [[28, 28]] * 3, ("plain", 0): [[27, 27]] * 3}
    both = results(scores, column="lmc2021/psnr").scores.assign(**{"lmc2021/lpips": 0.15})
    metadata = Metadata("kth (size 64)", "test", "0", 10, 2, 3, "the last")
    return results(scores, scores=both, protocols={"lmc2021": 1}, metadata=metadata)


def shown(toy_results, published=PUBLISHED):
    extended = with_published(scores_table(toy_results, protocols=("lmc2021",), frames=[1]), toy_results, published)
    return extended, {row.label: [cell.text for cell in row.cells] for row in extended.rows if row.published}


def called(variant: str, method: str) -> pd.DataFrame:
    """The published numbers, with a method called as a variant of ours."""
    return PUBLISHED.assign(method=PUBLISHED["method"].replace({method: variant}))


def test_only_rows_of_the_same_data_set_horizon_and_protocol_are_shown(toy_results):
    assert shown(toy_results)[1] == {"LMC": ["28.61", "–", "133.3", "–"], "Wrapped": ["33.70", "–", "–", "–"]}


def test_published_rows_never_take_part_in_the_ranking(toy_results):
    extended, _ = shown(toy_results)
    assert extended.rows[0].cells[0].best
    assert not any(cell.best or cell.close for row in extended.rows if row.published for cell in row.cells)


def test_every_published_row_has_its_source_and_what_is_known_against_it(toy_results):
    extended, _ = shown(toy_results)
    notes = {note.mark: note.text for note in extended.footnotes}
    assert [[notes[mark] for mark in row.marks] for row in extended.rows if row.published] == [
        ["the paper."], ["its table; not comparable."],
    ]  # fmt: skip


def test_the_difference_is_shown_for_the_variant_that_is_the_same_method(toy_results):
    assert shown(toy_results, called("full", "LMC"))[1]["full"] == ["28.61 (ours -0.61)", "–", "133.3 (ours +16.7)", "–"]


def test_ours_is_the_score_itself_where_the_table_shows_differences(toy_results):
    published = called("plain", "LMC")
    differences = with_published(differences_table(toy_results, protocols=("lmc2021",)), toy_results, published)
    row = next(row for row in differences.rows if row.published and row.label == "plain")
    assert row.cells[0].text == "28.61 (ours -1.61)"


def test_a_number_that_must_not_be_ranked_shows_no_difference(toy_results):
    assert shown(toy_results, called("full", "Wrapped"))[1]["full"] == ["33.70", "–", "–", "–"]


def test_under_another_protocol_nothing_is_shown_and_that_is_said(toy_results):
    standard = results({("full", 0): [[28, 28]]}, metadata=toy_results.metadata)
    extended = with_published(scores_table(standard), standard, PUBLISHED)
    assert len(extended.rows) == 1
    assert extended.footnotes[-1].text.startswith("Nothing published is known for 10 to 2 frames")


def test_every_format_shows_published_rows_apart(toy_results):
    extended, _ = shown(toy_results)
    for format in FORMATS:
        assert "28.61" in render(extended, format)
    assert '<tr class="published">' in render(extended, "html")
    assert r"\textcolor{gray}{28.61}" in render(extended, "latex")


def test_the_suites_own_file_is_read_where_nothing_else_is_given():
    scores = {("full", 0): [[28] * 20] * 2}
    kth = results(scores, column="lmc2021/psnr", metadata=Metadata("kth", "test", "0", 10, 20, 2, "the last"))
    extended = with_published(scores_table(kth, protocols=("lmc2021",)), kth)
    assert [cell.text for cell in next(row for row in extended.rows if row.label.startswith("LMC-Memory")).cells] == ["28.61"]


@pytest.mark.parametrize(
    ("published", "ours"),
    [
        ("ConvLSTM-S [200 epoch]", "ConvLSTM"),
        ("E3D-LSTM [OpenSTL 200 epoch]", "E3D-LSTM (OpenSTL)"),
        ("E3D-LSTM [public-code reproduction by a user]", "E3D-LSTM"),
    ],
)
def test_the_same_method_is_found_by_its_published_name(toy_results, published, ours):
    ours_called = replace(toy_results, variants=[ours, "plain"], scores=toy_results.scores.assign(
        variant=toy_results.scores["variant"].cat.rename_categories({"full": ours})
    ), runs=toy_results.runs.replace({"full": ours}))  # fmt: skip
    rows = with_published(scores_table(ours_called, protocols=("lmc2021",)), ours_called, called(published, "LMC")).rows
    assert next(row for row in rows if row.label == published).cells[0].text == "28.61 (ours -0.61)"


@pytest.mark.parametrize("part", [{"label": "walking"}, {"split": "val"}])
def test_nothing_published_stands_beside_other_clips_than_the_whole_test_set(toy_results, part):
    some = replace(toy_results, metadata=replace(toy_results.metadata, **part))
    extended, rows = shown(some)
    assert rows == {} and "Nothing published stands beside" in extended.footnotes[-1].text


def test_no_difference_is_shown_to_scores_of_other_clips_and_a_footnote_says_which(toy_results):
    some = replace(toy_results, metadata=replace(toy_results.metadata, other_clips="of kth with size=64"))
    extended, rows = shown(some, called("full", "LMC"))
    assert rows["full"] == ["28.61", "–", "133.3", "–"]
    assert "our clips are of kth with size=64, and other clips" in extended.footnotes[-1].text


@pytest.mark.parametrize(
    ("component", "evaluation", "difference"),
    [
        (Component("moving_mnist_fixed"), Evaluation(clips=6), "of a test set that is not the published one"),
        (Component("moving_mnist_fixed"), Evaluation(clips=4),
         "of a test set that is not the published one and 4 of 6 test clips"),
        (Component("moving_mnist_fixed", name="6x20"), Evaluation(), "of moving_mnist_fixed with name=6x20"),
        (Component("moving_mnist"), Evaluation(clips=10_000), "generated here"),
        (Component("moving_mnist", only_t10k=True, digits=3), Evaluation(clips=4),
         "of moving_mnist with digits=3, only_t10k=True and generated here"),
        (Component("kth", flip=True, cut="thuml"), Evaluation(), ""),
        (Component("kth", size=64), Evaluation(clips=4),
         "of kth with size=64 and perhaps not the whole test set, which is not on this machine"),
    ],
)  # fmt: skip
def test_a_report_knows_how_its_clips_differ_from_the_published_test_set(component, evaluation, difference, tmp_path):
    np.save(tmp_path / "mnist_test_seq.npy", np.zeros((20, 6, 64, 64), np.uint8))
    prepare("moving_mnist_fixed", {"source": str(tmp_path)})
    spec = TINY.but(data=component, context=10, horizon=10)
    assert other_clips(spec, evaluation, evaluation.clips or 6) == difference


@pytest.mark.parametrize(("clips", "difference"), [(6, ""), (None, ""), (4, "4 of 6 test clips")])
def test_the_whole_published_test_set_is_told_by_its_md5_sum(clips, difference, tmp_path, monkeypatch):
    path = tmp_path / "mnist_test_seq.npy"
    np.save(path, np.zeros((20, 6, 64, 64), np.uint8))
    monkeypatch.setattr(moving_mnist, "MD5", hashlib.md5(path.read_bytes()).hexdigest())
    prepare("moving_mnist_fixed", {"source": str(tmp_path)})
    spec = TINY.but(data=Component("moving_mnist_fixed"), context=10, horizon=10)
    assert other_clips(spec, Evaluation(clips=clips), clips or 6) == difference


def test_a_test_set_that_is_not_here_is_not_taken_for_the_published_one():
    spec = TINY.but(data=Component("moving_mnist_fixed"), context=10, horizon=10)
    assert other_clips(spec, Evaluation(), 6) == "perhaps not of the published test set, which is not on this machine"


def test_numbers_of_test_clips_that_nobody_else_has_are_not_compared(toy_results):
    extended, rows = shown(toy_results, called("full", "LMC").assign(test_set="generated"))
    assert rows["full"] == ["28.61", "–", "133.3", "–"]
    assert any("its test clips were generated" in note.text for note in extended.footnotes)


def test_numbers_of_an_unknown_cut_of_kth_are_called_so_and_not_compared(toy_results):
    """Papers cut the same videos differently, so that a difference would say nothing."""
    cuts = {"LMC": "", "Wrapped": "thuml"}
    published = called("plain", "Wrapped").assign(test_set=PUBLISHED["method"].map(cuts).fillna(""), note="")
    cut = replace(toy_results, metadata=replace(toy_results.metadata, cut="thuml"))
    extended = with_published(scores_table(cut, protocols=("lmc2021",)), cut, published)
    rows = {row.label: row for row in extended.rows if row.published}
    assert rows["LMC (cut unknown)"].cells[0].text == "28.61" and "(ours" in rows["plain"].cells[0].text
    assert any("how its test clips are cut is not said" in note.text for note in extended.footnotes)
