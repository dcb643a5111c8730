"""What a user reads on a terminal: help without riddles, results in folders of their own name."""

import json
import platform
import threading

import numpy as np
import torch
import typer
from typer.main import get_command

from bench import __version__
from bench.cli import app
from bench.common import lease
from bench.common.console import PlainConsole
from bench.sweep.logs import follow


def commands(group=None, words=()):
    """Every command with its words: (("data", "show"), command)."""
    group = group or get_command(app)
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from commands(command, (*words, name))
        else:
            yield (*words, name), command


def test_no_help_shows_brackets_within_brackets_or_two_defaults():
    for words, command in commands():
        context = typer.Context(command, info_name=" ".join(words))
        usage = " ".join(command.collect_usage_pieces(context))
        assert "[[" not in usage and "]...]" not in usage, (words, usage)
        for parameter in command.params:
            name, sentence = parameter.get_help_record(context) or ("", "")
            assert not ("Default:" in sentence and "default:" in sentence), (words, name, sentence)


def test_a_prediction_without_a_folder_goes_into_one_named_after_the_run_and_the_input(finished, tmp_path):
    run = json.loads(finished("plan", "mine.py", "--json")[1])[0]["run"]
    for name in ("walk", "jump"):
        np.save(tmp_path / f"{name}.npy", np.zeros((11, 1, 16, 16), np.float32))
        assert finished("predict", run[:8], f"{name}.npy")[0] == 0
    folders = sorted(path.name for path in (tmp_path / "predictions").iterdir())
    assert folders == [f"{run}-jump", f"{run}-walk"]
    assert not (tmp_path / "out").exists()


def test_status_without_an_experiment_says_what_experiments_call_a_run_its_validation_score_and_age(finished, tmp_path):
    assert "nothing to do" in finished("run", "mine.py")[1]  # a store of an older version learns the names, too
    code, out, _ = finished("status")
    row = next(line for line in out.splitlines() if line.strip().startswith("lmc-"))
    cells = row.split()
    assert code == 0 and cells[1:3] == ["mine-small", "tiny"] and cells[4] == "finished"
    rows = {row["run"]: row for row in json.loads(finished("status", "--json")[1])}
    tiny_row = next(row for name, row in rows.items() if name.startswith("lmc-"))
    assert f" {tiny_row['validation_psnr']:.2f} " in row
    assert tiny_row["experiments"] == {"mine-small": "tiny"} and 0 <= tiny_row["age_seconds"] < 3600


def test_a_damaged_label_file_names_nothing_and_stops_nothing(finished, tmp_path):
    for folder in (tmp_path / "runs").glob("lmc-*"):
        (folder / "labels.json").write_text('{"mine-small": 3}')
    code, out, _ = finished("status")
    assert code == 0 and "finished" in out and "mine-small" not in out


def test_following_a_log_shows_the_steps_that_the_progress_display_has(store, tiny, monkeypatch):
    monkeypatch.setattr("bench.sweep.logs.POLL_S", 0.01)
    monkeypatch.setattr("bench.sweep.logs.STEPS_S", 0.0)
    run = store.run(tiny)
    run.create(tiny)
    run.metrics.append(1, {"loss/storing": 0.5})
    owned = lease.take(run.path)
    threading.Timer(0.2, lambda: run.metrics.append(2, {"loss/storing": 0.25, "validation/psnr": 12.5})).start()
    threading.Timer(0.5, owned.release).start()
    line = "".join(follow(run, 0))
    assert line.startswith("step 2/6  ") and "storing 0.2500" in line and "val 12.50 dB" in line and line.count("\n") == 1


def test_doctor_prints_what_belongs_in_a_bug_report(bench):
    report = {row["what"]: row["found"] for row in json.loads(bench("doctor", "--json")[1])}
    assert report["lmc-bench"].startswith(f"{__version__}, ") and report["system"] == platform.platform()
    assert report["cuda"].startswith(torch.version.cuda or "none")
    assert report["torch"] == torch.__version__ and f"numpy {np.__version__}" in report["packages"]


def test_every_part_of_a_plan_that_is_too_wide_for_the_terminal_names_the_runs(finished, monkeypatch, tmp_path):
    monkeypatch.setattr("bench.commands._output.console", lambda aside=False: PlainConsole(force_terminal=True, width=50))
    out = finished("plan", "mine.py", "--seeds", "2")[1]
    names = {row["run"] for row in json.loads(finished("plan", "mine.py", "--seeds", "2", "--json")[1])}
    assert len(names) == 3 and all(out.count(name) == out.count("─ ") > 1 for name in names)
