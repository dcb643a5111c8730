"""`bench report`: what it prints and writes, and what it refuses."""

from contextlib import contextmanager

import pytest

from bench.commands import _mlflow, _output
from bench.evaluation.scores import load
from bench.store.labels import remember
from reports import bundle
from tests.conftest import TINY


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--frames", "2-1"], "a slice begins with its first frame, 1-2"),
        (["--costs", "--frames", "all"], "--costs is a table of its own"),
        (["--memory", "--metrics", "psnr"], "--memory is a table of its own"),
        (["--differences", "--published"], "published numbers are scores, and no differences"),
        (
            ["--costs", "--published"],
            "--costs is a table of its own: --published does not go with it, since costs are of whole runs",
        ),
        (
            ["--claims", "--published", "--protocol", "openstl"],
            "--claims is a table of its own: --protocol, --published do not",
        ),
        (["--claims", "--with", "Theirs"], "each claim names its variants, metric, protocol and frames"),
        (["--memory", "--label", "walking"], "--memory is a table of its own: --label does not go with it"),
        (["--check", "mine.md", "--differences"], "--check compares the metrics and frames that the document has"),
        (["--check", "mine.md", "--format", "csv"], "--check prints lines, or with --format json an object; got --format csv"),
        (["--frames", "every:-1"], "--frames every:-1: there are 1 to 2 frames"),
        (["--frames", "every:3"], "--frames every:3: there are 1 to 2 frames"),
        (["--metrics", ","], "--metrics takes some of psnr, ssim"),
    ],
)
def test_a_report_refuses_what_it_would_have_to_ignore(finished, words, message):
    code, _, err = finished("report", "mine.py", *words)
    assert code == 2 and message in err and len(err.splitlines()) == 1


def test_a_column_that_is_asked_for_twice_stands_there_once(finished):
    twice = ("--metrics", "psnr,psnr,", "--frames", "1,1,1-2,1-2", "--protocol", "standard,standard")
    out = finished("report", "mine.py", *twice, "--format", "csv")[1]
    assert out.splitlines()[0] == "variant,standard/psnr,standard/psnr@1,standard/psnr@1-2,seeds,notes"


def test_a_report_has_every_variant_and_says_what_it_is_made_of(finished):
    code, out, _ = finished("report", "mine.py", "--format", "markdown", "--frames", "1,2")
    assert code == 0 and "| tiny<sup>1</sup> |" in out and "no better than" in out and "| copy |" in out and "PSNR t=2" in out
    assert "draw no conclusions from the ranking" in out and "Protocol standard, version 1" in out and "LPIPS is empty" in out


def test_a_report_is_written_in_the_format_of_its_file(finished, tmp_path):
    assert "wrote" in finished("report", "mine.py", "--out", tmp_path / "table.csv")[1]
    assert (tmp_path / "table.csv").read_text().startswith("variant")


def test_a_folder_s_report_says_what_it_is_doing(finished, tmp_path, monkeypatch):
    steps = []
    monkeypatch.setattr(bundle, "bundle", lambda *parts: [])  # figures take their time, and other tests draw them
    monkeypatch.setattr(_mlflow, "announce_report", lambda *parts: None)

    @contextmanager
    def doing():
        yield steps.append

    monkeypatch.setattr(_output, "doing", doing)
    assert finished("report", "mine.py", "--out", tmp_path / "report")[0] == 0
    memories = ["looking into memories", "looking into memory 1 of 1: tiny, seed 0"]
    assert steps == ["reading scores", "choosing clips to show", *memories, "drawing tables, figures and the page"]


def test_a_folder_s_report_of_one_label_has_no_section_of_memories_that_were_measured_over_all(
    finished, finished_store, monkeypatch
):
    shown = []
    monkeypatch.setattr(bundle, "bundle", lambda *parts: shown.append(parts[7]) or [])
    monkeypatch.setattr(_mlflow, "announce_report", lambda *parts: None)
    for path in finished_store.root.glob("*/scores/*.npz"):
        scores = load(path)
        scores.metadata["labels"] = ["walking", "running", "walking"]
        scores.save(path)
    for words in (("--label", "walking"), ()):
        assert finished("report", "mine.py", *words, "--out", "report")[0] == 0
    assert shown[0] is None and shown[1].variants == ["tiny"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--out", "folder", "--protocol", "standard,openstl"), "a folder gets all tables; --metrics"),
        (("--out", "folder", "--metrics", "psnr"), "are for single tables"),
        (("--out", "v1.0"), "got v1.0; make a folder first if its name has a dot"),
        (("--costs", "--memory"), "ask for one at a time"),
    ],
)
def test_options_of_a_report_that_would_be_ignored_are_refused(finished, words, message):
    code, _, err = finished("report", "mine.py", *words)
    assert code == 2 and message in err


def test_a_report_on_failures_names_them_and_the_command_that_tries_them_again(bench, store):
    for seed in (0, 1):
        spec = TINY.but(seed=seed)
        store.run(spec).create(spec)
        store.run(spec).set_status("failed", reason="ZeroDivisionError: division by zero", kind="code")
    code, _, err = bench("report", "mine.py", "--seeds", "2")
    assert code == 2 and len(err.splitlines()) == 1
    assert "2 runs (tiny, seed 0, ...) failed: code: ZeroDivisionError: division by zero" in err
    assert "`bench run mine.py --seeds 2 --retry code` tries again what failed by code" in err and "trains them" not in err


@pytest.mark.parametrize(
    ("settings", "options"),
    [
        (("steps=7", "batch=4"), "--set steps=7 --set batch=4"),
        (("data=actions",), "--set data=actions"),
        (("model.slots=9", "data.digit=10"), "--set model.slots=9 --set data.digit=10"),
    ],
)
def test_a_report_without_the_settings_of_the_finished_runs_names_them(bench, store, settings, options):
    spec = TINY
    for setting in settings:
        spec = spec.edited(setting)
    run = store.run(spec)
    run.create(spec)
    assert "other settings" not in bench("report", "mine.py")[2]
    run.set_status("finished")
    remember(run, "mine-small", "tiny")
    code, _, err = bench("report", "mine.py")
    assert code == 2 and f"finished runs of it have other settings: add `{options}`" in err
    words = options.replace("`", "").split()
    assert "other settings" not in bench("report", "mine.py", *words)[2]
