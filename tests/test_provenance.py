"""Where a number comes from is told in full, and nobody else's history is taken for ours."""

import subprocess
import sys

import pytest

from bench.common.machine import peak_memory
from bench.store.provenance import ROOT, code_in


@pytest.fixture
def project(tmp_path):
    """A git checkout with the suite in it, committed."""
    for path in ("bench/store/provenance.py", "baselines/theirs.py"):
        (tmp_path / path).parent.mkdir(parents=True)
        (tmp_path / path).write_text("old = 1\n")
    _git(tmp_path, "init", "--quiet")
    _commit(tmp_path)
    return tmp_path


def _git(folder, *words):
    return subprocess.run(["git", "-C", folder, *words], check=True, capture_output=True, text=True).stdout.strip()


def _commit(folder):
    _git(folder, "add", "--all")
    _git(folder, "-c", "user.name=x", "-c", "user.email=x@example.org", "commit", "--quiet", "--message", "x")


def test_the_project_itself_is_found_where_its_packages_are():
    assert {"bench", "lmc", "baselines", "experiments"} <= {path.name for path in ROOT.iterdir() if path.is_dir()}
    if (ROOT / ".git").exists():
        assert code_in(ROOT)["commit"] == _git(ROOT, "rev-parse", "HEAD")


def test_what_is_committed_is_its_commit(project):
    assert code_in(project) == {"commit": _git(project, "rev-parse", "HEAD"), "diff": ""}


def test_changes_and_new_files_are_told_in_full(project):
    (project / "baselines" / "theirs.py").write_text("new = 2\n")
    (project / "baselines" / "más.py").write_text("mine = 3\n")
    (project / "notes.txt").write_text("of no matter")
    diff = code_in(project)["diff"]
    assert "+new = 2" in diff and "+mine = 3" in diff and "baselines/más.py" in diff and "of no matter" not in diff


def test_of_large_files_the_size_is_told_and_of_hidden_ones_nothing(project):
    files = {"large.csv": b"1\n" * 60_000, 'odd "name.py': b"odd = 4", "w.bin": b"\xff\xfe", ".env": b"TOKEN=x"}
    for name, content in files.items():
        (project / "baselines" / name).write_bytes(content)
    diff = code_in(project)["diff"]
    assert "large.csv: 120,000 bytes, not kept" in diff and "+odd = 4" in diff and "w.bin: 2 bytes, no text" in diff
    assert len(diff) < 1000 and "TOKEN" not in diff and ".env" not in diff


def test_the_peak_of_memory_is_a_process_s_own_and_not_that_of_who_started_it():
    ballast = bytearray(300_000_000)
    command = [sys.executable, "-c", "from bench.common.machine import peak_memory; print(peak_memory())"]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    assert int(output) < 100_000_000 < len(ballast) < peak_memory()


def test_installed_into_a_foreign_checkout_it_has_no_commit(project):
    installed = project / ".venv" / "site-packages"
    (installed / "bench" / "store").mkdir(parents=True)
    (installed / "bench" / "store" / "provenance.py").write_text("")
    assert code_in(installed)["commit"] == "not a git checkout"
