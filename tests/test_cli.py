"""The command line: what it prints, how it ends, and that bad input gets one clear message."""

import json
import shlex

import pytest

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


def test_a_label_with_a_comma_can_be_chosen(bench, tmp_path):
    (tmp_path / "mine.py").write_text((tmp_path / "mine.py").read_text().replace('"tiny"', '"tiny, five slots"'))
    for only in ("tiny, five slots", "copy,tiny, five slots"):
        rows = json.loads(bench("plan", "mine.py", "--only", only, "--json")[1])
        assert "tiny, five slots" in {row["variant"] for row in rows} and len(rows) == (2 if "copy" in only else 1)


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
