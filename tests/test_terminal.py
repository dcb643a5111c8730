"""What a user reads on a terminal: help without riddles, results in folders of their own name."""

import json

import numpy as np
import typer
from typer.main import get_command

from bench.cli import app


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
