"""Every format is made from the same cells, and each is valid where it goes."""

import io
import json
import re
import shutil
import subprocess
from dataclasses import replace
from html.parser import HTMLParser

import pytest
from rich.console import Console

from bench.common.console import has_bold
from reports.check import check
from reports.costs import cost_table
from reports.differences_table import differences_table
from reports.latex import escaped
from reports.render import FORMATS, grid, render
from reports.results import Metric
from reports.scores_table import scores_table
from reports.table import Cell, Row
from tests.report_samples import results, runs

AWKWARD = "50% & _slots_ #1 {~^\\} <|> é"
NAMES = (
    AWKWARD, "[ours]", "* star", "λ=0.1 ≤ 2", "`run --fresh`", "a$^$b", "$x$ ~out~ ^~ #", "x--y", "x–y", "x—y", "a''b,,c",
    "&lt;b&gt;", "[a](b) ![c]", "x² 10⁻³ 5°", "Łukasz ½ ﬁn", "ŷ ∞ … µ ϵ", "模型 \U0001f600", "−5 - 3", "a\\",
    "<b>c</b>", "\u0301e\u0301\u200d\x00", "(l) [r]",
)  # fmt: skip


@pytest.fixture
def toy_results():
    scores = {(AWKWARD, seed): [[20 + seed, 18], [19, 17 + seed]] for seed in range(3)}
    scores |= {("full", seed): [[24 + seed, 22], [23, 21 + seed]] for seed in range(3)}
    planned = runs(
        *({"variant": v, "seed": s} for v, s in scores),
        {"variant": "lost", "seed": 0, "state": "failed", "reason": "out of memory"},
    )
    return results(scores, planned)


@pytest.mark.parametrize("format", FORMATS)
def test_every_format_shows_the_same_numbers_the_lost_variant_and_its_reason(toy_results, format):
    text = render(scores_table(toy_results), format)
    for word in ("lost", "full", "out of memory", "23" if format in ("csv", "json") else "23.00"):
        assert word in text


def test_text_without_bold_letters_has_signs_before_the_best_and_what_is_close_to_it_and_explains_them(toy_results):
    best_and_close = scores_table(toy_results)
    cells = [row.cells[0] for row in best_and_close.rows]
    assert cells[1].best and not cells[1].close
    close = replace(best_and_close.rows[0], cells=(replace(cells[0], close=True), *best_and_close.rows[0].cells[1:]))
    shown = replace(best_and_close, rows=(close, *best_and_close.rows[1:]))
    text = render(shown, "terminal")
    assert f"│ *{cells[1].text} │" in text and f" ={cells[0].text} │" in text
    assert "*: best. =: not significantly different from the best" in text and "Bold" not in text
    page = Console(width=200, file=io.StringIO(), force_terminal=True, color_system="standard")
    page.print(grid(shown, 200, has_bold(page)))
    assert "Bold: best. Underlined: " in page.file.getvalue() and "*" + cells[1].text not in page.file.getvalue()
    assert not has_bold(Console(file=io.StringIO()))


def test_check_reads_numbers_with_these_signs(toy_results):
    text = render(scores_table(toy_results, ["psnr"]), "terminal")
    lines = [line.strip("┃│ ").replace("┃", "|").replace("│", "|") for line in text.splitlines() if "┃" in line or "│" in line]
    markdown = "\n".join([lines[0], re.sub(r"[^|]+", "---", lines[0]), *lines[1:]])
    assert "| *" in re.sub(r"\| +", "| ", markdown)
    for best, stands in (("*23.00", []), ("=23.00", []), ("=99.00", ["=99.00 ± 1.24"])):
        compared = check(toy_results, markdown.replace("*23.00", best), "markdown", ("standard",))
        assert compared.numbers and [cell.stands for cell in compared.differences] == stands


@pytest.mark.parametrize("width", range(40, 100, 5))
def test_a_table_of_costs_fits_any_terminal_without_a_cut_word(width):
    costs = {"parameters": 38_240_256, "flops": 4.6e11, "train_seconds": 12_345.0, "rollout_seconds_per_clip": 0.25}
    planned = runs(*({"variant": name, "seed": 0, **costs} for name in ("no query decomposition", "E3D-LSTM (OpenSTL)")))
    scores = {(name, 0): [[20, 18]] for name in ("no query decomposition", "E3D-LSTM (OpenSTL)")}
    page = Console(width=width, file=io.StringIO(), force_terminal=True, color_system=None)
    page.print(grid(cost_table(results(scores, planned)), width))
    text = page.file.getvalue()
    assert "…" not in text and max(map(len, text.splitlines())) <= width
    for word in ("decomposition", "E3D-LSTM", "(OpenSTL)", "38.2"):
        assert word in text


@pytest.mark.parametrize("width", [30, 60])
def test_on_a_narrow_terminal_a_table_becomes_several_and_no_number_is_cut_off(toy_results, width):
    whole = scores_table(toy_results, ["psnr"], frames=[1, 2, (1, 2)])
    page = Console(width=width, file=io.StringIO(), force_terminal=True, color_system=None)
    page.print(grid(whole, width))
    lines = page.file.getvalue().splitlines()
    assert max(map(len, lines)) <= width and "…" not in page.file.getvalue()
    numbers = re.findall(r"\d+\.\d\d", page.file.getvalue())
    assert sorted(numbers) == sorted(re.findall(r"\d+\.\d\d", " ".join(cell.text for row in whole.rows for cell in row.cells)))


def test_json_holds_raw_values_intervals_and_p(toy_results):
    document = json.loads(render(scores_table(toy_results), "json"))
    first, full, lost = (row["cells"][0] for row in document["rows"])
    assert (first["value"], full["value"], lost["value"]) == (19, 23, None)
    assert full["best"] and not lost["best"]
    assert full["low"] < 23 < full["high"]
    assert 0 < first["p"] <= 1
    assert document["columns"][0]["key"] == "standard/psnr"


def test_html_is_well_formed_and_escaped(toy_results):
    open_tags = []

    class Checker(HTMLParser):
        def handle_starttag(self, tag, attrs):
            open_tags.extend([tag] if tag != "meta" else [])  # which has no end

        def handle_endtag(self, tag):
            assert open_tags.pop() == tag

    text = render(scores_table(toy_results), "html")
    Checker().feed(text)
    assert not open_tags
    assert "&lt;|&gt;" in text
    assert "<b>23.00 ± " in text
    assert text.startswith("<!doctype html>") and '<meta charset="utf-8">' in text  # or ± may be shown as Â±


def test_latex_says_signs_as_they_read():
    assert escaped("LPIPS (×10⁻³) ↓") == r"LPIPS ($\times$10{}$^{-}${}$^3$) $\downarrow$"
    assert escaped("-0.21 [-0.35, +0.07]") == "$-$0.21 [$-$0.35, +0.07]"
    assert escaped("t=11-20") == "t=11-20"
    assert escaped("`run --fresh`, λ ≤ 2") == r"\textasciigrave{}run -{}-fresh\textasciigrave{}, $\lambda$ $\leq$ 2"
    assert escaped("ŷ, Łukasz, ẑ\n½, ﬁn, 模") == "ŷ, Łukasz, z 1/2, fin, U+6A21"


@pytest.mark.slow
@pytest.mark.parametrize("make", [scores_table, differences_table])
def test_latex_compiles_as_it_is(toy_results, make, tmp_path):
    if not shutil.which("pdflatex"):
        pytest.skip("pdflatex is not installed")
    compiled(render(make(toy_results, frames=[1, 2, (1, 2)]), "latex"), tmp_path)


def test_latex_folds_a_long_name_and_the_check_finds_its_row_again():
    long_name = "with a memory of 200 slots, half the width and warm-up"
    scored = results({(long_name, 0): [[20, 18]], ("full", 0): [[19, 18]]})
    text = render(scores_table(scored), "latex")
    assert text.count(r"\parbox[t]") == 1
    outcome = check(scored, text, "latex")
    assert (outcome.numbers, outcome.differences, outcome.unmatched) == (4, [], [])


@pytest.mark.slow
def test_latex_prints_any_name_as_it_reads_and_the_check_finds_it_again(tmp_path):
    toy_results = results({(name, 0): [[20 + number, 18]] for number, name in enumerate(NAMES)}, question=" / ".join(NAMES))
    text = render(scores_table(toy_results), "latex")
    checked = check(toy_results, text, "latex")
    assert (checked.numbers, checked.differences, checked.unmatched) == (2 * len(NAMES), [], [])
    lines = [line.strip() for line in compiled(text, tmp_path).splitlines()]
    for printed in ("[ours]", "* star", "λ=0.1 ≤ 2", "`run --fresh`", "a$^$b", "x--y", "[a](b) ![c]", "U+6A21U+578B", "−5 - 3"):
        assert any(line.startswith(f"{printed} ") for line in lines), printed


@pytest.mark.slow
def test_a_wide_latex_table_is_broken_by_metric_stays_readable_and_is_checked_whole(tmp_path):
    metrics = {name: Metric("up", "dB") for name in ("one", "two", "three", "four", "five", "six", "seven")}
    values = {("full", seed): [[20 + seed] * 24] * 2 for seed in range(2)}
    scored = results(values).scores
    more = scored.drop(columns="standard/psnr").assign(**{f"standard/{name}": scored["standard/psnr"] for name in metrics})
    toy_results = results(values, scores=more, metrics=metrics)
    text = render(scores_table(toy_results, frames=[(1, 10), (11, 20), (21, 24)]), "latex")
    heads = [line for line in text.splitlines() if line.startswith("variant &")]
    assert [head.count("(dB)") for head in heads] == [2, 2, 2, 1] and text.count("\n\\begin{table}") == 1
    checked = check(toy_results, text, "latex")
    assert (checked.numbers, checked.differences, checked.unmatched) == (7 * 4 * 2 + 1, [], [])
    compiled(text, tmp_path)


@pytest.mark.parametrize("protocols", [("standard",), ("standard", "openstl")])
def test_a_metric_of_very_many_frames_is_broken_too_and_two_of_one_name_stay_apart(protocols):
    values = {("full", seed): [list(range(20, 32))] * 2 for seed in range(2)}
    frames = results(values).scores["standard/psnr"]
    metrics = {"mse": Metric("down", "1e-3 per pixel", 3, 1000, "MSE"), "mse_sum": Metric("down", "sum per frame", label="MSE")}
    columns = [f"{protocol}/{name}" for protocol in protocols for name in metrics]
    scores = {column: frames + 100 * number for number, column in enumerate(columns)}
    more = results(values).scores.drop(columns="standard/psnr").assign(**scores)
    toy_results = results(values, scores=more, metrics=metrics, protocols=dict.fromkeys(protocols, 1))
    text = render(scores_table(toy_results, protocols=protocols, frames=range(1, 13)), "latex")
    assert max(line.count("t=") for line in text.splitlines()) <= 9
    checked = check(toy_results, text, "latex", protocols)
    assert (checked.numbers, checked.differences, checked.unmatched) == (2 * len(columns) * 13 + 1, [], [])


def test_a_bare_tabular_has_a_label_and_its_columns_stand_below_one_another_in_the_source(toy_results):
    whole = scores_table(toy_results, ["psnr"], frames=[1, 2])
    text = render(whole, "tabular")
    assert r"\documentclass" not in text and r"\begin{table}" not in text and "\n\\label{tab:toy}%\n\\begin{tabular}{l" in text
    rows = [line for line in text.splitlines() if line.endswith(r" \\")]
    assert len(rows) == 4 and len({tuple(separator.start() for separator in re.finditer(" & ", line)) for line in rows}) == 1
    checked = check(toy_results, text, "latex")
    assert (checked.differences, checked.unmatched) == ([], []) and checked.numbers == check(
        toy_results, render(whole, "latex"), "latex"
    ).numbers


def test_tables_of_one_report_have_labels_of_their_own(toy_results):
    toy_results = replace(toy_results, name="my_experiment.v2")
    tables = [scores_table(toy_results), differences_table(toy_results), cost_table(toy_results)]
    labels = [re.search(r"\\label{(.*)}", render(content, "latex"))[1] for content in tables]
    assert labels == ["tab:my-experiment-v2", "tab:my-experiment-v2-differences", "tab:my-experiment-v2-costs"]


def test_a_title_in_latex_has_its_power_of_ten_as_one_formula(toy_results):
    scaled = scores_table(results({("full", 0): [[0.2, 0.1]]}, column="standard/lpips"))
    text = render(scaled, "tabular")
    assert r"LPIPS ($\times10^{-3}$) $\downarrow$" in text


@pytest.mark.parametrize("format", [format for format in FORMATS if format != "json"])
def test_a_table_whose_rows_tell_no_seeds_has_no_such_column(toy_results, format):
    whole = scores_table(toy_results, ["psnr"])
    shown, bare = (replace(whole, rows=(Row("full", seeds, (Cell(1.0, "1.0"),)),), footnotes=()) for seeds in ("2", ""))
    assert re.search(r"\bseeds\b", render(shown, format)) and not re.search(r"\bseeds\b", render(bare, format))


def test_words_in_a_cell_are_kept_in_csv_and_never_read_as_markup(toy_results):
    whole = scores_table(toy_results, ["psnr"])
    named = replace(whole, rows=(Row("a", "1", (Cell(text="=b|c<d>"),)), Row("b", "1", (Cell(),))))
    assert [line.split(",")[1] for line in render(named, "csv").splitlines()[1:]] == ["'=b|c<d>", ""]
    assert r"=b\|c\<d>" in render(named, "markdown") and "<d>" not in render(named, "html")


def test_markdown_leaves_names_as_they_are_and_the_check_finds_them_again():
    toy_results = results({(name, 0): [[20 + number, 18]] for number, name in enumerate(NAMES)})
    checked = check(toy_results, render(scores_table(toy_results), "markdown"), "markdown")
    assert (checked.numbers, checked.differences, checked.unmatched) == (2 * len(NAMES), [], [])


def compiled(text, folder):
    """What the page reads as pdflatex prints it, where pdftotext is there to tell."""
    if not shutil.which("pdflatex"):
        pytest.skip("pdflatex is not installed")
    (folder / "table.tex").write_text(text, "utf-8")
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "table.tex"]
    done = subprocess.run(command, cwd=folder, capture_output=True, timeout=120)
    log = done.stdout.decode(errors="replace")
    assert done.returncode == 0, log[-2000:]
    assert not re.search(r"Overfull \\hbox|Missing character|Float too large", log)
    if not shutil.which("pdftotext"):
        pytest.skip("pdftotext is not installed")
    read = subprocess.run(["pdftotext", "-layout", "table.pdf", "-"], cwd=folder, capture_output=True, check=True)
    return read.stdout.decode()
