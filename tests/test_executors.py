"""What every executor promises, and that one of your own is a class and a name."""

import inspect
import sys

import pytest

from bench.common import trust
from bench.common.errors import BenchError
from bench.spec import catalog
from bench.sweep.executor import Executor

OWN = """
from concurrent.futures import Future
from pathlib import Path

from bench.store.tickets import put, ticket
from bench.sweep.executor import Executor, Job


class Shelf:
    name = "Shelf"

    def find_job(self, ticket):
        there = Path(ticket.job).exists()
        return Job("waiting", waiting=True, detail="(for a librarian)") if there else Job("gone", ended=True)

    def cancel(self, tickets, waiting_only):
        for ticket in tickets:
            Path(ticket.job).unlink(missing_ok=True)


class Library(Executor):
    queue = Shelf()
    slots = 10

    def __init__(self):
        self.runs = []

    def submit(self, run, evaluations):
        Path(run.name).touch()
        put(run, "my_library:Library", run.name)
        self.runs.append(run)
        return Future()

    def detach(self):
        return [ticket(run) for run in self.runs]

    def stop(self): ...
    def kill(self): ...
"""


@pytest.fixture
def library(tmp_path, monkeypatch):
    (tmp_path / "my_library.py").write_text(OWN)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield "my_library:Library"
    sys.modules.pop("my_library", None)


@pytest.mark.parametrize("name", catalog.CATALOG["executors"])
def test_an_executor_of_the_catalogue_keeps_the_contract(name):
    executor = catalog.load("executors", name)
    assert issubclass(executor, Executor) and not inspect.isabstract(executor)


def test_an_executor_of_ones_own_that_queues_is_one_class(bench, library):
    detached = ("run", "mine.py", "--executor", library, "--detach")
    code, out, err = bench(*detached)
    assert code == 0 and "queued 2 runs of mine as Shelf job " in out, err
    status = bench("status", "mine.py", "--json")[1]
    assert status.count("Shelf job") == status.count("waiting (for a librarian)") == status.count('"queued"') == 2
    assert "queued 0 runs of mine; 2 were queued before" in bench(*detached)[1]
    assert bench("stop", "--all")[0] == 0
    assert "queued" not in bench("status", "mine.py")[1]


def test_a_queue_that_is_not_installed_here_is_not_taken_for_an_empty_one(bench, library, tmp_path):
    bench("run", "mine.py", "--executor", library, "--detach")
    (tmp_path / "my_library.py").unlink()
    del sys.modules["my_library"]
    status = bench("status", "mine.py", "--json")[1]
    assert status.count("'my_library:Library' job") == 2 and "there is no answer from its queue here" in status


def test_detaching_is_refused_where_runs_end_with_the_command(bench):
    code, _, err = bench("run", "mine.py", "--executor", "inline", "--detach")
    assert code == 2 and "--detach needs an executor whose runs outlive this process" in err


def test_a_class_that_only_looks_like_an_executor_is_refused(tmp_path, monkeypatch):
    (tmp_path / "lookalike.py").write_text(
        "class Looks:\n    def submit(self): ...\n    def stop(self): ...\n    def kill(self): ...\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(BenchError, match=r"that is a bench\.sweep\.executor\.Executor"):
        catalog.load("executors", "lookalike:Looks")


def test_what_is_no_executor_is_refused_in_one_line_and_not_trusted(bench):
    code, _, err = bench("run", "mine.py", "--executor", "subprocess:Popen")
    assert code == 2 and "'subprocess:Popen' is no executor" in err and not trust.is_trusted("subprocess")
