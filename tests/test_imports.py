"""Imports go one way, and the command line answers at once."""

import ast
import resource
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
ALLOWED = {
    "lmc": {"lmc"},
    "baselines": {"baselines"},
    "reports": {"reports"},
    "bench": {"bench", "lmc", "baselines", "reports", "experiments"},  # experiments: to find the files that it loads by name
    "experiments": {"experiments", "bench"},
}
OURS = set(ALLOWED)


@pytest.mark.parametrize("room", ALLOWED)
def test_a_room_imports_only_from_rooms_below_it(room):
    for path in (ROOT / room).rglob("*.py"):
        for name in _imported(path):
            assert name not in OURS - ALLOWED[room], f"{path.relative_to(ROOT)} imports {name}"


@pytest.mark.parametrize(("room", "never"), [("lmc", "numpy"), ("baselines", "numpy"), ("reports", "torch")])
def test_models_know_torch_alone_and_reports_never_see_it(room, never):
    for path in (ROOT / room).rglob("*.py"):
        assert never not in _imported(path), path


def test_help_loads_nothing_heavy():
    code = "import sys; sys.argv = ['bench', '--help']\nimport bench.cli\ntry: bench.cli.main()\nexcept SystemExit: pass\n"
    code += "print([m for m in ('torch', 'mlflow', 'pandas', 'numpy', 'optuna', 'rich') if m in sys.modules])"
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert answer.stdout.splitlines()[-1] == "[]"


def test_numpy_is_there_before_an_experiment_can_import_torch_which_would_lose_a_ctrl_c(tmp_path):
    (tmp_path / "mine.py").write_text("import sys\nraise ValueError(f\"numpy first: {'numpy' in sys.modules}\")\n")
    words = [sys.executable, "-m", "bench.cli", "plan", str(tmp_path / "mine.py"), "--store", str(tmp_path / "runs")]
    answer = subprocess.run(words, capture_output=True, text=True, cwd=ROOT)
    assert answer.returncode == 2 and "numpy first: True" in answer.stderr


def test_help_answers_within_half_a_second_of_processor_time():
    def seconds() -> float:
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([sys.executable, "-m", "bench.cli", "--help"], capture_output=True, check=True, cwd=ROOT)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

    assert min(seconds() for _ in range(3)) < 0.5


def _imported(path: Path) -> set[str]:
    """The top packages that a file imports, wherever in it."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module.partition(".")[0])
    return names
