"""The wheel is the whole suite: installed in an environment of its own, it trains and reports without the source tree."""

import csv
import json
import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
TINY = ("--set", "steps=5", "--set", "batch=2", "--set", "validate_every=5", "--set", "validation_clips=2")

pytestmark = pytest.mark.slow


def run(*words, cwd: Path, seconds: int = 900) -> str:
    """What a command prints; the test fails with all of its words where it fails."""
    environment = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "BENCH_STORE")}
    done = subprocess.run(
        [str(word) for word in words], cwd=cwd, env=environment, capture_output=True, text=True, timeout=seconds
    )
    assert done.returncode == 0, (words, done.stdout, done.stderr)
    return done.stdout


@pytest.fixture(scope="module")
def installed(tmp_path_factory) -> Path:
    """The folder of the commands of a new environment with the wheel; it finds torch and all else where this Python does."""
    if not (ROOT / ".git").exists():
        pytest.skip("the wheel is built of the files that git tracks, and this is no checkout")
    source, new = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("environment")
    tracked = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for name in filter(None, tracked.split("\0")):
        if (ROOT / name).is_file():
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, source / name)
    pip = (sys.executable, "-m", "pip", "--disable-pip-version-check", "-q")
    run(*pip, "wheel", "--no-deps", "--no-build-isolation", "-w", source / "dist", source, cwd=source)
    run(sys.executable, "-m", "venv", "--without-pip", new, cwd=source)
    python, (wheel,) = new / "bin" / "python", (source / "dist").glob("*.whl")
    run(*pip, "--python", python, "install", "--no-deps", "--no-index", "--ignore-installed", wheel, cwd=source)
    packages = Path(run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))", cwd=source).strip())
    others = dict.fromkeys(sysconfig.get_path(name) for name in ("purelib", "platlib"))
    (packages / "others.pth").write_text("\n".join(others) + "\n")  # their own .pth files, such as an editable's, do not count
    shutil.rmtree(source)
    return new / "bin"


def test_the_suite_of_the_wheel_is_the_one_that_runs(installed, tmp_path):
    files = run(
        *(installed / "python", "-c"),
        "import bench, lmc, baselines, experiments, reports as r; print(bench.__file__, lmc.__file__, baselines.__file__, "
        "experiments.__file__, r.__file__)",
        cwd=tmp_path,
    ).split()
    assert all(name.startswith(str(installed.parent)) for name in files)
    assert run(installed / "bench", "--version", cwd=tmp_path).startswith("lmc-bench ")


def test_it_lists_everything_that_the_source_tree_has(installed, tmp_path):
    for kind in ("experiments", "spaces", "models", "checkpoints"):
        in_source = json.loads(run(sys.executable, "-m", "bench", "list", kind, "--json", cwd=ROOT))
        assert json.loads(run(installed / "bench", "list", kind, "--json", cwd=tmp_path)) == in_source
    assert "@inproceedings" in run(installed / "bench", "list", "models", "--bibtex", cwd=tmp_path)


def test_it_trains_and_reports_the_ablation_from_an_empty_folder(installed, tmp_path):
    run(installed / "bench", "run", "ablation", "--executor", "inline", *TINY, cwd=tmp_path)
    table = run(installed / "bench", "report", "ablation", *TINY, "--format", "csv", "--metrics", "psnr", cwd=tmp_path)
    scores = {variant: score for variant, score, *_ in list(csv.reader(table.splitlines()))[1:]}
    assert len(scores) == 10 and all(float(score) > 5 for score in scores.values())
    run(installed / "bench", "report", "ablation", *TINY, "--out", "report", cwd=tmp_path)
    assert {"index.html", "references.bib"} <= {path.name for path in (tmp_path / "report").iterdir()}
    provenance = next((tmp_path / "runs").glob("lmc-*/provenance.json")).read_text()
    assert json.loads(provenance)["code"]["version"]
