"""The command line: what it prints, how it ends, and that bad input gets one clear message."""

import json
import os
import re
import shlex
import subprocess
import sys
from contextlib import contextmanager

import numpy as np
import pytest
from PIL import Image

from bench import cli
from bench.commands import _output
from bench.common.machine import has_bf16
from bench.executors.inline import Inline
from bench.store.labels import remember
from bench.store.store import Store
from tests.conftest import TINY


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["run", "ablatoin"], "there is no experiment 'ablatoin': did you mean 'ablation'?"),
        (["run", "nowhere.py"], "there is no experiment file nowhere.py"),
        (["run", "ablation", "--scale", "smal"], "there is no scale 'smal': did you mean 'small'?"),
        (["run", "ablation", "--only", "ful"], "ablation has no variant 'ful': did you mean 'full'?"),
        (["run", "ablation", "--seeds", "x"], "--seeds takes a count (3), a list (0,7,9) or all, got 'x'"),
        (["run", "ablation", "--set", "model.slot=5"], "did you mean 'slots'?"),
        (["run", "ablation", "--set", "batch=0"], "batch must be at least 1, got 0"),
        (["run", "ablation", "--set", "model.slots=10"], "--set makes '10 slots' the same as 'full'"),
        (["run", "mine.py", "--set", "model=predrnn"], "works only with LMC-Memory, not PredRNN"),
        (["run", "ablation", "--seeds", "0"], "got '0'; seed 0 alone is written '0,'"),
        (["run", "ablation", "--seeds", "1,1"], "--seeds names a seed twice"),
        (["run", "ablation", "--only", ""], "ablation has no variant ''"),
        (["tune", "lmc", "--study", ""], "--study takes letters, digits and underscores, got ''"),
        (["run", "ablation", "--set", "seed=4"], "seeds are chosen with --seeds"),
        (["run", "ablation", "--set", "clip_norm=-1"], "clip_norm must be above 0"),
        (["run", "mine.py", "--set", "model.width=-4"], "model 'lmc': "),
        (
            ["run", "mine.py", "--set", "model=convlstm", "--set", "model.hidden=-4"],
            "model 'convlstm': hidden must be at least 1, got -4",
        ),
        (["status", "--watch", "--json"], "--watch shows every change"),
        (["stop", "--all", "ablation"], "leave out either --all or ablation"),
        (["run", "ablation", "--set", "model=lmc.model:Nope"], "there is no class 'Nope' in the module 'lmc.model'"),
        (["run", "mine.py", "--executor", "locl"], "there is no executor 'locl': did you mean 'local'?"),
        (["run", "mine.py", "--set", "context=5"], "needs at least 9 context frames, got 5"),
        (["run", "mine.py", "--set", "data.size=24"], "model 'lmc'"),
        (["report", "mine.py"], "no run of mine (scale small) is finished yet; `bench run mine.py` trains them"),
        (["report", "mine.py", "--format", "pdf"], "there is no format 'pdf'; there are terminal, markdown, latex,"),
        (["report", "tune:lmc", "--format", "pdf"], "there is no format 'pdf'; there are terminal, markdown, latex,"),
        (["report", "mine.py", "--metrics", "pnsr"], "there is no metric 'pnsr': did you mean 'psnr'?"),
        (["report", "mine.py", "--protocol", "standrad"], "there is no protocol 'standrad': did you mean 'standard'?"),
        (["list", "model"], "there is no list of 'model': did you mean 'models'?"),
        (["predict", "run", "missing.npy"], "there is no missing.npy"),
        (["ui"], "MLflow knows of no runs"),
    ],
)
def test_bad_input_gets_one_message_and_exit_code_2(bench, words, message):
    code, _, err = bench(*words)
    assert code == 2
    assert message in err and err.startswith("error: ") and "Traceback" not in err and len(err.splitlines()) == 1


@pytest.mark.usefixtures("mlflow_ready")
def test_a_run_ends_with_a_summary_and_what_to_do_next_and_a_second_one_does_nothing(bench):
    code, out, _ = bench("run", "mine.py", "--executor", "inline")
    assert code == 0 and "2 of 2 runs finished" in out and "`bench report mine.py`" in out
    code, out, _ = bench("run", "mine.py", "--executor", "inline")
    assert code == 0 and "nothing to do: all 2 runs of mine are finished" in out


def test_plan_and_status_know_every_run(finished):
    rows = json.loads(finished("plan", "mine.py", "--json")[1])
    assert [(row["variant"], row["state"], row["step"]) for row in rows] == [("tiny", "finished", 6), ("copy", "finished", 0)]
    assert {row["state"] for row in json.loads(finished("status", "--json")[1])} == {"finished"}


def test_runs_of_one_variant_with_other_settings_are_told_apart_by_these_alone(finished, store):
    assert "set apart by" not in finished("status")[1]
    for steps, batch in ((8, 2), (8, 4)):
        run = store.run(TINY.but(steps=steps, batch=batch))
        run.create(TINY.but(steps=steps, batch=batch))
        remember(run, "mine-small", "tiny")
    remember(store.run(TINY), "mine-small", "tiny")
    other_seed = TINY.but(seed=1, steps=9)
    store.run(other_seed).create(other_seed)
    remember(store.run(other_seed), "mine-small", "tiny")
    out = finished("status")[1]
    assert "set apart by" in out and all(text in out for text in ("steps=6, batch=2", "steps=8, batch=2", "steps=8, batch=4"))
    assert "steps=9" not in out  # no other run of that seed looks like it
    rows = {row["run"]: row for row in json.loads(finished("status", "--json")[1])}
    assert rows[store.run(TINY).name]["set_apart_by"] == {"steps": 6, "batch": 2}
    assert rows[store.run(other_seed).name]["set_apart_by"] == {}


@pytest.mark.usefixtures("mlflow_ready")
def test_a_failed_run_is_named_and_the_exit_code_is_1(bench, monkeypatch):
    monkeypatch.setattr("bench.data.digits.Digits.batch", lambda *_: 1 / 0)
    code, out, err = bench("run", "mine.py", "--executor", "inline")
    assert code == 1 and "1 of 2 runs finished, 1 failed" in out and "ZeroDivisionError" in out and "Traceback" not in out + err


def test_a_run_that_failed_in_another_experiment_s_scoring_is_no_failure_of_this_one(finished, tmp_path):
    store = Store(tmp_path / "runs")
    run = next(run for run in store.runs() if run.spec.steps)
    run.set_status("failed", kind="code", reason="another evaluation went wrong")
    more = (tmp_path / "mine.py").read_text().replace("FLOOR}", "FLOOR, 'black': FLOOR.edited('model=black')}")
    (tmp_path / "mine.py").write_text(more)
    code, out, _ = finished("run", "mine.py", "--executor", "inline")
    assert code == 0 and "3 of 3 runs finished" in out and "failed" not in out


@pytest.mark.usefixtures("mlflow_ready")
def test_an_interrupted_run_ends_with_130_and_goes_on(bench, monkeypatch):
    real = Inline.submit

    def interrupted(self, run, evaluations):
        self.stopping = True
        scheduler_stop()
        return real(self, run, evaluations)

    import signal

    def scheduler_stop():
        signal.raise_signal(signal.SIGINT)

    with monkeypatch.context() as patch:
        patch.setattr(Inline, "submit", interrupted)
        code, out, _ = bench("run", "mine.py", "--executor", "inline")
    assert code == 130 and "`bench run mine.py --executor inline` continues from here" in out
    assert json.loads(bench("plan", "mine.py", "--json")[1])[0]["state"] == "resumable"
    assert bench("run", "mine.py", "--executor", "inline")[0] == 0


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--frames", "2-1"], "a slice begins with its first frame, 1-2"),
        (["--costs", "--frames", "all"], "--costs is a table of its own"),
        (["--memory", "--metrics", "psnr"], "--memory is a table of its own"),
        (["--metrics", ","], "--metrics takes some of psnr, ssim"),
    ],
)
def test_a_report_refuses_what_it_would_have_to_ignore(finished, words, message):
    code, _, err = finished("report", "mine.py", *words)
    assert code == 2 and message in err and len(err.splitlines()) == 1


def test_a_label_with_a_comma_can_be_chosen(bench, tmp_path):
    (tmp_path / "mine.py").write_text((tmp_path / "mine.py").read_text().replace('"tiny"', '"tiny, five slots"'))
    for only in ("tiny, five slots", "copy,tiny, five slots"):
        rows = json.loads(bench("plan", "mine.py", "--only", only, "--json")[1])
        assert "tiny, five slots" in {row["variant"] for row in rows} and len(rows) == (2 if "copy" in only else 1)


def test_a_column_that_is_asked_for_twice_stands_there_once(finished):
    out = finished("report", "mine.py", "--metrics", "psnr,", "--frames", "1,1,1-2,1-2", "--format", "csv")[1]
    assert out.splitlines()[0] == "variant,standard/psnr,standard/psnr@1,standard/psnr@1-2,seeds,notes"


def test_what_is_suggested_to_type_next_finds_the_store_that_was_named(finished, tmp_path):
    other = tmp_path / "of mine"
    (tmp_path / "runs").rename(other)
    named = f"--store '{other}'"
    code, out, _ = finished("run", "mine.py", "--store", other)
    assert code == 0 and f"`bench report mine.py {named}`" in out and f"`bench ui {named}`" in out
    assert finished(*shlex.split(f"report mine.py {named}"))[0] == 0
    code, _, err = finished("report", "mine.py", "--seeds", "5,", "--store", other)
    assert code == 2 and f"`bench run mine.py --seeds 5, {named}` trains them" in err
    assert (
        f"`bench run mine.py --seeds 5, {named}` trains them"
        in finished("rescore", "mine.py", "--seeds", "5,", "--store", other)[2]
    )


@pytest.mark.usefixtures("mlflow_ready")
def test_fresh_sets_finished_runs_aside_and_trains_them_again(finished, tmp_path):
    code, out, _ = finished("run", "mine.py", "--executor", "inline", "--fresh")
    assert code == 0 and "set aside as" in out and len(list((tmp_path / "runs" / "set-aside").iterdir())) == 2


def test_settings_reach_only_the_variants_that_have_them(bench):
    rows = json.loads(bench("plan", "mine.py", "--json", "--set", "model.slots=7")[1])
    plain = json.loads(bench("plan", "mine.py", "--json")[1])
    assert rows[0]["run"] != plain[0]["run"] and rows[1]["run"] == plain[1]["run"]


def test_a_report_has_every_variant_and_says_what_it_is_made_of(finished):
    code, out, _ = finished("report", "mine.py", "--format", "markdown", "--frames", "1,2")
    assert code == 0 and "| tiny<sup>1</sup> |" in out and "no better than" in out and "| copy |" in out and "PSNR t=2" in out
    assert "draw no conclusions from the ranking" in out and "Protocol standard, version 1" in out and "LPIPS is empty" in out


def test_a_report_is_written_in_the_format_of_its_file(finished, tmp_path):
    assert "wrote" in finished("report", "mine.py", "--out", tmp_path / "table.csv")[1]
    assert (tmp_path / "table.csv").read_text().startswith("variant")


def test_a_folder_s_report_says_what_it_is_doing(finished, tmp_path, monkeypatch):
    steps = []

    @contextmanager
    def doing():
        yield steps.append

    monkeypatch.setattr(_output, "doing", doing)
    assert finished("report", "mine.py", "--out", tmp_path / "report")[0] == 0
    memories = ["looking into memories", "looking into memory 1 of 1: tiny, seed 0"]
    assert steps == ["reading scores", "choosing clips to show", *memories, "drawing tables, figures and the page"]


def test_an_unwritable_store_is_named(bench, tmp_path):
    (tmp_path / "file").write_text("")
    code, _, err = bench("run", "mine.py", "--store", tmp_path / "file" / "runs")
    assert code == 2 and "cannot write to" in err and "--store" in err


@pytest.mark.parametrize("kind", ["experiments", "models", "data", "metrics", "executors", "protocols", "learners"])
def test_every_list_prints_for_people_and_for_scripts(bench, kind):
    assert bench("list", kind)[0] == 0
    assert len(json.loads(bench("list", kind, "--json")[1])) >= 2


def test_doctor_looks_at_everything(bench):
    code, out, _ = bench("doctor")
    assert code == 0 and "torch" in out and "lpips" in out and "`bench prepare kth --source DIR`" in out


@pytest.mark.parametrize(
    ("flags", "has_instructions"),
    [("flags : fpu avx512_bf16 sse", True), ("Features : fp bf16", True), ("flags : fpu avx2", False)],
)
def test_doctor_says_where_bfloat16_is_only_imitated(bench, monkeypatch, flags, has_instructions):
    with monkeypatch.context() as patch:
        patch.setattr("bench.common.machine.Path.read_text", lambda path: f"model name : X bf16\n{flags}\n")
        assert has_bf16("cpu") is has_instructions
    monkeypatch.setattr("bench.common.machine.has_bf16", lambda device: has_instructions)
    assert ("bfloat16" in bench("doctor")[1]) is not has_instructions


def test_predict_writes_frames_an_animation_and_numbers(finished, tmp_path):
    clip = np.random.default_rng(0).random((12, 1, 16, 16), np.float32)
    np.save(tmp_path / "clip.npy", clip)
    run = json.loads(finished("plan", "mine.py", "--json")[1])[0]["run"]
    code, out, _ = finished("predict", run, "clip.npy", "--out", "frames", "--array", "numbers.npy")
    assert code == 0 and "9 frames seen, 3 predicted" in out
    assert len(list((tmp_path / "frames").glob("predicted_*.png"))) == 3
    (tmp_path / "frames" / "notes.txt").write_text("mine")
    assert finished("predict", run, "clip.npy", "--out", "frames", "--horizon", "2")[0] == 0
    assert sorted(path.name for path in (tmp_path / "frames").iterdir()) == [
        "notes.txt", "predicted_00009.png", "predicted_00010.png", "prediction.gif", "strip.png",
    ]  # fmt: skip
    code, _, err = finished("predict", run, "frames", "--out", "./frames")
    assert code == 2 and "is where the input's frames are" in err
    assert (tmp_path / "frames" / "prediction.gif").exists() and np.load(tmp_path / "numbers.npy").shape == (1, 3, 1, 16, 16)


def test_many_clips_are_predicted_a_few_at_a_time_and_as_one_alone_is(finished, tmp_path):
    clips = np.random.default_rng(0).integers(0, 256, (20, 12, 1, 16, 16), np.uint8)
    np.save(tmp_path / "clips.npy", clips)
    np.save(tmp_path / "last.npy", clips[-1])
    run = json.loads(finished("plan", "mine.py", "--json")[1])[0]["run"]
    code, out, _ = finished("predict", run, "clips.npy", "--array", "all", "--pictures", "1", "--out", "out")
    assert code == 0 and "20 clips, " in out and [path.name for path in (tmp_path / "out").iterdir()] == ["clip_00000"]
    assert finished("predict", run, "last.npy", "--array", "one.npy", "--pictures", "0")[0] == 0
    assert finished("predict", run, "clips.npy", "--pictures", "3", "--out", "out")[0] == 0
    np.save(tmp_path / "two.npy", clips[:2])
    assert finished("predict", run, "two.npy", "--out", "out")[0] == 0
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["clip_00000", "clip_00001"]
    together, alone = np.load(tmp_path / "all.npy"), np.load(tmp_path / "one.npy")
    assert together.shape == (20, 3, 1, 16, 16) and together.dtype == np.float32
    np.testing.assert_allclose(together[-1:], alone, atol=1e-5)


def test_predict_reads_any_layout_and_range_that_is_said(finished, tmp_path):
    clip = np.random.default_rng(0).integers(0, 256, (12, 1, 16, 16), np.uint8)
    np.save(tmp_path / "clip.npy", clip)
    np.save(tmp_path / "other.npy", clip.transpose(2, 3, 0, 1)[..., 0].astype(np.int64))
    run = json.loads(finished("plan", "mine.py", "--json")[1])[0]["run"]
    words = ("--array", "numbers.npy", "--pictures", "0")
    assert finished("predict", run, "clip.npy", *words)[0] == 0
    plain_frames = np.load(tmp_path / "numbers.npy")
    assert finished("predict", run, "other.npy", "--layout", "HWT", "--range", "0..255", *words)[0] == 0
    assert np.array_equal(np.load(tmp_path / "numbers.npy"), plain_frames)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["nonsense", "clip.npy"], "there is no run 'nonsense'"),
        (["tiny.txt", "clip.npy"], "tiny.txt is no checkpoint of weights alone"),
        (["tiny.txt", "clip.npy", "--model", "lmc"], "is no checkpoint"),
        (["tiny.txt", "clip.npy", "--model", "lcm"], "there is no model 'lcm': did you mean 'lmc'?"),
        (["tiny.txt", "tiny.txt"], "is no folder of frames, no video"),
        (["tiny.txt", "clip.npy", "--pictures", "0"], "nothing to write"),
        (["tiny.txt", "clips.npy"], "does not tell clips from time; say it: --layout NTHW, --layout TNHW"),
        (["tiny.txt", "clip.npy", "--layout", "THW"], "has 4 axes [12, 1, 16, 16], and --layout THW names 3"),
        (["tiny.txt", "gt_and_pd"], "gt1.png and pd1.png do not say which frame comes first"),
        (["tiny.txt", "bad.npy"], "must be [T, C, H, W] or [B, T, C, H, W]"),
        (
            ["tiny.txt", "bright.npy"],
            "holds float32 from 0 to 2, which is not 0..1; say what is black and white, such as --range 0..255",
        ),
    ],
)
def test_predicting_from_what_is_no_model_or_no_clip_is_refused_in_words(bench, tmp_path, words, message):
    np.save(tmp_path / "clip.npy", np.zeros((12, 1, 16, 16), np.float32))
    np.save(tmp_path / "bad.npy", np.zeros((12, 7), np.float32))
    np.save(tmp_path / "bright.npy", np.linspace(0, 2, 12 * 256, dtype=np.float32).reshape(12, 1, 16, 16))
    np.save(tmp_path / "clips.npy", np.zeros((5, 12, 16, 16), np.float32))
    (tmp_path / "gt_and_pd").mkdir()
    for name in ("gt1", "pd1"):
        Image.fromarray(np.zeros((16, 16), np.uint8)).save(tmp_path / "gt_and_pd" / f"{name}.png")
    (tmp_path / "tiny.txt").write_text("not weights")
    code, _, err = bench("predict", *words)
    assert code == 2 and message in err and "Traceback" not in err


def test_data_that_are_missing_are_listed_with_what_puts_them_there(bench):
    rows = {row["name"]: row for row in json.loads(bench("data", "list", "--json")[1])}
    assert rows["digits"]["state"] == "ready" and "`bench prepare kth --source DIR`" in rows["kth"]["detail"]


def test_data_show_draws_every_split(bench, tmp_path):
    code, out, _ = bench("data", "show", "digits", "--set", "size=16", "--set", "digit=8", "--clips", "2", "--frames", "3")
    assert code == 0 and "test: clips generated" in out
    assert {path.name for path in (tmp_path / "pictures" / "digits-digit-8-size-16").iterdir()} == {
        f"{s}.{e}" for s in ("train", "val", "test") for e in ("png", "gif")
    }


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["prepare", "kht"], "there is nothing to prepare for 'kht': did you mean 'kth'?"),
        (["prepare", "kth"], "needs --source DIR"),
        (["prepare", "mnist", "--size", "3"], "`bench prepare mnist` takes --source; got --size"),
        (["prepare", "frames", "--source", "nowhere"], "--source nowhere does not exist"),
        (["data", "show", "dgits"], "there is no data set 'dgits': did you mean 'digits'?"),
        (["run", "mine.py", "--set", "data=kth"], "kth"),
    ],
)
def test_data_that_cannot_be_had_are_explained(bench, words, message):
    code, out, err = bench(*words)
    assert code in (1, 2) and message in out + err and "Traceback" not in out + err


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


def test_a_metric_named_twice_is_one_column(finished):
    twice = ("report", "mine.py", "--format", "csv", "--metrics", "psnr,psnr", "--protocol", "standard,standard")
    assert finished(*twice)[1] == finished("report", "mine.py", "--format", "csv", "--metrics", "psnr")[1]


def test_a_command_that_is_interrupted_says_so(bench, monkeypatch):
    def interrupted(store):
        raise KeyboardInterrupt

    monkeypatch.setattr("bench.maintenance.doctor.examine", interrupted)
    code, _, err = bench("doctor")
    assert code == 130 and err == "interrupted; the same command continues from here\n"


def test_the_version_is_printed_in_one_line(capsys):
    with pytest.raises(SystemExit):
        cli.app(["--version"], standalone_mode=True)
    assert re.fullmatch(r"lmc-bench \d+\.\d+\.\d+\n", capsys.readouterr().out)


def test_python_m_bench_is_bench_and_answers_help_at_once():
    def seconds() -> float:
        """Of the processor, which others may be using too."""
        before = os.times()
        done = subprocess.run([sys.executable, "-m", "bench", "-h"], capture_output=True, text=True, check=True)
        assert "bench run ablation" in done.stdout
        after = os.times()
        return after.children_user + after.children_system - before.children_user - before.children_system

    assert min(seconds() for _ in range(3)) < 0.5


@pytest.mark.parametrize("shell", ["bash", "zsh"])
def test_commands_are_completed(shell):
    words = {"COMP_WORDS": "bench re", "COMP_CWORD": "1", "_TYPER_COMPLETE_ARGS": "bench re"}
    environment = {**os.environ, **words, "_BENCH_COMPLETE": f"complete_{shell}"}
    code = "import sys; sys.argv = ['bench']; from bench.cli import main; main()"
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True)
    assert "report" in done.stdout and "rescore" in done.stdout and "plan" not in done.stdout


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
