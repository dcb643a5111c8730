"""A document's numbers are held against the store's: what differs is named with its line, what cannot be told is said."""

import json
import re

import pytest

from reports.check import check
from reports.claim import Claim
from reports.claims import judge
from reports.claims_table import claims_table
from reports.costs import cost_table
from reports.differences_table import differences_table
from reports.documents import tables
from reports.page import choices, page
from reports.published_rows import with_published
from reports.render import render
from reports.results import Metadata
from reports.scores_table import scores_table
from tests.report_samples import results, runs

METADATA = Metadata("moving_mnist", "test", "0123abcd", 10, 10, 2, "the last checkpoint")
VALUES = {
    ("full model", 0): [[30, 20], [32, 22]],
    ("full model", 1): [[31, 21], [32, 23]],
    ("no_memory", 0): [[20, 10], [22, 12.5]],
    ("no_memory", 1): [[20.5, 10], [22, 12]],
}


@pytest.fixture
def scored():
    costs = ({"variant": v, "seed": s, "parameters": 1_520_000 if v == "full model" else 4_000} for v, s in VALUES)
    psnr = results(VALUES, runs(*costs))
    more = psnr.scores.assign(
        **{"standard/lpips": psnr.scores["standard/psnr"] / 100, "openstl/psnr": psnr.scores["standard/psnr"] + 1}
    )
    return results(VALUES, psnr.runs, scores=more, protocols={"standard": 1, "openstl": 1})


def cells(text, kind):
    return [line.cells for line in tables(text, kind)[0]]


@pytest.mark.parametrize("form", ["markdown", "latex", "html"])
@pytest.mark.parametrize("shows", ["scores", "differences", "costs", "several protocols"])
def test_our_own_formats_agree_with_the_store_and_every_number_is_checked(scored, form, shows):
    protocols = ("standard", "openstl") if shows == "several protocols" else ("standard",)
    make = differences_table if shows == "differences" else scores_table
    shown = cost_table(scored) if shows == "costs" else make(scored, protocols=protocols, frames=[1, (1, 2)])
    checked = check(scored, render(shown, form), form, protocols)
    numbers = {
        "scores": 2 * (3 * 2 * 2 + 1),
        "several protocols": 2 * (3 * 3 * 2 + 1),
        "costs": 2 * 2,
        "differences": 6 * 2 + 6 * 3 + 2,
    }
    assert (checked.differences, checked.unmatched, checked.numbers) == ([], [], numbers[shows])  # fmt: skip


def test_numbers_without_a_leading_zero_are_numbers(scored):
    text = "| variant | LPIPS (×10⁻³) ↓ |\n| --- | --- |\n| full model | .264 |\n| no_memory | .999 |\n"
    checked = check(scored, text.replace(" (×10⁻³)", ""), "markdown")
    assert checked.numbers == 2 and [(d.row, d.stands) for d in checked.differences] == [("no_memory", ".999")]


def test_every_table_of_the_page_agrees_with_the_store(scored):
    checked = check(
        scored, page(scored, scores_table(scored), differences_table(scored), choices(scored, scores_table(scored))), "html"
    )
    assert checked.tables == 3 and checked.numbers > 20 and (checked.differences, checked.unmatched) == ([], [])


def test_published_rows_are_checked_against_what_is_published():
    scored = results({("ConvLSTM", 0): [[25] * 10, [26] * 10]}, column="openstl/psnr", metadata=METADATA)
    shown = with_published(scores_table(scored, ["psnr"], ["openstl"]), scored)
    text = render(shown, "markdown")
    published = next(row for row in shown.rows if row.published)
    checked = check(scored, text, "markdown", ["openstl"])
    assert not checked.differences and checked.numbers > 3
    number = published.cells[0].text
    checked = check(scored, text.replace(f"| {number} |", "| 1.00 |", 1), "markdown", ["openstl"])
    differences = [(difference.row, difference.stands, difference.store) for difference in checked.differences]
    assert differences == [(published.label, "1.00", number.partition(" ")[0])]


def test_a_changed_number_is_named_with_its_line_what_stands_there_and_what_should(scored):
    text = "# Results\n\n" + render(scores_table(scored, ["psnr"]), "markdown").replace("16.12 ±", "16.14 ±")
    checked = check(scored, text, "markdown")
    assert checked.numbers == 6 and len(checked.differences) == 1
    difference = checked.differences[0]
    assert (difference.line, difference.row, difference.column) == (8, "no_memory", "PSNR (dB) ↑")
    assert (difference.stands, difference.store) == ("16.14 ± 0.00", "16.12 ± 0.00")


@pytest.mark.parametrize(
    ("cell", "right"),
    [
        ("26", True), ("26.4", True), ("26.38", True), ("26.37", True), ("26.375", True), ("26.4 ± 4.8", True), ("–", False),
        ("**26.38**", True), ("<u>26.38</u><sup>a</sup>", True), ("26.39", False), ("26.38 ± 4.70", False),
        ("", True), ("27", False),
    ],
)  # fmt: skip
def test_numbers_are_compared_at_the_precision_they_are_printed_with(scored, cell, right):
    text = f"| | PSNR | notes |\n|---|---|---|\n| *Full-Model* | {cell} | 2 runs |\n| no_memory | 16.1 | |\n"
    assert (check(scored, text, "markdown").differences == []) == right


def test_latex_by_hand_is_read_as_its_page_reads(scored):
    text = r"""
    \begin{tabular*}{\linewidth}[t]{l@{\extracolsep{\fill}}rrr}
    \toprule % a comment & no cell
    & \multicolumn{3}{c}{\textbf{PSNR} $\uparrow$} \\ \cmidrule(lr){2-4}
    Method & \makecell{whole\\mean} & $t_{1}$ & 2 \\ \midrule
    Full model~\cite{x} & \textbf{\boldmath 26.4 $\pm$ 4.8} & 31.25$^{*}$ & \underline{21.5} \\[2pt]
    no\_memory
      & \textcolor{gray}{16.1} & $21.1_{\pm 1.6}$ & 99.0 \\
    \bottomrule
    \end{tabular*}"""
    checked = check(scored, text, "latex")
    assert cells(text, "latex")[1] == ("Method", "whole mean", "t1", "2")
    assert [
        (difference.line, difference.row, difference.column, difference.stands, difference.store)
        for difference in checked.differences
    ] == [(7, "no_memory", "PSNR t=2", "99.0", "11.1")]
    assert checked.numbers == 8


def test_frames_beside_a_metric_belong_to_it_as_in_the_readme(scored):
    text = "| variant | PSNR (dB) ↑ | t=1 | t=2 | LPIPS (×10⁻³) ↓ | t=1 | seeds |\n|---|---|---|---|---|---|---|\n"
    text += "| full model | 26.38 | 31.25 | 21.50 | 264 | 312.5 | 2 |\n"
    checked = check(scored, text, "markdown")
    assert (checked.numbers, checked.differences, checked.unmatched) == (6, [], [])


def test_a_header_without_a_power_of_ten_may_show_the_score_as_it_is(scored):
    for lpips, right in (("0.264", True), ("264", True), ("26.4", False)):
        text = f"| | LPIPS |\n|---|---|\n| full model | {lpips} |\n"
        assert (check(scored, text, "markdown").differences == []) == right


def test_what_cannot_be_matched_is_said(scored):
    text = "| | PSNR | SSIM | PSNR t=7 |\n|---|---|---|---|\n| ful model | 1 | 2 | 3 |\n| full model | 26.38 (0.1) | 1 | 2 |\n"
    checked = check(scored, text, "markdown")
    assert checked.numbers == 1 and not checked.differences
    unmatched = "; ".join(checked.unmatched)
    for word in (
        "'SSIM' (line 1): there is no standard/ssim",
        "'PSNR t=7' (line 1): its frames are not within",
        "0.1 in '26.38 (0.1)'",
    ):
        assert word in unmatched  # fmt: skip
    assert "row 'ful model' (line 3): no variant is called so; did you mean 'full model'?" in unmatched


def test_other_tables_of_a_document_are_left_alone_and_lines_choose(scored):
    ours = "| | PSNR |\n|---|---|\n| full model | 1 |\n\n"
    text = "| to add | do |\n|---|---|\n| full model | 12 |\n\n```\n" + ours + "```\n" + ours + ours
    assert [difference.line for difference in check(scored, text, "markdown").differences] == [13, 17]
    assert [difference.line for difference in check(scored, text, "markdown", lines=(14, 99)).differences] == [17]


def test_seeds_are_checked_beside_what_is_ours_alone(scored):
    """A table of memories counts those that could be looked into."""
    text = "| variant | slots | usage (bits) | seeds |\n|---|---|---|---|\n| full model | 10 | 3.2 | 0 of 2 |\n\n"
    checked = check(scored, text, "markdown")
    assert (checked.numbers, checked.differences, checked.unchecked) == (0, [], 2)
    checked = check(scored, text.replace("slots", "PSNR"), "markdown")
    assert [(difference.column, difference.store) for difference in checked.differences] == [
        ("PSNR (dB) ↑", "26"),
        ("seeds", "2"),
    ]


def test_a_mark_with_a_command_of_its_own_does_not_end_a_latex_table():
    text = r"\begin{tabular}{lr} v & PSNR \\ \hline a & 1.5$^{\text{b}}$ \\ c & 2.5 \\ \end{tabular}"
    assert cells(text, "latex") == [("v", "PSNR"), ("a", "1.5"), ("c", "2.5")]


def test_html_with_cells_that_span_rows_and_columns_is_read():
    text = (
        "<table><tr><th rowspan=2>v<th colspan=2>PSNR</tr><tr><th>1<th>2</tr>\n<tr><td>a<sup>1</sup><td><b>1.5</b><td>2</table>"
    )
    assert cells(text, "html") == [("v", "PSNR", "PSNR"), ("v", "1", "2"), ("a", "1.5", "2")]


def test_the_command_exits_with_1_where_a_number_differs_and_with_0_where_all_agree(finished, tmp_path):
    words = ("report", "mine.py", "--metrics", "psnr,ssim")
    for form in ("md", "tex", "html"):
        file = tmp_path / f"table.{form}"
        assert finished(*words, "--frames", "1,2", "--out", file)[0] == 0
        code, out, _ = finished(*words, "--check", file)
        assert code == 0 and "14 numbers of 1 table checked: all agree" in out
        text = file.read_text()
        checked = re.compile(r"\d+\.\d\d\b").search(text, text.index("copy"))
        number = checked[0]
        file.write_text(f"{text[: checked.start()]}99.99{text[checked.end() :]}")
        code, out, _ = finished(*words, "--check", file)
        assert (
            code == 1
            and f"the document says 99.99, the store says {number}" in out
            and "14 numbers of 1 table checked: 1 differ" in out
        )
    output = json.loads(finished(*words, "--check", file, "--format", "json")[1])
    assert output["numbers"] == 14 and output["differences"][0]["row"] == "copy"


@pytest.mark.parametrize(
    ("rows", "unchecked", "message"),
    [
        ("| ful model | 26.38 |\n", 1, "row 'ful model' (line 3): no variant is called so"),  # a renamed row
        ("| full model | 26.38 | 7.5 |\n", 1, "7.5 in the row 'full model' (line 3): of what?"),
        ("| full model | 26,38 |\n", 0, ""),  # a decimal comma is read
    ],
)
def test_numbers_that_are_compared_with_nothing_are_counted(scored, rows, unchecked, message):
    ours = "| no_memory | 15.03 |\n"
    checked = check(scored, "| variant | PSNR |\n|---|---|\n" + rows + ours, "markdown")
    assert (
        checked.unchecked == unchecked
        and checked.numbers == 2 - (unchecked and "ful " in rows)
        and message in "; ".join(checked.unmatched)
    )


def test_a_decimal_comma_is_not_an_integer_that_agrees(scored):
    text = "| variant | PSNR |\n|---|---|\n| full model | 26,99 |\n"
    assert [difference.stands for difference in check(scored, text, "markdown").differences] == ["26.99"]


def test_the_command_exits_with_1_where_numbers_are_not_checked_unless_told_to_ignore_them(finished, tmp_path):
    assert finished("report", "mine.py", "--metrics", "psnr", "--out", tmp_path / "table.md")[0] == 0
    text = (tmp_path / "table.md").read_text()
    (tmp_path / "table.md").write_text(text.replace("| copy |", "| copied |"))
    words = ("report", "mine.py", "--check", "table.md")
    code, out, _ = finished(*words)
    assert code == 1 and "2 numbers were not checked; --ignore-unchecked accepts that" in out
    assert finished(*words, "--ignore-unchecked")[0] == 0
    code, _, err = finished("report", "tune:lmc", "--check", "table.md", "--metrics", "psnr")
    assert code == 2 and "--metrics, --check: not for a search" in err


@pytest.mark.parametrize(
    "option",
    [
        ("--metrics", "psnr"), ("--protocol", "openstl"), ("--frames", "1"), ("--published",), ("--costs",), ("--memory",),
        ("--claims",), ("--differences",), ("--with", "theirs"), ("--label", "walking"), ("--check", "table.md"),
        ("--ignore-unchecked",), ("--seeds", "3"), ("--only", "full"), ("--set", "steps=9"),
    ],
    ids=lambda words: words[0],
)  # fmt: skip
def test_the_report_of_a_search_refuses_each_option_that_it_would_ignore(bench, option):
    code, _, err = bench("report", "tune:lmc", *option)
    assert code == 2 and f"{option[0]}: not for a search" in err and len(err.splitlines()) == 1


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--check", "none.md"), "cannot check none.md"),
        (("--check", "mine.py"), "--check reads .md, .tex and .html"),
        (("--check", "empty.md"), "no table in empty.md has both a variant of mine in its rows and a metric in its header"),
        (("--check", "empty.md", "--frames", "1"), "--frames does not go with it"),
    ],
)
def test_what_cannot_be_checked_is_explained(finished, tmp_path, words, message):
    (tmp_path / "empty.md").write_text("nothing")
    code, _, err = finished("report", "mine.py", *words)
    assert code == 2 and message in err and "Traceback" not in err


CLAIMING = """
from bench.spec import Claim, Experiment
from tests.conftest import EVALUATION, FLOOR, TINY

def experiment(scale):
    claims = (Claim("Training beats copying.", "tiny", "copy"), Claim("And by a lot.", "tiny", "copy", at_least=3))
    return Experiment("Does it run?", {"tiny": TINY, "copy": FLOOR}, evaluation=EVALUATION, claims=claims)
"""


def test_the_page_of_an_experiment_with_claims_agrees_with_the_store(finished, tmp_path):
    (tmp_path / "mine.py").write_text(CLAIMING)
    assert finished("report", "mine.py", "--out", "rep")[0] == 0
    page_file = tmp_path / "rep" / "index.html"
    code, out, _ = finished("report", "mine.py", "--check", page_file)
    assert code == 0, out
    assert "not checked: the table of settings at line" in out and "is not a table of scores" in out
    assert "all agree; numbers in sentences are not checked" in out
    text = page_file.read_text()
    assert text.count("undecided</") > 1
    page_file.write_text(text.replace("undecided</", "holds</"))
    code, out, _ = finished("report", "mine.py", "--check", page_file)
    assert code == 1 and "Training beats copying., verdict: the document says holds, the store says undecided" in out


@pytest.mark.parametrize("form", ["md", "tex", "html"])
def test_claims_in_a_document_are_held_against_their_verdicts_of_now(finished, tmp_path, form):
    (tmp_path / "mine.py").write_text(CLAIMING)
    file = tmp_path / f"claims.{form}"
    assert finished("report", "mine.py", "--claims", "--out", file)[0] == 0
    code, out, _ = finished("report", "mine.py", "--check", file)
    assert code == 0 and " of 1 table checked: all agree" in out, out
    text = file.read_text()
    gain = json.loads(finished("report", "mine.py", "--claims", "--format", "json")[1])["claims"][0]["gain"]
    file.write_text(re.sub(rf"{abs(gain):.2f}(?!\d)", "99.99", text))
    code, out, _ = finished("report", "mine.py", "--check", file)
    assert code == 1 and re.search(r"gain \[interval over seeds\]: the document says .*99\.99", out), out
    file.write_text(text.replace("Training beats copying", "Copying beats training"))
    code, out, _ = finished("report", "mine.py", "--check", file)
    assert code == 1 and "the claim 'Copying beats training.' (line " in out and "there is no such claim" in out, out


def test_two_claims_in_the_same_words_are_told_apart_by_what_they_compare(scored):
    claims = [Claim("It is better.", *scored.variants[:2], frames=frames) for frames in ((1, 1), (2, 2))]
    now = claims_table(scored, judge(scored, claims))
    checked = check(scored, render(now, "markdown"), "markdown", claims=lambda: now)
    assert checked.tables == 1 and checked.numbers and not checked.differences


def test_a_table_without_scores_is_named_in_plain_words(scored):
    other = "| variant | width |\n|---|---|\n| full model | 26 |\n"
    checked = check(scored, other, "markdown")
    assert checked.unmatched == ["the table at line 1, 1 numbers: no column has the name of a metric or a cost"]


def test_blocks_of_scores_of_record_are_left_to_the_command_that_makes_them(scored):
    shown = render(scores_table(scored, ["psnr"]), "markdown")
    block = f"<!-- results ablation-small-actions scores -->\n{shown.replace('.', '9.')}\n<!-- /results -->\n"
    checked = check(scored, f"{block}\n{shown}", "markdown")
    assert checked.tables == 1 and checked.numbers and not checked.differences
    (other,) = checked.others
    assert "is made from the scores of record ablation-small-actions: `bench results check` compares it" in other
