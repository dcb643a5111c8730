"""docs/extending.md is true: every example on the page runs as it stands, and what the catalogue has keeps the contracts."""

import re
import shlex
import sys
from importlib import import_module
from pathlib import Path

import pytest
import torch

from bench.spec import catalog
from bench.training.learner import Learner
from bench.training.model import Model
from bench.training.schedule import Schedule
from tests.conftest import TINY

PAGE = (Path(__file__).parent.parent / "docs" / "extending.md").read_text()
FILES = dict(re.findall(r"^```python\n# (\w+\.py)\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL))
COMMANDS = re.findall(r"^\$ bench (.+)$", PAGE, re.MULTILINE)


@pytest.fixture
def page(tmp_path, monkeypatch):
    """The files of the page in a folder of their own, from which they can be imported."""
    for name, content in FILES.items():
        (tmp_path / name).write_text(content)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    yield tmp_path
    for name in FILES:
        sys.modules.pop(name.removesuffix(".py"), None)


def test_every_command_of_the_page_works(page, bench):
    assert len(COMMANDS) >= 4
    for command in COMMANDS:
        code, out, err = bench(*shlex.split(command))
        assert code == 0, (command, out, err)
    assert "fading" in bench("report", "my_experiment.py", "--metrics", "psnr")[1]


def test_its_classes_keep_the_contracts(page):
    model = import_module("my_model").Fading((1, 16, 16))
    learner = import_module("my_learner").AbsoluteError(model, 4, 2)
    assert isinstance(model, Model) and isinstance(learner, Learner)
    assert isinstance(import_module("my_schedule").Linear(10), Schedule)


def test_its_metric_scores_every_frame(page):
    from bench.metrics.views import Views

    metric = import_module("my_metric").METRIC
    frames = torch.full((2, 3, 1, 16, 16), 0.5)
    scores = metric.rules["standard"](Views(frames + 0.25, frames, {}))
    assert torch.allclose(scores, torch.full((2, 3), 0.25))


def test_its_format_is_one_of_the_formats(page, monkeypatch):
    from reports.render import FORMATS, render
    from reports.table import Table

    monkeypatch.setattr("reports.render.FORMATS", dict(FORMATS))
    import_module("my_format")
    rows = [type("Row", (), {"label": "full"}), type("Row", (), {"label": "copy"})]
    assert render(type("Table", (Table,), {"__init__": lambda self: None, "rows": rows})(), "labels") == "full\ncopy\n"


@pytest.mark.parametrize("name", catalog.CATALOG["schedules"])
def test_a_schedule_of_the_catalogue_keeps_the_contract(name):
    schedule = catalog.build("schedules", name, {}, steps=100)
    assert isinstance(schedule, Schedule) and all(schedule(step, 1e-3)["lr"] >= 0 for step in range(100))


def test_a_model_and_a_learner_of_the_catalogue_keep_the_contracts():
    model = TINY.model.build(shape=(1, 16, 16), context=9, horizon=2)
    assert isinstance(model, Model)
    assert isinstance(TINY.learner.build(model=model, context=9, horizon=2, steps=10), Learner)
