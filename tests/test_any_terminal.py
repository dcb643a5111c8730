"""Any terminal: no number of a table is cut at any width, files are whole and plain, and any encoding can say everything."""

import contextlib
import io
import json
import os
import pty
import re
import subprocess
import sys

import numpy as np
import pytest
from rich.console import Console
from rich.table import Table

from bench.common.spelling import spelled
from bench.common.whole_tables import fitting
from bench.common.wrapping import folded
from reports.render import grid, render
from reports.scores_table import scores_table
from tests.report_samples import results, runs

LABELS = (
    "full",
    "no query decomposition",
    "E3D-LSTM (OpenSTL) with a very long label",
    "one_word_that_is_longer_than_any_line",
)


@pytest.fixture(scope="module")
def scored():
    """Four variants with one of three seeds each, ten frames."""
    scores = {(label, 0): [[20 + n + t * 0.37 for t in range(10)]] * 3 for n, label in enumerate(LABELS)}
    states = ("finished", "failed", "failed")
    planned = runs(*({"variant": v, "seed": s, "state": states[s], "reason": "x"} for v in LABELS for s in range(3)))
    return results(scores, planned)


@pytest.mark.parametrize("frames", [[], [1, 5, 10], range(1, 11)])
def test_every_number_of_a_report_is_there_at_every_width(scored, frames):
    whole = scores_table(scored, ["psnr"], frames=list(frames))
    numbers = [cell.text for row in whole.rows for cell in row.cells] + [row.seeds for row in whole.rows]
    assert "1 of 3" in numbers
    for width in range(40, 241):
        page = Console(width=width, file=io.StringIO(), force_terminal=True, color_system=None)
        page.print(grid(whole, width))
        text = page.file.getvalue()
        assert [number for number in numbers if number not in text] == [], width
        assert "…" not in text and max(map(len, text.splitlines())) <= width


def test_a_report_in_a_file_is_whole_and_holds_no_codes(scored):
    text = render(scores_table(scored, ["psnr"], frames=list(range(1, 11))), "terminal")
    assert "\x1b" not in text and all(label in text for label in LABELS)
    assert len([line for line in text.splitlines() if "1 of 3" in line and line.count("│") > 10]) == len(LABELS)


def test_every_short_cell_of_any_table_is_there_at_every_width():
    drawn = Table()
    for column in ("run", "seed", "state", "time", "why"):
        drawn.add_column(column, no_wrap=column != "why")
    rows = [(f"lmc-{n}a{n}b0c1d2e", str(n), "interrupted", "12:34:56~+", "a long reason in words " * 6) for n in range(3)]
    for row in rows:
        drawn.add_row(*row)
    for width in range(40, 241):
        page = Console(width=width, file=io.StringIO(), force_terminal=True, color_system=None)
        for part in fitting(drawn, width):
            page.print(part)
        text = page.file.getvalue()
        assert "…" not in text and all(cell in text for row in rows for cell in row[:4]), width


def test_a_name_in_the_first_column_is_not_cut_in_two():
    drawn = Table()
    for column in ("checkpoint", "data", "published"):
        drawn.add_column(column, no_wrap=column != "published")
    names = ["mmnist_simvp_s_gsta_one_ep200", "mmnist_simvp_s_incepu_one_ep2000"]
    for name in names:
        drawn.add_row(name, "moving_mnist_fixed", "mse_sum=22.41, mae_sum=73.07, ssim=0.948, psnr=23.54")
    for width in range(50, 141):
        page = Console(width=width, file=io.StringIO(), force_terminal=True, color_system=None)
        for part in fitting(drawn, width):
            page.print(part)
        text = page.file.getvalue()
        assert "…" not in text and all(f" {name} " in text for name in names), width


def test_the_header_of_a_narrow_table_is_broken_between_words_alone():
    short = scores_table(
        results({("full", 0): [[20.123] * 2] * 3}, runs({"variant": "full", "seed": 0, "state": "finished"})), ["psnr"]
    )
    for width in range(40, 80):
        page = Console(width=width, file=io.StringIO(), force_terminal=True, color_system=None)
        page.print(grid(short, width))
        assert "variant" in page.file.getvalue(), width


def test_sentences_are_folded_between_words_and_commands_stay_whole():
    sentence = "at least 28.35 min, 2 at once; `bench plan ablation --probe --set steps=30` measures what is not known\n"
    for width in range(20, 140):
        text = folded(sentence, width)
        assert text.replace("\n", " ").split() == sentence.split() and text.endswith("known\n")
        assert "28.35" in text and "`bench plan ablation --probe --set steps=30`" in text
        assert all(len(line) <= width or line.startswith("`bench") for line in text.splitlines())
    assert folded("  full, seed 0: failed: no room", 20) == "  full, seed 0:\n  failed: no room"  # below the first word
    assert folded("/a/path/that/is/longer/than/any/line", 20) == "/a/path/that/is/longer/than/any/line"
    assert folded("and more words", 20, begun=13) == "and\nmore words"


def on_a_terminal(words, folder, columns=60):
    """What a command writes to a terminal of that width, and its exit code."""
    ours, theirs = pty.openpty()
    environment = {**os.environ, "PYTHONPATH": ":".join(filter(None, sys.path)), "TERM": "xterm", "COLUMNS": str(columns)}
    command = [sys.executable, "-m", "bench.cli", *words]
    running = subprocess.Popen(command, cwd=folder, env=environment, stdin=theirs, stdout=theirs, stderr=theirs)
    os.close(theirs)
    output = b""
    with contextlib.suppress(OSError):  # Linux's word for the end of a terminal
        while piece := os.read(ours, 65536):
            output += piece
    os.close(ours)
    return output.decode().replace("\r\n", "\n"), running.wait(timeout=100)


def test_no_command_shows_a_movement_of_the_cursor_as_text(finished, tmp_path):
    for words in (("report", "mine.py", "--claims"), ("report", "mine.py"), ("plan", "mine.py"), ("status",)):
        text, _ = on_a_terminal(words, tmp_path)
        assert "\\x1b" not in text, words
        plain_text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text)
        assert all(len(line.rpartition("\r")[2]) <= 60 or " " not in line.strip() for line in plain_text.splitlines()), text


def test_json_and_yaml_on_a_terminal_are_not_folded(finished, tmp_path):
    assert json.loads(on_a_terminal(("show", "mine.py", "tiny", "--json"), tmp_path, 40)[0])["variant"] == "tiny"


def test_signs_are_spelled_where_an_encoding_has_none():
    assert spelled("PSNR ↑ 28.6 ± 0.1 – é ⁻³ 模 …") == "PSNR ^ 28.6 +- 0.1 - e -3 ? ..."


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_report_and_eval_print_in_any_encoding(finished, tmp_path, encoding):
    np.savez(tmp_path / "theirs.npz", prediction=np.zeros((1, 2, 1, 16, 16)), target=np.zeros((1, 2, 1, 16, 16)))
    environment = {**os.environ, "PYTHONIOENCODING": encoding, "PYTHONPATH": ":".join(filter(None, sys.path))}
    for words in (("report", "mine.py"), ("eval", "--predictions", "theirs.npz")):
        process = subprocess.run(
            [sys.executable, "-m", "bench.cli", *words], capture_output=True, cwd=tmp_path, env=environment
        )
        assert process.returncode == 0, process.stderr
        text = process.stdout.decode(encoding)
        assert "PSNR" in text and "\\u" not in text and "\x1b" not in text
