"""bench tune and what follows from it: spaces, experiments by name, costs, reports."""

import json
import re

import pytest
from optuna.trial import FixedTrial
from rich.console import Console

from bench.common.errors import BenchError
from bench.spec import loading
from bench.spec.experiment import SCALES
from bench.store import search_results
from bench.store.labels import labels
from bench.store.store import Store
from bench.sweep.plan import plan_run
from bench.sweep.preflight import preflight
from bench.tune import confirm, spaces
from bench.tune.search import SearchBudget
from experiments.comparison import models
from experiments.tuning import SPACES
from tests.conftest import TINY
from tests.tune_samples import search

SPACE = """
from bench.spec import Component
from tests.conftest import TINY

def space(trial, scale):
    return TINY.but(optimizer=Component("adam", lr=trial.suggest_float("lr", 1e-4, 1e-1, log=True)))
"""
every_space = pytest.mark.parametrize("name", SPACES)
every_scale = pytest.mark.parametrize("scale", SCALES)


@pytest.fixture(autouse=True)
def _quick(monkeypatch):
    monkeypatch.setattr("bench.sweep.scheduler.TICK_S", 0.01)
    monkeypatch.setattr("bench.tune.study.CLIPS", {"small": 3, "medium": 3, "paper": 3})


def test_all_that_the_comparison_trains_can_be_tuned():
    assert {spec.model.name for spec in loading.load("comparison").variants.values() if spec.steps} == set(SPACES)


@every_scale
@every_space
def test_a_space_starts_at_the_recipe_of_the_comparison(name, scale):
    recipes = {spec.model.name: spec for spec in models(scale).values()}
    assert spaces.typical(spaces.load(name, scale)).differences() == recipes[name].differences()


@every_scale
@every_space
def test_what_a_space_draws_can_be_built_and_is_as_long_as_the_recipe(name, scale, store):
    space = spaces.load(name, scale)
    points = spaces.grid(space, points_per_range=2)
    for point in (points[0], points[len(points) // 2], points[-1]):
        spec = space.draw(FixedTrial(point))
        preflight([plan_run(name, spec, store, ())])
        assert spec.steps * spec.batch == (recipe := spaces.typical(space)).steps * recipe.batch


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["tune", "lcm"], "there is no search space 'lcm': did you mean 'lmc'?"),
        (["tune", "nowhere.py"], "there is no search space file nowhere.py"),
        (["tune", "mine.py"], "mine.py defines no function `space(trial, scale)`"),
        (["tune", "lmc", "--sampler", "tpr"], "there is no sampler 'tpr': did you mean 'tpe'?"),
        (["tune", "lmc", "--pruner", "medan"], "there is no pruner 'medan': did you mean 'median'?"),
        (["tune", "lmc", "--objective", "pnsr"], "there is no objective 'pnsr': did you mean 'psnr'? There are psnr, "),
        (["tune", "lmc", "--objective", "psnr,flops"], "there is no objective 'flops': did you mean 'cost'? There are psnr, "),
        (
            ["tune", "lmc", "--objective", "x"],
            "; there are psnr, ssim, mse, lpips, cost (FLOPs per clip), seconds (of training)",
        ),
        (["list", "experiments", "tuned"], "there are no searches in "),
        (["show", "tune:lmc"], "there is no search 'lmc' (scale small)"),
        (["tune", "lmc", "--objective", "psnr,psnr"], "--objective takes one or several different names"),
        (["tune", "lmc", "--objective", "psnr,cost", "--pruner", "median"], "--pruner median needs one objective"),
        (
            ["tune", "lmc", "--objective", "lpips"],
            "this machine has no weights of AlexNet; `bench weights fetch lpips`",
        ),
        (["tune", "lmc", "--objective", "psnr,cost", "--sampler", "cmaes"], "--sampler cmaes searches one objective"),
        (["tune", "lmc", "--study", "../elsewhere"], "--study takes letters, digits and underscores"),
        (["tune", "comparison", "--study", "mine"], "--study names one search"),
        (["tune", "lmc", "--storage", "nonsense"], "--storage takes an address such as postgresql://host/database"),
        (["run", "tuned-lmc"], "no search 'lmc' (scale small)"),
        (["run", "tuned-comparison"], "no search 'lmc' (scale small)"),
        (["report", "tune:lmc"], "there is no search 'lmc' (scale small)"),
        (["sync", "tune:lmc", "--scale", "paper"], "`bench tune lmc --scale paper --objective psnr` makes it"),
        (["ui", "--optuna"], "there are no searches in"),
    ],
)
def test_bad_input_gets_one_message_and_exit_code_2(bench, words, message):
    code, _, err = bench(*words)
    assert code == 2 and message in err and len(err.splitlines()) == 1


@pytest.mark.usefixtures("mlflow_ready")
def test_a_search_ends_with_its_best_confirmed_and_a_second_one_does_nothing(bench, tmp_path):
    (tmp_path / "small.py").write_text(SPACE)
    words = ("tune", "small.py", "--trials", 2, "--executor", "inline", "--confirm-seeds", 1)
    code, out, _ = bench(*words)
    assert code == 0 and "confirmed PSNR (dB) ↑" in out and "2 trials finished" in out and "`bench run tuned_small`" in out
    runs = sorted(path.name for path in (tmp_path / "runs").glob("lmc-*"))
    assert len(runs) == 3
    assert bench(*words)[0] == 0 and sorted(path.name for path in (tmp_path / "runs").glob("lmc-*")) == runs
    code, out, _ = bench("report", "tune:small")
    assert code == 0 and "confirmed PSNR (dB) ↑" in out and "complete" in out
    tables = json.loads(bench("report", "tune:small", "--format", "json")[1])
    assert list(tables) == ["best", "history", "trials"] and tables["best"]["rows"][0]["seeds"] == "1"
    for form, words in {
        "latex": r"\end{document}",
        "tabular": r"\label{tab:tune-small-best}",
        "csv": "trial,psnr,lr,ended",
    }.items():
        code, out, _ = bench("report", "tune:small", "--format", form)
        assert code == 0 and words in out
    assert (
        bench("report", "tune:small", "--out", "table.md")[0] == 0
        and "**Best settings**" in (tmp_path / "table.md").read_text()
    )
    code, out, _ = bench("report", "tune:small", "--out", "report")
    page = (tmp_path / "report" / "index.html").read_text()
    assert code == 0 and "open report/index.html" in out
    assert "Made by <code>bench report tune:small --out report</code>" in page and "Runs of 20" in page
    assert "No importances: they need at least 4 complete trials, and there are 2." in page
    assert {"convlstm", "lmc", "psnr"} & set(re.findall(r"@\w+{(\w+),", (tmp_path / "report" / "references.bib").read_text()))
    rows = json.loads(bench("plan", "tuned-small", "--json")[1])
    assert [row["variant"] for row in rows] == ["tuned", "copy last frame", "all black"]
    names = [path.name for path in (tmp_path / "runs").glob("lmc-*/mlflow/*")]
    assert {name[:11] for name in names} >= {"trial-0--lr", "trial-1--lr"}


@pytest.mark.usefixtures("mlflow_ready")
def test_a_search_that_mlflow_has_missed_is_copied_later_with_the_runs_that_confirm_it(bench, tmp_path, monkeypatch):
    (tmp_path / "small.py").write_text(SPACE)
    with monkeypatch.context() as patch:
        patch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
        code, out, _ = bench("tune", "small.py", "--trials", 2, "--executor", "inline", "--confirm-seeds", 1)
    assert code == 0 and "`bench sync tune:small` copies everything later" in out
    assert bench("sync", "tune:small")[1].startswith("3 of 3 runs had something new")
    assert bench("sync", "tune:small")[1].startswith("0 of 3 runs")
    code, _, err = bench("sync", "tune:small", "--only", "x")
    assert code == 2 and "a search is copied as a whole" in err


@pytest.mark.usefixtures("mlflow_ready")
def test_a_corner_of_a_space_that_cannot_be_trained_does_not_rule_out_the_rest(bench, tmp_path):
    (tmp_path / "corners.py").write_text(
        "from bench.common.errors import BenchError\nfrom tests.conftest import TINY\n\n"
        "def space(trial, scale):\n"
        "    width, slots = trial.suggest_categorical('width', [6, 4]), trial.suggest_int('slots', 2, 3)\n"
        "    if slots == 2:\n        raise BenchError('too few for us')\n"
        "    return TINY.but(model=TINY.model.but(width=width, slots=slots))\n"
    )
    words = ("tune", "corners.py", "--sampler", "random", "--trials", 6, "--executor", "inline", "--confirm", 0)
    code, out, err = bench(*words)
    assert code == 0 and "6 trials finished" in out and "Traceback" not in out + err
    assert " of 4 runs had" in bench("sync", "tune:corners")[1]  # two trials came to none, and none was to be confirmed
    report = bench("report", "tune:corners")[1]
    assert "too few for us" in report and "width" in report and "complete" in report
    (tmp_path / "never.py").write_text(
        "from tests.conftest import TINY\n\ndef space(trial, scale):\n    return TINY.but(context=2)\n"
    )
    assert "needs at least 9 context frames" in bench("tune", "never.py")[2]


def test_a_search_that_is_at_it_is_not_joined_by_another(bench, tmp_path, store):
    from bench.common import lease
    from bench.store.search_results import Aim
    from bench.tune.study import begin

    (tmp_path / "small.py").write_text(SPACE)
    owned = lease.take(begin(store, "small", Aim("small.py", "small")).folder)
    code, _, err = bench("tune", "small.py", "--trials", 1, "--executor", "inline")
    owned.release()
    assert code == 2 and "another `bench tune` works on the search 'small'" in err


def test_a_search_that_is_taken_for_an_experiment_is_pointed_to(bench, store):
    study, _, _ = search(store, plan=SearchBudget(2))
    confirm.conclude(study, 1, 1)
    hint = "a search of that name exists: `bench report tune:sample`"
    for words in (["status", "tune:sample"], ["report", "sample"], ["plan", "Sample"], ["list", "experiments", "sample"]):
        code, _, err = bench(*words)
        assert code == 2 and f"there is no experiment '{words[-1]}'; {hint}" in err and len(err.splitlines()) == 1
    assert "there are tuned_sample" in bench("list", "experiments", "tuned")[2]
    assert "there are tune:sample" in bench("status", "tune:other")[2]
    assert "(there: sample)" in bench("report", "tune:other")[2] and "(there: sample)" in bench("run", "tuned_other")[2]


def test_show_prints_the_settings_of_a_trial_in_full_and_what_sets_trials_apart(bench, store):
    study, _, _ = search(store, plan=SearchBudget(3))
    first, second, _ = study.trials()
    shown = json.loads(bench("show", "tune:sample", "1", "--json")[1])
    assert (
        shown["settings"]["optimizer.lr"] == second.params["lr"] and shown["settings"]["model.slots"] == second.params["slots"]
    )
    assert shown["settings"]["steps"] == 9 and shown["runs"] == second.user_attrs["runs"]
    between = json.loads(bench("show", "tune:sample", "trial 0", "1", "--json")[1])["differs"]
    assert between["optimizer.lr"] == {"trial 0": first.params["lr"], "trial 1": second.params["lr"]}
    trials = json.loads(bench("show", "tune:sample", "--json")[1])["trials"]
    assert set(trials["1"]) == {"optimizer.lr", "model.slots"} and "steps" in trials["0"]
    assert "no settings of a trial '7'; there are 0, 1, 2" in bench("show", "tune:sample", "7")[2]
    assert "--set changes an experiment" in bench("show", "tune:sample", "--set", "steps=2")[2]


def test_a_search_for_two_objectives_says_by_which_its_best_is_the_best(bench, store):
    from bench.tune.display import SearchProgress

    study, _, _ = search(store, plan=SearchBudget(3), objectives=("psnr", "cost"))
    best = study.ranking()[0].number
    out = bench("report", "tune:sample")[1]
    assert f"Best: trial {best}, by PSNR, the first objective." in out and "Best: by PSNR, the first objective, among" in out
    assert "`bench show tune:sample TRIAL` prints all settings" in out
    tally = SearchProgress(Console(), study, 3).tally()
    assert "best by PSNR: " in tally and tally.endswith(f" FLOPs per clip (trial {best})")


def test_set_holds_for_every_trial_and_for_the_base_and_belongs_to_the_study(bench, tmp_path):
    (tmp_path / "small.py").write_text(SPACE + "\n\ndef start(scale):\n    return {'lr': 1e-3}\n")
    words = ("tune", "small.py", "--trials", 2, "--executor", "inline", "--confirm", 0)
    assert bench(*words, "--set", "steps=4", "--set", "validate_every=2")[0] == 0
    tuned = loading.load("tuned-small").variants
    assert {spec.steps for label, spec in tuned.items() if "tuned" in label or label == "base"} == {4}
    names = {label for run in Store(tmp_path / "runs").runs() for label in labels(run).values()}
    assert "trial 0: lr=0.001" in names and len(names) == 2 and all(name.startswith("trial ") for name in names)
    code, _, err = bench(*words)
    assert code == 2 and "--set steps=4 --set validate_every=2" in err and "--study NAME" in err
    code, _, err = bench(*words, "--set", "optimizer.lr=0.1", "--study", "other")
    assert code == 2 and "chooses optimizer.lr itself" in err
    code, _, err = bench(*words, "--set", "stepz=4", "--study", "other")
    assert code == 2 and "did you mean 'steps'" in err


def test_what_a_study_says_of_itself_needs_no_optuna_to_be_read(store):
    study, _, _ = search(store, plan=SearchBudget(3))
    result = confirm.conclude(study, 1, 1)
    assert search_results.read(store, "sample", "small") == result
    with pytest.raises(BenchError, match="`bench tune other --scale paper --objective psnr --store "):
        search_results.read(store, "other", "paper")


def test_the_dashboard_is_opened_on_the_record_of_the_store(bench, tmp_path, store, monkeypatch):
    search(store, plan=SearchBudget(1))
    called = {}
    monkeypatch.setattr("shutil.which", lambda name, path: "/bin/" + name)
    monkeypatch.setattr("bench.common.guarded.run", lambda words, environment: called.update(words=words) or 0)
    bench("ui", "--optuna", "--port", 5321)
    assert called["words"][0] == "/bin/optuna-dashboard" and called["words"][-2:] == ["--", str(search_results.journal(store))]
    assert "127.0.0.1" in called["words"]
    monkeypatch.setattr("shutil.which", lambda name, path: None)
    code, _, err = bench("ui", "--optuna")
    assert code == 2 and "pip install 'lmc-bench[dashboard]'" in err


@pytest.mark.usefixtures("mlflow_ready")
def test_comparison_tunes_one_after_the_other_with_equal_budgets(bench, monkeypatch, store):
    def draw(trial, scale):
        return TINY.but(steps=1, model=TINY.model.but(slots=trial.suggest_int("slots", 2, 9)))

    monkeypatch.setattr("experiments.tuning.SPACES", {name: (draw, lambda scale: {"slots": 5}) for name in ("one", "two")})
    monkeypatch.setattr("bench.commands.tune._all_of", lambda scale: ["one", "two"])
    code, out, _ = bench("tune", "comparison", "--trials", 2, "--executor", "inline", "--confirm", 0, "--sampler", "random")
    assert code == 0 and "one at scale small (1 of 2)" in out and "4 trials finished" in out and "tuned_comparison" in out
    assert [search_results.read(store, name, "small").trials for name in ("one", "two")] == [2, 2]
