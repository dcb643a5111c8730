"""Every format is made from the same cells, and each is valid where it goes."""

import json
import re
import shutil
import subprocess
from html.parser import HTMLParser

import pytest

from reports.ablation import ablation
from reports.latex import escaped
from reports.render import FORMATS, render
from reports.table import table
from tests.report_samples import results, runs

AWKWARD = "50% & _slots_ #1 {~^\\} <|> é"


@pytest.fixture
def made():
    scores = {(AWKWARD, seed): [[20 + seed, 18], [19, 17 + seed]] for seed in range(3)}
    scores |= {("full", seed): [[24 + seed, 22], [23, 21 + seed]] for seed in range(3)}
    planned = runs(
        *({"variant": v, "seed": s} for v, s in scores),
        {"variant": "lost", "seed": 0, "state": "failed", "reason": "out of memory"},
    )
    return results(scores, planned)


@pytest.mark.parametrize("format", FORMATS)
def test_every_format_shows_the_same_numbers_the_lost_variant_and_its_reason(made, format):
    text = render(table(made), format)
    for word in ("lost", "full", "out of memory", "23" if format in ("csv", "json") else "23.00"):
        assert word in text


def test_json_holds_raw_values_intervals_and_p(made):
    told = json.loads(render(table(made), "json"))
    first, full, lost = (row["cells"][0] for row in told["rows"])
    assert (first["value"], full["value"], lost["value"]) == (19, 23, None)
    assert full["best"] and not lost["best"]
    assert full["low"] < 23 < full["high"]
    assert 0 < first["p"] <= 1
    assert told["columns"][0]["key"] == "standard/psnr"


def test_html_is_well_formed_and_escaped(made):
    open_tags = []

    class Checker(HTMLParser):
        def handle_starttag(self, tag, attrs):
            open_tags.append(tag)

        def handle_endtag(self, tag):
            assert open_tags.pop() == tag

    text = render(table(made), "html")
    Checker().feed(text)
    assert not open_tags
    assert "&lt;|&gt;" in text
    assert "<b>23.00 ± " in text


def test_latex_says_signs_as_they_read():
    assert escaped("LPIPS (×10⁻³) ↓") == r"LPIPS ($\times$10$^{-}$$^3$) $\downarrow$"
    assert escaped("-0.21 [-0.35, +0.07]") == "$-$0.21 [$-$0.35, +0.07]"
    assert escaped("t=11-20") == "t=11-20"


@pytest.mark.slow
@pytest.mark.parametrize("make", [table, ablation])
def test_latex_compiles_as_it_is(made, make, tmp_path):
    if not shutil.which("pdflatex"):
        pytest.skip("pdflatex is not installed")
    (tmp_path / "table.tex").write_text(render(make(made, frames=[1, 2, (1, 2)]), "latex"), "utf-8")
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "table.tex"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout[-2000:]
    assert not re.search(r"Overfull \\hbox|Missing character", done.stdout)
