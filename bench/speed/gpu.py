"""Tests and measurements for a quarter of an hour on one GPU: `python -m bench.speed.gpu FOLDER`, which `make gpu` calls.

The stages run one after another, each as a process with a time limit, all of them within --seconds. Each leaves its log and
its result in the folder as it ends, and measurements are written row by row, so that a machine that is taken away costs little.
Bare Python with PyTorch, pandas, scikit-image, scikit-learn, Typer, lpips and pytest is enough, and OpenCV for the stage
`data`. Without a GPU, `--dry-run` reads every command line in full, and runs those that have a small version on the processor.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from bench.common.errors import BenchError, did_you_mean, listed
from bench.common.files import write_json

TESTS = ("tests/test_gpu.py", "tests/test_speed_train.py", "tests/test_data_loading.py")
"""Test files with tests for one GPU; other files may need packages that a bare machine lacks."""

GRACE_S = 30.0  # that a stage gets to end by itself once it is interrupted: `bench run` gives its runs 20 to save
DRY_LIMIT_S = 600.0  # of a stage in a dry run
STOPPED = "stopped at its limit"


@dataclass(frozen=True)
class Stage:
    """One command. limit, least: seconds that it may take, and without which it is not begun.

    command: its arguments on a GPU. small: those that a dry run performs, if it can. may_be_stopped: whether being stopped at
    the limit is a good end. data: the data set that it trains on, where that depends on what is there.
    """

    name: str
    limit: float
    least: float
    command: tuple[str, ...]
    small: tuple[str, ...] = ()
    may_be_stopped: bool = False
    data: str = ""


def stages(folder: Path) -> list[Stage]:
    """What is run, in this order; the ablation takes what time is left."""
    bench, store = ("-m", "bench.cli"), ("--store", str(folder / "runs"))

    def figures(name: str) -> tuple[str, ...]:
        return "--out", str(folder / f"{name}-figures.json")

    def train(recipe: str, limit: float, small: Sequence[str] = ()) -> Stage:
        name, command = f"train-{recipe}", (*bench, "speed", "train", *store)
        large = ("--scale", "paper-size", "--recipe", recipe, "--compile")
        return Stage(name, limit, 60, (*command, *figures(name), *large), (*command, *figures(name), *small) if small else ())

    tests = ("-m", "pytest", "-q", "-m", "gpu", "--tb=short", "--durations=10", f"--junitxml={folder / 'tests.xml'}", *TESTS)
    data, chosen = data_of_ablation()
    ablation = ("ablation", "--scale", "medium", *chosen)
    return [
        Stage("tests", 120, 60, tests, tests),
        Stage("metrics", 60, 30, (*bench, "speed", "metrics", *store, *figures("metrics"))),
        Stage("data", 45, 30, (*bench, "speed", "data", *store, *figures("data"))),
        train("moving_mnist", 140, ("--scale", "small", "--batch", "1")),
        train("kth", 180),
        Stage("profile", 90, 45, ("-m", "bench.speed.profile", str(folder / "profile-figures.json"), "--compile")),
        Stage(
            "ablation", 600, 45, (*bench, "run", *ablation, "--per-gpu", "8", *store), (*bench, "plan", *ablation, *store),
            may_be_stopped=True, data=data,
        ),
    ]  # fmt: skip


def data_of_ablation() -> tuple[str, tuple[str, ...]]:
    """Moving-MNIST where its digits are prepared, else what medium scale has anyway: its name, and the options for it."""
    from experiments.recipes import LMC_MEDIUM, LMC_MOVING_MNIST

    try:
        LMC_MOVING_MNIST.data.build().fingerprint()
    except BenchError:  # Blocked, or the files are damaged
        return LMC_MEDIUM.data.name, ()
    return "moving_mnist", ("--set", "data=moving_mnist")


def granted(stage: Stage, left: float) -> float:
    """The seconds that a stage gets of those that are left, with time to end it; 0 if that is less than it needs."""
    seconds = min(stage.limit, left - GRACE_S)
    return seconds if seconds >= stage.least else 0.0


def perform(stage: Stage, command: Sequence[str], limit: float, folder: Path) -> dict[str, Any]:
    """Run a stage to its end or its limit; returns its exit code and how long it took."""
    began = time.monotonic()
    with open(folder / f"{stage.name}.log", "wb") as log:
        child = subprocess.Popen(
            [sys.executable, *command],
            stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip
        try:
            code: int | str = child.wait(limit)
        except subprocess.TimeoutExpired:
            code = STOPPED
        finally:
            end(child)
    return {"ended": code, "seconds": round(time.monotonic() - began, 1)}


def end(child: subprocess.Popen[bytes]) -> None:
    """Interrupt a process as Ctrl-C does: tests write their results, a sweep saves its runs. Then kill what is left of it."""
    workers: list[int] = []
    if child.poll() is None:
        child.send_signal(signal.SIGINT)
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(GRACE_S)
    if child.poll() is None:
        workers = descendants(child.pid)  # some have sessions of their own, so that killing its group does not reach them
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGKILL)
    for worker in workers:
        with contextlib.suppress(ProcessLookupError):
            os.kill(worker, signal.SIGKILL)
    child.wait()


def descendants(process: int) -> list[int]:
    """The processes that it has started, and those that they have started, where the system has /proc."""
    children = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            if int(stat.read_text().rpartition(")")[2].split()[1]) == process:
                children += [int(stat.parent.name), *descendants(int(stat.parent.name))]
    return children


def refusal(command: Sequence[str]) -> str:
    """Why a command line of this suite has an option or a value that is none, without running it; empty if it is in order."""
    from typer.main import get_command

    from bench.speed import profile

    module, *words = command[1:]
    try:
        if module == "bench.cli":
            group: Any = get_command(import_module("bench.cli").app)  # by name, as in commands: this program is above it
            context = group.make_context("bench", list(words))
            name, subcommand, options = group.resolve_command(context, list(words))
            subcommand.make_context(name, options, parent=context)
        elif module == "bench.speed.profile":
            profile.parser().parse_args(words)
    except (Exception, SystemExit) as error:  # of whichever class Typer raises
        return f"{' '.join(words)}: {getattr(error, 'message', error)}"
    return ""


def main() -> int:
    """Run the stages; exit code 0 if every one ended by itself and well (the ablation may be stopped at its limit)."""
    parser = argparse.ArgumentParser(
        prog="python -m bench.speed.gpu", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path, help="where logs and results go")
    parser.add_argument("--seconds", type=int, default=780, help="for everything together (default: 780)")
    parser.add_argument("--only", metavar="STAGE,...", help="stages, separated by commas")
    parser.add_argument("--dry-run", action="store_true", help="read every command, and run small ones on the processor")
    options = parser.parse_args()
    try:
        chosen = select(stages(options.folder.resolve()), options.only)
    except BenchError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    options.folder.mkdir(parents=True, exist_ok=True)
    # a shell's background jobs are born deaf to SIGINT, and so would be what they start
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    return run(chosen, options.folder, options.seconds, options.dry_run)


def select(all_stages: list[Stage], only: str | None) -> list[Stage]:
    """Those that are named, separated by commas; BenchError if there is no such stage."""
    names = [stage.name for stage in all_stages]
    stage_names = only.split(",") if only else names
    for name in stage_names:
        if name not in names:
            raise BenchError(f"there is no stage '{name}'{did_you_mean(name, names) or f'; there are {listed(names)}'}")
    return [stage for stage in all_stages if stage.name in stage_names]


def run(chosen: list[Stage], folder: Path, seconds: float, dry: bool) -> int:
    """Run stages within some seconds, and write the result of each; the exit code."""
    deadline, bad = time.monotonic() + seconds, []
    left = seconds
    for stage in chosen:  # as if each took all that it may
        limit = granted(stage, left)
        left -= limit
        print(f"{stage.name}: {f'at most {limit:.0f} s' if limit else 'does not fit, unless others end early'}", flush=True)
    for stage in chosen:
        limit = DRY_LIMIT_S if dry else granted(stage, deadline - time.monotonic())
        command = stage.small if dry else stage.command
        result: dict[str, Any] = {"ended": 0, "seconds": 0, "limit": round(limit, 1)}
        if dry and (message := refusal(stage.command)):
            result["ended"] = message
        elif not limit:
            result["ended"] = f"not begun: it needs {stage.least:.0f} s"
        elif command:
            result |= perform(stage, command, limit, folder)
        else:
            result["remark"] = "its command line was read, and nothing run"
        result = {"stage": stage.name, **result, **({"data": stage.data} if stage.data else {})}
        write_json(folder / f"{stage.name}.json", result)
        if result["ended"] != 0 and not (stage.may_be_stopped and result["ended"] == STOPPED):
            bad.append(stage.name)
        on_data = f" (data: {stage.data})" if stage.data else ""
        outcome = result.get("remark") or f"ended with {result['ended']} after {result['seconds']} s"
        print(f"{stage.name}{on_data}: {outcome}", flush=True)
        print("".join(f"  {line}\n" for line in _last_lines(folder / f"{stage.name}.log")), end="", flush=True)
    if bad:
        print(f"not well: {listed(bad)}")
    return int(bool(bad))


def _last_lines(log: Path, count: int = 12) -> list[str]:
    return log.read_text(errors="replace").splitlines()[-count:] if log.exists() else []


if __name__ == "__main__":
    sys.exit(main())
