"""What the pages say to type works: every block of code is run at tiny size, or says why it is not."""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.main import get_command

from bench.cli import app
from bench.spec.loading import load
from bench.tune import spaces
from tests.data_samples import walker, write_mnist, write_video
from tests.documents import ROOT, blocks, pages, script

BENCH = get_command(app)
RUN = ("console", "python")
NOT_RUN = ("text", "toml", "yaml", "json", "csv", "bibtex", "latex", "mermaid", "{toctree}", "{image}")
COMMAND = re.compile(r"^(\$ |bench |\.venv/bin/bench |pip |python |make |git )", re.MULTILINE)
WITHOUT_CHILDREN = """#!/bin/sh
case "$*" in
  *--executor* | *--help* | "run --"*) ;;
  "run "* | "tune "*) [ "$CHILDREN" ] || set -- "$@" --executor inline ;;
esac
exec {python} -m bench "$@"
"""  # without a process for each run, whose start takes longer than so small a run
INLINE = re.compile(r"`bench ((?!\.)[^`]+)`")
HERE = {str(page.relative_to(ROOT)): page for page in pages()}


@pytest.mark.parametrize("page", HERE.values(), ids=HERE)
def test_every_block_is_run_or_says_why_not(page):
    for block in blocks(page):
        assert block.language in RUN + NOT_RUN, f"{block} is of the language '{block.language}'"
        if block.language in NOT_RUN:
            assert not COMMAND.search(block.content), f"{block} holds a command and is no console block"
        elif block.language == "console":
            assert block.commands, f"{block} types nothing; a command stands after '$ '"
        if block.remark.startswith("not run"):
            assert len(block.remark) > 25, f"{block} gives no reason"


def test_no_fence_is_overlooked():
    for page in pages():
        fences = re.findall(r"^ *```", page.read_text(), re.MULTILINE)
        assert len(fences) == 2 * len(blocks(page)), page


@pytest.mark.parametrize("page", HERE.values(), ids=HERE)
def test_files_and_tables_that_a_page_names_are_there(page):
    text = page.read_text()
    for name in re.findall(r"`((?:bench|lmc|baselines|experiments|reports|tests)/[\w./]*)`", text):
        assert (ROOT / name).exists(), f"{page.name} names {name}, which is not there"
    for table, name in re.findall(r"`([A-Z]{3,})` (?:of|in) `([\w/.]+\.py)`", text):
        assert re.search(rf"^{table}\b.*=", (ROOT / name).read_text(), re.MULTILINE), f"{page.name}: no {table} in {name}"


def test_files_that_a_package_says_it_has_are_there():
    for package in [*ROOT.glob("bench/**/__init__.py"), ROOT / "lmc/__init__.py", ROOT / "baselines/__init__.py"]:
        for name in re.findall(r"^(\w+\.py)  |   (\w+\.py)  ", package.read_text(), re.MULTILINE):
            assert (package.parent / "".join(name)).exists(), f"{package.parent.name} names {''.join(name)}, which is not there"


def test_files_that_pages_show_are_those_of_the_examples():
    shown = [block for page in pages() if "tutorials" in page.parts for block in blocks(page) if block.file]
    examples = {path.name: path.read_text() for path in (ROOT / "examples").rglob("*.py")}
    for block in shown:
        if block.file in examples:
            assert block.content.partition("\n")[2] == examples[block.file], f"{block} is not examples/{block.file}"
    assert {"my_experiment.py", "my_space.py"} <= {block.file for block in shown}


def test_experiments_and_spaces_that_the_tutorials_show_load(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    shown = {block.file: block for page in pages() if "tutorials" in page.parts for block in blocks(page) if block.file}
    for name, block in shown.items():
        Path(name).write_text(block.content)
    experiments = [name for name, block in shown.items() if "def experiment(" in block.content]
    assert len(experiments) >= 2 and all(len(load(name).variants) > 1 for name in experiments)
    searched = [name for name, block in shown.items() if "def space(" in block.content]
    assert searched and all(spaces.typical(spaces.load(name, "small")) for name in searched)
    for name in shown:
        sys.modules.pop(name.removesuffix(".py"), None)


@pytest.mark.parametrize("page", HERE.values(), ids=HERE)
def test_commands_in_sentences_and_in_blocks_have_the_options_that_they_are_given(page):
    typed = [command.removeprefix("bench ") for block in blocks(page) for command in block.commands]
    commands = [re.sub(r"\s+", " ", words) for words in INLINE.findall(page.read_text())]
    for words in [*(words for words in typed if words.partition(" ")[0] in BENCH.commands), *commands]:
        assert not (wrong := _unknown(words)), f"{page.name}: `bench {words}`: there is no {wrong}"


def _unknown(words: str) -> str:
    """The first word that is no command or option of `bench`; nothing if there is none."""
    command = BENCH
    for word in shlex.split(words.replace("'s", ""), comments=True):
        options = {option for parameter in command.params for option in (*parameter.opts, "-h", "--help")}
        if word.startswith("-") and word.partition("=")[0] not in options and not re.fullmatch(r"-\d.*", word):
            return word
        if not word.startswith("-") and word.isidentifier() and getattr(command, "commands", None) and not word.isupper():
            if word not in command.commands:
                return word
            command = command.commands[word]
    return ""


@pytest.fixture(scope="session")
def surroundings(tmp_path_factory) -> dict[str, str]:
    """The environment of a reader's shell: small experiments, data and settings apart, `pip` that leaves this Python alone."""
    folder = tmp_path_factory.mktemp("shell")
    packages, commands = folder / "packages", folder / "bin"
    commands.mkdir()
    options = f"--no-deps --no-index --no-build-isolation --disable-pip-version-check -q --target {packages}"
    (commands / "pip").write_text(f'#!/bin/sh\nexec {sys.executable} -m pip "$@" {options}\n')
    (commands / "pip").chmod(0o755)
    (commands / "bench").write_text(WITHOUT_CHILDREN.format(python=sys.executable))
    (commands / "bench").chmod(0o755)
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("BENCH_", "MLFLOW_"))}
    return environment | {
        "PATH": os.pathsep.join([str(commands), str(Path(sys.executable).parent), os.environ["PATH"]]),
        "PYTHONPATH": os.pathsep.join([str(ROOT / "tests" / "tiny"), str(packages)]),
        "BENCH_CONFIG": str(folder / "config"),
        "OMP_NUM_THREADS": "1",
        "MPLBACKEND": "Agg",
    }


def _shell(text: str, folder: Path, environment: dict[str, str]) -> str:
    done = subprocess.run(["bash", "-c", text], cwd=folder, env=environment, capture_output=True, text=True, timeout=1800)
    assert done.returncode == 0 and "Traceback" not in done.stderr, f"{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
    return done.stdout


@pytest.fixture(scope="session")
def ablation(surroundings, tmp_path_factory) -> Path:
    """A store with the ablation, which most pages take for granted."""
    folder = tmp_path_factory.mktemp("ablation")
    _shell("bench run ablation", folder, surroundings)
    for database in folder.glob("runs/mlflow*"):  # it bears the names of the folder where it was made
        shutil.rmtree(database) if database.is_dir() else database.unlink()
    return folder / "runs"


def _belongings(folder: Path) -> None:
    """What the pages call yours: a video, frames, a folder of videos, MNIST's files, a paper."""
    write_video(folder / "my_video.mp4", walker(30, 32, 32, speed=1))
    (folder / "frames").mkdir()
    for number, frame in enumerate(walker(20, 32, 32, speed=1)):
        Image.fromarray(np.asarray(frame)).save(folder / "frames" / f"{number:04d}.png")
    for number, split in enumerate(["train"] * 3 + ["val"] * 2 + ["test"] * 2):  # no two alike: a leak is refused
        write_video(folder / "my_videos" / split / f"{split}_{number}.mp4", walker(40, 32, 32 + 8 * number, speed=1 + number))
    write_mnist(folder / "mnist_files")
    (folder / "docs").mkdir(exist_ok=True)


@pytest.mark.slow
@pytest.mark.parametrize("page", HERE.values(), ids=HERE)
def test_everything_that_a_page_says_to_type_works(page, surroundings, ablation, empty_mlflow, tmp_path):
    if not (text := script(page)):
        pytest.skip("the page has nothing to run")
    folder = tmp_path / "examples"
    if page.parent.name == "examples":
        shutil.copytree(page.parent, folder)
    else:
        folder.mkdir()
        _belongings(folder)
    environment = surroundings | {"BENCH_DATA": str(tmp_path / "data")}
    if page.name == "quickstart.md":  # which begins with nothing, and does all as it is done without a test
        environment |= {"CHILDREN": "yes"}
    else:
        shutil.copytree(ablation, folder / "runs")
        shutil.copy(empty_mlflow, folder / "runs")
    _shell(text, folder, environment)


@pytest.mark.slow
def test_the_notebook_draws_its_figure(surroundings, ablation, tmp_path):
    cells = json.loads((ROOT / "examples" / "scores.ipynb").read_text())["cells"]
    code = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
    assert len(code) >= 4
    shutil.copytree(ablation, tmp_path / "runs")
    (tmp_path / "cells.py").write_text("\n".join(code))
    _shell("python cells.py", tmp_path, surroundings)
    assert Image.open(tmp_path / "psnr.png").width > 500
