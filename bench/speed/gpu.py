"""Tests and measurements for a quarter of an hour on one GPU: `python -m bench.speed.gpu FOLDER`, which `make gpu` calls.

The parts run one after another, each as a process with a time limit. Each leaves its log and its result in the folder as it
ends, so that a machine that is taken away costs one part. Bare Python with PyTorch, pandas, scikit-image, scikit-learn, Typer
and lpips is enough. Without a GPU, `--dry-run` goes through the same commands on the processor, as small as they can be, and
prints how long each part may take.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from bench.common.files import write_json

TESTS = ("tests/test_gpu.py", "tests/test_speed_train.py", "tests/test_data_loading.py")
"""Test files with tests for one GPU; other files may need packages that a bare machine lacks."""


@dataclass(frozen=True)
class Stage:
    """One command. limit: seconds that it may take. command, small: its arguments on a GPU, and in a dry run."""

    name: str
    limit: int
    command: tuple[str, ...]
    small: tuple[str, ...]


def parts(folder: Path, seconds: int) -> list[Stage]:
    """What is run, in this order; the last part gets what is left of `seconds`."""
    bench, at = ("-m", "bench.cli"), ("--store", str(folder / "runs"))

    def kept(name: str) -> tuple[str, ...]:
        return "--out", str(folder / f"{name}-figures.json")

    tests = ("-m", "pytest", "-q", "-m", "gpu", f"--junitxml={folder / 'tests.xml'}", *TESTS)
    train = (*bench, "speed", "train", *at, *kept("train"))
    ablation = (*bench, "run", "ablation", "--scale", "medium", "--set", "data=moving_mnist", "--per-gpu", "8", *at)
    profile = ("-m", "bench.speed.profile", str(folder / "profile-figures.json"))
    measured = [
        Stage("tests", 100, tests, tests),
        Stage("metrics", 60, (*bench, "speed", "metrics", *at, *kept("metrics")), (*bench, "speed", "--help")),
        Stage("data", 45, (*bench, "speed", "data", *at, *kept("data")), (*bench, "speed", "--help")),
        Stage("train", 240, (*train, "--scale", "paper-size", "--compile"), (*train, "--scale", "small", "--batch", "1")),
        Stage("profile", 90, (*profile, "--compile"), (*profile, "--help")),
    ]
    left = max(60, seconds - sum(part.limit for part in measured))
    return [*measured, Stage("ablation", left, ablation, (*ablation[:3], "--help"))]


def perform(part: Stage, folder: Path, dry: bool) -> dict[str, object]:
    """Run a part to its end or its limit; returns its exit code and how long it took."""
    command = [sys.executable, *(part.small if dry else part.command)]
    began = time.monotonic()
    with open(folder / f"{part.name}.log", "wb") as log:
        child = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)
        try:
            code: int | str = child.wait(part.limit)
        except subprocess.TimeoutExpired:
            child.terminate()  # a sweep saves its runs and ends
            try:
                child.wait(20)
            except subprocess.TimeoutExpired:
                child.kill()
            code = "stopped at its limit"
    return {"part": part.name, "ended": code, "seconds": round(time.monotonic() - began, 1), "limit": part.limit}


def main() -> int:
    """Run the parts; exit code 0 if every one ended by itself and well (the ablation may be stopped at its limit)."""
    parser = argparse.ArgumentParser(prog="python -m bench.speed.gpu", description=__doc__)
    parser.add_argument("folder", type=Path, help="where logs and results go")
    parser.add_argument("--seconds", type=int, default=780, help="for everything together (default: 780)")
    parser.add_argument("--only", help="parts, separated by commas")
    parser.add_argument("--dry-run", action="store_true", help="the same commands on the processor, as small as they can be")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    chosen = parts(options.folder.resolve(), options.seconds)
    if options.only:
        chosen = [part for part in chosen if part.name in options.only.split(",")]
    failed = False
    for part in chosen:
        print(f"{part.name}: at most {part.limit} s", flush=True)
        result = perform(part, options.folder, options.dry_run)
        write_json(options.folder / f"{part.name}.json", result)
        failed |= result["ended"] != 0 and part.name != "ablation"
        print(f"  ended with {result['ended']} after {result['seconds']} s", flush=True)
        print("".join(f"  {line}\n" for line in _last_lines(options.folder / f"{part.name}.log")), end="", flush=True)
    return int(failed)


def _last_lines(log: Path, count: int = 12) -> list[str]:
    return log.read_text(errors="replace").splitlines()[-count:]


if __name__ == "__main__":
    sys.exit(main())
