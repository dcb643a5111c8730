"""Scores of record say what the store says, and every number of a page of results comes from them."""

import os
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from reports.claim import ALIGNMENT, CHANCE, Claim
from reports.claims import judge
from reports.record import Record, load, save
from reports.results_document import MADE, changed, document, filled, judged
from tests.report_samples import results, runs

ROOT = Path(__file__).parent.parent
CLAIMS = (Claim("The memory helps.", "full", "plain", within=0.1), Claim("Both address alike.", "full", CHANCE, ALIGNMENT))


@pytest.fixture
def record():
    random = np.random.default_rng(0)
    values = {
        (variant, seed): 20 + better + 0.1 * random.normal() + random.normal(0, 2, (5, 12))
        for seed in range(5)
        for variant, better in (("full", 3.0), ("plain", 0.0))
        if (variant, seed) != ("plain", 4)
    }
    costs = {"train_seconds": 90.5, "parameters": 7, "machine": "a machine", "commit": "0123456789abcdef", "torch": "2.13"}
    planned = runs(
        *({"variant": v, "seed": s, **costs} for v, s in values), {"variant": "plain", "seed": 4, "state": "diverged"}
    )
    aligned = {("full", seed): random.normal(0.2, 0.05, 5).astype(np.float32) for seed in range(5)}
    return Record(results(values, planned), CLAIMS, aligned, {"Trained by": "bench run toy"}, {"full": {"model.slots": "9"}})


@pytest.fixture
def folder(record, tmp_path):
    save(record, tmp_path / "evidence" / "toy.zip")
    return tmp_path


def test_what_is_loaded_is_what_was_saved_to_a_tenth_of_the_last_digit_that_is_printed(record, tmp_path):
    back = load(save(record, tmp_path / "toy.zip"))
    ours, theirs = record.results.cube("standard/psnr"), back.results.cube("standard/psnr")
    assert np.array_equal(np.isnan(ours), np.isnan(theirs)) and np.nanmax(np.abs(ours - theirs)) <= 0.0005 + 1e-6
    assert (
        replace(back.results.metadata, notes=()) == record.results.metadata and back.results.variants == record.results.variants
    )
    assert back.claims == list(CLAIMS) and back.commands == record.commands and back.settings == record.settings
    assert all(np.array_equal(back.alignments[key], gains) for key, gains in record.alignments.items())
    assert back.results.runs["state"].tolist() == record.results.runs["state"].tolist()


def test_verdicts_of_the_record_are_those_of_the_results(record, tmp_path):
    back = judged(load(save(record, tmp_path / "toy.zip")))
    ours = judge(record.results, record.claims, record.alignments)
    assert [judgement.verdict for judgement in back] == [judgement.verdict for judgement in ours] == ["holds", "holds"]
    assert [judgement.gain for judgement in back] == pytest.approx([judgement.gain for judgement in ours], abs=1e-4)


def test_scores_that_are_missing_or_far_out_come_back(record, tmp_path):
    scores = record.results.scores.copy()
    scores.loc[3, "standard/psnr"], scores.loc[5, "standard/psnr"] = np.nan, 5e6
    odd = replace(record, results=replace(record.results, scores=scores))
    back = load(save(odd, tmp_path / "odd.zip")).results.scores["standard/psnr"]
    assert np.isnan(back[3]) and back[5] == 5e6 and back.isna().sum() == 1


def test_labels_of_clips_come_back(record, tmp_path):
    scores = record.results.scores.assign(
        label=record.results.scores["clip"].map(lambda clip: "even" if clip % 2 == 0 else "odd")
    )
    labelled = replace(record, results=replace(record.results, scores=scores))
    back = load(save(labelled, tmp_path / "labelled.zip")).results.scores
    assert back["label"].astype(str).tolist() == scores["label"].tolist()


def test_the_same_results_make_the_same_file_and_so_does_what_was_loaded(record, tmp_path):
    first = save(record, tmp_path / "one.zip").read_bytes()
    assert save(record, tmp_path / "two.zip").read_bytes() == first
    assert save(load(tmp_path / "one.zip"), tmp_path / "three.zip").read_bytes() == first


def test_a_million_scores_take_less_than_two_bytes_each(tmp_path):
    random = np.random.default_rng(0)
    walk = (20 + random.normal(0, 0.3, (200, 40)).cumsum(1)).astype(np.float32)
    path = save(Record(results({("full", seed): walk + seed for seed in range(4)}), (), {}, {}, {}), tmp_path / "big.zip")
    assert path.stat().st_size < 2 * 4 * walk.size


@pytest.mark.parametrize("content", [b"", b"no archive", b"PK\x03\x04 cut off"])
def test_what_is_no_record_is_refused_in_words(tmp_path, content):
    (tmp_path / "bad.zip").write_bytes(content)
    with pytest.raises(ValueError, match="holds no scores of record, or is damaged"):
        load(tmp_path / "bad.zip")


def test_a_record_of_another_version_or_without_its_arrays_is_refused(folder):
    path = folder / "evidence" / "toy.zip"
    with zipfile.ZipFile(path) as archive:
        text = archive.read("record.json").decode()
    for text_there, why in ((text.replace('"version": 1', '"version": 9'), "another version"), (text, "damaged")):
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("record.json", text_there)
        with pytest.raises(ValueError, match=why):
            load(path)


def test_the_page_has_claims_scores_costs_and_commands(record):
    text = document({"toy": record}, Path("docs/results.md"), Path("evidence"))
    assert text.startswith(MADE)
    for text_part in ("The memory helps.", "**holds**", "bench run toy", "a machine", "0123456789ab", "results/toy-claims.png"):
        assert text_part in text
    assert "| full | 7 | 90.5 s |" in text and "9 of 10 runs finished, 13.6 min of training in all" in text


def test_the_page_has_the_scores_by_what_clips_show_where_they_have_labels(record):
    scores = record.results.scores.assign(
        label=record.results.scores["clip"].map(lambda clip: "walking" if clip < 2 else "boxing")
    )
    text = document({"toy": replace(record, results=replace(record.results, scores=scores))}, Path("r.md"), Path("evidence"))
    lines = text.split("### By what the clips show")[1].splitlines()
    assert "| variant | boxing | walking | seeds |" in lines and "Clips: 3 of boxing, 2 of walking.  " in lines
    walking = (
        scores[(scores["variant"] == "full") & (scores["label"] == "walking")].groupby("seed")["standard/psnr"].mean().mean()
    )
    assert f"| {walking:.2f} ± " in next(line for line in lines if line.startswith("| full"))
    assert "By what the clips show" not in document({"toy": record}, Path("r.md"), Path("evidence"))


def test_names_and_sentences_of_any_kind_leave_the_tables_of_the_page_whole(record):
    claim = replace(record.claims[0], sentence="x | is <b>better</b> [so]")
    odd = replace(record, claims=[claim], settings={"a|b": {"model.slots": "9|9"}})
    lines = document({"my toy|1": odd}, Path("my page.md"), Path("evidence")).splitlines()
    assert sum(r"x \| is \<b>better\</b> \[so\]" in line for line in lines) == 2
    assert r"| claim | [my toy\|1](#my-toy1) |" in lines
    assert r"| a\|b | 9\|9 |" in lines and r"## my toy\|1" in lines
    assert any("](my%20page/my%20toy%7C1-claims.png)" in line for line in lines)


@pytest.fixture
def page(bench, folder):
    """The command, in a folder with scores of record."""
    return lambda *words: bench("results", *words)


@pytest.mark.slow
def test_a_page_that_was_written_is_found_right_and_a_changed_number_is_found(page, tmp_path):
    assert page("write", "docs/results.md")[0] == 0
    code, out, _ = page("check", "docs/results.md")
    assert code == 0 and "all agrees" in out
    assert page("check", tmp_path / "docs" / "results.md")[0] == 0  # however it is named
    path = tmp_path / "docs" / "results.md"
    path.write_text(path.read_text("utf-8").replace("90.5 s", "91.5 s"), "utf-8")
    code, out, _ = page("check", "docs/results.md")
    assert code == 1 and "91.5 s" in out and "the scores say" in out and "2 differences" in out
    assert page("write", "docs/results.md")[0] == 0 and page("check", "docs/results.md")[0] == 0
    os.remove(tmp_path / "docs" / "results" / "toy-claims.png")
    code, out, _ = page("check", "docs/results.md")
    assert code == 1 and "there is no picture" in out


def test_a_line_too_many_or_too_few_is_one_difference_and_those_below_it_are_none():
    right = "a\nb\nc\nd\ne\n"
    assert changed("a\nc\nd\ne\n", right) == [(2, "", "b")]
    assert changed("a\nb\nnew\nc\nd\n", right) == [(3, "new", ""), (6, "", "e")]
    assert changed("a\nB\nc\nd\ne\n", right) == [(2, "B", "b")]
    assert changed(right, right) == []


@pytest.mark.parametrize(
    "mark",
    ["<!-- results toy claims 1, 2 -->", "<!-- results toy  claims -->", "<!--results toy claims-->", "<!-- /results -->"],
)
def test_a_mark_that_begins_no_block_is_refused_since_nobody_would_hold_what_it_encloses(page, tmp_path, mark):
    block = "<!-- results toy claims 1 -->\nold\n<!-- /results -->\n"
    (tmp_path / "README.md").write_text(f"As `{mark}` in a sentence.\n\n{block}\n{mark}\nstale\n")
    for command in ("write", "check"):
        code, _, err = page(command, "README.md")
        assert code == 2 and "line 7 is no block of results" in err
    assert "stale" in (tmp_path / "README.md").read_text()


def test_blocks_in_a_page_that_people_write_are_filled_and_the_rest_is_left(page, tmp_path):
    path = tmp_path / "README.md"
    path.write_text("# Mine\n\n<!-- results toy claims 1 -->\n<!-- /results -->\nPlease *keep*.\n")
    assert page("check", "README.md")[0] == 1
    assert page("write", "README.md")[0] == 0 and page("check", "README.md")[0] == 0
    text = path.read_text("utf-8")
    assert text.startswith("# Mine\n\n<!-- results toy claims 1 -->\n| claim |") and text.endswith(
        "<!-- /results -->\nPlease *keep*.\n"
    )
    assert "The memory helps." in text and "Both address alike." not in text
    assert not (tmp_path / "README").exists()


def test_a_block_of_verdicts_has_a_column_for_each_file_of_scores(record):
    unlike = replace(record, claims=CLAIMS[1:])
    name = record.results.name
    mark = f"<!-- results {name}-medium,{name}-small verdicts 1 -->\n"
    text = filled(f"{mark}<!-- /results -->", {f"{name}-medium": record, f"{name}-small": unlike})
    head, _, line = text.removeprefix(mark).splitlines()[:-1]
    assert head == "| claim | medium | small |"
    claim, medium, small = line.strip("| ").split(" | ")
    assert claim == "The memory helps." and medium.startswith("**holds** +") and small == "–"


@pytest.mark.parametrize(
    ("block", "why"),
    [
        ("toy claims 1,9", "have rows 1 to 2; got 1,9"),
        ("toy verdicts 3", "have rows 1 to 2; got 3"),
        ("toy,toy claims", "a block of claims shows one file of scores"),
        ("toy,toi verdicts", "no scores of record 'toi'"),
        ("toy clams", "a block shows"),
        ("toi claims", "no scores of record 'toi'"),
    ],
)
def test_a_block_that_asks_for_what_there_is_not_is_refused(page, tmp_path, block, why):
    (tmp_path / "README.md").write_text(f"<!-- results {block} -->\n<!-- /results -->\n")
    code, _, err = page("check", "README.md")
    assert code == 2 and why in err


def test_a_page_that_somebody_wrote_is_never_overwritten(page, tmp_path):
    (tmp_path / "mine.md").write_text("my notes")
    code, _, err = page("write", "mine.md")
    assert code == 2 and "left as it is" in err and (tmp_path / "mine.md").read_text() == "my notes"


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("check", "none.md"), "there is no page none.md"),
        (("write", "page.html"), "ends in .md"),
        (("write", "page.md", "--records", "nowhere"), "no scores of record are in nowhere"),
        (("keep", "mine.py"), "no run of mine"),
    ],
)
def test_what_cannot_be_made_says_why(page, words, why):
    code, _, err = page(*words)
    assert code == 2 and why in err and len(err.splitlines()) == 1


def test_an_experiment_s_runs_are_kept_and_shown(finished, tmp_path):
    code, out, err = finished("results", "keep", "mine.py")
    assert code == 0, err
    assert "wrote evidence/mine-small-digits.zip: 2 runs" in out
    assert finished("results", "write", "docs/results.md")[0] == 0
    text = (tmp_path / "docs" / "results.md").read_text("utf-8")
    code, table, _ = finished("report", "mine.py", "--metrics", "psnr,ssim", "--format", "markdown")
    row = next(line for line in table.splitlines() if line.startswith("| tiny"))
    assert row in text and "bench run mine.py" in text and str(tmp_path) not in text
    assert finished("results", "keep", "mine.py", "--seeds", "0,")[0] == 0
    commands = load(tmp_path / "evidence" / "mine-small-digits.zip").commands  # make the record again, and no other
    assert commands == {"Trained by": "bench run mine.py --seeds 0,", "Kept by": "bench results keep mine.py --seeds 0,"}
    assert finished("results", "keep", "mine.py", "--name", "my scores")[0] == 0
    assert load(tmp_path / "evidence" / "my scores.zip").commands["Kept by"] == "bench results keep mine.py --name 'my scores'"


def test_filling_a_page_without_blocks_changes_nothing(record):
    assert filled("text <!-- results toy claims --> in a line", {"toy": record}) == "text <!-- results toy claims --> in a line"


@pytest.mark.parametrize("page", ["docs/results.md", "README.md"])
def test_the_pages_of_this_repository_say_what_its_scores_of_record_say(page):
    from reports.results_document import has_blocks

    records = {path.stem: load(path) for path in sorted((ROOT / "evidence").glob("*.zip"), key=lambda path: path.stem)}
    text = (ROOT / page).read_text("utf-8") if (ROOT / page).exists() else ""
    if not records or not (text.startswith(MADE) or has_blocks(text)):
        pytest.skip("no scores of record are kept yet, or the page shows none of them")
    assert text == (filled(text, records) if has_blocks(text) else document(records, Path(page), Path("evidence")))
