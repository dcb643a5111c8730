"""What `bench speed` prints of each measure, and which figure of an earlier result it compares with."""

import io
import json

import pytest
from rich.console import Console

from bench.speed import models, results
from bench.speed.metrics import Timing
from bench.speed.models import ModelRow
from bench.speed.overhead import OverheadRow
from bench.speed.tables import show

PUBLIC = ModelRow("mau", 4_480_000, 12.34, 0.5, 0.25, 4_480_000, 12.3, 0.9, "its public code counts otherwise")
OWN = ModelRow("lmc", 1_000, 1.0, 0.1, 0.5, None, None, None)
SCHEDULING = OverheadRow("scheduling a run", 0.05, 0.04, limit=0.3)
TRACKING = OverheadRow("tracking", 0.0, 0.0, limit=0.02, share=0.0042, remark="of training")
LOADER = Timing("kth", 0.0123, "OpenCV", 20.0)


def printed(**rows) -> str:
    page = Console(file=io.StringIO(), width=200)
    show(rows, "a machine", page)
    return page.file.getvalue()


def test_models_stand_beside_the_public_codes_figures_where_there_are_any():
    lines = printed(models=[PUBLIC, OWN]).splitlines()
    assert next(line for line in lines if "mau" in line).split()[1:] == [
        "4,480,000", "12.3", "12.3", "0.50", "0.90", "25%",
    ]  # fmt: skip
    assert next(line for line in lines if "lmc" in line).split()[1:] == ["1,000", "1.0", "-", "0.10", "-", "50%"]
    assert lines[0] == "on a machine" and lines[-1] == "mau: its public code counts otherwise"


def test_other_measures_are_a_line_a_figure():
    lines = printed(schedule=[SCHEDULING, TRACKING], data=[LOADER]).splitlines()[1:]
    assert lines == [
        "scheduling a run: 50 ms (40 ms of processor time), at most 300 ms",
        "tracking: 0.42%, at most 2%; of training",
        "kth: 12.3 ms, 20 times as fast as OpenCV",
    ]


def test_of_every_measure_less_time_is_faster():
    then = json.loads(json.dumps(results.to_json({"models": [OWN], "schedule": [SCHEDULING, TRACKING]})))
    now = {
        "models": [ModelRow("lmc", 1_000, 1.0, 0.2, 0.25, None, None, None)],
        "schedule": [OverheadRow("scheduling a run", 0.05, 0.02), OverheadRow("tracking", 0.0, 0.0, share=0.0021)],
    }
    changes = {change.name: (round(change.ratio, 2), change.slower) for change in results.changes(now, then)}
    assert changes == {"lmc": (0.5, True), "scheduling a run": (2.0, False), "tracking": (2.0, False)}


def test_a_result_of_another_version_is_refused():
    with pytest.raises(Exception, match="this result is of another version of the suite"):
        results.from_json({"data": [{"name": "kth", "milliseconds": 3}]})


def test_the_row_of_a_model_has_its_size_and_the_figures_of_its_public_code(monkeypatch):
    monkeypatch.setattr(models, "ROUNDS", 1)
    monkeypatch.setattr(models, "SIDE", 64)
    monkeypatch.setattr(models.catalog, "names", lambda kind: ["copy_last", "convlstm"])
    monkeypatch.setattr(models, "_seconds", lambda model: 0.5)
    copying, convlstm = models.measure()
    assert (copying.parameters, copying.gflops, copying.public_seconds) == (0, 0.0, None)
    assert convlstm.parameters > 1_000_000 and convlstm.gflops > 1 and convlstm.seconds == 0.5 and convlstm.share > 0
