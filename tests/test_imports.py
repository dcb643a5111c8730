"""Imports go one way, and the command line answers at once."""

import ast
import resource
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PLAIN = ("lmc", "baselines", "reports")
"""Packages that import nothing of the others: models know PyTorch alone, reports a table of scores."""
LAYERS = (
    PLAIN,
    ("bench.common",),
    ("bench.metrics",),
    ("bench.spec",),
    ("bench.store", "bench.data", "bench.converters"),
    ("experiments",),
    ("bench.evaluation",),
    ("bench.training",),
    ("bench.worker", "bench.sweep"),
    ("bench.executors", "bench.tracking", "bench.external"),
    ("bench.costs", "bench.tune", "bench.reporting", "bench.speed"),
    ("bench.maintenance", "bench.evidence"),
    ("bench.commands",),
    ("bench.cli",),
    ("bench.__main__",),
)
"""Lower first. A file imports from its own package and from layers below; `bench.spec.loading` finds experiments as plug-ins,
by name, and so imports none."""
LEVEL = {package: level for level, packages in enumerate(LAYERS) for package in packages}


def test_every_import_goes_down():
    upwards = [
        f"{module} imports {imported}"
        for module, path in FILES.items()
        for imported in _imported(path)
        if (package := _package(module)) != (other := _package(imported)) and (LEVEL[other] >= LEVEL[package])
    ]
    assert not upwards


def test_no_files_import_each_other_in_a_circle():
    below = {module: {other for other in _imported(path) if other != module} for module, path in FILES.items()}
    while free := [module for module, others in below.items() if not others]:
        for module in free:
            del below[module]
        for others in below.values():
            others.difference_update(free)
    assert not below, "these files import each other, directly or by way of others, or stand above such files"


def test_the_engine_has_its_command_line_and_packages_at_its_top():
    top = {path.name for path in (ROOT / "bench").iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()}
    packages = {package.partition(".")[2] for package in LEVEL if package.startswith("bench.")} - {"cli", "__main__"}
    assert top == {"__init__.py", "__main__.py", "cli.py", *packages}


@pytest.mark.parametrize(("room", "never"), [("lmc", "numpy"), ("baselines", "numpy"), ("reports", "torch")])
def test_models_know_torch_alone_and_reports_never_see_it(room, never):
    for path in (ROOT / room).rglob("*.py"):
        assert never not in {name.partition(".")[0] for name in _names(path)}, path


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
    """The files of this project that a file imports, wherever in it, as dotted names."""
    return {name if name in FILES else name.rpartition(".")[0] for name in _names(path)} & FILES.keys()


def _names(path: Path) -> set[str]:
    """Every module that a file imports, wherever in it; `from module import name` gives `module.name`."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def _package(module: str) -> str:
    """The package of a layer that a module belongs to: `bench.data` for `bench.data.preparing.idx`."""
    return next(package for package in LEVEL if f"{module}.".startswith(f"{package}."))


def _module(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


FILES = {_module(path): path for room in (*PLAIN, "experiments", "bench") for path in (ROOT / room).rglob("*.py")}
FILES.pop("bench")  # a docstring
